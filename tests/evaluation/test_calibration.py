"""Calibration against values by hand, and fits that find what was put in."""

from pathlib import Path

import numpy as np
import pytest

from squeezebert.evaluation.calibration import (
    at_temperature,
    expected_calibration_error,
    fit_temperature,
    fit_threshold,
    reliability,
)
from squeezebert.evaluation.pictures import draw_reliability


def test_the_error_is_the_mean_distance_of_confidence_and_accuracy() -> None:
    confidences = [0.95, 0.97, 0.94, 0.96, 0.5, 0.5]
    bins = reliability(confidences, [True, True, True, False, True, False])
    assert [bin_.examples for bin_ in bins] == [2, 4]
    assert [bin_.accuracy for bin_ in bins] == [0.5, 0.75]
    assert [bin_.confidence for bin_ in bins] == pytest.approx([0.5, 0.955])
    assert expected_calibration_error(bins) == pytest.approx(4 * (0.955 - 0.75) / 6)


def test_certainty_is_in_the_last_bin() -> None:
    assert [bin_.examples for bin_ in reliability([1.0, 0.99], [True, True])] == [2]


@pytest.mark.parametrize("temperature", [0.5, 2.5])
def test_the_temperature_that_was_put_in_is_found(temperature: float) -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (20_000, 5))
    odds = np.exp(logits)
    chances = (odds / odds.sum(1, keepdims=True)).cumsum(1)
    true = (random.uniform(size=(len(logits), 1)) > chances).sum(1)
    found = fit_temperature(logits * temperature, true)
    assert found == pytest.approx(temperature, rel=0.05)
    confidences = at_temperature(logits * temperature, found)
    bins = reliability(confidences, logits.argmax(1) == true)
    assert expected_calibration_error(bins) < 0.02


def test_data_that_is_all_right_asks_for_no_temperature_of_zero() -> None:
    assert fit_temperature(np.array([[3.0, 0.0], [0.0, 3.0]]), np.array([0, 1])) >= 0.25


def test_the_threshold_is_between_what_is_in_and_out_of_scope() -> None:
    inside = np.array([0.9, 0.8, 0.7, 0.3])
    right = np.array([True, True, True, False])
    threshold = fit_threshold(inside, right, np.array([0.2, 0.4, 0.5, 0.85]))
    # 0.7 answers 3 rightly and rejects 3; 0.9 would answer 1 and reject all 4.
    assert threshold == 0.7


def test_one_example_out_of_scope_is_not_worth_two_that_are_in_it() -> None:
    inside, right = np.array([0.9, 0.8, 0.7, 0.6]), np.full(4, True)
    assert fit_threshold(inside, right, np.array([0.75])) == 0.6
    assert fit_threshold(inside, right, np.array([0.75] * 3)) == 0.8


def test_few_examples_out_of_scope_count_as_one_in_five() -> None:
    inside, right = np.linspace(0.5, 0.99, 40), np.full(40, True)
    # Rejecting it loses 8 right answers of 40, and it weighs as much as 10.
    assert fit_threshold(inside, right, np.array([0.59])) == pytest.approx(inside[8])
    assert fit_threshold(inside, right, np.array([0.65])) == pytest.approx(inside[0])


def test_the_picture_is_written(tmp_path: Path) -> None:
    draw_reliability(reliability([0.9, 0.4], [True, False]), tmp_path / "picture")
    assert (tmp_path / "picture").read_bytes().startswith(b"\x89PNG")
