"""The contract of engines: packed token ids in, hidden states out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float32]
Ints: TypeAlias = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class PackedBatch:
    """All tokens of a batch back to back, without padding.

    Attributes:
        input_ids: int32 ``[tokens]``.
        token_type_ids: int32 ``[tokens]``.
        cu_seqlens: int32 ``[sequences + 1]``; sequence ``i`` is
            ``cu_seqlens[i]:cu_seqlens[i + 1]``.
    """

    input_ids: Ints
    token_type_ids: Ints
    cu_seqlens: Ints

    @classmethod
    def from_encodings(
        cls, encodings: Iterable[tuple[Sequence[int], Sequence[int]]]
    ) -> "PackedBatch":
        """Packs sequences, each given as its token ids and its token type ids."""
        ids: list[int] = []
        type_ids: list[int] = []
        ends = [0]
        for sequence_ids, sequence_type_ids in encodings:
            ids += sequence_ids
            type_ids += sequence_type_ids
            ends.append(len(ids))
        return cls(np.array(ids, np.int32), np.array(type_ids, np.int32), np.array(ends, np.int32))

    @property
    def lengths(self) -> Ints:
        """Tokens of each sequence, int32 ``[sequences]``."""
        return np.diff(self.cu_seqlens)


class Engine(Protocol):
    """Runs an encoder."""

    @property
    def hidden_size(self) -> int:
        """Width of a hidden state."""

    def encode(self, batch: PackedBatch) -> Floats:
        """The last hidden state of every token, ``[tokens, hidden_size]``.

        A sequence's result does not depend on what else is in the batch.

        Raises:
            InputError: a sequence is empty, longer than the encoder has positions, or holds ids
                that its vocabulary does not.
        """
