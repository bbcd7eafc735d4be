"""An encoder of any family as a probe uses it: vectors for texts, or for their words.

Batches are padded to one of a few lengths: few shapes keep a processor busy.
"""

import copy
import inspect
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModel, PreTrainedModel

from squeezebert.errors import CheckpointError
from squeezebert.finetune.start import save_tokenizer
from squeezebert.model.checkpoint import longest_input
from squeezebert.model.compact import find_checkpoint
from squeezebert.model.engine import pad
from squeezebert.probe.data import ProbeExample
from squeezebert.runtime import PackedBatch
from squeezebert.tokenizer import Encoding, Tokenizer
from squeezebert.training.predictor import without_progress_bars

LENGTHS = (16, 24, 32, 48, 64, 96, 128)
BATCH = 32


class Encoded(NamedTuple):
    """An example as token ids.

    Attributes:
        second: the first token of the second text of a pair; None for a single text.
        positions: of each word's first token, -1 for words without one; None without words.
        truncated: whether tokens were cut.
    """

    ids: list[int]
    types: list[int]
    second: int | None
    positions: list[int] | None
    truncated: bool


@dataclass(frozen=True)
class ProbeEncoder:
    """An encoder without dropout; its word embeddings stay as they are.

    Attributes:
        longest: tokens that an example is cut to.
    """

    model: PreTrainedModel
    tokenizer: Tokenizer
    longest: int

    def fresh(self) -> "ProbeEncoder":
        """A copy to fine-tune."""
        return replace(self, model=copy.deepcopy(self.model))

    def encode(self, examples: Sequence[ProbeExample]) -> list[Encoded]:
        """Tokenises examples."""
        encodings = self.tokenizer.encode_batch([e.item for e in examples], self.longest)
        return [
            Encoded(
                encoding.ids,
                encoding.type_ids,
                None if isinstance(example.item, str) else _second(encoding),
                None if example.starts is None else _first_tokens(encoding, example.starts),
                encoding.truncated,
            )
            for example, encoding in zip(examples, encodings, strict=True)
        ]

    def vectors(self, batch: Sequence[Encoded]) -> Tensor:
        """Vectors [n, width] of what is classified.

        Of a text, the mean u over its tokens, as wide as the hidden states. Of a pair, which the
        model reads as one sequence, the means u and v over either text's tokens, joined with
        |u - v| and u * v (Conneau et al. 2017, "Supervised Learning of Universal Sentence
        Representations", section 3.1). Of each word of a text, its first token; of a word without
        one, the text's first token.
        """
        length = padded_length(max(len(encoded.ids) for encoded in batch))
        packed = PackedBatch.from_encodings((encoded.ids, encoded.types) for encoded in batch)
        ids, types, mask = pad(packed, self.model.config.pad_token_id or 0, length)
        inputs = {"input_ids": ids, "attention_mask": mask}
        if "token_type_ids" in inspect.signature(self.model.forward).parameters:
            inputs["token_type_ids"] = types
        hidden: Tensor = self.model(**inputs).last_hidden_state
        is_token = mask.bool()
        if batch[0].second is not None:
            second = torch.tensor([encoded.second for encoded in batch])
            is_second = torch.arange(length) >= second.unsqueeze(1)
            u, v = _mean(hidden, is_token & ~is_second), _mean(hidden, is_token & is_second)
            return torch.cat((u, v, (u - v).abs(), u * v), dim=-1)
        if batch[0].positions is None:
            return _mean(hidden, is_token)
        rows = [row for row, encoded in enumerate(batch) for _ in encoded.positions or ()]
        columns = [max(place, 0) for encoded in batch for place in encoded.positions or ()]
        return hidden[rows, columns]


def load_encoder(checkpoint: str) -> ProbeEncoder:
    """Loads an encoder of any family, any head left out.

    Args:
        checkpoint: a built-in checkpoint's name, a Hugging Face folder or a hub id.

    Raises:
        CheckpointError: it can't be loaded.
    """
    try:
        with without_progress_bars():
            loaded = AutoModel.from_pretrained(find_checkpoint(checkpoint), dtype=torch.float32)
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{checkpoint} can't be loaded as an encoder: {error}") from error
    # Evaluation mode during training too: students and teachers differ in the dropout they ask for.
    model = cast(PreTrainedModel, loaded.eval())
    model.get_input_embeddings().requires_grad_(False)
    with TemporaryDirectory() as folder:
        save_tokenizer(checkpoint, folder)
        tokenizer = Tokenizer.from_file(Path(folder) / "tokenizer.json")
    return ProbeEncoder(model, tokenizer, min(LENGTHS[-1], longest_input(model)))


def padded_length(tokens: int) -> int:
    """The least of the lengths that batches have with room for ``tokens``."""
    return next(length for length in LENGTHS if tokens <= length)


def batches(
    examples: Sequence[Encoded], random: np.random.Generator | None = None
) -> Iterator[list[int]]:
    """Yields indices of up to `BATCH` examples that are padded to the same length.

    Args:
        random: draws another order each time; None goes by length.
    """
    order = np.arange(len(examples)) if random is None else random.permutation(len(examples))
    alike: dict[int, list[int]] = {length: [] for length in LENGTHS}
    for index in order.tolist():
        alike[padded_length(len(examples[index].ids))].append(index)
    parts = [
        group[start : start + BATCH]
        for group in alike.values()
        for start in range(0, len(group), BATCH)
    ]
    if random is not None:
        random.shuffle(parts)
    yield from parts


def _mean(hidden: Tensor, chosen: Tensor) -> Tensor:
    """The mean [batch, hidden] of hidden states [batch, length, hidden] where ``chosen``."""
    weights = chosen.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1)


def _second(encoding: Encoding) -> int:
    """Where the second text begins: after the first mark that follows the one at the start."""
    marks = (i for i, (first, after) in enumerate(encoding.offsets) if i and first == after)
    return next(marks) + 1


def _first_tokens(encoding: Encoding, starts: Sequence[int]) -> list[int]:
    """The first token of each word that begins at one of ``starts``; -1 if it has none."""
    positions = [-1] * len(starts)
    for position, (first, after) in enumerate(encoding.offsets):
        if after > first:  # special tokens cover nothing
            word = bisect_right(starts, first) - 1
            if positions[word] < 0:
                positions[word] = position
    return positions
