"""Weights far outside the rest: int8, whose steps follow the largest, rounds the others away."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from squeezebert.bundle import Tensor
from squeezebert.bundle.tensors import as_floats

_FAR = 20.0  # times the root mean square of a row; of normally distributed weights it is 3 to 5
_NAMED = 3


def outlying(tensors: Mapping[str, Tensor]) -> str:
    """Names the tensors with the farthest weights in a sentence, or says that there are none."""
    distances = {name: _distance(tensor) for name, tensor in tensors.items()}
    far = sorted((name for name in distances if distances[name] > _FAR), key=distances.__getitem__)
    if not far:
        return "No tensor has weights far outside the rest of their row."
    named = ", ".join(f"{name} ({distances[name]:.0f} times)" for name in far[: -_NAMED - 1 : -1])
    return (
        f"Weights lie far outside the rest of their row, by its root mean square, in {named}: "
        "training with a lower learning rate avoids that."
    )


def _distance(tensor: Tensor) -> float:
    """How far the largest weight of a row is from 0, in root mean squares of the row; the worst."""
    rows: npt.NDArray[np.float64] = np.abs(as_floats(tensor).astype(np.float64))
    rows = rows.reshape(len(rows), -1) if rows.ndim > 1 else rows[None]
    typical = np.sqrt((rows**2).mean(1))
    largest = rows.max(1)
    return float((largest[typical > 0] / typical[typical > 0]).max(initial=0.0))
