"""Failures of a disk that libraries report as something else than an OSError."""

import errno
import os
import re
from pathlib import Path

# safetensors and tokenizers are written in Rust; torch has a writer of its own.
_RUST = re.compile(r"\(os error (\d+)\)")
_TORCH = re.compile(r"PytorchStreamWriter failed|file write failed|unexpected pos \d+ vs \d+")


def disk_error(error: Exception, folder: Path) -> OSError | None:
    """The OSError that an exception of a library stands for, if it stands for one.

    Args:
        folder: where was being written.
    """
    if isinstance(error, OSError):
        return None
    text = str(error)
    if (found := _RUST.search(text)) is not None:
        number = int(found[1])
    elif _TORCH.search(text):  # its message doesn't say why
        number = errno.ENOSPC
    else:
        return None
    return OSError(number, os.strerror(number), str(folder))
