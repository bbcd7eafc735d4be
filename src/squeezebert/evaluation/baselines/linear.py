"""Linear models over dense features and n-grams: softmax, sigmoid or squares, fitted by L-BFGS."""

from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from squeezebert.bundle.tensors import Floats
from squeezebert.evaluation.baselines.lbfgs import minimise
from squeezebert.evaluation.baselines.sparse import Sparse, by_bucket, by_text
from squeezebert.pipelines.learnt.ngrams import NGrams

Loss: TypeAlias = Literal["softmax", "sigmoid", "squares"]
Doubles: TypeAlias = npt.NDArray[np.float64]


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

    def __call__(self, dense: Floats, ngrams: Sparse | None = None) -> Floats:
        """Outputs ``[rows, outputs]``."""
        found: Floats = dense @ self.dense + self.bias
        if ngrams is not None:
            ngrams.add_product(self.ngrams, found)
        return found


class Block(NamedTuple):
    """Some rows to learn from.

    Attributes:
        dense: float32 ``[rows, width]``.
        targets: classes ``[rows]``, labels given ``[rows, labels]``, or values ``[rows, 1]``.
        counts: how much each row counts, ``[rows]``.
        by_text: n-grams, to be multiplied with weights; None where there are none to learn from.
        by_bucket: the same, to be multiplied with slopes.
    """

    dense: Floats
    targets: npt.NDArray[Any]
    counts: Floats
    by_text: Sparse | None = None
    by_bucket: Sparse | None = None

    @classmethod
    def of(
        cls, dense: Floats, targets: npt.NDArray[Any], counts: Floats, ngrams: NGrams
    ) -> "Block":
        """A block of rows with n-grams."""
        return cls(dense, targets, counts, by_text(ngrams), by_bucket(ngrams))


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
        tolerance: part of its length at zero to which the gradient has to shrink.
        advance: called after each step.
    """
    problem = _Problem(blocks, loss, penalty, start, scales)
    at = np.zeros(problem.size, np.float32)
    first = problem(at)
    enough = tolerance * float(np.linalg.norm(first[1]))
    if any(each.any() for each in start):
        at = problem.packed(start)
        first = problem(at)
    return problem.scaled(minimise(problem, at, first, enough, steps, advance))


class _Problem:
    """The function that `fit` minimises, of all weights in one vector; see there."""

    def __init__(
        self,
        blocks: Iterable[Block],
        loss: Loss,
        penalty: float,
        start: Weights,
        scales: tuple[Floats, Floats],
    ) -> None:
        self._blocks, self._loss, self._penalty = blocks, loss, penalty
        self._scales = tuple(scale[:, None] for scale in scales)
        self._shapes = [each.shape for each in start]
        self._places = np.cumsum([0, *(each.size for each in start)])
        self.size = int(self._places[-1])

    def __call__(self, flat: Floats) -> tuple[float, Floats]:
        """Value and gradient."""
        weights = self.scaled(flat)
        gradient = np.zeros_like(flat)
        sums = self._unpacked(gradient)
        value = 0.0
        for block in self._blocks:
            outputs = weights(block.dense, block.by_text)
            value += slopes(self._loss, outputs, block.targets, block.counts)
            sums.dense[...] += block.dense.T @ outputs
            sums.bias[...] += outputs.sum(0)
            if block.by_bucket is not None:
                block.by_bucket.add_product(outputs, sums.ngrams)
        for each, scale in zip(sums, self._scales, strict=False):
            each *= scale
        penalised = flat[: self._places[2]]
        gradient[: self._places[2]] += np.float32(self._penalty) * penalised
        return value + self._penalty / 2 * float(np.dot(penalised, penalised)), gradient

    def scaled(self, flat: Floats) -> Weights:
        """Weights of features as they are."""
        plain = self._unpacked(flat)
        dense, ngrams = (each * scale for each, scale in zip(plain, self._scales, strict=False))
        return Weights(dense, ngrams, plain.bias)

    def packed(self, weights: Weights) -> Floats:
        """The vector of some weights of features as they are."""
        flat = np.zeros(self.size, np.float32)
        plain = self._unpacked(flat)
        for each, into, scale in zip(weights, plain, self._scales, strict=False):
            np.divide(each, scale, out=into, where=scale > 0)
        plain.bias[...] = weights.bias
        return flat

    def _unpacked(self, flat: Floats) -> Weights:
        begins, ends = self._places[:-1], self._places[1:]
        return Weights(
            *(
                flat[begin:end].reshape(shape)
                for begin, end, shape in zip(begins, ends, self._shapes, strict=True)
            )
        )


def zeros(width: int, buckets: int, outputs: int) -> Weights:
    """Weights to start from."""
    return Weights(
        np.zeros((width, outputs), np.float32),
        np.zeros((buckets, outputs), np.float32),
        np.zeros(outputs, np.float32),
    )


def slopes(loss: Loss, outputs: Floats, targets: npt.NDArray[Any], counts: Floats) -> float:
    """The loss of some rows; in place of the outputs it leaves how fast it grows with each."""
    return _LOSSES[loss](outputs, targets, counts)


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
