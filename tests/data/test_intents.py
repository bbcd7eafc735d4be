"""Files of intents, and examples out of scope."""

import json
from pathlib import Path
from typing import Any

import pytest

from squeezebert.data.tasks.classification import read_classification
from squeezebert.errors import DataError

PARTS = {
    "train": [["play a song", "music"], ["stop", "halt"]],
    "oos_train": [["what is love", "oos"]],
    "val": [["sing", "music"]],
    "oos_val": [["who am i", "oos"]],
    "test": [["stop it", "halt"]],
}


def write(tmp_path: Path, parts: Any) -> Path:
    path = tmp_path / "data_full.json"
    path.write_text(json.dumps(parts))
    return path


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        (
            "train",
            [("play a song", "music"), ("stop", "halt"), ("what is love", "out_of_scope")],
        ),
        ("validation", [("sing", "music"), ("who am i", "out_of_scope")]),
        ("test", [("stop it", "halt")]),
    ],
)
def test_a_split_comes_with_its_texts_out_of_scope(
    tmp_path: Path, split: str, expected: list[tuple[str, str]]
) -> None:
    table = read_classification(write(tmp_path, PARTS), split=split)
    assert [(example.text, example.label) for example in table] == expected
    assert (table.text, table.label) == ("text", "intent")


@pytest.mark.parametrize("parts", [{"val": []}, {"train": 3}])
def test_a_file_of_another_shape_is_refused(tmp_path: Path, parts: Any) -> None:
    with pytest.raises(DataError, match="no file of intents with a part 'train'"):
        read_classification(write(tmp_path, parts))


@pytest.mark.parametrize("pair", [["only a text"], 1, "ab", ["x", None], [None, "x"], ["x", 1]])
def test_a_row_of_another_shape_is_named(tmp_path: Path, pair: Any) -> None:
    with pytest.raises(DataError, match=r"row 2 of 'train': .* is not \[\"text\", \"intent\"\]"):
        read_classification(write(tmp_path, {"train": [["x", "y"], pair]}))


def test_a_split_or_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file of intents with a part 'all'"):
        read_classification(write(tmp_path, PARTS), split="all")
    with pytest.raises(DataError, match="no such file"):
        read_classification(tmp_path / "none.json")


def test_objects_out_of_scope_come_too_whichever_key_their_intent_has(tmp_path: Path) -> None:
    parts = {
        "val": [{"text": "sing", "topic": "music"}, {"text": "oos", "topic": "oos"}],
        "oos_val": [{"text": "who am i", "topic": "oos"}],
    }
    table = read_classification(write(tmp_path, parts), split="validation")
    assert [(row.text, row.label) for row in table] == [
        ("sing", "music"),
        ("oos", "out_of_scope"),
        ("who am i", "out_of_scope"),
    ]
    table = read_classification(write(tmp_path, parts | {"val": []}), split="validation")
    assert [row.text for row in table] == ["who am i"]
