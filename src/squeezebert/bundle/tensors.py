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
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
}
_LARGEST_HEADER = 1 << 22  # bytes; a base-size encoder has 40 kB
_LARGEST_SCALE = 1e3  # a weight beyond 127,000 is damage, not training

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


Tensor: TypeAlias = Quantised | npt.NDArray[np.floating[Any]]
"""A bundle's tensor: integers with their scales, or floats."""


def as_floats(tensor: Tensor) -> Floats:
    """The values of a tensor as float32."""
    if isinstance(tensor, Quantised):
        return tensor.dequantise()
    return np.asarray(tensor, np.float32)


def release(tensor: Tensor) -> None:
    """Gives memory that holds the mapped file of a tensor back to the system, where it can.

    What is used again is read again.
    """
    owner: object = tensor.values if isinstance(tensor, Quantised) else tensor
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
    return "int8_per_row" if isinstance(tensor, Quantised) else tensor.dtype.name


def stored_arrays(tensors: Mapping[str, Tensor]) -> dict[str, npt.NDArray[Any]]:
    """The arrays that a part file holds for some tensors."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, tensor in tensors.items():
        if isinstance(tensor, Quantised):
            arrays[name], arrays[f"{name}.scale"] = tensor.values, tensor.scale
        else:
            arrays[name] = tensor
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
        if array.shape != stored.shape:
            raise TensorError(f"{name} has shape {array.shape} instead of {stored.shape}")
        if stored.scheme != "int8_per_row":
            if array.dtype.name != stored.scheme:
                raise TensorError(f"{name} holds {array.dtype.name} instead of {stored.scheme}")
            if not np.isfinite(array).all():
                raise TensorError(f"{name} holds values that are not finite numbers")
            tensors[name] = array
            continue
        scale = arrays.pop(f"{name}.scale", None)
        if array.dtype != np.int8 or scale is None or scale.dtype.kind != "f":
            raise TensorError(f"{name} is not stored as int8 with float scales")
        if scale.shape != array.shape[:1]:
            raise TensorError(f"{name} has scales of shape {scale.shape}, not one for each row")
        if not ((scale >= 0) & (scale <= _LARGEST_SCALE)).all():
            raise TensorError(f"{name} has scales that are not in 0..{_LARGEST_SCALE:g}")
        tensors[name] = Quantised(array, scale)
    if arrays:
        raise TensorError(f"it holds unknown tensors such as {min(arrays)}")
    return tensors


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
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise TensorError("its header is not that of a safetensors file") from error
    if start + expected != len(buffer):
        raise TensorError("its header does not account for all of the file")
    return arrays
