"""Figures, goals, the page and the pictures of a run, on figures made up here."""

from pathlib import Path
from typing import Any

import pytest

from squeezebert.bench.energy import Prices
from squeezebert.bench.goals import GOALS, goals_as_json, ratios
from squeezebert.bench.pictures import draw, read_accuracies
from squeezebert.bench.report import document, goals_table
from squeezebert.bench.results import (
    Figure,
    Latency,
    Results,
    Throughput,
    best_over_ours,
    percentiles,
)
from squeezebert.errors import DataError

HEAD = "name,model,metric,score,megabytes,data\n"


def latency(model: str, engine: str, ours: bool, p50: float, group: str = "minilm") -> Latency:
    return Latency(group, "1x32", model, engine, ours, 2, "", p50, p50, p50, 9)


@pytest.fixture
def report() -> dict[str, Any]:
    """A run as `squeezebert.bench.run.run` returns it."""
    results = Results(problems=["minilm in openvino int8: it broke"])
    results.latencies = [
        latency("mini", "native int8", True, 2.0),
        latency("mini", "native fp32", True, 4.0),
        latency("minilm", "onnxruntime fp32", False, 9.0),
        latency("minilm", "openvino fp32", False, 5.0),
        latency("mini", "native int8", True, 2.0, group="lengths"),
    ]
    joules, grams, how = Prices().of(None, 10)
    results.throughputs = [
        Throughput("minilm", "sst2", "mini", "native int8", True, "", 8, 900.0, True, joules,
                   grams, how),
        Throughput("minilm", "sst2", "minilm", "torch eager", False, "", 8, 9.0, False, None, None,
                   ""),
    ]  # fmt: skip
    figure = best_over_ours("minilm_best_over_ours_1x32", results.latencies)
    assert figure is not None
    results.note(figure)
    results.note(Figure("cold_start_seconds", 0.3))
    results.note(Figure("peak_memory_megabytes", 90.0))
    results.note(Figure("odd", 1.0))
    return {
        "argv": ["/usr/bin/squeezebert", "bench", "--quick"],
        "machine": {
            "processor": "some", "cores": 2, "instruction_sets": ["avx2"], "memory_gb": 8,
            "load_average": [0.1, 0.1, 0.1], "system": "Linux", "python": "3.11",
        },
        "versions": {"numpy": "2"},
        "settings": {"threads": 2, "grams_per_kwh": 400.0},
        "seconds": {"threads": 20.0, "peak memory": 10.0},
        "model": {
            "name": "mini", "parameters": 1000, "bundle_bytes": 2_000_000,
            "gflops_by_length": {16: 0.1}, "gflops_of_bert_at_128": 3.0,
        },
        "ratios": ratios(results.figures),
        "goals": goals_as_json(results.figures),
        **results.as_json(),
    }  # fmt: skip


def test_percentiles_are_plain_milliseconds() -> None:
    found = percentiles([n / 1000 for n in range(101)])
    assert found == (50.0, 90.0, 99.0)
    assert all(type(value) is float for value in found)  # as JSON needs


def test_the_best_of_each_side_are_compared(report: dict[str, Any]) -> None:
    assert report["ratios"]["minilm_best_over_ours_1x32"] == 2.5
    goal = next(goal for goal in report["goals"] if goal["key"] == "minilm_best_over_ours_1x32")
    assert (goal["ours"], goal["peer"]) == ("mini in native int8", "minilm in openvino fp32")
    assert best_over_ours("x", [latency("mini", "native int8", True, 2.0)]) is None


def test_ratios_hold_every_goal_measured_or_not(report: dict[str, Any]) -> None:
    assert report["ratios"].keys() == {goal.key for goal in GOALS} | {"odd"}
    assert report["ratios"]["thread_scaling_8x128"] is None


def test_goals_are_reached_from_the_right_side(report: dict[str, Any]) -> None:
    met = {goal["key"]: goal["met"] for goal in report["goals"]}
    assert met["minilm_best_over_ours_1x32"] is True
    assert met["cold_start_seconds"] is False
    assert met["peak_memory_megabytes"] is True
    assert met["thread_scaling_8x128"] is None
    lines = goals_table(report).splitlines()
    assert len(lines) == 2 + len(GOALS)
    cold = next(line for line in lines if "cold start of" in line)
    assert cold.startswith("| cold start of `squeezebert predict` | 0.3 s | ≤ 0.25 s | **no** |")


def test_the_page_holds_all_figures_and_what_is_missing(report: dict[str, Any]) -> None:
    page = document(report, [Path("images/one.png")])
    assert "`squeezebert bench --quick`" in page
    assert "| took | 0.5 minutes |" in page
    assert "![one](images/one.png)" in page
    assert "| 1x32 | minilm | openvino fp32 | 2 | 5.00 |" in page
    assert "900.0 |" in page
    assert "9.0 (trial)" in page
    assert "estimated: processor seconds" in page
    assert "- minilm in openvino int8: it broke" in page


def test_pictures_are_drawn(report: dict[str, Any], tmp_path: Path) -> None:
    scores = tmp_path / "scores.csv"
    scores.write_text(HEAD + "squeezed,mini,accuracy,87.3,15.8,SST-2\n")
    drawn = draw(report, tmp_path / "images", scores)
    assert len(drawn) == 2
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in drawn)


def test_scores_that_cant_be_used_are_refused(report: dict[str, Any], tmp_path: Path) -> None:
    scores = tmp_path / "scores.csv"
    for text in ("name,score\na,1\n", HEAD + "a,mini,accuracy,high,15,SST-2\n"):
        scores.write_text(text)
        with pytest.raises(DataError, match="must be a csv file with the columns"):
            read_accuracies(scores)
    scores.write_text(HEAD + "a,base,accuracy,88,50,SST-2\n")
    with pytest.raises(DataError, match="no time for 'base' at 1x32"):
        draw(report, tmp_path / "images", scores)
    with pytest.raises(DataError, match="can't be read"):
        read_accuracies(tmp_path / "gone.csv")
