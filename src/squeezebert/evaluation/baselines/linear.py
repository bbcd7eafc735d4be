"""Linear models over dense features and n-grams: softmax, sigmoid or squares, fitted by L-BFGS."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from squeezebert.bundle.tensors import Floats
from squeezebert.pipelines.learnt.ngrams import NGrams

Loss: TypeAlias = Literal["softmax", "sigmoid", "squares"]
Doubles: TypeAlias = npt.NDArray[np.float64]

_MEMORY = 6  # pairs of steps and gradients that the curvature is told from
_SUFFICIENT = 1e-4  # part of the promised decrease that a step must bring
_SHORTEST = 1e-6
_ENTRIES = 1 << 14  # n-grams at once: with 100 outputs their weights still fit a cache


class Weights(NamedTuple):
    """A linear model.

    Attributes:
        dense: float32 ``[width, outputs]``.
        ngrams: float32 ``[buckets, outputs]``.
        bias: float32 ``[outputs]``.
    """

    dense: Floats
    ngrams: Floats
    bias: Floats

    def __call__(self, dense: Floats, ngrams: NGrams | None) -> Floats:
        """Outputs ``[rows, outputs]``."""
        found: Floats = dense @ self.dense + self.bias
        if ngrams is not None:
            found += product(ngrams, self.ngrams)
        return found


def product(ngrams: NGrams, table: Floats) -> Floats:
    """Sums of the rows of a table, each times the value of its n-gram, ``[texts, outputs]``."""
    found = np.zeros((len(ngrams.offsets) - 1, table.shape[1]), np.float32)
    for rows, part in _parts(ngrams.offsets):
        weights = table[ngrams.buckets[part]]
        weights *= ngrams.values[part, None]
        found[rows] = np.add.reduceat(weights, ngrams.offsets[rows] - part.start)
    return found


def _parts(offsets: npt.NDArray[np.int64]) -> Iterable[tuple[npt.NDArray[np.int64], slice]]:
    """Neighbouring rows that are not empty, and where their entries are; a bounded number each."""
    filled = np.flatnonzero(np.diff(offsets))
    if not len(filled):
        return
    ends = offsets[filled + 1]
    cuts = np.searchsorted(ends, np.arange(_ENTRIES, int(ends[-1]), _ENTRIES))
    for rows in np.split(filled, np.unique(cuts)):
        if len(rows):
            yield rows, slice(int(offsets[rows[0]]), int(offsets[rows[-1] + 1]))


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Some rows to learn from.

    Attributes:
        dense: float32 ``[rows, width]``.
        ngrams: of each row; None where there are none to learn from.
        targets: classes ``[rows]``, labels given ``[rows, labels]``, or values ``[rows, 1]``.
        counts: how much each row counts, ``[rows]``.
    """

    dense: Floats
    ngrams: NGrams | None
    targets: npt.NDArray[Any]
    counts: Floats


def fit(
    blocks: Iterable[Block],
    loss: Loss,
    penalty: float,
    start: Weights,
    scales: tuple[Floats, Floats],
    *,
    steps: int = 200,
    tolerance: float = 1e-3,
    advance: Callable[[], object] = lambda: None,
) -> Weights:
    """The weights that minimise the loss of all rows and half the penalty times their squares.

    The bias is not penalised, and a feature of a larger scale is penalised less. The function is
    convex, so there is one minimum.

    Args:
        blocks: read once for each step; see `Block`.
        loss: "softmax" of classes that exclude each other, "sigmoid" of labels that don't, or
            "squares" of values.
        penalty: above 0.
        start: weights to start from, such as zeros.
        scales: of the dense features ``[width]`` and of the n-grams ``[buckets]``: the penalty is
            that of features which were multiplied by them. Weights of a scale of 0 stay 0.
        steps: at most; enough are fewer.
        tolerance: part of its first length to which the gradient has to shrink.
        advance: called after each step.
    """
    shapes = [each.shape for each in start]
    places = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])
    penalised = places[2]

    def unpacked(flat: Floats) -> Weights:
        return Weights(
            *(
                flat[begin:end].reshape(shape)
                for begin, end, shape in zip(places[:-1], places[1:], shapes, strict=True)
            )
        )

    def scaled(flat: Floats) -> Weights:
        plain = unpacked(flat)
        return Weights(
            plain.dense * scales[0][:, None], plain.ngrams * scales[1][:, None], plain.bias
        )

    def objective(flat: Floats) -> tuple[float, Floats]:
        weights = scaled(flat)
        gradient = np.zeros_like(flat)
        slopes = unpacked(gradient)
        value = 0.0
        for block in blocks:
            outputs = weights(block.dense, block.ngrams)
            value += _LOSSES[loss](outputs, block.targets, block.counts)  # leaves slopes in it
            slopes.dense[...] += block.dense.T @ outputs
            slopes.bias[...] += outputs.sum(0)
            if block.ngrams is not None:
                _scatter(block.ngrams, outputs, slopes.ngrams)
        slopes.dense[...] *= scales[0][:, None]
        slopes.ngrams[...] *= scales[1][:, None]
        gradient[:penalised] += np.float32(penalty) * flat[:penalised]
        value += penalty / 2 * float(np.dot(flat[:penalised], flat[:penalised]))
        return value, gradient

    unscaled = [
        np.divide(each, scale[:, None], out=np.zeros_like(each), where=scale[:, None] > 0)
        for each, scale in zip(start, scales, strict=False)
    ]
    flat = np.concatenate([np.ravel(each) for each in (*unscaled, start.bias)]).astype(np.float32)
    return scaled(_minimise(objective, flat, steps, tolerance, advance))


def zeros(width: int, buckets: int, outputs: int) -> Weights:
    """Weights to start from."""
    return Weights(
        np.zeros((width, outputs), np.float32),
        np.zeros((buckets, outputs), np.float32),
        np.zeros(outputs, np.float32),
    )


def _scatter(ngrams: NGrams, slopes: Floats, table: Floats) -> None:
    """Adds to the rows of a table what `product` takes from them."""
    if table.shape[1] <= 4:
        for output in range(table.shape[1]):
            amounts = ngrams.values * np.repeat(slopes[:, output], np.diff(ngrams.offsets))
            table[:, output] += np.bincount(ngrams.buckets, amounts, minlength=len(table))
        return
    order = np.argsort(ngrams.buckets, kind="stable")
    buckets, rows, values = ngrams.buckets[order], ngrams.rows[order], ngrams.values[order]
    starts = np.flatnonzero(np.diff(buckets, prepend=-1))
    offsets = np.append(starts, len(buckets))
    for places, part in _parts(offsets):
        amounts = slopes[rows[part]]
        amounts *= values[part, None]
        table[buckets[offsets[places]]] += np.add.reduceat(amounts, offsets[places] - part.start)


def _softmax(outputs: Floats, classes: npt.NDArray[Any], counts: Floats) -> float:
    rows = np.arange(len(classes))
    outputs -= outputs.max(1, keepdims=True)
    right = outputs[rows, classes].copy()
    np.exp(outputs, out=outputs)
    sums = outputs.sum(1)
    value = float(counts @ (np.log(sums) - right))
    outputs *= (counts / sums)[:, None]
    outputs[rows, classes] -= counts
    return value


def _sigmoid(outputs: Floats, given: npt.NDArray[Any], counts: Floats) -> float:
    given = given.astype(np.float32)
    value = np.logaddexp(0, outputs) - given * outputs
    outputs[...] = 1 / (1 + np.exp(-outputs.clip(-80, 80))) - given
    outputs *= counts[:, None]
    return float((counts @ value).sum())


def _squares(outputs: Floats, values: npt.NDArray[Any], counts: Floats) -> float:
    outputs -= values
    value = float(counts @ (outputs**2).sum(1)) / 2
    outputs *= counts[:, None]
    return value


_LOSSES: dict[Loss, Callable[[Floats, npt.NDArray[Any], Floats], float]] = {
    "softmax": _softmax,
    "sigmoid": _sigmoid,
    "squares": _squares,
}


def _minimise(
    objective: Callable[[Floats], tuple[float, Floats]],
    at: Floats,
    steps: int,
    tolerance: float,
    advance: Callable[[], object],
) -> Floats:
    """L-BFGS with backtracking (Nocedal and Wright 2006, algorithms 7.4 and 3.1)."""
    value, gradient = objective(at)
    enough = tolerance * float(np.linalg.norm(gradient))
    memory: deque[tuple[Floats, Floats, float]] = deque(maxlen=_MEMORY)
    for _ in range(steps):
        if float(np.linalg.norm(gradient)) <= enough:
            break
        direction = -_newton(gradient, memory)
        slope = float(np.dot(direction, gradient))
        # Without curvature known, a first step of length one at most.
        length = 1.0 if memory else min(1.0, 1 / float(np.linalg.norm(gradient)))
        while True:
            step = np.float32(length) * direction
            new_value, new_gradient = objective(at + step)
            if new_value <= value + _SUFFICIENT * length * slope:
                break
            length /= 2
            if length < _SHORTEST:  # as near as float32 comes
                return at
        change = new_gradient - gradient
        curvature = float(np.dot(step, change))
        if curvature > 0:
            memory.append((step, change, curvature))
        at, value, gradient = at + step, new_value, new_gradient
        advance()
    return at


def _newton(gradient: Floats, memory: Sequence[tuple[Floats, Floats, float]]) -> Floats:
    """The gradient times the inverse curvature, as far as the last steps have shown that."""
    if not memory:
        return gradient
    result = gradient.copy()
    parts = []
    for step, change, curvature in reversed(memory):
        part = np.float32(np.dot(step, result) / curvature)
        result -= part * change
        parts.append(part)
    _, change, curvature = memory[-1]
    result *= np.float32(curvature / np.dot(change, change))
    for (step, change, curvature), part in zip(memory, reversed(parts), strict=True):
        back = np.float32(np.dot(change, result) / curvature)
        result += (part - back) * step
    return result
