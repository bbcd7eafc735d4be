"""Confidence intervals: as wide as they should be, and for every task."""

import numpy as np
import pytest

from squeezebert.evaluation.bootstrap import Weights, intervals, resampled
from squeezebert.evaluation.metrics import Correlations


def test_the_interval_of_a_mean_is_about_two_standard_errors_wide() -> None:
    right = np.arange(400) % 10 < 8

    def metrics(weights: Weights) -> dict[str, float]:
        assert weights.sum() == 400
        return {"accuracy": float(weights @ right / 400), "undefined": float("nan")}

    found = intervals(resampled(metrics, 400), {})
    error = (0.8 * 0.2 / 400) ** 0.5
    assert found == {"accuracy": pytest.approx((0.8 - 1.96 * error, 0.8 + 1.96 * error), abs=4e-3)}
    assert intervals(resampled(metrics, 400), {}) == found, "the same data, the same interval"


def test_resamples_without_a_value_do_not_count() -> None:
    def metrics(weights: Weights) -> dict[str, float]:
        return {"first": 1.0 if weights[0] else float("nan")}

    assert intervals(resampled(metrics, 3), {}) == {"first": (1.0, 1.0)}


def test_the_interval_holds_the_value_where_ties_of_resamples_alter_it() -> None:
    true = np.arange(100)
    correlations = Correlations(true, true ^ 1)  # neighbours are swapped
    value = correlations()["spearman"]
    drawn = resampled(correlations, len(true))
    low, high = np.quantile(drawn["spearman"], (0.025, 0.975))
    assert value > high
    assert intervals(drawn, {"spearman": value})["spearman"] == (low, value)
