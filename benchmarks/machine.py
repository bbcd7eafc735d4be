"""What machine a benchmark ran on."""

import platform
from pathlib import Path


def processor() -> str:
    """The name of the processor, as Linux has it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
