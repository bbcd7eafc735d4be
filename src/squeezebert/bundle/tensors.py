"""The tensors of a part file: safetensors, read by mapping the file, checked before use."""

import json
import math
import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from squeezebert.bundle.manifest import TensorScheme

_DTYPES: dict[str, np.dtype[Any]] = {
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
}
_LARGEST_HEADER = 1 << 22  # bytes; a base-size encoder has 40 kB
LARGEST = 1e4
"""Magnitude of a weight at most. Beyond is damage, not training; up to it no sum overflows."""


Floats: TypeAlias = npt.NDArray[np.float32]


class TensorError(ValueError):
    """A part file that can't be used; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Quantised:
    """A tensor as integers: its value is ``values * scale``, one scale for each row.

    Attributes:
        values: int8 ``[rows, ...]``.
        scale: float16 or float32 ``[rows]``.
    """

    values: npt.NDArray[np.int8]
    scale: npt.NDArray[np.floating[Any]]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the values."""
        return self.values.shape

    def dequantise(self) -> Floats:
        """The values as float32, of the same shape."""
        columns = self.scale.astype(np.float32).reshape(-1, *[1] * (self.values.ndim - 1))
        return self.values * columns

    def rows(self, indices: npt.NDArray[np.integer[Any]]) -> Floats:
        """Some rows as float32, without touching the others."""
        return Quantised(self.values[indices], self.scale[indices]).dequantise()


@dataclass(frozen=True, slots=True)
class BlockQuantised:
    """A table as 4-bit integers: the value is the integer times the scale of its block.

    A row is cut into blocks of equal size, each with a scale of its own. In a block the first half
    of the integers are the low nibbles, the second half the high ones; a nibble holds the integer
    plus 8.

    Attributes:
        nibbles: uint8 ``[rows, columns / 2]``.
        scale: float16 ``[rows, blocks]``; of either sign.
    """

    nibbles: npt.NDArray[np.uint8]
    scale: npt.NDArray[np.float16]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the values."""
        rows, half = self.nibbles.shape
        return (rows, 2 * half)

    def dequantise(self) -> Floats:
        """The values as float32, of the same shape."""
        rows, blocks = self.scale.shape
        nibbles = self.nibbles.reshape(rows, blocks, -1)
        integers = np.concatenate([nibbles & 15, nibbles >> 4], axis=2).astype(np.float32) - 8
        return np.asarray(integers * self.scale.astype(np.float32)[:, :, None]).reshape(self.shape)

    def rows(self, indices: npt.NDArray[np.integer[Any]]) -> Floats:
        """Some rows as float32, without touching the others."""
        return BlockQuantised(self.nibbles[indices], self.scale[indices]).dequantise()


Tensor: TypeAlias = Quantised | BlockQuantised | npt.NDArray[np.floating[Any]]
"""A bundle's tensor: integers with their scales, or floats."""


def as_floats(tensor: Tensor) -> Floats:
    """The values of a tensor as float32."""
    if isinstance(tensor, Quantised | BlockQuantised):
        return tensor.dequantise()
    return np.asarray(tensor, np.float32)


def release(tensor: Tensor) -> None:
    """Gives memory that holds the mapped file of a tensor back to the system, where it can.

    What is used again is read again.
    """
    owner: object = integers_and_scale(tensor)[0]
    while isinstance(owner, np.ndarray):
        owner = owner.base
    file = owner.obj if isinstance(owner, memoryview) else None
    if isinstance(file, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        file.madvise(mmap.MADV_DONTNEED)


def stays_float(name: str, shape: tuple[int, ...]) -> bool:
    """Whether an int8 bundle keeps a tensor in float32.

    So it does with few values that shift every token: rounding them would save nothing and cost
    the most.
    """
    return len(shape) == 1 or name.endswith(("token_type_embeddings.weight", "depthwise.weight"))


def scheme_of(tensor: Tensor) -> str:
    """Name of the scheme under which a tensor is stored."""
    if isinstance(tensor, BlockQuantised):
        return "int4_per_block"
    return "int8_per_row" if isinstance(tensor, Quantised) else tensor.dtype.name


def block_size_of(tensor: Tensor) -> int | None:
    """How many values of a row share a scale; None for what is not stored in blocks."""
    if not isinstance(tensor, BlockQuantised):
        return None
    return int(tensor.shape[1] // tensor.scale.shape[1])


def integers_and_scale(tensor: Tensor) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
    """The arrays of a tensor: its integers and their scales, or its floats and None."""
    if isinstance(tensor, Quantised):
        return tensor.values, tensor.scale
    if isinstance(tensor, BlockQuantised):
        return tensor.nibbles, tensor.scale
    return tensor, None


def stored_arrays(tensors: Mapping[str, Tensor]) -> dict[str, npt.NDArray[Any]]:
    """The arrays that a part file holds for some tensors."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, tensor in tensors.items():
        arrays[name], scale = integers_and_scale(tensor)
        if scale is not None:
            arrays[f"{name}.scale"] = scale
    return arrays


def load_tensors(buffer: mmap.mmap, schemes: Mapping[str, TensorScheme]) -> dict[str, Tensor]:
    """Reads tensors as views of ``buffer``, the contents of a part file.

    Raises:
        TensorError: the file is damaged, holds other tensors than ``schemes`` says, or values that
            no weight can have.
    """
    arrays = _arrays(buffer)
    tensors: dict[str, Tensor] = {}
    for name, stored in schemes.items():
        array = arrays.pop(name, None)
        if array is None:
            raise TensorError(f"it holds no tensor {name}")
        if array.shape != _stored_shape(stored):
            raise TensorError(f"{name} has shape {array.shape} instead of {_stored_shape(stored)}")
        if stored.scheme in ("float16", "float32"):
            if array.dtype.name != stored.scheme:
                raise TensorError(f"{name} holds {array.dtype.name} instead of {stored.scheme}")
            if not (np.abs(array) <= LARGEST).all():  # also false for NaN
                raise TensorError(
                    f"{name} holds values that are not finite or beyond {LARGEST:,.0f}"
                )
            tensors[name] = array
            continue
        scale = arrays.pop(f"{name}.scale", None)
        integers = "int8" if stored.scheme == "int8_per_row" else "uint8"
        if array.dtype.name != integers or scale is None or scale.dtype.kind != "f":
            raise TensorError(f"{name} is not stored as {integers} with float scales")
        if scale.shape != _scale_shape(stored):
            each = "row" if stored.block_size is None else "block"
            raise TensorError(f"{name} has scales of shape {scale.shape}, not one for each {each}")
        largest = LARGEST / (127 if stored.block_size is None else 8)
        smallest = 0.0 if stored.block_size is None else -largest
        if not ((scale >= smallest) & (scale <= largest)).all():
            raise TensorError(f"{name} has scales that are not in {smallest:.4g}..{largest:.4g}")
        kind = Quantised if stored.block_size is None else BlockQuantised
        tensors[name] = kind(array, scale)
    if arrays:
        raise TensorError(f"it holds unknown tensors such as {min(arrays)}")
    return tensors


def _stored_shape(stored: TensorScheme) -> tuple[int, ...]:
    """Of the array of integers or floats: two integers of 4 bits are one byte."""
    if stored.block_size is None:
        return stored.shape
    return (stored.shape[0], stored.shape[1] // 2)


def _scale_shape(stored: TensorScheme) -> tuple[int, ...]:
    if stored.block_size is None:
        return stored.shape[:1]
    return (stored.shape[0], stored.shape[1] // stored.block_size)


def _arrays(buffer: mmap.mmap) -> dict[str, npt.NDArray[Any]]:
    """Views of all stored arrays: 8 bytes of header length, a JSON header, then the data."""
    header_size = int.from_bytes(buffer[:8], "little")
    start = 8 + header_size
    if header_size > _LARGEST_HEADER or start > len(buffer):
        raise TensorError("its header is longer than the file or unreasonably long")
    try:
        header = json.loads(buffer[8:start])
        header.pop("__metadata__", None)
        entries = sorted(
            (*map(int, entry["data_offsets"]), name, entry["dtype"], tuple(entry["shape"]))
            for name, entry in header.items()
        )
        arrays = {}
        expected = 0
        for begin, end, name, dtype_name, shape in entries:
            dtype = _DTYPES[dtype_name]
            count = math.prod(shape)
            if begin != expected or end - begin != count * dtype.itemsize or min(shape) < 1:
                raise TensorError(f"its header places {name} wrongly")
            expected = end
            arrays[name] = np.frombuffer(buffer, dtype, count, start + begin).reshape(shape)
    except TensorError:
        raise
    except (
        ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError
    ) as error:  # fmt: skip
        raise TensorError("its header is not that of a safetensors file") from error
    if start + expected != len(buffer):
        raise TensorError("its header does not account for all of the file")
    return arrays
