"""What a figure depends on besides the code: the machine and the versions."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from squeezebert.runtime import native_engine
from squeezebert.runtime.processors import processors

_PACKAGES = ("squeezebert", "numpy", "torch", "transformers", "onnxruntime", "openvino", "nncf")


def machine() -> dict[str, Any]:
    """Processor, cores, system and how busy it is."""
    return {
        "processor": _processor(),
        "cores": processors(),
        "instruction_sets": native_engine.instruction_sets(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Versions of those packages that are installed."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def has_bf16() -> bool:
    """Whether the processor multiplies bfloat16 numbers; without, bf16 is emulated and slow."""
    flags = processor_flags()
    return bool(flags & {"amx_bf16", "avx512_bf16", "bf16"})


def processor_flags() -> set[str]:
    """What the processor can do, in the words of Linux; empty elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    named = (line for line in lines if line.startswith(("flags", "Features")))
    return set(next(named, ":").partition(":")[2].split())


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
