"""Figures, the page and the pictures of a run, on figures made up here."""

from pathlib import Path
from typing import Any

import pytest

from squeezebert.bench.goals import GOALS, goals_as_json, ratios
from squeezebert.bench.pictures import _accuracy, draw, read_accuracies
from squeezebert.bench.report import document, goals_table
from squeezebert.bench.results import (
    Figure,
    Latency,
    Results,
    Throughput,
    best_over_ours,
    by_key,
    percentiles,
)
from squeezebert.bundle import Architecture
from squeezebert.errors import DataError
from squeezebert.training.energy import Prices

HEAD = "name,model,engine,metric,score,megabytes,data\n"
TIMED = {("mini", "1x32"), ("minilm", "1x32")}


def latency(model: str, engine: str, ours: bool, p50: float, group: str = "minilm") -> Latency:
    return Latency(group, "1x32", model, engine, ours, 2, "", p50, None, None, 9)


@pytest.fixture
def report(tiny_architecture: Architecture) -> dict[str, Any]:
    """A run as `squeezebert.bench.run.run` returns it."""
    latencies = (
        latency("mini", "native int8", True, 2.0),
        latency("mini", "native fp32", True, 4.0),
        latency("minilm", "onnxruntime fp32", False, 9.0),
        latency("minilm", "openvino fp32", False, 5.0),
        latency("mini", "native int8", True, 2.0, group="lengths"),
    )
    joules, grams, how = Prices().estimate(None, 10)
    throughputs = (
        Throughput("minilm", "sst2", "mini", "native int8", True, "", 8, 900.0, True, joules,
                   grams, how),
        Throughput("minilm", "sst2", "minilm", "torch eager", False, "", 8, 9.0, False, None, None,
                   ""),
    )  # fmt: skip
    best = best_over_ours("minilm_best_over_ours_1x32", latencies)
    figures = best | by_key(Figure("cold_start_seconds", 0.3))
    problems = ("minilm in openvino int8: it broke",)
    results = Results(latencies, throughputs, figures, problems=problems)
    return {
        "argv": ["/usr/bin/squeezebert", "bench", "--quick"],
        "machine": {
            "processor": "some", "cores": 2, "instruction_sets": ["avx2"], "memory_gb": 8,
            "load_average": [0.1, 0.1, 0.1], "system": "Linux", "python": "3.11",
        },
        "versions": {"numpy": "2"},
        "settings": {"threads": 2, "grams_per_kwh": 400.0, "texts": {"sst2": 32}},
        "seconds": {"threads": 20.0, "peak memory": 10.0},
        "model": {
            "name": "mini", "parameters": 1000, "bundle_bytes": 2_000_000,
            "gflops_by_length": {16: 0.1}, "gflops_of_bert_at_128": 3.0,
        },
        "ratios": ratios(results.figures, tiny_architecture),
        "goals": goals_as_json(results.figures, tiny_architecture),
        **results.as_json(),
    }  # fmt: skip


def test_percentiles_are_plain_milliseconds() -> None:
    found = percentiles([n / 1000 for n in range(101)])
    assert found == (50.0, 90.0, 99.0)
    assert all(type(value) is float for value in found)  # as JSON needs


def test_few_runs_have_no_high_percentiles() -> None:
    assert None not in percentiles([0.001] * 100)
    assert percentiles([0.001] * 99) == (1.0, 1.0, None)
    assert percentiles([0.001] * 10) == (1.0, 1.0, None)
    assert percentiles([0.001] * 9) == (1.0, None, None)


def test_the_best_of_each_side_are_compared(report: dict[str, Any]) -> None:
    assert report["ratios"]["minilm_best_over_ours_1x32"] == 2.5
    goal = next(goal for goal in report["goals"] if goal["key"] == "minilm_best_over_ours_1x32")
    assert (goal["ours"], goal["peer"]) == ("mini in native int8", "minilm in openvino fp32")
    assert best_over_ours("x", [latency("mini", "native int8", True, 2.0)]) == {}


def test_the_table_has_a_line_for_each_goal_and_tells_aims_from_floors(
    report: dict[str, Any],
) -> None:
    lines = goals_table(report).splitlines()
    assert len(lines) == 2 + len(GOALS)
    mini = next(line for line in lines if "MiniLM" in line)
    assert "| 2.5x | ≥ 2x | yes |" in mini
    cold = next(line for line in lines if "cold start of" in line)
    assert cold.startswith("| cold start of `squeezebert predict` | 0.3 s | aim: ≤ 0.25 s |  |")


def test_the_page_holds_all_figures_and_what_is_missing(report: dict[str, Any]) -> None:
    page = document(report, [Path("images/one.png")])
    assert "`squeezebert bench --quick`" in page
    assert "| took | 0.5 minutes |" in page
    assert "![one](images/one.png)" in page
    assert "| 1x32 | minilm | openvino fp32 | 2 | 5.00 | — | — | 9 |" in page
    assert "| texts | 32 of sst2 |" in page
    assert "900.0 |" in page
    assert "9.0 (trial)" in page
    assert "estimated: processor seconds" in page
    assert "- minilm in openvino int8: it broke" in page


def test_pictures_are_drawn(report: dict[str, Any], tmp_path: Path) -> None:
    scores = tmp_path / "scores.csv"
    scores.write_text(HEAD + "squeezed,mini,int8,accuracy,87.3,15.8,SST-2\n")
    drawn = draw(report, tmp_path / "images", read_accuracies(scores, TIMED))
    assert len(drawn) == 2
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in drawn)


def test_a_bubble_is_at_the_time_of_the_engine_that_was_scored(report: dict[str, Any]) -> None:
    row = {
        "name": "teacher", "model": "minilm", "metric": "accuracy", "score": "89.7",
        "megabytes": "90.8", "data": "SST-2",
    }  # fmt: skip
    engines = ("onnxruntime", "fp32", "", "bf16")
    [axes] = _accuracy(report, [row | {"engine": engine} for engine in engines]).axes
    assert [(text.get_text(), text.xy[0]) for text in axes.texts] == [
        ("teacher, 90.8 MB\nin onnxruntime fp32", 9.0),
        ("teacher, 90.8 MB\nin openvino fp32", 5.0),
        ("teacher, 90.8 MB\nin openvino fp32", 5.0),
    ]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "not measured: teacher, 90.8 MB"
    ]


def test_scores_that_cant_be_used_are_refused(tmp_path: Path) -> None:
    scores = tmp_path / "scores.csv"
    for text in ("name,score\na,1\n", HEAD, HEAD + "a,mini,int8,accuracy,high,15,SST-2\n"):
        scores.write_text(text)
        with pytest.raises(DataError, match="must be a csv file with the columns"):
            read_accuracies(scores, TIMED)
    scores.write_text(HEAD + "a,base,int8,accuracy,88,50,SST-2\n")
    with pytest.raises(DataError, match="no time for 'base' at 1x32"):
        read_accuracies(scores, TIMED)
    with pytest.raises(DataError, match="can't be read"):
        read_accuracies(tmp_path / "gone.csv", TIMED)
