"""Scores of predictions against what is true."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn import metrics as sklearn_metrics

from squeezebert.evaluation.scores import ClassScores


def classification_metrics(true: Any, predicted: Any) -> dict[str, float]:
    """Accuracy, F1 averaged over the classes that occur, and Matthews' correlation (MCC).

    Args:
        true: class indices ``[n]``.
        predicted: class indices ``[n]``.
    """
    return {
        "accuracy": float(sklearn_metrics.accuracy_score(true, predicted)),
        "macro_f1": float(
            sklearn_metrics.f1_score(true, predicted, average="macro", zero_division=0)
        ),
        "mcc": float(sklearn_metrics.matthews_corrcoef(true, predicted)),
    }


def class_scores(true: Any, predicted: Any, names: Sequence[str]) -> tuple[ClassScores, ...]:
    """Precision, recall and F1 of each class; arguments as in `classification_metrics`."""
    precision, recall, f1, support = sklearn_metrics.precision_recall_fscore_support(
        true, predicted, labels=range(len(names)), zero_division=0
    )
    return tuple(
        ClassScores(name, float(p), float(r), float(f), int(n))
        for name, p, r, f, n in zip(names, precision, recall, f1, support, strict=True)
    )


def confusion_matrix(true: Any, predicted: Any, classes: int) -> tuple[tuple[int, ...], ...]:
    """Counts by true class (rows) and predicted class (columns), ``[classes, classes]``."""
    matrix = sklearn_metrics.confusion_matrix(true, predicted, labels=range(classes))
    return tuple(tuple(row) for row in matrix.tolist())


def regression_metrics(true: Any, predicted: Any) -> dict[str, float]:
    """`correlations` and the root mean squared error; arguments as there."""
    errors = np.asarray(true, np.float64) - np.asarray(predicted, np.float64)
    return correlations(true, predicted) | {"rmse": float(np.sqrt(np.mean(errors**2)))}


def correlations(true: Any, predicted: Any) -> dict[str, float]:
    """Pearson's and Spearman's correlation; NaN if all values on one side are the same.

    Args:
        true: numbers ``[n]``.
        predicted: numbers ``[n]``.
    """
    from scipy import stats

    true, predicted = np.asarray(true, np.float64), np.asarray(predicted, np.float64)
    if np.ptp(true) == 0 or np.ptp(predicted) == 0:
        return {"pearson": float("nan"), "spearman": float("nan")}
    return {
        "pearson": float(stats.pearsonr(true, predicted).statistic),
        "spearman": float(stats.spearmanr(true, predicted).statistic),
    }
