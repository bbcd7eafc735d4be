"""JSON objects as rows: a line each, or in a list."""

import json
from pathlib import Path
from typing import Any

import pytest

from squeezebert.data.columns import require_columns, text_columns
from squeezebert.data.formats import open_rows
from squeezebert.data.tasks.classification import read_classification
from squeezebert.data.tasks.question_answering import read_questions
from squeezebert.errors import DataError

ROWS = [{"text": "good", "label": 1}, {"text": "bad", "label": 0}]


@pytest.mark.parametrize(
    ("content", "noted"),
    [
        (json.dumps(ROWS), ""),
        (json.dumps(ROWS, indent=2), ""),
        (json.dumps({"version": "1", "data": ROWS}), "objects under 'data'"),
        ("\n".join(map(json.dumps, ROWS)), "read as JSON lines"),
    ],
)
def test_a_json_file_may_hold_records(tmp_path: Path, content: str, noted: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(content)
    rows = open_rows(path)
    assert (rows.columns, list(rows)) == (("text", "label"), list(enumerate(ROWS, 1)))
    assert [noted in note for note in rows.notes] == [True] * bool(noted)
    table = read_classification(path)
    assert [(example.text, example.label) for example in table] == [("good", "1"), ("bad", "0")]
    assert table.check().examples == 2


def test_parts_of_records_are_chosen_like_parts_of_intents(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"train": ROWS, "test": ROWS[:1]}))
    assert read_classification(path).check().examples == 2
    assert read_classification(path, split="test").check().examples == 1


def test_questions_may_be_records(tmp_path: Path) -> None:
    row = {"question": "What?", "context": "A film.", "answer": "film"}
    path = tmp_path / "q.json"
    for value in ([row], {"data": [row]}):
        path.write_text(json.dumps(value))
        [question] = read_questions(path)
        assert (question.item, question.span) == (("What?", "A film."), (2, 6))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "holds no rows"),
        ([{"text": "a"}, 3], "row 2: is no object"),
        ({"a": [{}], "b": [{}]}, "holds no list of objects"),
        ({"a": [1]}, "holds no list of objects"),
        (3, "holds no list of objects"),
    ],
)
def test_other_json_is_refused(tmp_path: Path, value: Any, message: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(value))
    with pytest.raises(DataError, match=message):
        open_rows(path)


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_a_key_that_the_first_object_lacks_counts_if_it_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text('{"text": "a"}\n{"text": "good", "pair": "b", "id": 3}\n')
    rows = open_rows(path)
    assert (rows.columns, rows.later) == (("text",), ("pair", "id"))
    require_columns(rows, "text", "id")
    with pytest.raises(DataError, match=r"no column 'key'\. Its columns are 'text', 'pair', 'id'."):
        require_columns(rows, "key")
    assert text_columns(rows)[:2] == ("text", None)


def test_a_label_that_the_first_row_lacks_is_asked_of_that_row(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n{"text": "good", "label": "x"}\n')
    with pytest.raises(DataError, match=r"line 1: there is no 'label'"):
        read_classification(path).check()


def test_a_bad_line_among_the_first_is_told_when_it_is_reached(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n{"text": \n{"text": "b", "id": 1}\n')
    rows = open_rows(path)
    assert rows.later == ("id",)
    with pytest.raises(DataError, match="line 2: not valid JSON"):
        list(rows)
