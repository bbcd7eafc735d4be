from pathlib import Path

import pytest

from squeezebert.data.conll import Sentence, is_conll, read_conll
from squeezebert.data.tags import to_iob2
from squeezebert.errors import DataError


def write(folder: Path, text: str) -> Path:
    path = folder / "words.conll"
    path.write_text(text, encoding="utf-8")
    return path


def test_files_of_words_and_tags_are_told_from_texts(tmp_path: Path) -> None:
    assert is_conll(write(tmp_path, "-DOCSTART- O\n\nTim B-PER\nwent O\n"))
    assert not is_conll(write(tmp_path, "Tim went\nto Rome\n"))
    assert not is_conll(write(tmp_path, "Tim Cook, the chief of Apple, O\nand O\n"))
    assert not is_conll(write(tmp_path, "\n"))


def test_four_columns_of_iob1_become_iob2(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "-DOCSTART- -X- O O\n\nWest NNP I-NP I-MISC\nIndian NNP I-NP I-MISC\nPhil NNP I-NP I-PER\n"
        "Ann NNP I-NP B-PER\n. . O O\n\nRome NNP I-NP I-LOC\n",
    )
    text = read_conll(path)
    assert text.sentences == (
        Sentence(
            3,
            ("West", "Indian", "Phil", "Ann", "."),
            ("B-MISC", "I-MISC", "B-PER", "B-PER", "O"),
        ),
        Sentence(9, ("Rome",), ("B-LOC",)),
    )
    assert (text.scheme, text.broken, text.types) == ("IOB1", (), ("LOC", "MISC", "PER"))
    assert text.notes == (f"{path}: tags are in the scheme IOB1, and read as IOB2.",)


@pytest.mark.parametrize(
    "text",
    [
        "Ann\tB-PER\nLee\tI-PER\ncame\tO\n",
        "Ann B-PER\r\nLee I-PER\r\ncame O\r\n\r\n",
        "Ann  NNP   B-PER\nLee  NNP   I-PER \ncame VBD   O",
    ],
)
def test_tabs_and_spaces_and_line_endings_are_alike(tmp_path: Path, text: str) -> None:
    sentences = read_conll(write(tmp_path, text)).sentences
    assert sentences == (Sentence(1, ("Ann", "Lee", "came"), ("B-PER", "I-PER", "O")),)


def test_documents_end_sentences_and_no_break_spaces_belong_to_words(tmp_path: Path) -> None:
    path = write(tmp_path, "10\u00a0mg O\n-DOCSTART- O\nx O\n \n\t\n-DOCSTART-\n\ny O\n")
    assert [(s.number, s.words) for s in read_conll(path).sentences] == [
        (1, ("10\u00a0mg",)),
        (3, ("x",)),
        (8, ("y",)),
    ]


def test_tags_broken_in_iob2_are_repaired_and_said(tmp_path: Path) -> None:
    path = write(tmp_path, "a B-X\nb I-X\nc O\nd I-X\n\ne B-Y\nf I-X\n\ng B-X\nh B-X\n")
    text = read_conll(path)
    assert (text.scheme, text.broken) == ("IOB2", (4, 7))
    assert [s.tags for s in text.sentences] == [
        ("B-X", "I-X", "O", "B-X"),
        ("B-Y", "B-X"),
        ("B-X", "B-X"),
    ]
    assert text.notes == (
        f"{path}: broken IOB2 on line 4, 7 (2 in all); "
        "each of these tags is read as the beginning of an entity.",
    )


def test_tags_broken_in_iob1_are_said(tmp_path: Path) -> None:
    text = read_conll(write(tmp_path, "a I-X\nb B-X\nc I-Y\n\nd B-X\n"))
    assert (text.scheme, text.broken) == ("IOB1", (5,))
    assert text.sentences[0].tags == ("B-X", "B-X", "B-Y")


def test_iob2_stays_as_it_is() -> None:
    tags = ("B-X", "I-X", "B-X", "O", "B-Y", "I-Y", "B-X")
    assert to_iob2(tags, "IOB2") == (tags, ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no sentence"),
        ("-DOCSTART- O\n\n", "holds no sentence"),
        ("a O\nb B-X O O\n", "line 2: 4 columns where the first line with a word has 2"),
        ("word\n", "line 1: columns found: 1; 2 to 4 can be read"),
        ("a b c d O\n", "line 1: columns found: 5; 2 to 4 can be read"),
        ("a\tO\n\tO\n", "line 2: there is no word before the tag"),
        ("a O\nb X\nc B-\nd S-LOC\n", r"2 tags such as 'X' are not .* \(line 2, 3\)"),
        ("a S-X\nb U-X\n", "tags begin with S, U, which together are no scheme"),
        ("a X\n" * 7, r"7 tags .* \(line 1, 2, 3, 4, 5, \.\.\.\)"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_conll(write(tmp_path, text))


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_conll(tmp_path / "none.conll")


def test_comments_are_left_out_and_said(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "# text = Tim met Ann\nTim B-PER\n# inside\nmet O\nAnn B-PER\n\n# id 2\n#fun O\n# O\n",
    )
    text = read_conll(path)
    assert [(s.number, s.words) for s in text.sentences] == [
        (2, ("Tim", "met", "Ann")),
        (8, ("#fun", "#")),
    ]
    assert text.notes == (f"{path}: left out 3 comments: line 1, 3, 7.",)


def test_broken_tags_have_their_own_lines_beside_comments(tmp_path: Path) -> None:
    text = read_conll(write(tmp_path, "a B-X\n# b\nc O\nd I-X\n"))
    assert text.broken == (4,)


@pytest.mark.parametrize(
    "numbers", [("1", "2", "1", "2", "3"), ("1", "2", "3", "4", "5"), ("0", "1", "0", "1", "2")]
)
def test_running_numbers_are_left_out_and_said(tmp_path: Path, numbers: tuple[str, ...]) -> None:
    words = ["Tim B-PER", "came O", "In O", "Rome B-LOC", ". O"]
    lines = [f"{number} {word}" for number, word in zip(numbers, words, strict=True)]
    path = write(tmp_path, "\n".join([*lines[:2], "", *lines[2:]]))
    text = read_conll(path)
    assert [s.words for s in text.sentences] == [("Tim", "came"), ("In", "Rome", ".")]
    assert text.notes == (f"{path}: its first column counts words and is left out.",)


def test_words_that_are_numbers_stay(tmp_path: Path) -> None:
    path = write(tmp_path, "1 NN O\n2 NN O\n\n7 NN O\n")
    assert [s.words for s in read_conll(path).sentences] == [("1", "2"), ("7",)]


def test_a_tab_after_the_tag_is_nothing(tmp_path: Path) -> None:
    [sentence] = read_conll(write(tmp_path, "Rome\tB-LOC\t\nis\tO\n")).sentences
    assert sentence == Sentence(1, ("Rome", "is"), ("B-LOC", "O"))


def test_any_scheme_is_said_and_read(tmp_path: Path) -> None:
    path = write(tmp_path, "New B-LOC\nYork E-LOC\nnow O\nAnn S-PER\n")
    text = read_conll(path)
    assert text.sentences[0].tags == ("B-LOC", "I-LOC", "O", "B-PER")
    assert text.notes == (f"{path}: tags are in the scheme IOBES, and read as IOB2.",)


def test_a_comment_before_the_first_word_may_end_like_a_tag(tmp_path: Path) -> None:
    read = read_conll(write(tmp_path, "# sent_id = B-12\nTim\tB-PER\ncame\tO\n"))
    assert [sentence.words for sentence in read.sentences] == [("Tim", "came")]
    assert any("1 comment: line 1." in note for note in read.notes)
    for word in ("#1", "#"):
        read = read_conll(write(tmp_path, f"{word} NN O\nTim NNP B-PER\n"))
        assert read.sentences[0].words == (word, "Tim")
