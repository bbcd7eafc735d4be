"""What sets classes, several labels and values apart where they are learnt."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from squeezebert.bundle.heads import ProblemType
from squeezebert.data.labels import (
    LabelSpace,
    Matching,
    as_numbers,
    labels_in,
    match_labels,
    places_of_labels,
)
from squeezebert.errors import InputError
from squeezebert.evaluation.baselines.linear import Loss
from squeezebert.finetune.distil import distillation_losses, distillation_losses_of_labels
from squeezebert.model.heads import IGNORED
from squeezebert.pipelines import Classification, Pipeline
from squeezebert.tokenizer import Item

IMBALANCE = 5
"""The most frequent class over the rarest one, from which on we warn."""

_SMALLEST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Part:
    """Examples for training or for dev.

    Attributes:
        items: texts or pairs.
        targets: class indices int64 or values float32 ``[n]``; where texts have several labels,
            1 or 0 for each, float32 ``[n, labels]``.
        counts: examples of each class by name; empty for regression.
    """

    items: list[Item]
    targets: Tensor
    counts: dict[str, int]


class Examples(NamedTuple):
    """Examples as a file holds them.

    Attributes:
        items: texts or pairs.
        cells: what is there as each item's label.
        source: the file, for messages.
        places: where in it each cell occurs first.
    """

    items: list[Item]
    cells: Sequence[str]
    source: str
    places: Mapping[str, str]


class Problem(ABC):
    """What a type of labels decides; `PROBLEMS` has one for each."""

    loss: Loss
    """What a linear model of these labels minimises."""

    has_classes = False
    """Whether each example has one of several classes, not several labels or a value."""

    @abstractmethod
    def metric(self, part: Part) -> str:
        """Which score selects the best checkpoint, given the training examples."""

    def imbalanced(self, part: Part) -> bool:
        """Whether the most frequent class has over five times the examples of the rarest."""
        return False

    @abstractmethod
    def part(self, examples: Examples, labels: LabelSpace) -> tuple[Part, str | None]:
        """Examples with their targets, and what to tell of how their labels were read.

        Raises:
            DataError: a cell holds what can't be learnt.
        """

    def written(self, cell: str, names: Mapping[str, str]) -> Any:
        """A cell as JSON lines have it, with the labels' names."""
        return names.get(cell, cell)

    def table(self, labels: LabelSpace, train: Part, dev: Part) -> str | None:
        """How often each label occurs, for the reader."""
        width = max(len(name) for name in labels.names)
        lines = [f"{'class':<{width}} {'train':>9} {'dev':>9}"]
        for name in labels.names:
            lines.append(f"{name:<{width}} {train.counts[name]:>9,} {dev.counts[name]:>9,}")
        return "\n".join(lines)

    def unknown(self, items: int, part: Part) -> Tensor:
        """What stands for the targets of items without labels, in the shape of a part's."""
        return torch.full((items, *part.targets.shape[1:]), torch.nan)

    def known(self, targets: Tensor) -> Tensor:
        """Which targets are no `unknown` ones, bool ``[batch]``."""
        return ~targets.flatten(1).isnan().any(1) if targets.ndim > 1 else ~targets.isnan()

    @abstractmethod
    def own_losses(self, logits: Tensor, targets: Tensor) -> Tensor:
        """How far logits ``[batch, labels]`` are from their targets, ``[batch]``."""

    @abstractmethod
    def distillation_losses(self, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        """How far the student's logits ``[batch, labels]`` are from the teacher's, ``[batch]``."""

    @abstractmethod
    def logits(
        self, answers: Sequence[Classification], names: Sequence[str]
    ) -> npt.NDArray[np.float32]:
        """What a teacher's answers say of its logits, ``[answers, names]``."""


class Classes(Problem):
    """One class for each text."""

    loss = "softmax"
    has_classes = True

    def metric(self, part: Part) -> str:
        """Accuracy, or macro F1 if classes are imbalanced."""
        return "macro_f1" if self.imbalanced(part) else "accuracy"

    def imbalanced(self, part: Part) -> bool:
        """Whether the most frequent class has over five times the examples of the rarest."""
        counts = part.counts.values()
        return max(counts) > IMBALANCE * min(counts)

    def part(self, examples: Examples, labels: LabelSpace) -> tuple[Part, str | None]:
        """Examples with the index of each one's class."""
        matching = _matched(examples.places, labels, examples.source)
        targets = torch.tensor([matching.index[cell] for cell in examples.cells])
        found = targets.bincount(minlength=len(labels.names)).tolist()
        counts = dict(zip(labels.names, found, strict=True))
        return Part(examples.items, targets, counts), matching.note

    def unknown(self, items: int, part: Part) -> Tensor:
        """The class that losses leave out."""
        return torch.full((items,), IGNORED)

    def known(self, targets: Tensor) -> Tensor:
        """Which targets are classes."""
        return targets != IGNORED

    def own_losses(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Cross entropies."""
        return F.cross_entropy(logits, targets, reduction="none")

    def distillation_losses(self, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        """The divergences of two distributions over the classes."""
        return distillation_losses(student, teacher, temperature)

    def logits(
        self, answers: Sequence[Classification], names: Sequence[str]
    ) -> npt.NDArray[np.float32]:
        """Logarithms of probabilities: logits, up to a constant for each answer."""
        logits: npt.NDArray[np.float32] = np.log(_scores(answers, names).clip(_SMALLEST))
        return logits


class SeveralLabels(Problem):
    """Any number of labels for each text."""

    loss = "sigmoid"

    def metric(self, part: Part) -> str:
        """Micro F1 at the threshold that fits best."""
        return "best_micro_f1"

    def part(self, examples: Examples, labels: LabelSpace) -> tuple[Part, str | None]:
        """Examples with 1 for each label that they have, and 0 for the others."""
        matching = _matched(places_of_labels(examples.places), labels, examples.source)
        targets = torch.zeros(len(examples.items), len(labels.names))
        for row, cell in zip(targets, examples.cells, strict=True):
            row[[matching.index[label] for label in labels_in(cell)]] = 1
        counts = dict(zip(labels.names, targets.sum(0).int().tolist(), strict=True))
        return Part(examples.items, targets, counts), matching.note

    def written(self, cell: str, names: Mapping[str, str]) -> list[str]:
        """The names of the labels in a cell."""
        return [names[label] for label in labels_in(cell)]

    def table(self, labels: LabelSpace, train: Part, dev: Part) -> str:
        """How often each label occurs, and how many examples have none."""
        without = [int((part.targets.sum(1) == 0).sum()) for part in (train, dev)]
        return (
            f"{super().table(labels, train, dev)}\n{without[0]:,} of the training and "
            f"{without[1]:,} of the dev examples have no label."
        )

    def own_losses(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Binary cross entropies, a text's mean over all labels."""
        return F.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean(-1)

    def distillation_losses(self, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        """Cross entropies, a text's mean over all labels."""
        return distillation_losses_of_labels(student, teacher, temperature)

    def logits(
        self, answers: Sequence[Classification], names: Sequence[str]
    ) -> npt.NDArray[np.float32]:
        """Logarithms of the odds."""
        scores = _scores(answers, names)
        logits: npt.NDArray[np.float32] = np.log(scores.clip(_SMALLEST)) - np.log(
            (1 - scores).clip(_SMALLEST)
        )
        return logits


class Values(Problem):
    """A number for each text."""

    loss = "squares"

    def metric(self, part: Part) -> str:
        """The root mean squared error."""
        return "rmse"

    def part(self, examples: Examples, labels: LabelSpace) -> tuple[Part, str | None]:
        """Examples with their numbers."""
        numbers = as_numbers(examples.cells, examples.source, examples.places)
        return Part(examples.items, torch.tensor(numbers), {}), None

    def table(self, labels: LabelSpace, train: Part, dev: Part) -> None:
        """Nothing: there are no classes."""

    def own_losses(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Squared errors."""
        return (logits[:, 0] - targets).square()

    def distillation_losses(self, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        """Squared errors."""
        return (student - teacher).square()[:, 0]

    def logits(
        self, answers: Sequence[Classification], names: Sequence[str]
    ) -> npt.NDArray[np.float32]:
        """The values themselves."""
        return np.array([[answer.value] for answer in answers], np.float32)


PROBLEMS: Mapping[ProblemType, Problem] = {
    "single_label_classification": Classes(),
    "multi_label_classification": SeveralLabels(),
    "regression": Values(),
}


def _matched(places: Mapping[str, str], labels: LabelSpace, source: str) -> Matching:
    return match_labels(places, labels.names, source, labels.values, places)


def _scores(answers: Sequence[Classification], names: Sequence[str]) -> npt.NDArray[np.float32]:
    return np.array([[answer.scores[name] for name in names] for answer in answers], np.float32)


def teacher_logits(teacher: Pipeline, items: Sequence[Item], labels: LabelSpace) -> Tensor:
    """The teacher's logits for every item, float32 ``[n, labels]``, in the order of ``labels``.

    For classes they are logarithms of its probabilities: logits up to a constant for each item,
    which the softmax of `distillation_losses` ignores at every temperature. For several labels at
    once they are the logarithms of the odds.

    Raises:
        InputError: the teacher was fine-tuned for another problem or other labels.
    """
    check_teacher(teacher, labels)
    return torch.from_numpy(PROBLEMS[labels.problem_type].logits(teacher(items), labels.names))


def check_teacher(teacher: Pipeline, labels: LabelSpace) -> None:
    """Raises InputError unless the teacher predicts these labels."""
    spec = teacher.spec
    if spec.problem_type != labels.problem_type:
        raise InputError(
            f"The teacher is for {spec.problem_type or spec.task}, but the data is for "
            f"{labels.problem_type}. Fine-tune a teacher on this data first."
        )
    if not labels.is_regression and set(spec.labels) != set(labels.names):
        raise InputError(
            f"The teacher's labels are {', '.join(spec.labels)}, but the data's are "
            f"{', '.join(labels.names)}. Fine-tune the teacher on this data, "
            "with the same label names."
        )
