"""What doesn't fit into memory."""

import os
import re

import torch

from squeezebert.errors import InputError

_BYTES = 16  # of a parameter that is learnt: itself, its gradient and AdamW's two moments
_BYTES_KEPT = 4  # where the others are in a GPU's memory

_FULL = re.compile(r"can't allocate memory|out of memory", re.IGNORECASE)


def require_memory(parameters: int) -> None:
    """Checks that a model can be trained here, as far as that is known before.

    Raises:
        InputError: its parameters alone need more memory than the machine has.
    """
    if not hasattr(os, "sysconf"):  # on Windows, where a failing allocation tells
        return
    each = _BYTES_KEPT if torch.cuda.is_available() else _BYTES
    needed, there = each * parameters, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise InputError(
            f"The model would have {parameters:,} parameters or more. To train them takes at least "
            f"{needed / 1e9:,.0f} GB of memory, and this machine has {there / 1e9:,.0f}. Give a "
            "smaller shape."
        )


def memory_error(error: Exception) -> InputError | None:
    """What to tell of torch's failure to allocate memory, if the exception is one."""
    text = str(error)
    if not isinstance(error, RuntimeError) or not _FULL.search(text):
        return None
    return InputError(
        f"There is not enough memory ({text.splitlines()[0].strip()}). Give a smaller batch, "
        "shorter sequences or a smaller model."
    )
