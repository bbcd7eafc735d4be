"""Depthwise convolution over the sequence, channels last, where padding counts as zero.

By our kernels on a graphics processor that has Triton, and on a CPU, in bfloat16 where it
multiplies such numbers; elsewhere by PyTorch.
"""

import torch
from benchmarks.gpu import cpu
from torch import Tensor
from torch.nn import functional as F

from squeezebert.model.layers import NativeConvolution, fits_native

try:
    from benchmarks.gpu import kernels
except ModuleNotFoundError:  # Triton comes with PyTorch for CUDA alone
    kernels = None  # type: ignore[assignment]  # stands for "none here"


def convolve(x: Tensor, taps: Tensor, lengths: Tensor) -> Tensor:
    """``y[b, s, c] = sum over k of x[b, s + k - radius, c] * taps[k, c]``.

    Args:
        x: [batch, length, channels].
        taps: [taps, channels], an odd number of taps.
        lengths: [batch], in tokens.

    Returns:
        [batch, length, channels]; at padding anything finite.
    """
    if kernels is not None and x.is_cuda:
        convolved: Tensor = kernels.Convolution.apply(x, taps, lengths)  # type: ignore[no-untyped-call]
        return convolved
    if cpu.can_convolve(x, taps):
        convolved = cpu.Convolution.apply(x, taps[None], lengths, 1)  # type: ignore[no-untyped-call]
        return convolved.view_as(x)
    length = x.shape[1]
    inside = (torch.arange(length, device=x.device)[None] < lengths[:, None])[..., None]
    if fits_native(x, taps):
        native: Tensor = NativeConvolution.apply(x, taps, inside)  # type: ignore[no-untyped-call]
        return native
    x = torch.where(inside, x, torch.zeros((), dtype=x.dtype, device=x.device))
    radius = len(taps) // 2
    padded = F.pad(x, (0, 0, radius, radius))
    y = padded[:, :length] * taps[0]
    for place in range(1, len(taps)):
        y = torch.addcmul(y, padded[:, place : place + length], taps[place])
    return y
