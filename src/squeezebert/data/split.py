"""A part of the examples held out, with every class in proportion."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from squeezebert.data.twins import Places


def held_out(
    labels: Sequence[str] | None,
    examples: int,
    fraction: float,
    seed: int,
    twins: Places | None = None,
) -> list[int]:
    """Draws the positions to hold out, sorted.

    A class with at least two examples gives at least one and keeps at least one.

    Args:
        labels: the class of each example, or None to draw from all alike (regression).
        examples: how many examples there are.
        fraction: the part to hold out, 0 to 1.
        seed: the same seed draws the same positions.
        twins: of each example, the position of the first like it, in whose place it is drawn: as
            many as there are or none, so that none is held out while another is learnt from. Where
            a class has no example without too many twins, none of it is held out.
    """
    firsts = np.arange(examples) if twins is None else twins
    positions = np.random.default_rng(seed).permutation(examples)
    alike: dict[int, list[int]] = defaultdict(list)
    classes: dict[str, list[int]] = defaultdict(list)
    for position in positions.tolist():
        first = int(firsts[position])
        alike[first].append(position)
        classes["" if labels is None else labels[first]].append(position)
    drawn: set[int] = set()
    for members in classes.values():
        wanted = min(max(1, round(len(members) * fraction)), len(members) - 1)
        for position in members:
            if wanted == 0:
                break
            together = alike[int(firsts[position])]
            if position not in drawn and len(together) <= wanted:
                drawn.update(together)
                wanted -= len(together)
    return sorted(drawn)


def drawn_apart(
    labels: Sequence[str] | None, examples: int, fraction: float, seed: int, twins: Places
) -> tuple[list[int], bool]:
    """The positions to hold out, twins together where enough can be drawn so.

    Args:
        labels, examples, fraction, seed, twins: as for `held_out`.

    Returns:
        The positions, and whether no twin of them is left.
    """
    drawn = held_out(labels, examples, fraction, seed, twins)
    if 2 * len(drawn) >= fraction * examples:
        return drawn, True
    return held_out(labels, examples, fraction, seed), False
