"""Scores of classes and of values."""

from array import array
from functools import cached_property

import numpy as np
import numpy.typing as npt

from squeezebert.bundle import OUT_OF_SCOPE, TaskSpec
from squeezebert.data.labels import as_numbers, match_labels
from squeezebert.data.tasks.classification import LabelledText, Table
from squeezebert.errors import DataError
from squeezebert.evaluation.bootstrap import Weights
from squeezebert.evaluation.calibration import (
    at_temperature,
    expected_calibration_error,
    fit_temperature,
    fit_threshold,
    reliability,
)
from squeezebert.evaluation.metrics import (
    Correlations,
    Counts,
    class_scores,
    classification_metrics,
    confusion_matrix,
    f1_score,
)
from squeezebert.evaluation.sample import Sample
from squeezebert.evaluation.scores import Mistake, Mistakes, Scores
from squeezebert.evaluation.tasks.multi_label import MultiLabelScorer
from squeezebert.pipelines import Classification

_FITTED_TO = 20_000  # examples, drawn at random; those of CLINC150's 150 intents take 12 MB
_SMALLEST = float(np.finfo(np.float32).tiny)


def classification_scorer(
    spec: TaskSpec, table: Table
) -> "ClassScorer | MultiLabelScorer | ValueScorer":
    """The scorer for a model's problem type.

    Raises:
        DataError: the table holds empty texts or labels, or labels the model doesn't know.
    """
    if spec.problem_type == "regression":
        return ValueScorer(table)
    if spec.problem_type == "multi_label_classification":
        return MultiLabelScorer(spec, table)
    return ClassScorer(spec, table)


class ValueScorer:
    """Keeps two numbers for each example.

    Args:
        table: read once, to check its values.

    Raises:
        DataError: the table holds empty texts, or labels that are no numbers.
    """

    def __init__(self, table: Table) -> None:
        summary = table.check()
        as_numbers(summary.labels, table.name, summary.places)
        self._true, self._predicted = array("d"), array("d")

    def add(self, example: LabelledText, prediction: Classification) -> None:
        """Takes an example and what was predicted for it."""
        self._true.append(float(example.label))
        self._predicted.append(prediction.score)

    def metrics(self, weights: Weights | None = None) -> dict[str, float]:
        """Correlations, and the root mean squared error."""
        error = np.average(self._squared_errors, weights=weights) ** 0.5
        return self._correlations(weights) | {"rmse": float(error)}

    def scores(self) -> Scores:
        """The scores of all examples taken."""
        return Scores(metrics=self.metrics())

    @cached_property
    def _correlations(self) -> Correlations:
        return Correlations(self._true, self._predicted)

    @cached_property
    def _squared_errors(self) -> npt.NDArray[np.float64]:
        errors: npt.NDArray[np.float64] = np.asarray(self._true) - np.asarray(self._predicted)
        return errors**2


class ClassScorer:
    """Keeps four numbers for each example, all probabilities of some, and the first mistakes.

    Examples labelled "out_of_scope", if there are any, should be rejected by the model's
    threshold. They count as one more class, and by its recall; accuracy and calibration are those
    of the examples in scope.

    Args:
        spec: of the model.
        table: read once, to match its labels to the model's.

    Raises:
        DataError: the table holds empty texts or labels, labels the model doesn't know, or
            nothing that is in scope.
    """

    def __init__(self, spec: TaskSpec, table: Table) -> None:
        summary = table.check()
        found = summary.labels
        self._has_outside = OUT_OF_SCOPE in found and OUT_OF_SCOPE not in spec.labels
        inside = found.keys() - {OUT_OF_SCOPE} if self._has_outside else found
        if not inside:
            raise DataError(
                f"{table.name}: every example is out of scope. Examples of the model's labels are "
                "needed too."
            )
        self._matching = match_labels(
            inside, spec.labels, table.name, table.known_labels, summary.places
        )
        self._spec = spec
        self._names = spec.labels
        if self._has_outside or spec.threshold is not None:
            self._names += (OUT_OF_SCOPE,)
        self._position = {label: index for index, label in enumerate(self._names)}
        self._true, self._predicted = array("q"), array("q")
        # Of the most probable label: its probability, and whether it is right.
        self._confidences, self._right = array("f"), array("b")
        self._probabilities = Sample(_FITTED_TO)
        self._mistakes = Mistakes()

    def add(self, example: LabelledText, prediction: Classification) -> None:
        """Takes an example and what was predicted for it."""
        outside = self._has_outside and example.label == OUT_OF_SCOPE
        label = OUT_OF_SCOPE if outside else self._names[self._matching.index[example.label]]
        self._true.append(self._position[label])
        self._predicted.append(self._position[prediction.label])
        most_probable = max(prediction.scores, key=prediction.scores.__getitem__)
        self._confidences.append(prediction.scores[most_probable])
        self._right.append(most_probable == label)
        self._probabilities.add(prediction.scores.values())
        if prediction.label != label:
            self._mistakes.add(Mistake(example.number, example.shown, label, prediction.label))

    def metrics(self, weights: Weights | None = None) -> dict[str, float]:
        """Accuracy, or that in scope and the recall out of it; macro F1, MCC, F1 of two classes."""
        confusion = self._confusion(weights)
        metrics = classification_metrics(confusion)
        right, found, true = confusion.diagonal(), confusion.sum(0), confusion.sum(1)
        if self._has_outside:
            del metrics["accuracy"]
            metrics = {
                "accuracy_in_scope": _part(right[:-1], true[:-1]),
                "out_of_scope_recall": _part(right[-1:], true[-1:]),
            } | metrics
        if len(self._names) == 2:
            metrics["f1"] = float(f1_score(right, found, true)[1])
        return metrics

    def scores(self) -> Scores:
        """The scores of all examples taken."""
        inside = np.asarray(self._true) < len(self._spec.labels)
        bins = reliability(
            np.asarray(self._confidences)[inside], np.asarray(self._right, bool)[inside]
        )
        confusion = self._confusion()
        return Scores(
            metrics=self.metrics() | {"calibration_error": expected_calibration_error(bins)},
            per_class=class_scores(
                confusion.diagonal(), confusion.sum(0), confusion.sum(1), self._names
            ),
            confusion=tuple(map(tuple, confusion.tolist())),
            reliability=bins,
            fitted=self._fitted(),
            note=self._matching.note,
            mistakes=self._mistakes.first,
            wrong=self._mistakes.count,
        )

    def _confusion(self, weights: Weights | None = None) -> Counts:
        true, predicted = np.asarray(self._true), np.asarray(self._predicted)
        return confusion_matrix(true, predicted, len(self._names), weights)

    def _fitted(self) -> dict[str, float]:
        """The temperature, and with examples out of scope the threshold, that fit them best."""
        true = np.asarray(self._true)[self._probabilities.places]
        inside = true < len(self._spec.labels)
        logits = np.log(self._probabilities.rows.clip(_SMALLEST))
        further = fit_temperature(logits[inside], true[inside])
        fitted = {"temperature": self._spec.temperature * further}
        if self._has_outside:
            confidences = at_temperature(logits, further)
            right = logits[inside].argmax(1) == true[inside]
            fitted["threshold"] = fit_threshold(confidences[inside], right, confidences[~inside])
        return fitted


def _part(right: Counts, true: Counts) -> float:
    """How many of some classes' examples are right; NaN where there are none."""
    return float(right.sum() / true.sum()) if true.any() else float("nan")
