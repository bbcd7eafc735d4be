"""Scores of classes and of values."""

from array import array

import numpy as np
import numpy.typing as npt

from squeezebert.bundle import OUT_OF_SCOPE, TaskSpec
from squeezebert.bundle.tensors import Floats
from squeezebert.data.classification import Example, Table
from squeezebert.data.labels import as_numbers, match_labels
from squeezebert.errors import DataError
from squeezebert.evaluation.calibration import (
    at_temperature,
    expected_calibration_error,
    fit_temperature,
    fit_threshold,
    reliability,
)
from squeezebert.evaluation.metrics import (
    class_scores,
    classification_metrics,
    confusion_matrix,
    regression_metrics,
)
from squeezebert.evaluation.multi_label import MultiLabelScorer
from squeezebert.evaluation.scores import Mistake, Mistakes, Scores
from squeezebert.pipelines import Classification

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

    def add(self, example: Example, prediction: Classification) -> None:
        """Takes an example and what was predicted for it."""
        self._true.append(float(example.label))
        self._predicted.append(prediction.score)

    def scores(self) -> Scores:
        """The scores of all examples taken."""
        return Scores(metrics=regression_metrics(self._true, self._predicted))


class ClassScorer:
    """Keeps the probabilities of each example, and the first that got a wrong class.

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
        self._probabilities = array("f")
        self._mistakes = Mistakes()

    def add(self, example: Example, prediction: Classification) -> None:
        """Takes an example and what was predicted for it."""
        outside = self._has_outside and example.label == OUT_OF_SCOPE
        label = OUT_OF_SCOPE if outside else self._names[self._matching.index[example.label]]
        self._true.append(self._position[label])
        self._predicted.append(self._position[prediction.label])
        self._probabilities.extend(prediction.scores.values())
        if prediction.label != label:
            self._mistakes.add(Mistake(example.number, example.shown, label, prediction.label))

    def scores(self) -> Scores:
        """The scores of all examples taken."""
        true, predicted = np.asarray(self._true), np.asarray(self._predicted)
        metrics = classification_metrics(true, predicted)
        inside = true < len(self._spec.labels)
        if self._has_outside:
            del metrics["accuracy"]
            metrics = {
                "accuracy_in_scope": float((true == predicted)[inside].mean()),
                "out_of_scope_recall": float((true == predicted)[~inside].mean()),
            } | metrics
        probabilities = np.asarray(self._probabilities).reshape(len(true), -1)
        bins = reliability(
            probabilities[inside].max(1), probabilities[inside].argmax(1) == true[inside]
        )
        per_class = class_scores(true, predicted, self._names)
        if len(per_class) == 2:
            metrics["f1"] = per_class[1].f1
        return Scores(
            metrics=metrics | {"calibration_error": expected_calibration_error(bins)},
            per_class=per_class,
            confusion=confusion_matrix(true, predicted, len(self._names)),
            reliability=bins,
            fitted=self._fitted(probabilities, true),
            note=self._matching.note,
            mistakes=self._mistakes.first,
            wrong=self._mistakes.count,
        )

    def _fitted(self, probabilities: Floats, true: npt.NDArray[np.int64]) -> dict[str, float]:
        """The temperature, and with examples out of scope the threshold, that fit them best."""
        inside = true < len(self._spec.labels)
        logits = np.log(probabilities.clip(_SMALLEST))
        further = fit_temperature(logits[inside], true[inside])
        fitted = {"temperature": self._spec.temperature * further}
        if self._has_outside:
            confidences = at_temperature(logits, further)
            right = logits[inside].argmax(1) == true[inside]
            fitted["threshold"] = fit_threshold(confidences[inside], right, confidences[~inside])
        return fitted
