"""What all tasks share that learn from a teacher: its answers, and texts without labels."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

import torch
from torch import Tensor

from squeezebert.tokenizer import Item


class Told(NamedTuple):
    """What a teacher said of items, back to back.

    Attributes:
        values: float32, a row for each item, or for each of its words or tokens.
        rows: how many rows each item has, int64 ``[items]``.
    """

    values: Tensor
    rows: Tensor

    def of(self, places: Sequence[int]) -> "Told":
        """What was said of the items at these places, which may repeat."""
        each = self.values.split(self.rows.tolist())
        chosen = [each[place] for place in places]
        values = torch.cat(chosen) if chosen else self.values[:0]
        return Told(values, self.rows[list(places)])


@dataclass(frozen=True)
class WithUnlabelled(ABC):
    """A task that may learn from texts without labels too, of which its teacher says what they are.

    Attributes:
        unlabelled: texts, or pairs where the task has pairs.
    """

    unlabelled: tuple[Item, ...] = field(default=(), kw_only=True)

    @property
    @abstractmethod
    def items(self) -> Sequence[Item]:
        """What a teacher is asked about: all that is learnt from."""

    @property
    def rows(self) -> Sequence[Item]:
        """What is learnt from, as `evaluate` has the rows of a file."""
        return self.items

    def with_unlabelled(self, items: Sequence[Item]) -> Self:
        """The same with texts that have no labels."""
        return replace(self, unlabelled=tuple(items))
