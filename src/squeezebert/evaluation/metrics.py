"""Scores of predictions against what is true, from counts or from examples that count often."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from squeezebert.evaluation.bootstrap import Weights
from squeezebert.evaluation.scores import ClassScores

Counts = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


def confusion_matrix(
    true: Any, predicted: Any, classes: int, weights: Weights | None = None
) -> Counts:
    """Counts by true class (rows) and predicted class (columns), int64 ``[classes, classes]``.

    Args:
        true, predicted: class indices ``[n]``.
        weights: how often each example counts; once if not given.
    """
    cells = np.asarray(true) * classes + np.asarray(predicted)
    counts = np.bincount(cells, weights, minlength=classes**2)
    return counts.astype(np.int64).reshape(classes, classes)


def classification_metrics(confusion: Counts) -> dict[str, float]:
    """Accuracy, F1 averaged over the classes that occur, and Matthews' correlation (MCC).

    MCC is that of several classes (Gorodkin 2004, "Comparing two K-category assignments by a
    K-category correlation coefficient"); 0 where one side has but one class.
    """
    right, true, predicted = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    examples = int(confusion.sum())
    spread = (examples**2 - float(true @ true)) * (examples**2 - float(predicted @ predicted))
    covariance = float(right.sum()) * examples - float(true @ predicted)
    occur = (true + predicted) > 0
    return {
        "accuracy": float(right.sum() / examples),
        "macro_f1": float(f1_score(right, predicted, true)[occur].mean()),
        "mcc": covariance / spread**0.5 if spread else 0.0,
    }


def class_scores(
    right: Counts, found: Counts, true: Counts, names: Sequence[str]
) -> tuple[ClassScores, ...]:
    """Precision, recall and F1 of each class.

    Args:
        right, found, true: of each class, how many examples were found rightly, found, and are
            there ``[classes]``.
    """
    scores = zip(
        names,
        quotient(right, found),
        quotient(right, true),
        f1_score(right, found, true),
        true,
        strict=True,
    )
    return tuple(
        ClassScores(name, float(precision), float(recall), float(f1), int(support))
        for name, precision, recall, f1, support in scores
    )


def f1_score(right: Any, found: Any, true: Any) -> Values:
    """F1 from counts; 0 where nothing is found and nothing is there."""
    return quotient(2 * right, found + true)


def quotient(some: Any, of: Any) -> Values:
    """A quotient of counts; 0 where there is nothing to divide by."""
    return np.asarray(some / np.maximum(of, 1))


class Correlations:
    """Pearson's and Spearman's correlation; NaN if all values on one side are the same.

    Args:
        true: numbers ``[n]``.
        predicted: numbers ``[n]``.
    """

    def __init__(self, true: Any, predicted: Any) -> None:
        self._true, self._predicted = (np.asarray(side, np.float64) for side in (true, predicted))
        # The place of each value among the different ones, for their ranks.
        self._true_places, self._predicted_places = (
            np.unique(side, return_inverse=True)[1] for side in (self._true, self._predicted)
        )

    def __call__(self, weights: Weights | None = None) -> dict[str, float]:
        """Of the examples, each counted ``weights`` times, or once."""
        if weights is None:
            weights = np.ones(len(self._true), np.int64)
        if any(np.ptp(side[weights > 0]) == 0 for side in (self._true, self._predicted)):
            return {"pearson": float("nan"), "spearman": float("nan")}
        return {
            "pearson": _pearson(self._true, self._predicted, weights),
            "spearman": _pearson(
                _ranks(self._true_places, weights), _ranks(self._predicted_places, weights), weights
            ),
        }


def _pearson(first: Values, second: Values, weights: Weights) -> float:
    first, second = (side - np.average(side, weights=weights) for side in (first, second))
    variances = (weights @ first**2) * (weights @ second**2)
    return float(weights @ (first * second) / np.sqrt(variances))


def _ranks(places: npt.NDArray[np.intp], weights: Weights) -> Values:
    """The rank of each example among all that count; equal ones share the mean of theirs."""
    counts = np.bincount(places, weights)
    return np.asarray((np.cumsum(counts) - counts / 2)[places])
