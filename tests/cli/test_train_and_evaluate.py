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
    assert "about 90% of these rows are among those that the model learnt from" in evaluated.stderr
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
        (["--train", str(data), "--label-column", "topic"], DataError, "no column 'topic'"),
        (["--train", str(tmp_path / "no.csv")], DataError, "no such file"),
        (["--train", str(tmp_path / "no")], DataError, "no such file or folder"),
    ):
        result = CliRunner().invoke(app, [*base, *arguments])
        assert isinstance(result.exception, error)
        assert message in str(result.exception)
        assert list(tmp_path.glob(".out*")) == []


@pytest.mark.parametrize(
    ("problem_type", "configured", "labels"),
    [
        ("single-label", "single_label_classification", ["1", "3", "5"]),
        ("regression", "regression", ["value"]),
    ],
)
def test_ratings_are_classes_or_values_as_one_says(
    tmp_path: Path, bert: Path, problem_type: str, configured: str, labels: list[str]
) -> None:
    data, output = tmp_path / "ratings.csv", tmp_path / "out"
    data.write_text("text,stars\n" + "a good film,5\nfine,3\nbad !,1\n" * 8)
    paths = ["--from", str(bert), "--train", str(data), "-o", str(output)]
    options = ["--problem-type", problem_type, "--epochs", "1", "--max-length", "16"]
    trained = CliRunner().invoke(app, ["train", *paths, *options], catch_exceptions=False)
    assert trained.exit_code == 0, trained.output
    config = json.loads((output / "config.json").read_text())
    assert config["problem_type"] == configured
    assert list(config["id2label"].values()) == labels


def test_a_problem_type_is_for_classification(tmp_path: Path, data: Path) -> None:
    options = ["--task", "entities", "--problem-type", "regression", "-o", str(tmp_path / "out")]
    with pytest.raises(InputError, match="--problem-type is for classification"):
        CliRunner().invoke(
            app,
            ["train", "--from", "x", "--train", _entities(tmp_path), *options],
            catch_exceptions=False,
        )


def _entities(folder: Path) -> str:
    file = folder / "words.conll"
    file.write_text("Rome B-LOC\n")
    return str(file)


def test_columns_that_are_named_hold_for_examples_too(
    tmp_path: Path, make_bundle: Callable[..., Path]
) -> None:
    embed = make_bundle(tmp_path / "embed", task="embedding", labels=(), problem_type=None)
    examples = tmp_path / "examples.csv"
    rows = "good,praise\nvery good,praise\nbad,blame\nvery bad,blame\n"
    examples.write_text("utterance_text,kind_of\n" + rows)
    same = tmp_path / "same.csv"
    same.write_text("text,label\n" + rows)
    files = ["--model", str(embed), "--data", str(examples), "--examples"]
    columns = ["--text-column", "utterance_text", "--label-column", "kind_of"]
    for source in (examples, same):  # one with these columns, one whose own are guessed
        done = CliRunner().invoke(
            app, ["evaluate", *files, str(source), *columns], catch_exceptions=False
        )
        assert done.exit_code == 0
        assert "4 examples" in done.output
