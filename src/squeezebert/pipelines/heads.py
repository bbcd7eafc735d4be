"""From hidden states to outputs: the small last layers of a model."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from squeezebert.bundle import Architecture, TaskSpec, Tensor
from squeezebert.bundle.architecture import WORDS
from squeezebert.bundle.tensors import Floats, as_floats
from squeezebert.runtime import Engine, Linear, PackedBatch
from squeezebert.runtime.activations import gelu

_GUESSING = "cls.predictions"
"""What the names of the tensors begin with that guess hidden words."""


class Head(Protocol):
    """A whole model as a pipeline sees it, be it a bundle's or a checkpoint's."""

    def __call__(self, batch: PackedBatch) -> Floats:
        """A row of outputs, float32, for each sequence or, where the task says so, each token."""


class PooledHead:
    """Logits of the first token's hidden state: a dense layer with tanh, then the classifier."""

    def __init__(self, engine: Engine, weights: Mapping[str, Tensor], *_: object) -> None:
        self._engine = engine
        self._pooler = _linear("pooler.dense", weights)
        self._classifier = _linear("classifier", weights)

    @staticmethod
    def shapes(architecture: Architecture, labels: int) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor that the head adds to those of the encoder."""
        hidden = architecture.hidden_size
        return {
            "pooler.dense.weight": (hidden, hidden),
            "pooler.dense.bias": (hidden,),
            "classifier.weight": (labels, hidden),
            "classifier.bias": (labels,),
        }

    def __call__(self, batch: PackedBatch) -> Floats:
        """Returns float32 ``[sequences, labels]``."""
        first = self._engine.encode(batch)[batch.cu_seqlens[:-1]]
        return self._classifier(np.tanh(self._pooler(first)))


class MeanHead:
    """The mean of a sequence's hidden states, special tokens included; it has no weights."""

    def __init__(self, engine: Engine, weights: Mapping[str, Tensor], *_: object) -> None:
        self._engine = engine

    @staticmethod
    def shapes(architecture: Architecture, labels: int) -> dict[str, tuple[int, ...]]:
        """No tensors."""
        return {}

    def __call__(self, batch: PackedBatch) -> Floats:
        """Returns float32 ``[sequences, hidden]``."""
        sums = np.add.reduceat(self._engine.encode(batch), batch.cu_seqlens[:-1], axis=0)
        return np.asarray(sums / batch.lengths[:, None], np.float32)


class TokenHead:
    """Logits of every token's hidden state: the classifier alone."""

    name = "classifier"

    def __init__(self, engine: Engine, weights: Mapping[str, Tensor], *_: object) -> None:
        self._engine = engine
        self._classifier = _linear(self.name, weights)

    @staticmethod
    def shapes(architecture: Architecture, labels: int) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor that the head adds to those of the encoder."""
        return {
            "classifier.weight": (labels, architecture.hidden_size),
            "classifier.bias": (labels,),
        }

    def __call__(self, batch: PackedBatch) -> Floats:
        """Returns float32 ``[tokens, labels]``."""
        return self._classifier(self._engine.encode(batch))


class SpanHead(TokenHead):
    """How well each token starts and ends an answer: a start and an end logit for each."""

    name = "qa_outputs"

    @staticmethod
    def shapes(architecture: Architecture, labels: int) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor that the head adds to those of the encoder."""
        return {"qa_outputs.weight": (2, architecture.hidden_size), "qa_outputs.bias": (2,)}


class MaskedWordHead:
    """Logits of every word of the vocabulary, for each token that hides one.

    A dense layer with GELU and a layer norm, then the table of word embeddings itself as the last
    layer (Press and Wolf 2017, arXiv 1608.05859), so that it adds little to a bundle. The table is
    kept as floats here: 4 bytes a value.
    """

    def __init__(
        self,
        engine: Engine,
        weights: Mapping[str, Tensor],
        architecture: Architecture,
        spec: TaskSpec,
    ) -> None:
        self._engine = engine
        self._mask = spec.mask
        self._eps = np.float32(architecture.layer_norm_eps)
        self._dense = _linear(f"{_GUESSING}.transform.dense", weights)
        self._norm_weight, self._norm_bias = (
            as_floats(weights[f"{_GUESSING}.transform.LayerNorm.{part}"])
            for part in ("weight", "bias")
        )
        self._words = Linear(as_floats(weights[WORDS]), as_floats(weights[f"{_GUESSING}.bias"]))

    @staticmethod
    def shapes(architecture: Architecture, labels: int) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor that the head adds to those of the encoder, or shares."""
        hidden, words = architecture.hidden_size, architecture.vocab_size
        return {
            WORDS: (words, hidden),
            f"{_GUESSING}.transform.dense.weight": (hidden, hidden),
            f"{_GUESSING}.transform.dense.bias": (hidden,),
            f"{_GUESSING}.transform.LayerNorm.weight": (hidden,),
            f"{_GUESSING}.transform.LayerNorm.bias": (hidden,),
            f"{_GUESSING}.bias": (words,),
        }

    def __call__(self, batch: PackedBatch) -> Floats:
        """Returns float32 ``[hidden tokens, vocabulary]``."""
        states = self._engine.encode(batch)[batch.input_ids == self._mask]
        states = self._dense(states)
        gelu(states)
        states -= states.mean(axis=1, keepdims=True)
        variances = np.square(states).mean(axis=1, keepdims=True)
        states /= np.sqrt(variances + self._eps)
        return self._words(states * self._norm_weight + self._norm_bias)


def _linear(name: str, weights: Mapping[str, Tensor]) -> Linear:
    return Linear(as_floats(weights[f"{name}.weight"]), as_floats(weights[f"{name}.bias"]))
