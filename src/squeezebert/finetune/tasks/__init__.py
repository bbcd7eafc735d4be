"""What each task brings to a fine-tuning: what is learnt of its examples, and how."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

from torch import Tensor

from squeezebert.bundle import Task
from squeezebert.data.tasks import Examples
from squeezebert.errors import InputError
from squeezebert.finetune.defaults import Kind
from squeezebert.finetune.encoding import EncodedExamples
from squeezebert.finetune.held_out import HoldOut
from squeezebert.finetune.settings import Decided
from squeezebert.finetune.tasks.classification import prepare_classification
from squeezebert.finetune.tasks.embedding import prepare_embedding
from squeezebert.finetune.tasks.entities import prepare_entities
from squeezebert.finetune.tasks.question_answering import prepare_question_answering
from squeezebert.finetune.tasks.taught import Told
from squeezebert.pipelines import Pipeline
from squeezebert.tokenizer import Item, Tokenizer


class TrainingTask(Protocol):
    """Training and dev examples, read and checked, and all about them that only the task knows."""

    @property
    def name(self) -> str:
        """The key by which every room knows the task."""

    @property
    def kind(self) -> Kind:
        """What is learnt, as far as the choice of settings goes."""

    @property
    def has_classes(self) -> bool:
        """Whether each example has one of several classes."""

    @property
    def size(self) -> int:
        """How many training examples there are, those without labels included."""

    @property
    def unlabelled(self) -> Sequence[Item]:
        """Texts or pairs of which only a teacher says what they are."""

    def with_unlabelled(self, items: Sequence[Item]) -> Self:
        """The same with texts that have no labels."""

    @property
    def items(self) -> Sequence[Item]:
        """What a teacher is asked about: all that is learnt from."""

    @property
    def rows(self) -> Sequence[Item]:
        """What is learnt from, as `evaluate` has the rows of a file."""

    @property
    def config(self) -> dict[str, Any]:
        """What the model's configuration has to say of its outputs."""

    @property
    def dev(self) -> Examples:
        """The dev examples as `evaluate` takes them."""

    @property
    def held_out(self) -> Path | None:
        """The file with the part held out, if it was."""

    @property
    def metric(self) -> str:
        """Name of the dev metric that selects the best checkpoint."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What to tell the user about the data."""

    @property
    def facts(self) -> dict[str, Any]:
        """What the report says about the data, as JSON has it."""

    @property
    def digest(self) -> str:
        """SHA-256 of all examples with what is learnt of them, in order."""

    def encode(self, tokenizer: Tokenizer, max_length: int) -> EncodedExamples:
        """The training examples as the model reads them."""

    def loss(self, model: Any, batch: dict[str, Tensor], settings: Decided) -> Tensor:
        """The loss of a batch of `encode`; under ``teacher`` it has the teacher's part, if any."""

    def score_of_words(self) -> float | None:
        """What words and letters alone score on the dev data, in the metric of the baseline.

        None where a linear model of them can't answer.
        """

    def check_teacher(self, teacher: Pipeline) -> None:
        """Raises InputError if a teacher is for something else."""

    def asked(self, examples: EncodedExamples) -> dict[str, Any]:
        """What a teacher's answers are, as JSON has it: other answers are of no use."""

    def ask(self, teacher: Pipeline, examples: EncodedExamples, places: Sequence[int]) -> Told:
        """What the teacher says of the items at these places.

        Args:
            examples: as `encode` gave them.

        Raises:
            InputError: the teacher splits texts otherwise than the model does.
        """

    def placed(self, told: Told, examples: EncodedExamples) -> Tensor:
        """What was said of all items, a row for each example or each token of all of them.

        Raises:
            InputError: it is of other tokens than the model's.
        """


Prepare = Callable[[Any, Any, HoldOut, list[str] | None], TrainingTask]


def _refuse(*_: Any) -> TrainingTask:
    raise InputError(
        "Guessing hidden words is learnt from plain text, without labels: by `squeezebert adapt`."
    )


TASKS: Mapping[str, Prepare] = {
    Task.CLASSIFICATION: prepare_classification,
    Task.EMBEDDING: prepare_embedding,
    Task.ENTITIES: prepare_entities,
    Task.QUESTION_ANSWERING: prepare_question_answering,
    Task.FILL_MASK: _refuse,
}
"""From training examples, dev examples or None, how to hold some out then, and class names.

Raises DataError if the examples can't be used, InputError if the class names don't fit.
"""
