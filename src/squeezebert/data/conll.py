"""Sentences of words with a tag each, from a CoNLL file.

Each line holds a word, perhaps columns that we don't use, and an entity tag; a blank line ends a
sentence. Two schemes of tags are in use (Ramshaw and Marcus 1995; Tjong Kim Sang and Veenstra
1999). Both mark the words of an entity B- or I- and all others O. In IOB2 the first word of every
entity is B-; in IOB1 only that of an entity which touches one of its type before it, and all
others are I-. Whatever the file holds, the tags read are IOB2.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple

from squeezebert.data.repeats import Places
from squeezebert.data.rows import text_lines
from squeezebert.errors import DataError

Scheme = Literal["IOB1", "IOB2"]

_DOCUMENT = "-DOCSTART-"  # stands for a word where a new document begins
_MIN_COLUMNS, _MAX_COLUMNS = 2, 4
_TAG = re.compile(r"O|[BI]-\S+")


class Sentence(NamedTuple):
    """Words and their tags in IOB2; word ``i`` is on line ``number + i`` of the file, from 1."""

    number: int
    words: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class TaggedSentences:
    """The sentences of one CoNLL file.

    Attributes:
        name: the file's path.
        scheme: the scheme that most entities of the file are tagged in.
        broken: the lines whose tag begins an entity in a way that ``scheme`` does not have. It was
            read as the beginning of one, as CoNLL's own scorer does.
    """

    name: str
    scheme: Scheme
    sentences: tuple[Sentence, ...]
    broken: tuple[int, ...]

    @property
    def types(self) -> tuple[str, ...]:
        """The types of entity that occur, in alphabetical order."""
        tags = {tag for sentence in self.sentences for tag in sentence.tags}
        return tuple(sorted({_type(tag) for tag in tags - {"O"}}))

    @property
    def notes(self) -> tuple[str, ...]:
        """What to tell the user about the tags."""
        notes = []
        if self.scheme == "IOB1":
            notes.append(f"{self.name}: tags are in the scheme IOB1, and read as IOB2.")
        if self.broken:
            notes.append(
                f"{self.name}: broken {self.scheme} on line {Places(self.broken)} "
                f"({len(self.broken):,} in all); each of these tags is read as the beginning of "
                "an entity."
            )
        return tuple(notes)


def read_conll(path: str | Path) -> TaggedSentences:
    """Reads a CoNLL file: two to four columns, apart by tabs or spaces, the tag in the last.

    Lines that begin with ``-DOCSTART-`` end a sentence and are left out.

    Args:
        path: UTF-8 text, also .gz or .xz.

    Raises:
        DataError: the file is missing, damaged or holds no sentence; or lines of it have no word,
            another number of columns than the first, or a tag that is not O, B-TYPE or I-TYPE
            (their numbers are listed).
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file.")
    sentences = list(_sentences(path))
    if not sentences:
        raise DataError(f"{path}: holds no sentence. Each line needs a word and its tag.")
    strange = [line for line, tag in _numbered(sentences) if not _TAG.fullmatch(tag)]
    if strange:
        tag = next(tag for line, tag in _numbered(sentences) if line == strange[0])
        raise DataError(
            f"{path}: {len(strange):,} tags such as {tag!r} are not O, B-TYPE or I-TYPE "
            f"(line {Places(strange)}). The tag has to be the last column."
        )
    inside, marked = _beginnings(sentences)
    scheme: Scheme = "IOB1" if len(inside) > len(marked) else "IOB2"
    converted = (sentence._replace(tags=to_iob2(sentence.tags)) for sentence in sentences)
    broken = marked if scheme == "IOB1" else inside
    return TaggedSentences(str(path), scheme, tuple(converted), tuple(broken))


def to_iob2(tags: Sequence[str]) -> tuple[str, ...]:
    """Turns every I- that begins an entity into B-; what is IOB2 already stays as it is."""
    return tuple(
        f"B-{_type(tag)}" if tag.startswith("I-") and not _continues(before, tag) else tag
        for before, tag in pairwise(("O", *tags))
    )


def _sentences(path: Path) -> Iterator[Sentence]:
    """The sentences with the tags as they are."""
    width = 0
    words: list[str] = []
    tags: list[str] = []
    number = 0
    for number, line in text_lines(path):
        fields = _fields(line)
        if not fields or fields[0] == _DOCUMENT:
            if words:
                yield Sentence(number - len(words), tuple(words), tuple(tags))
            words, tags = [], []
            continue
        width = width or len(fields)
        if len(fields) != width or not _MIN_COLUMNS <= width <= _MAX_COLUMNS or not fields[0]:
            raise DataError(_misfit(path, number, fields, width))
        words.append(fields[0])
        tags.append(fields[-1])
    if words:
        yield Sentence(number + 1 - len(words), tuple(words), tuple(tags))


def _fields(line: str) -> list[str]:
    line = line.strip("\r\n")
    if not line.strip(" \t"):
        return []
    if "\t" in line:
        return [field.strip(" ") for field in line.split("\t")]
    return re.split(" +", line.strip(" "))  # not str.split: a no-break space belongs to a word


def _misfit(path: Path, number: int, fields: list[str], width: int) -> str:
    where = f"{path}, line {number}"
    if len(fields) != width:
        return (
            f"{where}: {len(fields)} columns where the first line with a word has {width}. "
            "Correct the tabs or spaces."
        )
    if not fields[0]:
        return f"{where}: there is no word before the tag."
    return (
        f"{where}: columns found: {width}; {_MIN_COLUMNS} to {_MAX_COLUMNS} can be read, apart by "
        "tabs or spaces: a word first, its tag last."
    )


def _beginnings(sentences: Sequence[Sentence]) -> tuple[list[int], list[int]]:
    """Lines on which an entity begins as only IOB1 has it, and as only IOB2 has it."""
    inside: list[int] = []
    marked: list[int] = []
    for sentence in sentences:
        for i, (before, tag) in enumerate(pairwise(("O", *sentence.tags))):
            if tag != "O" and not _continues(before, tag):
                (inside if tag.startswith("I-") else marked).append(sentence.number + i)
    return inside, marked


def _continues(before: str, tag: str) -> bool:
    """Whether the word before is of the same type."""
    return before != "O" and _type(before) == _type(tag)


def _type(tag: str) -> str:
    return tag[2:]


def _numbered(sentences: Sequence[Sentence]) -> Iterator[tuple[int, str]]:
    for sentence in sentences:
        yield from enumerate(sentence.tags, sentence.number)
