"""Tokenised examples, and batches of about equal lengths padded no further than they need."""

import hashlib
import inspect
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset, Sampler
from transformers import PreTrainedModel

from squeezebert.model.engine import pad
from squeezebert.model.heads import IGNORED
from squeezebert.runtime import PackedBatch
from squeezebert.tokenizer import Encoding, Item, Tokenizer

_ENCODED_AT_ONCE = 4096
_BATCHES_PER_POOL = 50  # within a pool of so many random batches, examples are sorted by length


def encode(tokenizer: Tokenizer, items: Sequence[Item], max_length: int) -> Iterator[Encoding]:
    """Encodes many items, some at a time."""
    for start in range(0, len(items), _ENCODED_AT_ONCE):
        yield from tokenizer.encode_batch(items[start : start + _ENCODED_AT_ONCE], max_length)


class EncodedExamples(Dataset[dict[str, Any]]):
    """Token ids, token types and what is learnt of them.

    Args:
        encodings: one for each example.
        targets: by the name of an argument of the model; see `add`.

    Attributes:
        truncated: how many examples were cut.
        lengths: int64 ``[n]``, in tokens.
    """

    def __init__(self, encodings: Iterable[Encoding], **targets: Tensor) -> None:
        self.truncated = 0
        self._ids: list[np.ndarray[Any, Any]] = []
        self._type_ids: list[np.ndarray[Any, Any]] = []
        for encoding in encodings:
            self._ids.append(np.array(encoding.ids, np.int32))
            self._type_ids.append(np.array(encoding.type_ids, np.int8))
            self.truncated += encoding.truncated
        self.lengths = np.array([len(ids) for ids in self._ids])
        self._targets: dict[str, Tensor | tuple[Tensor, ...]] = {}
        for name, target in targets.items():
            self.add(name, target)

    def add(self, name: str, target: Tensor) -> None:
        """Adds something to learn: a row for each example, or for each token of all of them."""
        by_token = len(target) != len(self)
        self._targets[name] = target.split(self.lengths.tolist()) if by_token else target

    @property
    def digest(self) -> str:
        """SHA-256 of all token ids, in order."""
        digest = hashlib.sha256(self.lengths.tobytes())
        for ids in self._ids:
            digest.update(ids.tobytes())
        return digest.hexdigest()

    def sampler(self, batch_size: int, seed: int) -> "LengthGroupedSampler":
        """The order in which they are learnt."""
        return LengthGroupedSampler(self.lengths, batch_size, seed)

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, index: int) -> dict[str, Any]:
        targets = {name: target[index] for name, target in self._targets.items()}
        return {
            "input_ids": self._ids[index],
            "token_type_ids": self._type_ids[index],
            **targets,
        }


class Collator:
    """Pads examples to the longest of their batch.

    Args:
        pad_id: the token id that pads.
        with_types: whether the model takes token types.
    """

    def __init__(self, pad_id: int, with_types: bool) -> None:
        self._pad_id = pad_id
        self._with_types = with_types

    @classmethod
    def of(cls, model: PreTrainedModel) -> Self:
        """For a model."""
        takes = inspect.signature(model.forward).parameters
        return cls(model.config.pad_token_id or 0, "token_type_ids" in takes)

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Returns input_ids, attention_mask and token_type_ids int64 ``[batch, length]``, targets.

        A target by token is padded with -100, the class id that a loss ignores.
        """
        packed = PackedBatch.from_encodings(
            (example["input_ids"].tolist(), example["token_type_ids"].tolist())
            for example in examples
        )
        ids, types, mask = pad(packed, self._pad_id)
        batch = {"input_ids": ids, "attention_mask": mask}
        if self._with_types:
            batch["token_type_ids"] = types
        for name in examples[0].keys() - {"input_ids", "token_type_ids"}:
            targets = [example[name] for example in examples]
            batch[name] = (
                pad_sequence(targets, batch_first=True, padding_value=IGNORED)
                if targets[0].ndim
                else torch.stack(targets)
            )
        return batch


class LengthGroupedSampler(Sampler[int]):
    """Random order in which neighbours have about equal lengths.

    The order follows from the seed and the epoch alone, so that a resumed epoch repeats it;
    transformers' own sampler draws it from the global random state, which a checkpoint in the
    middle of an epoch no longer has.
    """

    def __init__(self, lengths: np.ndarray[Any, Any], batch_size: int, seed: int) -> None:
        self._lengths = lengths
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng((self._seed, self._epoch))
        order = random.permutation(len(self._lengths))
        batches = grouped_by_length(order, self._lengths, self._batch_size)
        # A short batch stays last: the trainer cuts the order into batches again.
        full = [batch for batch in batches if len(batch) == self._batch_size]
        short = [batch for batch in batches if len(batch) < self._batch_size]
        for position in random.permutation(len(full)):
            yield from full[position].tolist()
        for batch in short:
            yield from batch.tolist()


def grouped_by_length(
    order: np.ndarray[Any, Any], lengths: np.ndarray[Any, Any], batch_size: int
) -> list[np.ndarray[Any, Any]]:
    """Cuts an order into batches of about equal lengths.

    Args:
        order: places of examples, int64 ``[n]``; only near places change.
        lengths: of all examples, in tokens.
    """
    pool = batch_size * _BATCHES_PER_POOL
    batches: list[np.ndarray[Any, Any]] = []
    for start in range(0, len(order), pool):
        part = order[start : start + pool]
        part = part[np.argsort(lengths[part], kind="stable")]
        batches += [part[i : i + batch_size] for i in range(0, len(part), batch_size)]
    return batches
