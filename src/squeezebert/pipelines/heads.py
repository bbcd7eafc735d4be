"""From hidden states to outputs: the small last layers of a model."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from squeezebert.bundle import Tensor
from squeezebert.bundle.tensors import Floats, as_floats
from squeezebert.runtime import Engine, Linear, PackedBatch


class Head(Protocol):
    """A whole model as a pipeline sees it, be it a bundle's or a checkpoint's."""

    def __call__(self, batch: PackedBatch) -> Floats:
        """A row of outputs, float32, for each sequence or, where the task says so, each token."""


class PooledHead:
    """Logits of the first token's hidden state: a dense layer with tanh, then the classifier."""

    def __init__(self, engine: Engine, weights: Mapping[str, Tensor]) -> None:
        self._engine = engine
        self._pooler = _linear("pooler.dense", weights)
        self._classifier = _linear("classifier", weights)

    @staticmethod
    def shapes(hidden: int, labels: int) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor that the head adds to those of the encoder."""
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

    def __init__(self, engine: Engine, weights: Mapping[str, Tensor]) -> None:
        self._engine = engine

    @staticmethod
    def shapes(hidden: int, labels: int) -> dict[str, tuple[int, ...]]:
        """No tensors."""
        return {}

    def __call__(self, batch: PackedBatch) -> Floats:
        """Returns float32 ``[sequences, hidden]``."""
        sums = np.add.reduceat(self._engine.encode(batch), batch.cu_seqlens[:-1], axis=0)
        return np.asarray(sums / batch.lengths[:, None], np.float32)


class TokenHead:
    """Logits of every token's hidden state: the classifier alone."""

    name = "classifier"

    def __init__(self, engine: Engine, weights: Mapping[str, Tensor]) -> None:
        self._engine = engine
        self._classifier = _linear(self.name, weights)

    @staticmethod
    def shapes(hidden: int, labels: int) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor that the head adds to those of the encoder."""
        return {"classifier.weight": (labels, hidden), "classifier.bias": (labels,)}

    def __call__(self, batch: PackedBatch) -> Floats:
        """Returns float32 ``[tokens, labels]``."""
        return self._classifier(self._engine.encode(batch))


class SpanHead(TokenHead):
    """How well each token starts and ends an answer: a start and an end logit for each."""

    name = "qa_outputs"

    @staticmethod
    def shapes(hidden: int, labels: int) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor that the head adds to those of the encoder."""
        return {"qa_outputs.weight": (2, hidden), "qa_outputs.bias": (2,)}


def _linear(name: str, weights: Mapping[str, Tensor]) -> Linear:
    return Linear(as_floats(weights[f"{name}.weight"]), as_floats(weights[f"{name}.bias"]))
