"""Sentences of words with a tag each, from a CoNLL file.

Each line holds a word, perhaps columns that we don't use, and an entity tag; a blank line ends a
sentence. Whatever scheme the file's tags are in, those read are IOB2; see `squeezebert.data.tags`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from squeezebert.data.formats.decoding import Text
from squeezebert.data.repeats import Places, counted
from squeezebert.data.tags import broken_note, is_tag, scheme_of, to_iob2
from squeezebert.errors import DataError

_METADATA = re.compile(r"#\s*[\w:]+ *=")  # as CoNLL-U has it: # sent_id = 12
_DOCUMENT = "-DOCSTART-"  # stands for a word where a new document begins
_MIN_COLUMNS, _MAX_COLUMNS = 2, 4
_LOOKED_AT = 20  # lines


class Sentence(NamedTuple):
    """Words and their tags in IOB2; ``number`` is the line of the first, from 1."""

    number: int
    words: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class TaggedSentences:
    """The sentences of one CoNLL file.

    Attributes:
        name: the file's path.
        scheme: the scheme that most entities of the file are tagged in.
        sentences: all of them.
        broken: the lines whose tag begins an entity in a way that ``scheme`` does not have. It was
            read as the beginning of one, as CoNLL's own scorer does.
        found: what else to tell the user about how the file was read.
    """

    name: str
    scheme: str
    sentences: tuple[Sentence, ...]
    broken: tuple[int, ...]
    found: tuple[str, ...] = ()

    @property
    def types(self) -> tuple[str, ...]:
        """The types of entity that occur, in alphabetical order."""
        tags = {tag for sentence in self.sentences for tag in sentence.tags}
        return tuple(sorted({tag[2:] for tag in tags - {"O"}}))

    @property
    def notes(self) -> tuple[str, ...]:
        """What to tell the user about how the file was read."""
        notes = list(self.found)
        if self.scheme != "IOB2":
            notes.append(f"{self.name}: tags are in the scheme {self.scheme}, and read as IOB2.")
        if self.broken:
            places = f"line {Places(self.broken)}"
            notes.append(broken_note(self.name, self.scheme, places, len(self.broken)))
        return tuple(notes)


class _Word(NamedTuple):
    """A line with a word: its number, and its fields."""

    number: int
    fields: list[str]


def read_conll(path: str | Path) -> TaggedSentences:
    """Reads a CoNLL file: two to four columns, apart by tabs or spaces, the tag in the last.

    A column before with running numbers is left out, and so are lines that begin with
    ``-DOCSTART-``, which end a sentence, and comments: lines that begin with "#" and hold no
    tag, or name a value, such as "# sent_id = 12".

    Args:
        path: a text in any encoding and packing.

    Raises:
        DataError: the file is missing, damaged or holds no sentence; or lines of it have no word,
            another number of columns than the first, or a tag of no known scheme (their numbers
            are listed).
    """
    text = Text.of_file(Path(path))
    sentences = list(_sentences(text))
    if not sentences:
        raise DataError(f"{path}: holds no sentence. Each line needs a word and its tag.")
    if _is_numbered(sentences):
        text.note("numbers", "its first column counts words and is left out.")
        for sentence in sentences:
            for word in sentence:
                del word.fields[0]
    width = len(sentences[0][0].fields)
    if not _MIN_COLUMNS <= width <= _MAX_COLUMNS:
        raise DataError(
            f"{path}, line {sentences[0][0].number}: columns found: {width}; {_MIN_COLUMNS} to "
            f"{_MAX_COLUMNS} can be read, apart by tabs or spaces: a word first, its tag last."
        )
    tags = [[word.fields[-1] for word in sentence] for sentence in sentences]
    scheme = scheme_of(tags)
    if scheme is None:
        raise _no_scheme(text.name, sentences)
    converted: list[Sentence] = []
    broken: list[int] = []
    for sentence, given in zip(sentences, tags, strict=True):
        read = to_iob2(given, scheme)
        words = tuple(word.fields[0] for word in sentence)
        converted.append(Sentence(sentence[0].number, words, read.tags))
        broken += [sentence[place].number for place in read.broken]
    return TaggedSentences(text.name, scheme, tuple(converted), tuple(broken), text.notes)


def is_conll(path: Path) -> bool:
    """Whether the first lines of a file are words with their tags.

    Raises:
        DataError: the file is missing or damaged.
    """
    lines = (_fields(line) for _, line in Text.of_file(path).look())
    found = list(islice((each for each in lines if each and each[0] != _DOCUMENT), _LOOKED_AT))
    widest = _MAX_COLUMNS + 1  # with a column of running numbers
    return bool(found) and all(
        _MIN_COLUMNS <= len(each) <= widest and is_tag(each[-1]) for each in found
    )


def _sentences(text: Text) -> Iterator[list[_Word]]:
    """The sentences with all their columns, which are as many in every line."""
    width = 0
    words: list[_Word] = []
    comments = Places()
    for number, line in text:
        fields = _fields(line)
        if not fields or fields[0] == _DOCUMENT:
            if words:
                yield words
            words = []
            continue
        has_tag = is_tag(fields[-1]) and len(fields) == (width or len(fields))
        if line.startswith("#") and (not has_tag or _METADATA.match(line)):
            comments.add(number)
            continue
        width = width or len(fields)
        if len(fields) != width:
            raise DataError(
                f"{text.name}, line {number}: {len(fields)} columns where the first line with a "
                f"word has {width}. Correct the tabs or spaces."
            )
        if not fields[0]:
            raise DataError(f"{text.name}, line {number}: there is no word before the tag.")
        words.append(_Word(number, fields))
    if words:
        yield words
    if comments:
        text.note("comments", f"left out {counted(len(comments), 'comments')}: line {comments}.")


def _fields(line: str) -> list[str]:
    line = line.rstrip(" \t\r\n")
    if "\t" in line:
        return [field.strip(" ") for field in line.split("\t")]
    return re.split(" +", line.strip(" ")) if line else []  # a no-break space belongs to a word


def _is_numbered(sentences: Sequence[Sequence[_Word]]) -> bool:
    """Whether the first column counts the words of each sentence, or those of the whole file."""
    columns = [[word.fields[0] for word in sentence] for sentence in sentences]
    if max(map(len, columns)) < 2 or len(sentences[0][0].fields) <= _MIN_COLUMNS:
        return False
    return any(
        all(_counts(column, first) for column in columns)
        or _counts([number for column in columns for number in column], first)
        for first in (0, 1)
    )


def _counts(column: Sequence[str], first: int) -> bool:
    return all(field == str(number) for number, field in enumerate(column, first))


def _no_scheme(name: str, sentences: Sequence[Sequence[_Word]]) -> DataError:
    words = [word for sentence in sentences for word in sentence]
    strange = [word for word in words if not is_tag(word.fields[-1])]
    if not strange:
        found = ", ".join(sorted({word.fields[-1].partition("-")[0] for word in words}))
        return DataError(f"{name}: tags begin with {found}, which together are no scheme we know.")
    lines = Places(word.number for word in strange)
    return DataError(
        f"{name}: {len(strange):,} tags such as {strange[0].fields[-1]!r} are not O, B-TYPE or "
        f"I-TYPE (line {lines}). The tag has to be the last column."
    )
