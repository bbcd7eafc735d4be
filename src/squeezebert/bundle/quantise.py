"""Float weights to integers: 8 bits with a scale for each row, or 4 with one for each block."""

import math
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from squeezebert.bundle.tensors import LARGEST, BlockQuantised, Quantised

WordBits: TypeAlias = Literal[4, 8]
"""Bits of a value in a table of word embeddings."""


_LARGEST = 127  # symmetric: -128 is left out
_LARGEST_NIBBLE = 8
_BLOCK = 32
_SAMPLE = 64  # rows
# Of the scale that maps the peak to -8. The last maps it to -7, so that a table which was in 4 bits
# before comes out as it was.
_SHARES = (*np.linspace(0.7, 1.2, 11, dtype=np.float32), np.float32(8 / 7))
_SMALLEST_SCALE = float(np.finfo(np.float16).smallest_subnormal)


def quantise_rows(weights: npt.NDArray[np.float32]) -> Quantised:
    """Quantises symmetrically; the scale of a row maps its largest magnitude to 127.

    Scales are float16: the integers are made with the rounded scale, so its rounding adds no
    error of its own. Clipping the largest weights to round the others more finely was tried and
    left the squared error of pretrained weights the same to three digits: 8 bits are plenty.

    Args:
        weights: float32 ``[rows, ...]``.

    Raises:
        ValueError: a weight is not finite, or of a magnitude beyond 10,000.
    """
    peaks = np.abs(weights).reshape(len(weights), -1).max(axis=1)
    if not (peaks <= LARGEST).all():  # also false for NaN
        raise ValueError(f"it holds values that are not finite or beyond {LARGEST:,.0f}")
    scale = np.maximum(peaks / _LARGEST, _SMALLEST_SCALE).astype(np.float16)
    steps = scale.astype(np.float32).reshape(-1, *[1] * (weights.ndim - 1))
    values = np.clip(np.rint(weights / steps), -_LARGEST, _LARGEST).astype(np.int8)
    return Quantised(values, scale)


def quantise_table(
    table: npt.NDArray[np.float32], bits: WordBits | None = None
) -> Quantised | BlockQuantised:
    """Quantises a table of word embeddings.

    Args:
        table: float32 ``[rows, columns]``.
        bits: of a value; None for 4 where that changes no value, as of a table that was in 4 bits
            before, and 8 elsewhere.

    Raises:
        ValueError: a value is not finite or too large, or the columns can't be cut into blocks.
    """
    block_size = math.gcd(table.shape[1], _BLOCK)
    if bits == 4:
        return quantise_blocks(table, block_size)
    whole = quantise_rows(table)  # raises where the values can't be used
    if bits is None and block_size > 1 and _is_in_blocks(table[:_SAMPLE], block_size):
        blocks = quantise_blocks(table, block_size)
        if (blocks.dequantise() == table).all():
            return blocks
    return whole


def _is_in_blocks(table: npt.NDArray[np.float32], block_size: int) -> bool:
    return bool((quantise_blocks(table, block_size).dequantise() == table).all())


def quantise_blocks(table: npt.NDArray[np.float32], block_size: int = _BLOCK) -> BlockQuantised:
    """Quantises a table to 4-bit integers in -8..7, with a scale for each block of a row.

    The scale is signed, so that a block's largest magnitude lies on the side that has the 8. Of
    some scales about the one that maps it to 8, the one with the smallest squared error is taken.

    Args:
        table: float32 ``[rows, columns]``.
        block_size: an even divisor of the columns.

    Raises:
        ValueError: a value is not finite or beyond 8,000, or the blocks don't fit.
    """
    rows, columns = table.shape
    if block_size % 2 or columns % block_size:
        raise ValueError(f"its {columns} columns can't be cut into blocks of {block_size}")
    if not (np.abs(table) <= 1000 * _LARGEST_NIBBLE).all():  # also false for NaN
        raise ValueError("it holds values that are not finite or beyond 8,000")
    values = table.reshape(rows, -1, block_size)
    largest = np.abs(values).argmax(axis=2, keepdims=True)
    peak = np.take_along_axis(values, largest, axis=2)
    best = np.full(peak.shape, np.inf, np.float32)
    scale = np.zeros(peak.shape, np.float16)
    integers = np.zeros(values.shape, np.int8)
    for share in _SHARES:
        trial = (peak * share / -_LARGEST_NIBBLE).astype(np.float16)
        steps = trial.astype(np.float32)
        rounded = np.rint(np.divide(values, steps, out=np.zeros_like(values), where=steps != 0))
        rounded = np.clip(rounded, -_LARGEST_NIBBLE, _LARGEST_NIBBLE - 1)
        error = np.square(rounded * steps - values).sum(axis=2, keepdims=True)
        better = error < best
        best, scale = np.where(better, error, best), np.where(better, trial, scale)
        integers = np.where(better, rounded.astype(np.int8), integers)
    low, high = np.split((integers + _LARGEST_NIBBLE).astype(np.uint8), 2, axis=2)
    nibbles = np.asarray(low | high << 4, np.uint8).reshape(rows, columns // 2)
    return BlockQuantised(nibbles, scale[:, :, 0])
