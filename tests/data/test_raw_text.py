"""Raw text that there is nothing to learn from."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from squeezebert.data.raw_text import check_text, checked_lines
from squeezebert.errors import DataError


@pytest.fixture
def tokenizer(tokenizer_json: bytes) -> Tokenizer:
    return Tokenizer.from_str(tokenizer_json.decode())


def test_lines_come_without_what_is_around_them_and_without_blank_ones(tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_text(" a film\n\nnot bad \n")
    assert list(checked_lines([file])) == ["a film", "not bad"]


@pytest.mark.parametrize("times", [2, 20_000])
def test_one_line_again_and_again_is_refused(
    times: int, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    file = tmp_path / "text.txt"
    file.write_text("a good film\n" * times)
    with pytest.raises(DataError, match=r"text\.txt: one line, [\d,]+ times"):
        check_text([file], tokenizer)


def test_a_text_that_the_tokenizer_does_not_know_is_refused(
    tmp_path: Path, tokenizer: Tokenizer
) -> None:
    file = tmp_path / "text.txt"
    file.write_text("сюжет фильм .\nфильм сюжет .\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"67% of its pieces are \[UNK\]\. Give text in a script"):
        check_text([file], tokenizer)
    file.write_text("a good film ,\nnot a bad film ,\n")  # a comma is unknown to it
    check_text([file], tokenizer)


def test_a_text_that_is_not_there_is_refused(tmp_path: Path, tokenizer: Tokenizer) -> None:
    with pytest.raises(DataError, match="no such text file"):
        check_text([tmp_path / "absent.txt"], tokenizer)
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(DataError, match="there is no word in it"):
        check_text([tmp_path / "empty.txt"], tokenizer)
