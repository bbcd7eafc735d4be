"""A part of the examples held out, with every class in proportion."""

from collections.abc import Sequence

import numpy as np


def held_out(labels: Sequence[str] | None, examples: int, fraction: float, seed: int) -> list[int]:
    """Draws the positions to hold out, sorted.

    A class with at least two examples gives at least one and keeps at least one.

    Args:
        labels: the class of each example, or None to draw from all alike (regression).
        examples: how many examples there are.
        fraction: the part to hold out, 0 to 1.
        seed: the same seed draws the same positions.
    """
    positions = np.random.default_rng(seed).permutation(examples)
    groups: dict[str, list[int]] = {}
    for position in positions.tolist():
        groups.setdefault("" if labels is None else labels[position], []).append(position)
    drawn: list[int] = []
    for group in groups.values():
        wanted = max(1, round(len(group) * fraction))
        drawn += group[: min(wanted, len(group) - 1)]
    return sorted(drawn)
