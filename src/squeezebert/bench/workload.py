"""What contenders are given to encode: batches of random tokens of stated lengths."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from squeezebert.errors import InputError
from squeezebert.runtime import PackedBatch

Workload: TypeAlias = list[list[int]]
"""The lengths of the sequences of each batch."""

_LONGEST = 512


@dataclass(frozen=True, slots=True)
class Shape:
    """A batch of equally long sequences, written like "8x128"."""

    batch: int
    length: int

    @classmethod
    def parse(cls, text: str) -> "Shape":
        """Reads "8x128".

        Raises:
            InputError: it is no such text, or a sequence would be longer than 512 tokens.
        """
        written = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
        if written is None or int(written[2]) > _LONGEST:
            raise InputError(
                f"{text!r} is no shape of a batch. Write sequences x tokens, such as 8x128, of at "
                f"most {_LONGEST} tokens."
            )
        return cls(int(written[1]), int(written[2]))

    def __str__(self) -> str:
        return f"{self.batch}x{self.length}"

    @property
    def workload(self) -> Workload:
        return [[self.length] * self.batch]


def as_they_come(lengths: Sequence[int], batch_size: int) -> Workload:
    """Batches in the order of the texts."""
    return [list(lengths[i : i + batch_size]) for i in range(0, len(lengths), batch_size)]


def sorted_by_length(lengths: Sequence[int], batch_size: int) -> Workload:
    """Batches of similar lengths, which need the least padding."""
    return as_they_come(sorted(lengths), batch_size)


def packed(workload: Workload, vocab_size: int) -> list[PackedBatch]:
    """Random tokens without padding."""
    random = np.random.default_rng(0)
    return [
        PackedBatch.from_encodings(
            (random.integers(0, vocab_size, length).tolist(), [0] * length) for length in batch
        )
        for batch in workload
    ]


def padded(
    workload: Workload, vocab_size: int
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Random tokens and their attention mask, each ``[sequences, longest]``, for each batch."""
    random = np.random.default_rng(0)
    batches = []
    for batch in workload:
        mask = np.arange(max(batch)) < np.array(batch)[:, None]
        ids = random.integers(0, vocab_size, mask.shape) * mask
        batches.append((ids, mask.astype(np.int64)))
    return batches
