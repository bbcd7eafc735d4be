"""Depthwise convolutions over tokens and their gradients, in C++, for training on a processor.

Arrays are float32 and contiguous: texts ``x_BSC`` [texts, tokens, channels], filters ``taps_KC``
[taps, channels], an odd number of taps, and ``is_token_BS`` [texts, tokens], 0 at padding, or None
if there is none. Padding, and what is beyond a text's ends, counts as zero. Results don't depend
on the number of threads.
"""

import numpy as np

from squeezebert.bundle.tensors import Floats
from squeezebert.runtime.native_engine import available, chosen_instruction_set

_CHANNELS = 16


def convolves(channels: int) -> bool:
    """Whether texts with so many channels can be convolved here."""
    return channels % _CHANNELS == 0 and available()


def convolve(x_BSC: Floats, taps_KC: Floats, is_token_BS: Floats | None, threads: int) -> Floats:
    """``y[b, t] = sum over k of x[b, t + k - K // 2] * taps[k]``, [texts, tokens, channels]."""
    from squeezebert.runtime import _native

    y_BSC = np.empty(x_BSC.shape, np.float32)
    _native.convolve(chosen_instruction_set(), x_BSC, taps_KC, is_token_BS, threads, y_BSC)
    return y_BSC


def convolve_backward(
    x_BSC: Floats,
    taps_KC: Floats,
    is_token_BS: Floats | None,
    dy_BSC: Floats,
    threads: int,
    needs: tuple[bool, bool] = (True, True),
) -> tuple[Floats | None, Floats | None]:
    """The gradients of ``x_BSC`` and of ``taps_KC``, or None in place of one that isn't needed."""
    from squeezebert.runtime import _native

    dx_BSC, dtaps_KC = (
        np.empty(array.shape, np.float32) if need else None
        for array, need in zip((x_BSC, taps_KC), needs, strict=True)
    )
    _native.convolve_backward(
        chosen_instruction_set(), x_BSC, taps_KC, is_token_BS, dy_BSC, threads, dx_BSC, dtaps_KC
    )
    return dx_BSC, dtaps_KC
