"""Multinomial logistic regression, fitted without SciPy."""

from collections import deque
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

_MEMORY = 10  # pairs of steps and gradients that the curvature is told from
_STEPS = 300
_SMALL = 1e-3  # of the gradient that all-zero weights have
_SUFFICIENT = 1e-4  # part of the promised decrease that a step must bring
_SHORTEST = 1e-10


def fit_logistic(vectors: Doubles, classes: Indices, penalty: float) -> Doubles:
    """Weights ``[labels, hidden + 1]``, the last column being the bias, for ``[n, hidden]``.

    They minimise the sum of -log p(class) over all examples, where each label counts as much as the
    others, plus ``penalty / 2`` times the squared weights without the biases. The function is
    convex, so there is one minimum.

    Args:
        classes: the label of each vector, 0 and up; each occurs.
    """
    inputs = np.hstack([vectors, np.ones((len(vectors), 1))])
    counts = np.bincount(classes)
    importance = (len(classes) / len(counts) / counts)[classes, None]
    rows = np.arange(len(classes))
    penalties = np.full(inputs.shape[1], penalty)
    penalties[-1] = 0

    def loss(weights: Doubles) -> tuple[float, Doubles]:
        """The value and its gradient."""
        logits = inputs @ weights.T
        logits -= logits.max(1, keepdims=True)
        right = logits[rows, classes]
        odds = np.exp(logits, out=logits)
        sums = odds.sum(1, keepdims=True)
        surprise = importance[:, 0] @ (np.log(sums[:, 0]) - right)
        odds /= sums
        odds[rows, classes] -= 1
        odds *= importance
        value = surprise + (penalties * weights**2).sum() / 2
        return float(value), odds.T @ inputs + penalties * weights

    return _minimise(loss, np.zeros((len(counts), inputs.shape[1])))


def _minimise(loss: Callable[[Doubles], tuple[float, Doubles]], at: Doubles) -> Doubles:
    """L-BFGS with backtracking (Nocedal and Wright 2006, algorithms 7.4 and 3.1)."""
    value, gradient = loss(at)
    enough = _SMALL * np.abs(gradient).max()
    memory: deque[tuple[Doubles, Doubles]] = deque(maxlen=_MEMORY)
    for _ in range(_STEPS):
        if np.abs(gradient).max() <= enough:
            break
        direction = -_newton(gradient, memory)
        slope = float((direction * gradient).sum())
        # Without curvature known, a first step of length one at most.
        length = 1.0 if memory else min(1.0, 1 / float(np.linalg.norm(gradient)))
        while True:
            step = length * direction
            new_value, new_gradient = loss(at + step)
            if new_value <= value + _SUFFICIENT * length * slope or length < _SHORTEST:
                break
            length /= 2
        change = new_gradient - gradient
        if (step * change).sum() > 0:
            memory.append((step, change))
        at, value, gradient = at + step, new_value, new_gradient
    return at


def _newton(gradient: Doubles, memory: deque[tuple[Doubles, Doubles]]) -> Doubles:
    """The gradient times the inverse curvature, as far as the last steps have shown that."""
    if not memory:
        return gradient
    result = gradient.copy()
    parts = []
    for step, change in reversed(memory):
        part = float((step * result).sum()) / float((step * change).sum())
        result -= part * change
        parts.append(part)
    step, change = memory[-1]
    result *= float((step * change).sum()) / float((change * change).sum())
    for (step, change), part in zip(memory, reversed(parts), strict=True):
        back = float((change * result).sum()) / float((step * change).sum())
        result += (part - back) * step
    return result
