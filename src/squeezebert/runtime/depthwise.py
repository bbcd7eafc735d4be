"""Depthwise convolutions over tokens and their gradients, in C++, for training on a processor.

Arrays are float32 and contiguous: texts ``x_BSC`` [texts, tokens, channels], filters ``taps_KC``
[taps, channels], an odd number of taps, and ``is_token_BS`` [texts, tokens], 0 at padding, or None
if there is none. Padding, and what is beyond a text's ends, counts as zero. Results are written
into arrays that the caller gives, and don't depend on the number of threads; a thread does at least
32 channels.
"""

from squeezebert.bundle.tensors import Floats
from squeezebert.runtime.native_engine import available, chosen_instruction_set
from squeezebert.shutdown import extension_call


def convolves(channels: int) -> bool:
    """Whether the kernels are there, and take so many channels."""
    if not available():
        return False
    from squeezebert.runtime import _native

    return channels % _native.CHANNEL_MULTIPLE == 0


def convolve(
    x_BSC: Floats, taps_KC: Floats, is_token_BS: Floats | None, y_BSC: Floats, *, threads: int
) -> None:
    """Writes ``y[b, t] = sum over k of x[b, t + k - K // 2] * taps[k]``.

    Args:
        x_BSC, taps_KC, is_token_BS: see above.
        y_BSC: shaped as ``x_BSC``.
        threads: how many to use at most.

    Raises:
        ValueError: arrays don't fit together.
        InputError: the environment names an instruction set that isn't there.
    """
    from squeezebert.runtime import _native

    with extension_call:
        _native.convolve(chosen_instruction_set(), x_BSC, taps_KC, is_token_BS, threads, y_BSC)


def convolve_backward(
    x_BSC: Floats,
    taps_KC: Floats,
    is_token_BS: Floats | None,
    dy_BSC: Floats,
    dx_BSC: Floats | None,
    dtaps_KC: Floats | None,
    *,
    threads: int,
) -> None:
    """Writes the gradients of ``x_BSC`` and of ``taps_KC``, those that are given.

    Args:
        dy_BSC: the gradient of the result.
        dx_BSC, dtaps_KC: shaped as what they are gradients of; None if one isn't needed.

    See `convolve` for the others, and for what is raised.
    """
    from squeezebert.runtime import _native

    with extension_call:
        _native.convolve_backward(
            chosen_instruction_set(),
            x_BSC,
            taps_KC,
            is_token_BS,
            dy_BSC,
            threads,
            dx_BSC,
            dtaps_KC,
        )
