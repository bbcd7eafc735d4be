"""Metrics, also of examples that count several times, against scikit-learn and SciPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sklearn

from squeezebert.evaluation.metrics import (
    Correlations,
    class_scores,
    classification_metrics,
    confusion_matrix,
)

CLASSES = 4
classes = st.integers(0, CLASSES - 1)
counts = st.integers(0, 3)


@settings(deadline=None)
@given(st.lists(st.tuples(classes, classes, counts), min_size=1))
def test_scores_of_classes_are_those_of_scikit_learn(rows: list[tuple[int, int, int]]) -> None:
    rows.append((0, 1, 1))  # at least one counts
    true, predicted, weights = map(np.array, zip(*rows, strict=True))
    confusion = confusion_matrix(true, predicted, CLASSES, weights)
    true, predicted = np.repeat(true, weights), np.repeat(predicted, weights)
    assert (confusion == sklearn.confusion_matrix(true, predicted, labels=range(CLASSES))).all()
    assert classification_metrics(confusion) == pytest.approx(
        {
            "accuracy": sklearn.accuracy_score(true, predicted),
            "macro_f1": sklearn.f1_score(true, predicted, average="macro", zero_division=0),
            "mcc": sklearn.matthews_corrcoef(true, predicted),
        },
        abs=1e-12,
    )
    ours = class_scores(confusion.diagonal(), confusion.sum(0), confusion.sum(1), "abcd")
    theirs = sklearn.precision_recall_fscore_support(
        true, predicted, labels=range(CLASSES), zero_division=0
    )
    for column, name in zip(theirs, ("precision", "recall", "f1", "support"), strict=True):
        assert [getattr(one, name) for one in ours] == pytest.approx(column)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9), counts)))
def test_correlations_are_those_of_scipy(rows: list[tuple[int, int, int]]) -> None:
    rows += [(0, 1, 1), (1, 0, 1)]  # not all the same
    true, predicted, weights = map(np.array, zip(*rows, strict=True))
    found = Correlations(true, predicted)(weights)
    true, predicted = np.repeat(true, weights), np.repeat(predicted, weights)
    assert found["pearson"] == pytest.approx(stats.pearsonr(true, predicted).statistic)
    assert found["spearman"] == pytest.approx(stats.spearmanr(true, predicted).statistic)


def test_a_correlation_with_a_constant_is_undefined() -> None:
    weights = np.array([1, 1, 0])
    assert np.isnan([*Correlations([1, 2, 3], [5, 5, 6])(weights).values()]).all()
