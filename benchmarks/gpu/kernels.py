# mypy: ignore-errors
"""The depthwise convolution of `taps` in Triton, forward and backward.

Importing this fails where Triton is missing. It isn't a dependency of ours, because only PyTorch
for CUDA brings it, in the version that fits; hence the import by name.
"""

from importlib import import_module

import torch

triton = import_module("triton")
tl = import_module("triton.language")

TOKENS, CHANNELS = 32, 64  # of a block
PARTS = 32  # of a batch, whose gradients of the taps are added up at the end


@triton.jit
def _convolve(
    x,
    taps,
    lengths,
    y,
    length,
    channels,
    size: tl.constexpr,
    flipped: tl.constexpr,
    mask_input: tl.constexpr,
    mask_output: tl.constexpr,
    block_tokens: tl.constexpr,
    block_channels: tl.constexpr,
):
    row = tl.program_id(0)
    token = tl.program_id(1) * block_tokens + tl.arange(0, block_tokens)
    channel = tl.program_id(2) * block_channels + tl.arange(0, block_channels)
    own = tl.load(lengths + row)
    limit = tl.minimum(own, length) if mask_input else length
    total = tl.zeros((block_tokens, block_channels), tl.float32)
    for k in tl.static_range(size):
        other = token + (size // 2 - k if flipped else k - size // 2)
        inside = (other >= 0) & (other < limit)
        value = tl.load(
            x + (row * length + other)[:, None] * channels + channel[None, :],
            mask=inside[:, None] & (channel < channels)[None, :],
            other=0.0,
        )
        weight = tl.load(taps + k * channels + channel, mask=channel < channels, other=0.0)
        total += value.to(tl.float32) * weight.to(tl.float32)[None, :]
    if mask_output:
        total = tl.where((token < own)[:, None], total, 0.0)
    tl.store(
        y + (row * length + token)[:, None] * channels + channel[None, :],
        total.to(y.dtype.element_ty),
        mask=(token < length)[:, None] & (channel < channels)[None, :],
    )


@triton.jit
def _taps_gradient(
    x,
    dy,
    lengths,
    out,
    batch,
    length,
    channels,
    parts,
    size: tl.constexpr,
    block_tokens: tl.constexpr,
    block_channels: tl.constexpr,
):
    part = tl.program_id(0)
    k = tl.program_id(1)
    channel = tl.program_id(2) * block_channels + tl.arange(0, block_channels)
    total = tl.zeros((block_channels,), tl.float32)
    for row in range(part, batch, parts):
        own = tl.minimum(tl.load(lengths + row), length)
        for start in range(0, length, block_tokens):
            token = start + tl.arange(0, block_tokens)
            other = token + k - size // 2
            inside = (other >= 0) & (other < own) & (token < length)
            mask = inside[:, None] & (channel < channels)[None, :]
            value = tl.load(
                x + (row * length + other)[:, None] * channels + channel[None, :],
                mask=mask,
                other=0.0,
            )
            gradient = tl.load(
                dy + (row * length + token)[:, None] * channels + channel[None, :],
                mask=mask,
                other=0.0,
            )
            total += tl.sum(value.to(tl.float32) * gradient.to(tl.float32), 0)
    tl.store(out + (part * size + k) * channels + channel, total, mask=channel < channels)


class Convolution(torch.autograd.Function):
    """`taps.convolve` for tensors on a graphics processor."""

    @staticmethod
    def forward(ctx, x, taps, lengths):
        """The sums; float32 inside."""
        batch, length, channels = x.shape
        x = x.contiguous()
        y = torch.empty_like(x)
        grid = (batch, triton.cdiv(length, TOKENS), triton.cdiv(channels, CHANNELS))
        _convolve[grid](
            x, taps, lengths, y, length, channels, len(taps), False, True, False, TOKENS, CHANNELS
        )
        ctx.save_for_backward(x, taps, lengths)
        return y

    @staticmethod
    def backward(ctx, dy):
        """Gradients of the input and of the taps."""
        x, taps, lengths = ctx.saved_tensors
        batch, length, channels = x.shape
        dy = dy.contiguous()
        dx = torch.empty_like(x)
        blocks = triton.cdiv(channels, CHANNELS)
        _convolve[(batch, triton.cdiv(length, TOKENS), blocks)](
            dy, taps, lengths, dx, length, channels, len(taps), True, False, True, TOKENS, CHANNELS
        )
        parts = min(batch, PARTS)
        sums = torch.empty(parts, len(taps), channels, device=x.device, dtype=torch.float32)
        _taps_gradient[(parts, len(taps), blocks)](
            x, dy, lengths, sums, batch, length, channels, parts, len(taps), TOKENS, CHANNELS
        )
        return dx, sums.sum(0).to(taps.dtype), None
