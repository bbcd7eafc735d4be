"""Layers that are taught a few at a time, each few from the teacher's state before them.

A deep student in closed form can get further from its teacher with every layer, until the last
ones start from states that say nothing. Taught all at once, it stays there. So every layer is then
taught alone at first, then twos, fours and so on, until errors of all layers are seen together.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

LOST = 1.0
"""Relative error from which on a state says nothing: zeros would be as near."""
ALONE, APART = 0.25, 0.5
"""Until which part of a squeeze layers are taught alone, and in segments at all."""


def segment_at(done: float, layers: int) -> int:
    """How many layers in a row are taught together, after ``done`` of a squeeze, from 0 to 1.

    One until `ALONE`; two, four and so on, as long each, until `APART`; then all of them.
    """
    if done >= APART:
        return layers
    powers = range(1, max(1, (layers - 1).bit_length()))  # 2 ** power is less than ``layers``
    if done < ALONE or not powers:
        return 1
    return 1 << powers[int((done - ALONE) / (APART - ALONE) * len(powers))]


@contextmanager
def starting_from(layers: nn.ModuleList, states: Sequence[Tensor], segment: int) -> Iterator[None]:
    """Within it, every ``segment``-th layer reads the teacher's state instead of the student's.

    Args:
        layers: Of the student; they take hidden states [batch, length, hidden] first.
        states: The teacher's, of its embeddings and of every layer.
    """

    def reading(state: Tensor) -> Callable[[nn.Module, tuple[Any, ...]], tuple[Any, ...]]:
        return lambda _, given: (state, *given[1:])

    hooks = [
        layer.register_forward_pre_hook(reading(states[number]))
        for number, layer in enumerate(layers)
        if number and number % segment == 0
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
