"""What each task brings to run: its head and its pipeline."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from squeezebert.bundle import Architecture, Task, TaskSpec, Tensor
from squeezebert.pipelines.classification import Classifier
from squeezebert.pipelines.embedding import Embedder
from squeezebert.pipelines.entities import EntityFinder
from squeezebert.pipelines.heads import (
    Head,
    MaskedWordHead,
    MeanHead,
    PooledHead,
    SpanHead,
    TokenHead,
)
from squeezebert.pipelines.hidden_words import WordGuesser
from squeezebert.pipelines.question_answering import QuestionAnswerer
from squeezebert.runtime import Engine
from squeezebert.tokenizer import Item, Tokenizer


class Pipeline(Protocol):
    """Items in, one prediction for each out, in order.

    A prediction is a frozen dataclass of the task's own. Of all of them it is asked that
    ``truncated`` says whether the model saw only a part of the item, and ``blank`` whether a text
    of it has no word that the model knows.
    """

    @property
    def spec(self) -> TaskSpec:
        """What the model is for."""

    def __call__(self, items: Sequence[Item]) -> list[Any]:
        """Predicts every item.

        Raises:
            InputError: an item can't be used; the message names its index.
        """


class TaskPipeline(Pipeline, Protocol):
    """The pipeline of a task, over a head."""

    def __init__(self, tokenizer: Tokenizer, head: Head, spec: TaskSpec) -> None: ...

    @staticmethod
    def takes(spec: TaskSpec, item: Item) -> bool:
        """Whether a model is for such an item: a text, or a pair of texts."""


class BundleHead(Head, Protocol):
    """A head over an engine, with the weights of a bundle."""

    def __init__(
        self,
        engine: Engine,
        weights: Mapping[str, Tensor],
        architecture: Architecture,
        spec: TaskSpec,
    ) -> None: ...

    @staticmethod
    def shapes(architecture: Architecture, labels: int) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor that the head adds to those of the encoder, or shares."""


HEADS: Mapping[str, type[BundleHead]] = {
    Task.CLASSIFICATION: PooledHead,
    Task.EMBEDDING: MeanHead,
    Task.ENTITIES: TokenHead,
    Task.QUESTION_ANSWERING: SpanHead,
    Task.FILL_MASK: MaskedWordHead,
}

PIPELINES: Mapping[str, type[TaskPipeline]] = {
    Task.CLASSIFICATION: Classifier,
    Task.EMBEDDING: Embedder,
    Task.ENTITIES: EntityFinder,
    Task.QUESTION_ANSWERING: QuestionAnswerer,
    Task.FILL_MASK: WordGuesser,
}
