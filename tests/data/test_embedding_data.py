"""Pairs with a similarity, and plain texts."""

from pathlib import Path

import pytest

from squeezebert.data.columns import Columns
from squeezebert.data.tasks.classification import Table
from squeezebert.data.tasks.embedding import Texts, read_embedding
from squeezebert.errors import DataError, InputError


def write(tmp_path: Path, name: str, *lines: str) -> Path:
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n")
    return path


def test_pairs_have_a_score(tmp_path: Path) -> None:
    path = write(tmp_path, "sts.tsv", "sentence1\tsentence2\tscore", "a\tb\t4.5")
    pairs = read_embedding(path, "train", Columns())
    assert isinstance(pairs, Table)
    assert [(example.item, example.label) for example in pairs] == [(("a", "b"), "4.5")]


def test_texts_have_none_and_empty_lines_are_left_out(tmp_path: Path) -> None:
    texts = read_embedding(write(tmp_path, "t.txt", "one", "", "  ", "two"), "train", Columns())
    assert isinstance(texts, Texts)
    assert list(texts) == [(1, "one"), (4, "two")]
    assert (texts.check(), texts.notes, texts.columns) == (2, (), Columns())


def test_the_text_of_a_table_is_read_and_its_labels_are_not(tmp_path: Path) -> None:
    path = write(tmp_path, "t.tsv", "sentence\tlabel", "one\t1")
    texts = read_embedding(path, "train", Columns())
    assert isinstance(texts, Texts)
    assert [example.item for example in texts] == ["one"]
    assert "guessed text 'sentence'; there are no pairs" in texts.notes[0]
    named = read_embedding(path, "train", Columns(text="label"))
    assert (named.notes, named.columns) == ((), Columns(text="label"))


def test_what_cannot_be_read(tmp_path: Path) -> None:
    path = write(tmp_path, "t.tsv", "sentence\tlabel", "one\t1")
    with pytest.raises(InputError, match="can't be the score of a single text"):
        read_embedding(path, "train", Columns(text="sentence", label="label"))
    empty = read_embedding(write(tmp_path, "t.txt", "", ""), "train", Columns())
    with pytest.raises(DataError, match="there are no texts"):
        empty.check()
