"""What an evaluation finds."""

import math
from dataclasses import asdict, dataclass
from typing import Any

LOWER_IS_BETTER = frozenset({"rmse"})


@dataclass(frozen=True, slots=True)
class ClassScores:
    """How well one class is found; ``support`` counts its examples."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What predictions are worth; the parts that a task doesn't have are empty.

    Attributes:
        metrics: the first is the one to compare models by, in 0..1. Classes have accuracy,
            macro_f1 and mcc (-1..1); a regression has pearson, spearman and rmse; similarities have
            spearman and pearson.
        per_class: how well each class is found.
        confusion: counts by true class (rows) and predicted class.
        note: how labels were matched, if not by name.
    """

    metrics: dict[str, float]
    per_class: tuple[ClassScores, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    note: str | None = None

    @property
    def headline(self) -> str:
        """The name of the metric to compare models by, such as "accuracy"."""
        return next(iter(self.metrics))


@dataclass(frozen=True, kw_only=True)
class Evaluation(Scores):
    """How well a model does on examples.

    Attributes:
        task, problem_type, labels: what the model is for.
        examples: how many were scored: all there are.
        truncated: how many the model saw only a part of.
        seconds: wall time of tokenising and predicting.
    """

    task: str
    problem_type: str | None
    labels: tuple[str, ...]
    examples: int
    truncated: int
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Plain values; an undefined metric is None."""
        values = asdict(self)
        values["metrics"] = {
            name: None if math.isnan(value) else value for name, value in self.metrics.items()
        }
        values["examples_per_second"] = self.examples / self.seconds if self.seconds else None
        return values
