"""What an evaluation finds."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from squeezebert.evaluation.calibration import ReliabilityBin

LOWER_IS_BETTER = frozenset({"rmse", "calibration_error", "declined"})

_KEPT = 100  # mistakes


@dataclass(frozen=True, slots=True)
class ClassScores:
    """How well one class is found.

    Attributes:
        label: the class.
        precision: the part of the answers with this label that are right, 0..1.
        recall: the part of the examples with this label that are found, 0..1.
        f1: harmonic mean of the two.
        support: examples with this label.
    """

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Mistake:
    """An example that was answered wrongly; ``number`` is its line or row in the source."""

    number: int
    text: str
    expected: str
    predicted: str


class Mistakes:
    """Counts mistakes and keeps the first, so that memory stays bounded.

    Attributes:
        first: at most 100.
        count: how many there are.
    """

    def __init__(self) -> None:
        self.first: tuple[Mistake, ...] = ()
        self.count = 0

    def add(self, mistake: Mistake) -> None:
        """Takes one more."""
        self.count += 1
        if len(self.first) < _KEPT:
            self.first += (mistake,)


@dataclass(frozen=True, slots=True)
class KindScores:
    """The metrics, 0..1, over the examples of one kind."""

    kind: str
    examples: int
    metrics: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What predictions are worth; the parts that a task doesn't have are empty.

    Attributes:
        metrics: the first is the one to compare models by, in 0..1. Classes have accuracy,
            macro_f1, mcc (-1..1), of two classes f1, that of the second, and calibration_error;
            with examples out of scope, accuracy_in_scope and out_of_scope_recall come first in
            place of accuracy; several labels at once have micro_f1, macro_f1, exact_match and
            best_micro_f1; a regression has pearson, spearman and rmse; similarities have
            spearman and pearson; entities have f1, precision and recall; hidden words have accuracy
            and top_5_accuracy.
        per_class: how well each class is found.
        confusion: counts by true class (rows) and predicted class.
        reliability: how often classes predicted with about the same probability are right.
        per_kind: the metrics of each kind of question.
        fitted: fields of the `TaskSpec`, with the values at which the model does best on these
            examples.
        note: how labels were matched, if not by name.
        mistakes: the first 100 examples answered wrongly.
        wrong: how many there are.
    """

    metrics: dict[str, float]
    per_class: tuple[ClassScores, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    reliability: tuple[ReliabilityBin, ...] = ()
    per_kind: tuple[KindScores, ...] = ()
    fitted: dict[str, Any] = field(default_factory=dict)
    note: str | None = None
    mistakes: tuple[Mistake, ...] = ()
    wrong: int = 0

    @property
    def headline(self) -> str:
        """The name of the metric to compare models by, such as "accuracy"."""
        return next(iter(self.metrics))


@dataclass(frozen=True, kw_only=True)
class Evaluation(Scores):
    """How well a model does on examples.

    Attributes:
        task: what the model is for.
        problem_type: which kind of classification, or None.
        labels: all that the model can answer.
        examples: how many were scored: all there are.
        truncated: how many the model saw only a part of.
        seconds: wall time of tokenising and predicting.
        intervals: lower and upper end of the 95 % confidence interval of metrics, where asked for.
    """

    task: str
    problem_type: str | None
    labels: tuple[str, ...]
    examples: int
    truncated: int
    seconds: float
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain values; an undefined metric is None."""
        values = asdict(self)
        values["metrics"] = {
            name: None if math.isnan(value) else value for name, value in self.metrics.items()
        }
        values["examples_per_second"] = self.examples / self.seconds if self.seconds else None
        return values
