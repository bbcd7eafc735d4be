"""Scores of classes and of values."""

from array import array

from squeezebert.bundle import TaskSpec
from squeezebert.data.classification import Example, Table
from squeezebert.data.labels import as_numbers, match_labels
from squeezebert.errors import InputError
from squeezebert.evaluation.metrics import (
    class_scores,
    classification_metrics,
    confusion_matrix,
    regression_metrics,
)
from squeezebert.evaluation.scores import Mistake, Mistakes, Scores
from squeezebert.pipelines import Classification


class ClassificationScorer:
    """Keeps two numbers for each example, and the first that a class was wrongly given to.

    Args:
        spec: of the model.
        table: read once, to match its labels to the model's.

    Raises:
        DataError: the table holds empty texts or labels, or labels the model doesn't know.
        InputError: the model gives several labels at once.
    """

    def __init__(self, spec: TaskSpec, table: Table) -> None:
        if spec.problem_type == "multi_label_classification":
            raise InputError(
                "This model gives several labels at once; "
                "evaluation knows one label for each text, or a number."
            )
        found = table.check().labels
        if spec.problem_type == "regression":
            as_numbers(found, table.name)
            self._matching = None
        else:
            self._matching = match_labels(found, spec.labels, table.name, table.known_labels)
        self._names = spec.labels
        self._position = {label: index for index, label in enumerate(spec.labels)}
        self._true, self._predicted = array("d"), array("d")
        self._mistakes = Mistakes()

    def add(self, example: Example, prediction: Classification) -> None:
        """Takes an example and what was predicted for it."""
        if self._matching is None:
            self._true.append(float(example.label))
            self._predicted.append(prediction.score)
        else:
            true, predicted = self._matching.index[example.label], prediction.label
            self._true.append(true)
            self._predicted.append(self._position[predicted])
            if predicted != self._names[true]:
                text = example.text if example.pair is None else f"{example.text} | {example.pair}"
                self._mistakes.add(Mistake(example.number, text, self._names[true], predicted))

    def scores(self) -> Scores:
        """The scores of all examples taken."""
        if self._matching is None:
            return Scores(metrics=regression_metrics(self._true, self._predicted))
        return Scores(
            metrics=classification_metrics(self._true, self._predicted),
            per_class=class_scores(self._true, self._predicted, self._names),
            confusion=confusion_matrix(self._true, self._predicted, len(self._names)),
            note=self._matching.note,
            mistakes=self._mistakes.first,
            wrong=self._mistakes.count,
        )
