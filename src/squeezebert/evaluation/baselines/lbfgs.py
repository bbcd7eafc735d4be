"""Minimising a smooth convex function of many variables."""

from collections import deque
from collections.abc import Callable

import numpy as np

from squeezebert.bundle.tensors import Floats

_MEMORY = 6  # pairs of steps and gradients that the curvature is told from
_SUFFICIENT = 1e-4  # part of the promised decrease that a step must bring
_SHORTEST = 1e-6

Objective = Callable[[Floats], tuple[float, Floats]]
"""Value and gradient at a place."""


def minimise(
    objective: Objective,
    at: Floats,
    first: tuple[float, Floats],
    enough: float,
    steps: int,
    advance: Callable[[], object] = lambda: None,
) -> Floats:
    """L-BFGS with backtracking (Nocedal and Wright 2006, algorithms 7.4 and 3.1).

    Args:
        objective: the function.
        at: where to start, float32 ``[variables]``.
        first: value and gradient there.
        enough: the length of the gradient at which to stop.
        steps: at most.
        advance: called after each step.
    """
    value, gradient = first
    memory: deque[tuple[Floats, Floats, float]] = deque(maxlen=_MEMORY)
    for _ in range(steps):
        if float(np.linalg.norm(gradient)) <= enough:
            break
        direction = _newton(gradient, memory)
        slope = float(np.dot(direction, gradient))
        # Without curvature known, a first step of length one at most.
        length = 1.0 if memory else min(1.0, 1 / float(np.linalg.norm(direction)))
        while True:
            step = np.float32(-length) * direction
            new_value, new_gradient = objective(at + step)
            if new_value <= value - _SUFFICIENT * length * slope:
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


def _newton(gradient: Floats, memory: deque[tuple[Floats, Floats, float]]) -> Floats:
    """The gradient times the inverse curvature, as far as the last steps have shown that."""
    if not memory:
        return gradient
    result = gradient.copy()
    scratch = np.empty_like(gradient)
    parts = []
    for step, change, curvature in reversed(memory):
        part = np.float32(np.dot(step, result) / curvature)
        result -= np.multiply(change, part, out=scratch)
        parts.append(part)
    _, change, curvature = memory[-1]
    result *= np.float32(curvature / np.dot(change, change))
    for (step, change, curvature), part in zip(memory, reversed(parts), strict=True):
        back = np.float32(np.dot(change, result) / curvature)
        result += np.multiply(step, part - back, out=scratch)
    return result
