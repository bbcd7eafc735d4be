"""What each task brings to a checkpoint: the class of its model and what its outputs mean."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, stack
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)

from squeezebert.bundle import Task, TaskSpec
from squeezebert.bundle.heads import ProblemType
from squeezebert.model.roles import name_mask
from squeezebert.model.sentence_transformers import check_mean_pooling, mean_of_tokens


@dataclass(frozen=True, slots=True)
class ModelKind:
    """How transformers has the models of a task.

    Attributes:
        name: what such a model is called.
        auto: the Auto class that builds one of any architecture.
        suffix: the end of the names of its classes.
        rows: from the output of a padded batch and the tokens asked for, bool ``[B, S]``, to a row
            for each sequence or token, in the order of the packed batch.
        spec: what a configuration says of the outputs, given the longest input in tokens.
        complete: adds to a configuration what other files of its folder say; raises CheckpointError
            if they ask for more than the model.
    """

    name: str
    auto: Any
    suffix: str
    rows: Callable[[Any, Tensor], Tensor]
    spec: Callable[[Any, int], TaskSpec]
    complete: Callable[[Any, Path], None] = lambda config, folder: None


def _classification_spec(config: Any, max_length: int) -> TaskSpec:
    problem_type: ProblemType | None = config.problem_type
    if problem_type is None:
        problem_type = "regression" if config.num_labels == 1 else "single_label_classification"
    return TaskSpec(
        task="classification",
        labels=_labels(config),
        problem_type=problem_type,
        max_length=max_length,
        inputs=getattr(config, "inputs", None),  # `squeezebert train` writes it
    )


def _labels(config: Any) -> tuple[str, ...]:
    return tuple(config.id2label[index] for index in range(config.num_labels))


MODELS: Mapping[str, ModelKind] = {
    Task.CLASSIFICATION: ModelKind(
        name="sequence classifier",
        auto=AutoModelForSequenceClassification,
        suffix="ForSequenceClassification",
        rows=lambda output, mask: output.logits,
        spec=_classification_spec,
    ),
    Task.EMBEDDING: ModelKind(
        name="plain encoder",
        auto=AutoModel,
        suffix="Model",
        rows=lambda output, mask: mean_of_tokens(output.last_hidden_state, mask),
        spec=lambda config, max_length: TaskSpec(task="embedding", max_length=max_length),
        complete=lambda config, folder: check_mean_pooling(folder),
    ),
    Task.ENTITIES: ModelKind(
        name="token classifier",
        auto=AutoModelForTokenClassification,
        suffix="ForTokenClassification",
        rows=lambda output, mask: output.logits[mask],
        spec=lambda config, max_length: TaskSpec(
            task="entities", labels=_labels(config), max_length=max_length
        ),
    ),
    Task.QUESTION_ANSWERING: ModelKind(
        name="question answerer",
        auto=AutoModelForQuestionAnswering,
        suffix="ForQuestionAnswering",
        rows=lambda output, mask: stack((output.start_logits, output.end_logits), dim=-1)[mask],
        spec=lambda config, max_length: TaskSpec(task="question-answering", max_length=max_length),
    ),
    Task.FILL_MASK: ModelKind(
        name="guesser of hidden words",
        auto=AutoModelForMaskedLM,
        suffix="ForMaskedLM",
        rows=lambda output, asked: output.logits[asked],
        spec=lambda config, max_length: TaskSpec(
            task="fill-mask", max_length=max_length, mask=config.mask_token_id
        ),
        complete=name_mask,
    ),
}
