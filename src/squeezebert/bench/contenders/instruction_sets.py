"""Lesser instruction sets than the machine's best, forced on us and on the peers that can be."""

from squeezebert.bench.contenders.contract import Framework
from squeezebert.runtime.native_engine import ISA_VARIABLE, instruction_sets

_ONEDNN = {"avx512_vnni": "AVX512_CORE_VNNI", "avx2": "AVX2"}
_TORCH = {"avx512_vnni": "avx512", "avx2": "avx2"}
_MKL = {"avx512_vnni": "AVX512_E1", "avx2": "AVX2"}

LIMITABLE: tuple[Framework, ...] = ("torch", "openvino")
"""ONNX Runtime has no such option; it takes part only where the machine has nothing better."""


def forced_sets() -> list[str]:
    """The instruction sets that can be compared on this machine."""
    return [name for name in instruction_sets() if name in _ONEDNN]


def is_best(instruction_set: str) -> bool:
    """Whether the machine has nothing better, so that nothing needs forcing."""
    return instruction_sets()[0] == instruction_set


def limits(instruction_set: str) -> dict[str, str]:
    """Variables that keep a process from using anything better.

    Sources: oneDNN's "CPU dispatcher control", OpenVINO's pull request 36980, PyTorch's
    ``ATEN_CPU_CAPABILITY``, oneMKL's "Instruction set specific dispatching".
    """
    return {
        ISA_VARIABLE: instruction_set,
        "ONEDNN_MAX_CPU_ISA": _ONEDNN[instruction_set],
        "OV_CPU_MAX_ISA": _ONEDNN[instruction_set],
        "ATEN_CPU_CAPABILITY": _TORCH[instruction_set],
        "MKL_ENABLE_INSTRUCTIONS": _MKL[instruction_set],
    }
