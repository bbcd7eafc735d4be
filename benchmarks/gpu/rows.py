"""Tokenised texts: as arrays back to back, and padded on the device in groups of like length.

The arrays of a data set are, for n texts or pairs with t tokens together,

    ids [t]; lengths [n]; second [n], where the second text begins, or 0
    label [n], a class or -1 for none; number [n], or NaN; span [n, 2], first and last token
    tag [t], -100 where nothing is learnt, -1 where only a teacher knows
    language [n]; told, a teacher's outputs by text or by token; told_more, those of a second one;
    told_states, a teacher's states by text or by token, see `objectives.compared`
"""

from collections.abc import Iterator

import numpy as np
import torch
from benchmarks.gpu.device import DEVICE
from benchmarks.gpu.store import Array, Arrays
from torch import Tensor

TEXT = ("ids", "lengths", "second")
BY_ROW = ("lengths", "second", "label", "number", "span", "language", "told_more")
TOLD = ("told", "told_states")
LENGTHS = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384)
"""What texts are padded to; a graph is recorded for each."""
NOT_LEARNT = -100
UNLABELLED = -1


def count(data: Arrays) -> int:
    """How many texts there are."""
    return len(data["lengths"])


def starts(data: Arrays) -> Array:
    """The first token of every text, and the end of the last."""
    return np.concatenate([[0], np.cumsum(data["lengths"].astype(np.int64))])


def only(data: Arrays, names: tuple[str, ...] = TEXT) -> Arrays:
    """Some of the arrays."""
    return {name: data[name] for name in names}


def take(data: Arrays, rows: Array) -> Arrays:
    """Some of the texts, in the order of ``rows``."""
    first = starts(data)
    ranges = [np.arange(first[row], first[row + 1]) for row in rows]
    tokens = np.concatenate([*ranges, np.zeros(0, np.int64)])
    return {name: value[tokens if by_token(data, name) else rows] for name, value in data.items()}


def head(data: Arrays, rows: int) -> Arrays:
    """The first texts."""
    return take(data, np.arange(min(rows, count(data))))


def joined(*parts: Arrays) -> Arrays:
    """Data sets one after another; all have the arrays of the first."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def by_token(data: Arrays, name: str) -> bool:
    """Whether an array has a row for each token; a teacher's may have one for either."""
    return name not in BY_ROW and (name not in TOLD or len(data[name]) != count(data))


class Rows:
    """Texts on the device, in groups that are padded to the same length.

    Attributes:
        groups: For each length the arrays by name, [texts, ...] or [texts, length, ...], and
            ``row``, the texts' places in the data set.
    """

    def __init__(self, data: Arrays) -> None:
        lengths, first = data["lengths"].astype(np.int64), starts(data)[:-1]
        self.count = len(lengths)
        self.groups: list[dict[str, Tensor]] = []
        for shorter, longest in zip((0, *LENGTHS), LENGTHS, strict=False):
            rows = np.nonzero((lengths > shorter) & (lengths <= longest))[0]
            if not len(rows):
                continue
            places = np.arange(longest)[None]
            inside = places < lengths[rows][:, None]
            tokens = np.where(inside, first[rows][:, None] + places, 0)
            group = {"row": rows}
            for name, value in data.items():
                if by_token(data, name):
                    padding = NOT_LEARNT if name == "tag" else 0
                    outside = ~inside.reshape(*inside.shape, *(1,) * (value.ndim - 1))
                    group[name] = np.where(outside, padding, value[tokens])
                else:
                    group[name] = value[rows]
            self.groups.append({name: _on_device(value) for name, value in group.items()})
        if sum(len(group["row"]) for group in self.groups) != self.count:
            raise ValueError(f"Texts have from 1 to {LENGTHS[-1]} tokens; here is another.")

    def batches(self, size: int) -> int:
        """How many batches an epoch has."""
        return sum(-(-len(group["row"]) // size) for group in self.groups)

    def epoch(self, size: int, random: np.random.Generator) -> list[tuple[int, Tensor]]:
        """Batches in random order: the group, and places in it; the last of a group is filled."""
        batches = []
        for number, group in enumerate(self.groups):
            texts = len(group["row"])
            order = random.permutation(texts)
            if texts % size:
                order = np.concatenate([order, random.integers(0, texts, size - texts % size)])
            places = torch.from_numpy(order).to(DEVICE)
            batches += [(number, part) for part in places.split(size)]
        return [batches[place] for place in random.permutation(len(batches))]

    def parts(self, tokens: int) -> Iterator[dict[str, Tensor]]:
        """All texts in batches of about so many tokens."""
        for group in self.groups:
            length = group["ids"].shape[1]
            size = max(8, min(tokens // length, 4096))
            for start in range(0, len(group["row"]), size):
                yield {name: value[start : start + size] for name, value in group.items()}


def _on_device(value: Array) -> Tensor:
    if value.dtype == np.uint16:  # PyTorch computes little with it
        value = value.astype(np.int32)
    return torch.from_numpy(np.ascontiguousarray(value)).to(DEVICE)
