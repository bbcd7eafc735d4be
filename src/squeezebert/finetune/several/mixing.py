"""Examples of several tasks, in batches of one task each."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from squeezebert.finetune.encoding import Collator, EncodedExamples, grouped_by_length

PART = "part"
"""Under which an example and a batch have the place of their task."""


class MixedExamples(Dataset[dict[str, Any]]):
    """The examples of several tasks, one task after the other.

    Args:
        parts: of each task.
        passes: over each task's examples in an epoch, which may be a part of one.
    """

    def __init__(self, parts: Sequence[EncodedExamples], passes: Sequence[float]) -> None:
        self._parts = parts
        self._passes = passes
        self._starts = [0, *accumulate(map(len, parts))]

    def sampler(self, batch_size: int, seed: int) -> "MixedSampler":
        """The order in which they are learnt."""
        lengths = [part.lengths for part in self._parts]
        return MixedSampler(lengths, self._passes, batch_size, seed)

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, index: int) -> dict[str, Any]:
        part = bisect_right(self._starts, index) - 1
        return {**self._parts[part][index - self._starts[part]], PART: part}


class MixedCollator:
    """Makes a batch of examples of one task, whose place is in it."""

    def __init__(self, collate: Collator) -> None:
        self._collate = collate

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Tensor | int]:
        """As `Collator`, with the place of the task."""
        [part] = {example[PART] for example in examples}
        plain = [{name: example[name] for name in example if name != PART} for example in examples]
        return {**self._collate(plain), PART: part}


class MixedSampler(Sampler[int]):
    """An order that falls into batches of one task each, in random order of the tasks.

    All batches are full: each task has as many as come nearest to its passes, at least one. Its
    examples go round and round, in a new order each time; where an epoch ends, the next goes on.
    The order follows from the seed and the epoch alone, so that a resumed epoch repeats it.

    Args:
        lengths: of the examples of each task, in tokens.
        passes: over each task's examples in an epoch.
    """

    def __init__(
        self,
        lengths: Sequence[np.ndarray[Any, Any]],
        passes: Sequence[float],
        batch_size: int,
        seed: int,
    ) -> None:
        self._lengths = lengths
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0
        self.batches = [
            max(1, round(often * len(part) / batch_size))
            for part, often in zip(lengths, passes, strict=True)
        ]

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return sum(self.batches) * self._batch_size

    def __iter__(self) -> Iterator[int]:
        batches: list[np.ndarray[Any, Any]] = []
        start = 0
        for part, lengths in enumerate(self._lengths):
            order = self._turn(part, len(lengths))
            batches += [
                start + each for each in grouped_by_length(order, lengths, self._batch_size)
            ]
            start += len(lengths)
        random = np.random.default_rng((self._seed, self._epoch))
        for position in random.permutation(len(batches)):
            yield from batches[position].tolist()

    def _turn(self, part: int, count: int) -> np.ndarray[Any, Any]:
        """Places of the task's examples that are due in this epoch."""
        due = self.batches[part] * self._batch_size
        first = self._epoch * due
        rounds = range(first // count, (first + due - 1) // count + 1)
        orders = [
            np.random.default_rng((self._seed, part, number)).permutation(count)
            for number in rounds
        ]
        skipped = first - rounds.start * count
        return np.concatenate(orders)[skipped : skipped + due]
