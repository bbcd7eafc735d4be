"""Runs a SqueezeBERT in PyTorch behind the contract of engines."""

from typing import cast

import numpy as np
import torch
from torch import Tensor

from squeezebert.bundle.tensors import Floats
from squeezebert.errors import InputError
from squeezebert.model.encoder import SqueezeBertModel
from squeezebert.runtime.engine import PackedBatch


class TorchEngine:
    """An `Engine` over a float encoder, which it puts into evaluation mode."""

    def __init__(self, model: SqueezeBertModel) -> None:
        self._model = model.eval()

    @property
    def hidden_size(self) -> int:
        """Width of a hidden state."""
        return cast(int, self._model.config.hidden_size)

    @torch.inference_mode()
    def encode(self, batch: PackedBatch) -> Floats:
        """The last hidden state of every token, ``[tokens, hidden_size]``.

        Raises:
            InputError: a sequence is empty, longer than the encoder has positions, or holds ids
                that its vocabulary does not.
        """
        config = self._model.config
        check_lengths(batch, config.max_position_embeddings)
        for name, ids, size in (
            ("token", batch.input_ids, config.vocab_size),
            ("token type", batch.token_type_ids, config.type_vocab_size),
        ):
            if len(ids) and not 0 <= ids.min() <= ids.max() < size:
                raise InputError(
                    f"A {name} id is outside 0..{size - 1}. Use the model's tokenizer."
                )
        if not len(batch.input_ids):
            return np.empty((0, self.hidden_size), np.float32)
        input_ids, token_type_ids, attention_mask = (
            tensor.to(self._model.device) for tensor in pad(batch, config.pad_token_id or 0)
        )
        hidden: Tensor = self._model(input_ids, attention_mask, token_type_ids).last_hidden_state
        # Rows of the mask in order are the packed tokens in order.
        return hidden[attention_mask.bool()].float().numpy(force=True)


def check_lengths(batch: PackedBatch, limit: int) -> None:
    """Refuses sequences without tokens or with more than ``limit``.

    Raises:
        InputError: naming the sequence and its length.
    """
    for index, length in enumerate(batch.lengths):
        if not 0 < length <= limit:
            raise InputError(f"Sequence {index} has {length} tokens; 1 to {limit} can be encoded.")


def pad(
    batch: PackedBatch, pad_token_id: int, longest: int | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Token ids, token type ids and attention mask, each int64 ``[sequences, longest]``.

    Args:
        longest: what to pad to, if not to the longest sequence.
    """
    lengths = batch.lengths
    mask = np.arange(longest or lengths.max()) < lengths[:, None]
    ids = np.full(mask.shape, pad_token_id, np.int64)
    ids[mask] = batch.input_ids
    type_ids = np.zeros(mask.shape, np.int64)
    type_ids[mask] = batch.token_type_ids
    return (
        torch.from_numpy(ids),
        torch.from_numpy(type_ids),
        torch.from_numpy(mask.astype(np.int64)),
    )
