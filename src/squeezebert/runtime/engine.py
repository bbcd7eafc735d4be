"""The contract of engines: packed token ids in, hidden states out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from squeezebert.bundle import Architecture
from squeezebert.bundle.tensors import Floats
from squeezebert.errors import InputError

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


def check_batch(batch: PackedBatch, architecture: Architecture) -> None:
    """Refuses what an encoder of this architecture has no embeddings for.

    Raises:
        InputError: as `Engine.encode` says, or the arrays of the batch don't fit together.
    """
    tokens = len(batch.input_ids)
    ends = batch.cu_seqlens[[0, -1]].tolist() if batch.cu_seqlens.size else []
    if ends != [0, tokens] or len(batch.token_type_ids) != tokens:
        raise InputError(
            f"A batch of {tokens} tokens has {len(batch.token_type_ids)} type ids, and its "
            f"cu_seqlens run over {ends}; they must run from 0 to the number of tokens."
        )
    lengths = batch.lengths
    if lengths.size and lengths.min() < 1:
        raise InputError("A sequence of no tokens can't be encoded.")
    if lengths.size and lengths.max() > architecture.max_position_embeddings:
        raise InputError(
            f"A sequence has {lengths.max()} tokens, but the encoder has "
            f"{architecture.max_position_embeddings} positions. Truncate it."
        )
    for ids, size in (
        (batch.input_ids, architecture.vocab_size),
        (batch.token_type_ids, architecture.type_vocab_size),
    ):
        if ids.size and not 0 <= ids.min() <= ids.max() < size:
            raise InputError(
                f"Token or type ids must be in 0..{size - 1}, but there is "
                f"{ids.max() if ids.max() >= size else ids.min()}."
            )
