"""``squeezebert bench`` as a whole, on tiny models."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from squeezebert.cli import app
from squeezebert.errors import DataError, InputError


def test_mistakes_are_said_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in ("one.txt", "one.md"):
        (tmp_path / file).write_text("a film\n")
    scores = "name,model,engine,metric,score,megabytes,data\nteacher,minilm,fp32,accuracy,9,9,it\n"
    (tmp_path / "scores.csv").write_text(scores)
    (tmp_path / "images" / "benchmarks-latency.png").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="no shape"):
        CliRunner().invoke(app, ["bench", "shape:2x33", "--peers", "none"], catch_exceptions=False)
    monkeypatch.setattr("squeezebert.bench.run.run", lambda *_: pytest.fail("it ran"))
    accuracy = ["--output", "new/page.md", "--accuracy", "scores.csv", "--quick"]
    for arguments, error, message in (
        (["--peers", "bert"], InputError, "no peer 'bert'"),
        (["--shape", "8"], InputError, "no shape of a batch"),
        (["--text", "gone"], DataError, "can't be read"),
        (["--text", "one.txt", "--text", "one.md"], InputError, "both be called 'one'"),
        (["--accuracy", "gone", "--output", "page.md"], DataError, "can't be read"),
        (["--accuracy", "scores.csv"], InputError, "there is none"),
        ([*accuracy, "--peers", "bert-base"], DataError, "no time for 'minilm' at 1x32"),
        ([*accuracy, "--shape", "1x16"], DataError, "no time for 'minilm' at 1x32"),
        (["--json", "images"], InputError, "images is a folder"),
        (["--json", "one.txt/run.json"], InputError, "one.txt is a file. Name another"),
        (["--output", "images"], InputError, "images is a folder"),
        (["--output", "page.md"], InputError, "benchmarks-latency.png is a folder"),
    ):
        with pytest.raises(error, match=message):
            CliRunner().invoke(app, ["bench", *arguments], catch_exceptions=False)
    assert not (tmp_path / "new").exists()


def test_figures_are_written_before_pictures_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report: dict[str, Any] = {"problems": [], "goals": []}

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("squeezebert.bench.run.run", lambda *_: report)
    monkeypatch.setattr("squeezebert.bench.pictures.draw", fail)
    written = tmp_path / "run.json"
    arguments = ["bench", "--json", str(written), "--output", str(tmp_path / "page.md")]
    with pytest.raises(OSError, match="disk full"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert json.loads(written.read_text()) == report


@pytest.mark.slow
def test_a_run_against_all_frameworks(tmp_path: Path) -> None:
    written, page = tmp_path / "run.json", tmp_path / "docs" / "page.md"
    arguments = ["bench", "2x32", "--peers", "minilm", "--quick", "--shape", "1x8"]
    arguments += ["--threads", "1", "--json", str(written), "--output", str(page)]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    report = json.loads(written.read_text())
    assert report["problems"] == []
    assert report["ratios"]["minilm_best_over_ours_1x8"] > 0
    engines = {one["engine"] for one in report["latencies"] if one["model"] == "minilm"}
    assert {"torch sdpa", "onnxruntime int8", "openvino int8"} <= engines
    assert (page.parent / "images" / "benchmarks-latency.png").exists()
    assert "| 1x8 | minilm | openvino int8 |" in page.read_text()


def test_a_run_of_ours_alone(tmp_path: Path, tiny_bundle: Path) -> None:
    texts = tmp_path / "reviews.txt"
    texts.write_text("a good film\n" * 40)
    arguments = ["bench", str(tiny_bundle), "--peers", "none", "--quick", "--threads", "1"]
    arguments += ["--text", str(texts), "--json", "-"]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert report["ratios"]["cold_start_seconds"] > 0
    assert report["ratios"]["peak_memory_megabytes"] > 0
    assert report["ratios"]["bert_base_best_over_ours_1x128"] is None
    goals = {goal["key"]: goal for goal in report["goals"]}
    assert goals["cold_start_seconds"]["ours"] == f"squeezebert predict --model {tiny_bundle}"
    assert goals["peak_memory_megabytes"]["met"] is None  # the floor is of the base shape
    assert f"{texts}: all but the first 32 of 40 texts" in report["problems"]
    assert {one["shape"] for one in report["latencies"]} == {"1x8", "1x16"}
    assert report["facts"]["fit"]["engine"] == "numpy"
    # The tiny model has 24 positions.
    assert any("128 tokens" in problem for problem in report["problems"])
