"""Tags of words in the scheme IOB2: which follow one another, and which are the most probable.

An entity's first word has the tag B-TYPE, its others I-TYPE; words outside have O.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from squeezebert.bundle.tensors import Floats
from squeezebert.errors import InputError


def entity_types(labels: Sequence[str]) -> tuple[str, ...]:
    """The types that tags are of, each once.

    Raises:
        InputError: a label is neither O nor B-TYPE nor I-TYPE.
    """
    for label in labels:
        if label != "O" and not (label.startswith(("B-", "I-")) and label[2:]):
            raise InputError(
                f"The label {label!r} is no tag of an entity: O, B-TYPE or I-TYPE. "
                "Use a model that was trained on tags."
            )
    return tuple(dict.fromkeys(label[2:] for label in labels if label != "O"))


def can_follow(labels: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which tags may follow which, ``[before, after]``; the last row is of a text's beginning.

    An I-TYPE follows a B-TYPE or I-TYPE alone, unless there is no B-TYPE for it to follow.
    """
    return np.array(
        [
            [
                not tag.startswith("I-") or before[2:] == tag[2:] or f"B-{tag[2:]}" not in labels
                for tag in labels
            ]
            for before in (*labels, "O")
        ]
    )


def best_tags(scores: Floats, allowed: npt.NDArray[np.bool_], begins: Sequence[bool]) -> list[int]:
    """The most probable of all sequences of tags that are allowed, by Viterbi's algorithm.

    Args:
        scores: probabilities, ``[words, labels]``.
        allowed: from `can_follow`.
        begins: whether a word follows no other, as at the beginning of a text or line.

    Returns:
        For each word the place of its tag.
    """
    greedy = scores.argmax(axis=-1)
    before = np.where(begins, -1, np.roll(greedy, 1))
    if allowed[before, greedy].all():
        return [int(tag) for tag in greedy]
    logs = np.log(scores.clip(np.finfo(np.float32).tiny).astype(np.float64))
    penalties = np.where(allowed, 0.0, -np.inf)
    best = penalties[-1] + logs[0]
    steps = []
    for row, first in zip(logs[1:], begins[1:], strict=True):
        paths = best[:, None] + (penalties[-1] if first else penalties[:-1])
        steps.append(paths.argmax(axis=0))
        best = paths.max(axis=0) + row
    tags = [int(best.argmax())]
    for step in reversed(steps):
        tags.append(int(step[tags[-1]]))
    return tags[::-1]


def runs(tags: Sequence[str], begins: Sequence[bool]) -> Iterator[tuple[str, int, int]]:
    """Type of each entity, its first word and the one after its last; ``begins`` as above."""
    start = 0
    for place, (tag, following) in enumerate(pairwise((*tags, "O")), 1):
        if following != f"I-{tag[2:]}" or begins[place]:
            if tag != "O":
                yield tag[2:], start, place
            start = place
