"""The one function that scores anything that predicts, be it a bundle or a checkpoint."""

import math
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from squeezebert.data.classification import Table
from squeezebert.data.labels import as_numbers, match_labels
from squeezebert.errors import InputError
from squeezebert.evaluation.metrics import (
    ClassScores,
    class_scores,
    classification_metrics,
    confusion_matrix,
    regression_metrics,
)
from squeezebert.pipelines import Classifier

_EXAMPLES_AT_ONCE = 1024


@dataclass(frozen=True)
class Evaluation:
    """How well a model does on a table.

    Attributes:
        problem_type: "single_label_classification" or "regression".
        labels: the model's classes; one name for regression.
        examples: how many were scored: all of the table's.
        truncated: how many the model saw only a part of.
        seconds: wall time of tokenising and predicting.
        metrics: accuracy, macro_f1 and mcc in 0..1 (mcc -1..1); for regression pearson, spearman
            and rmse.
        per_class: empty for regression.
        confusion: counts by true class (rows) and predicted class; empty for regression.
        note: how labels were matched, if not by name.
    """

    problem_type: str
    labels: tuple[str, ...]
    examples: int
    truncated: int
    seconds: float
    metrics: dict[str, float]
    per_class: tuple[ClassScores, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    note: str | None = None

    @property
    def headline(self) -> str:
        """The name of the metric to compare models by: "accuracy" or "pearson"."""
        return next(iter(self.metrics))

    def as_json(self) -> dict[str, Any]:
        """Plain values; an undefined metric is None."""
        values = asdict(self)
        values["metrics"] = {
            name: None if math.isnan(value) else value for name, value in self.metrics.items()
        }
        values["examples_per_second"] = self.examples / self.seconds if self.seconds else None
        return values


def evaluate(
    predictor: Classifier,
    table: Table,
    *,
    known_labels: Sequence[str] = (),
    advance: Callable[[int], None] = lambda examples: None,
) -> Evaluation:
    """Scores a predictor on every example of a table.

    The table is read twice: for its labels, and to predict; texts are never all in memory.

    Args:
        predictor: from `load_predictor`.
        known_labels: what the table may hold for each class besides its name.
        advance: told how many more examples are done.

    Raises:
        DataError: the table holds empty texts or labels, or labels the model doesn't know.
        InputError: the predictor is for several labels at once.
    """
    if predictor.problem_type == "multi_label_classification":
        raise InputError(
            "This model gives several labels at once; "
            "evaluation knows one label for each text, or a number."
        )
    found = table.check().labels
    regression = predictor.problem_type == "regression"
    if regression:
        as_numbers(found, table.name)
        matching = None
    else:
        matching = match_labels(found, predictor.labels, table.name, known_labels)
    position = {label: index for index, label in enumerate(predictor.labels)}

    true, predicted, truncated, seconds = array("d"), array("d"), 0, 0.0
    examples = iter(table)
    while chunk := list(islice(examples, _EXAMPLES_AT_ONCE)):
        start = time.perf_counter()
        answers = predictor([example.item for example in chunk])
        seconds += time.perf_counter() - start
        for example, answer in zip(chunk, answers, strict=True):
            if matching is None:
                true.append(float(example.label))
                predicted.append(answer.score)
            else:
                true.append(matching.index[example.label])
                predicted.append(position[answer.label])
            truncated += answer.truncated
        advance(len(chunk))

    common: dict[str, Any] = {
        "problem_type": predictor.problem_type,
        "labels": tuple(predictor.labels),
        "examples": len(true),
        "truncated": truncated,
        "seconds": seconds,
    }
    if matching is None:
        return Evaluation(**common, metrics=regression_metrics(true, predicted))
    return Evaluation(
        **common,
        metrics=classification_metrics(true, predicted),
        per_class=class_scores(true, predicted, predictor.labels),
        confusion=confusion_matrix(true, predicted, len(predictor.labels)),
        note=matching.note,
    )
