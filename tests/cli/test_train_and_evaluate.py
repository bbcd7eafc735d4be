"""The commands that learn and score, as a user types them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import BertModel
from typer.testing import CliRunner

from squeezebert.cli import app
from squeezebert.errors import DataError, InputError

ROWS = [("a good film", "1"), ("a bad film", "0"), ("very good !", "1"), ("very bad !", "0")]


@pytest.fixture
def bert(tmp_path: Path, make_checkpoint: Callable[..., Path]) -> Path:
    return make_checkpoint(tmp_path / "bert", BertModel)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "films.csv"
    path.write_text("kind,words\n" + "".join(f"{label},{text}\n" for text, label in ROWS * 10))
    return path


def test_train_then_evaluate(tmp_path: Path, bert: Path, data: Path) -> None:
    output, scores, report = tmp_path / "out", tmp_path / "scores.json", tmp_path / "report"
    columns = ["--text-column", "words", "--label-column", "kind"]
    options = "--label-names negative,positive --epochs 6 --learning-rate 0.01"
    options += " --batch-size 4 --max-length 16 --seed 1"
    paths = ["--from", str(bert), "--train", str(data), "-o", str(output)]
    trained = CliRunner().invoke(
        app,
        ["train", *paths, *columns, *options.split()],
        catch_exceptions=False,
    )
    assert trained.exit_code == 0, trained.output
    assert "4 of the examples, drawn with seed 1" in trained.output
    assert f"--teacher {output}" in trained.output
    settings = json.loads((output / "report.json").read_text())
    assert (settings["seed"], settings["epochs"], settings["max_length"]) == (1, 6, 16)

    written_to = ["--json", str(scores), "--report", str(report)]
    evaluated = CliRunner().invoke(
        app,
        ["evaluate", "--model", str(output), "--data", str(data), *columns, *written_to],
        catch_exceptions=False,
    )
    assert evaluated.exit_code == 0
    assert "read by position: 0 = negative, 1 = positive" in evaluated.output
    assert "40 examples, 0 truncated" in evaluated.output
    written = json.loads(scores.read_text())
    assert (written["examples"], written["data"]) == (40, str(data))
    accuracy = f"{written['metrics']['accuracy']:.4f}"
    low, high = written["intervals"]["accuracy"]
    assert low <= written["metrics"]["accuracy"] <= high
    shown = f"accuracy {accuracy} (95 %: {low:.4f} to {high:.4f})"
    assert shown in [" ".join(line.split()) for line in evaluated.output.splitlines()]
    assert [row["support"] for row in written["per_class"]] == [20, 20]
    assert {file.name for file in report.iterdir()} == {
        "evaluation.md", "confusion.png", "reliability.png",
    }  # fmt: skip
    text = (report / "evaluation.md").read_text()
    assert f"| accuracy | {accuracy} | {low:.4f} to {high:.4f} |" in text
    assert "![Confusion matrix](confusion.png)" in text


def test_train_refuses_before_it_starts(tmp_path: Path, bert: Path, data: Path) -> None:
    base = ["train", "--from", str(bert), "-o", str(tmp_path / "out")]
    for arguments, error, message in (
        (["--train", str(data), "--epochs", "0"], InputError, "epochs must be at least 1"),
        (["--train", str(data), "--seed", "-1"], InputError, "seed must be in 0"),
        (["--train", str(data)], DataError, "which column is the text"),
        (["--train", str(tmp_path / "no.csv")], DataError, "no such file"),
        (["--train", str(tmp_path / "no")], DataError, "no such file or folder"),
    ):
        result = CliRunner().invoke(app, [*base, *arguments])
        assert isinstance(result.exception, error)
        assert message in str(result.exception)
        assert list(tmp_path.glob(".out*")) == []
