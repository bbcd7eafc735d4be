"""Entities at the command line: readable lines, JSON and csv."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from squeezebert.cli import app
from squeezebert.pipelines import Entities, Entity, load

ANSWER = Entities(
    (Entity("Angela Merkel", "PER", 0.9876543, 0, 13), Entity("Berlin", "LOC", 0.5, 17, 23)), 1
)


@pytest.fixture
def bundle(tmp_path: Path, make_bundle: Callable[..., Path]) -> Path:
    tags = ("O", "B-PER", "I-PER")
    return make_bundle(tmp_path / "tiny", task="entities", labels=tags, problem_type=None)


def test_json_has_the_characters_of_the_text(bundle: Path) -> None:
    text = "Good 😀 films, very bad"
    result = CliRunner().invoke(app, ["predict", "--model", str(bundle), text])
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    [answer] = load(bundle)([text])
    assert (record["text"], record["windows"]) == (text, 1)
    assert answer.entities, "the weights are such that some are found"
    assert [(found["text"], found["type"]) for found in record["entities"]] == [
        (text[found.start : found.end], found.type) for found in answer.entities
    ]
    assert [found["start"] for found in record["entities"]] == [
        found.start for found in answer.entities
    ]


def test_csv_has_the_entities_in_one_cell(bundle: Path, tmp_path: Path) -> None:
    source, output = tmp_path / "in.txt", tmp_path / "out.csv"
    source.write_text("good films\n\n" + "very bad " * 20 + "\n")
    arguments = ["predict", "--model", str(bundle), "--file", str(source), "-o", str(output)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    with output.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["windows"] for row in rows][:2] == ["1", "1"]
    assert int(rows[2]["windows"]) > 1, "a long text is read whole"
    assert json.loads(rows[1]["entities"]) == []


def test_evaluate_lists_mistakes_with_their_text(bundle: Path, tmp_path: Path) -> None:
    data, scores = tmp_path / "dev.conll", tmp_path / "scores.json"
    data.write_text("a\tB-PER\nvery\tI-PER\nbad\tB-PER\n")
    arguments = ["evaluate", "--model", str(bundle), "--data", str(data)]
    shown = CliRunner().invoke(app, [*arguments, "--errors", "3", "--json", str(scores)])
    assert shown.exit_code == 0, shown.output
    assert "f1" in shown.output.splitlines()[0]
    assert "1: a very bad" in shown.output
    written = json.loads(scores.read_text())
    assert written["wrong"] == len(written["mistakes"]) == 1
    assert f"expected   {written['mistakes'][0]['expected']}" in shown.output
    assert "a very bad" not in CliRunner().invoke(app, arguments).output
