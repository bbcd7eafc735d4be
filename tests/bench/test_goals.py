"""Which goals a run reaches, on figures made up here."""

from collections.abc import Mapping

import pytest

from squeezebert.bench.goals import GOALS, goals_as_json, ratios
from squeezebert.bench.results import Figure
from squeezebert.bundle import Architecture
from squeezebert.bundle.costs import shape_named

OURS, PEER = "ours in native int8", "theirs in openvino int8"
FIGURES = {
    figure.key: figure
    for figure in (
        Figure("bert_base_best_over_ours_1x128", 4.5, OURS, PEER),
        Figure("squeezebert_best_over_ours_1x128", 2.4, OURS, PEER),
        Figure("minilm_best_over_ours_1x32", 2.5, OURS, PEER),
        Figure("cold_start_seconds", 0.3, "squeezebert predict --model sentiment"),
        Figure("peak_memory_megabytes", 90.0, OURS),
        Figure("odd", 1.0),
    )
}


def shape(name: str) -> Architecture:
    architecture = shape_named(name)
    assert architecture is not None
    return architecture


def met(ours: str) -> Mapping[str, bool | None]:
    return {goal["key"]: goal["met"] for goal in goals_as_json(FIGURES, shape(ours))}


@pytest.mark.parametrize("ours", ["base", "mini"])
def test_ratios_hold_every_goal_measured_or_not(ours: str) -> None:
    found = ratios(FIGURES, shape(ours))
    assert list(found) == [*(goal.key for goal in GOALS), "odd"]
    assert found["thread_scaling_8x128"] is None
    assert found["minilm_best_over_ours_1x32"] == 2.5


def test_goals_are_reached_from_the_right_side() -> None:
    reached = met("base")
    assert reached["bert_base_best_over_ours_1x128"] is True
    assert reached["squeezebert_best_over_ours_1x128"] is False
    assert reached["peak_memory_megabytes"] is True
    assert reached["thread_scaling_8x128"] is None


@pytest.mark.parametrize("ours", ["mini", "12x384", "6x768"])
def test_only_the_base_shape_can_reach_goals_of_the_base_shape(ours: str) -> None:
    assert met("12x768") == met("base")
    reached = met(ours)
    assert reached["bert_base_best_over_ours_1x128"] is None
    assert reached["squeezebert_best_over_ours_1x128"] is None
    assert reached["peak_memory_megabytes"] is None
    assert reached["minilm_best_over_ours_1x32"] is True
    found = ratios(FIGURES, shape(ours))
    assert found["bert_base_best_over_ours_1x128"] is None
    assert found["peak_memory_megabytes"] == 90  # worth knowing all the same


def test_an_aim_is_no_floor() -> None:
    cold = next(
        goal
        for goal in goals_as_json(FIGURES, shape("base"))
        if goal["key"] == "cold_start_seconds"
    )
    assert (cold["value"], cold["floor"], cold["aim"], cold["met"]) == (0.3, None, 0.25, None)
