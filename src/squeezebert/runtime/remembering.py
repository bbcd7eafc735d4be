"""One pass of an encoder for several heads."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import pairwise
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from squeezebert.bundle.tensors import Floats
from squeezebert.runtime.engine import Engine, Ints, PackedBatch

_TOKENS = 1 << 15
"""That are remembered at most: 48 MB of a width of 384. What is beyond is computed again."""


class RememberingEngine:
    """An engine that encodes a sequence once, however many heads ask for it.

    What is remembered is what would be computed again, to the bit, since a sequence's result does
    not depend on what else is in its batch. Each thread or greenlet remembers for itself, and only
    inside `remember`.

    Args:
        engine: that encodes.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def hidden_size(self) -> int:
        """Width of a hidden state."""
        return self._engine.hidden_size

    @contextmanager
    def remember(self) -> Iterator[None]:
        """Remembers the hidden states of every sequence, until the end of the block."""
        token = _memories.set({**_memories.get(), self: _Memory()})
        try:
            yield
        finally:
            _memories.reset(token)

    def encode(self, batch: PackedBatch) -> Floats:
        """See `squeezebert.runtime.Engine.encode`; the result may be that of an earlier call."""
        memory = _memories.get().get(self)
        if memory is None:
            return self._engine.encode(batch)
        sequences = _sequences(batch)
        keys = [ids.tobytes() + type_ids.tobytes() for ids, type_ids in sequences]
        found = [memory.states.get(key) for key in keys]
        missing = [index for index, states in enumerate(found) if states is None]
        if len(missing) == len(keys):
            encoded = self._engine.encode(batch)
            memory.add(keys, _parts(encoded, batch))
            return encoded
        if missing:
            rest = _packed([sequences[index] for index in missing])
            states = _parts(self._engine.encode(rest), rest)
            memory.add([keys[index] for index in missing], states)
            for index, encoded in zip(missing, states, strict=True):
                found[index] = encoded
        return np.concatenate([states for states in found if states is not None])


class _Memory:
    """Hidden states by the tokens that they are of."""

    def __init__(self) -> None:
        self.states: dict[bytes, Floats] = {}
        self._room = _TOKENS

    def add(self, keys: list[bytes], states: list[Floats]) -> None:
        for key, of_sequence in zip(keys, states, strict=True):
            if len(of_sequence) <= self._room and key not in self.states:
                self.states[key] = of_sequence
                self._room -= len(of_sequence)


_memories: ContextVar[Mapping[RememberingEngine, _Memory]] = ContextVar(
    "memories", default=MappingProxyType({})
)

_Sequence: TypeAlias = tuple[Ints, Ints]


def _sequences(batch: PackedBatch) -> list[_Sequence]:
    """Token ids and type ids of each sequence."""
    spans = pairwise(batch.cu_seqlens.tolist())
    return [(batch.input_ids[a:b], batch.token_type_ids[a:b]) for a, b in spans]


def _parts(states: Floats, batch: PackedBatch) -> list[Floats]:
    """The hidden states of each sequence."""
    return [states[start:end] for start, end in pairwise(batch.cu_seqlens.tolist())]


def _packed(sequences: list[_Sequence]) -> PackedBatch:
    ids, type_ids = zip(*sequences, strict=True)
    ends = np.cumsum([0, *map(len, ids)], dtype=np.int32)
    return PackedBatch(np.concatenate(ids), np.concatenate(type_ids), ends)
