"""``squeezebert bench`` as a whole, on tiny models."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from squeezebert.cli import app
from squeezebert.errors import DataError, InputError


def test_mistakes_are_said_before_anything_runs(tmp_path: Path) -> None:
    for arguments, error, message in (
        (["--peers", "bert"], InputError, "no peer 'bert'"),
        (["--shape", "8"], InputError, "no shape of a batch"),
        (["--text", str(tmp_path / "gone")], DataError, "can't be read"),
        (["--accuracy", str(tmp_path / "gone")], DataError, "can't be read"),
        (["2x33", "--peers", "none"], InputError, "no such shape"),
    ):
        with pytest.raises(error, match=message):
            CliRunner().invoke(app, ["bench", *arguments], catch_exceptions=False)


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
    result = CliRunner().invoke(
        app,
        ["bench", str(tiny_bundle), "--peers", "none", "--quick", "--threads", "1", "--json", "-"],
        catch_exceptions=False,
    )
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert report["ratios"]["cold_start_seconds"] > 0
    assert report["ratios"]["peak_memory_megabytes"] > 0
    assert report["ratios"]["bert_base_best_over_ours_1x128"] is None
    assert {one["shape"] for one in report["latencies"]} == {"1x8", "1x16"}
    assert report["facts"]["fit"]["engine"] == "numpy"
    # The tiny model has 24 positions.
    assert any("128 tokens" in problem for problem in report["problems"])
