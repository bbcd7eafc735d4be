"""`predict` and `evaluate` on a bundle with several heads."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import squeezebert
from squeezebert.bundle import combine_bundles
from squeezebert.cli import app
from squeezebert.errors import InputError
from squeezebert.evaluation.known import Sketch

BundleMaker = Callable[..., Path]


@pytest.fixture
def assistant(tmp_path: Path, make_bundle: BundleMaker) -> Path:
    no_labels: dict[str, Any] = {"labels": (), "problem_type": None}
    heads: dict[str, dict[str, Any]] = {
        "mood": {"inputs": "text"},
        "kind": {"inputs": "text"},
        "names": {"task": "entities", "labels": ("O", "B-PER", "I-PER"), "problem_type": None},
        "vectors": {"task": "embedding", **no_labels},
        "follows": {"entailment": "positive", "max_length": 20},
        "answers": {"task": "question-answering", **no_labels, "max_length": 20},
    }
    folders = [make_bundle(tmp_path / name, **fields) for name, fields in heads.items()]
    combine_bundles(folders, tmp_path / "assistant")
    return tmp_path / "assistant"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_every_task_that_takes_a_text_answers(assistant: Path) -> None:
    done = run("predict", "--model", assistant, "a good film", "bad")
    first, second = map(json.loads, done.output.splitlines())
    assert list(first) == ["text", "mood", "kind", "names", "vectors"]
    [expected] = squeezebert.load(assistant).task("mood")(["a good film"])
    assert first["mood"]["label"] == expected.label
    assert second["text"] == "bad"
    [pair] = map(json.loads, run("predict", "--model", assistant, "good", "--pair", "a film")
                 .output.splitlines())  # fmt: skip
    assert list(pair) == ["text", "pair", "vectors", "follows", "answers"]


def test_one_task_is_asked_by_its_name(assistant: Path) -> None:
    done = run("predict", "--model", assistant, "--task", "mood", "a good film")
    assert json.loads(done.output)["text"] == "a good film"
    assert "label" in json.loads(done.output)
    done = run("predict", "--model", assistant, "--task", "moods", "a good film")
    assert isinstance(done.exception, InputError)
    assert "no task 'moods'; there are mood, kind, names" in str(done.exception)


@pytest.mark.parametrize(
    ("options", "key"),
    [
        (["--min-score", "0.1"], "entities"),
        (["--labels", "good,bad"], "label"),
        (["--labels", "good,bad", "--top", "1"], "label"),
        (["--always-answer", "--context", "CONTEXT"], "answer"),
        (["--similar-to", "CONTEXT"], "matches"),
    ],
)
def test_options_of_a_kind_of_task_ask_the_only_task_of_it(
    assistant: Path, tmp_path: Path, options: list[str], key: str
) -> None:
    context = tmp_path / "context.txt"
    context.write_text("a good film and a bad plot\n")
    given = [str(context) if option == "CONTEXT" else option for option in options]
    done = run("predict", "--model", assistant, *given, "good film")
    assert done.exit_code == 0, done.output
    assert key in json.loads(done.output)


@pytest.mark.parametrize("option", [("--long", "cut"), ("--top", "1")])
def test_where_two_tasks_could_be_meant_the_name_is_asked_for(
    assistant: Path, option: tuple[str, str]
) -> None:
    done = run("predict", "--model", assistant, *option, "good")
    assert isinstance(done.exception, InputError)
    assert "The options are for classification. That fits 3 of" in str(done.exception)
    assert "Name the task with --task" in str(done.exception)
    done = run("predict", "--model", assistant, *option, "--task", "mood", "good")
    assert done.exit_code == 0, done.output


def test_options_for_no_task_of_the_model_ask_for_another(
    tmp_path: Path, make_bundle: BundleMaker
) -> None:
    mood = make_bundle(tmp_path / "mood")
    vectors = make_bundle(tmp_path / "vectors", task="embedding", labels=(), problem_type=None)
    combine_bundles([mood, vectors], tmp_path / "both")
    done = run("predict", "--model", tmp_path / "both", "--labels", "a,b", "good")
    assert "for entailment, which is none of the model's tasks (mood, vectors)" in str(
        done.exception
    )


def test_csv_has_the_columns_of_all_tasks(assistant: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    done = run("predict", "--model", assistant, "a good film", "bad " * 30, "-o", output)
    assert done.exit_code == 0, done.output
    assert "1 of 2 texts had more than a task reads" in done.output
    rows = list(csv.DictReader(output.read_text().splitlines()))
    assert {"text", "mood_label", "kind_score", "names_entities", "vectors_vector_0"} <= set(
        rows[0]
    )
    assert len(rows) == 2


def test_a_task_is_scored_by_its_name(assistant: Path, tmp_path: Path) -> None:
    data = tmp_path / "dev.tsv"
    data.write_text("sentence\tlabel\na good film\tpositive\nbad\tnegative\n")
    done = run("evaluate", "--model", assistant, "--task", "mood", "--data", data)
    assert done.exit_code == 0, done.output
    assert "accuracy" in done.output
    done = run("evaluate", "--model", assistant, "--data", data)
    assert "has several tasks: mood, kind" in str(done.exception)


def test_rows_that_a_task_has_learnt_from_are_noticed(
    tmp_path: Path, make_bundle: BundleMaker
) -> None:
    rows = {
        name: [(f"a {name} film {number}", number % 2) for number in range(20)]
        for name in ("good", "bad")
    }
    for name, learnt in rows.items():
        sketch = Sketch()
        sketch.add(text for text, _ in learnt)
        provenance = {"rows": len(learnt), "texts": sketch.as_text()}
        make_bundle(tmp_path / name, inputs="text", labels=("0", "1"), provenance=provenance)
        lines = (f"{text},{label}\n" for text, label in learnt)
        (tmp_path / f"{name}.csv").write_text("".join(["text,label\n", *lines]))
    vectors = make_bundle(tmp_path / "vectors", task="embedding", labels=(), problem_type=None)
    combine_bundles([tmp_path / "good", vectors], tmp_path / "first")
    both = tmp_path / "both"
    combine_bundles([tmp_path / "first", tmp_path / "bad"], both)
    noted = "note: about 100% of these rows are among those that the model learnt from"
    for name, other in (("good", "bad"), ("bad", "good")):
        done = run("evaluate", "--model", both, "--task", name, "--data", tmp_path / f"{name}.csv")
        assert noted in done.stderr
        done = run("evaluate", "--model", both, "--task", name, "--data", tmp_path / f"{other}.csv")
        assert (done.exit_code, done.stderr) == (0, "")
