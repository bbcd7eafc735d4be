"""Texts with the entities in them: a CoNLL file, tables of words and tags, or character spans."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from squeezebert.data.columns import (
    Columns,
    cell,
    require_characters,
    require_columns,
    text_columns,
    unclear_column,
)
from squeezebert.data.conll import Sentence, is_conll, read_conll
from squeezebert.data.formats import file_kind, open_rows
from squeezebert.data.hub import open_dataset
from squeezebert.data.repeats import Places, Repeats
from squeezebert.data.rows import Row, Rows
from squeezebert.data.tags import broken_note, is_tag, scheme_of, to_iob2
from squeezebert.errors import DataError, InputError

_TABLES = (".jsonl", ".json", ".parquet")
_SPANS = ("entities", "spans", "labels", "label")  # as annotation tools name the column
_WORDS = ("tokens", "words")  # as public datasets do
_TAGS = ("ner_tags", "tags", "ner", "labels", "entities")
_SHAPES = '{"start": 0, "end": 6, "type": "PER"} or [0, 6, "PER"]'
_READ = (
    "Entities are read from lines with a word, a tab and its tag, and a blank line after each "
    'sentence (CoNLL), or from JSON lines such as {"text": "Tim Cook called.", "entities": '
    '[[0, 8, "PER"]]}, in a file that ends in .jsonl.'
)
# Between two letters or digits, but not beside a character of a script without spaces.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_CUT = re.compile(rf"[^\W_{_UNSPACED}]{{2}}")


class Span(NamedTuple):
    """An entity, from the character ``start`` of a text to before the character ``end``."""

    type: str
    start: int
    end: int


class AnnotatedText(NamedTuple):
    """A text and its entities in order; ``number`` is its line or row in the source, from 1."""

    number: int
    text: str
    spans: tuple[Span, ...]

    @property
    def item(self) -> str:
        """What a pipeline takes."""
        return self.text


@dataclass(frozen=True)
class EntitySummary:
    """What one pass over the examples counted.

    Attributes:
        examples: how many there are.
        types: how many entities of each type.
        places: where the first of each type is, such as "line 2".
        repeats: what to tell the user about texts that are there more than once.
    """

    examples: int
    types: Counter[str]
    places: Mapping[str, str]
    repeats: tuple[str, ...] = ()


@dataclass(frozen=True)
class AnnotatedTexts:
    """The examples of one source, read as they are iterated, as often as wanted.

    Attributes:
        name: the source.
        columns: those that were named.
        read: yields every example.
        found: what was noticed in what has been read, ready to be shown.
        unit: what the examples' numbers count, "line" or "row".
    """

    name: str
    columns: Columns
    read: Callable[[], Iterator[AnnotatedText]]
    found: Callable[[], Iterable[str]] = tuple
    unit: str = "line"

    @property
    def notes(self) -> tuple[str, ...]:
        """What to tell the user about how the source was read; reads it, if it is not yet."""
        cut = self._checked[1]
        return (*self.found(), *cut)

    def __iter__(self) -> Iterator[AnnotatedText]:
        return self.read()

    def check(self) -> EntitySummary:
        """Reads the whole source, the first time.

        Raises:
            DataError: it has no examples, or one can't be used.
        """
        return self._checked[0]

    @cached_property
    def _checked(self) -> tuple[EntitySummary, tuple[str, ...]]:
        """What one pass counts, and what to tell the user."""
        types: Counter[str] = Counter()
        places: dict[str, str] = {}
        examples = entities = 0
        cut = Places()
        repeats = Repeats(self.name, "texts", "set of entities")
        for example in self:
            examples += 1
            types.update(span.type for span in example.spans)
            for span in example.spans:
                entities += 1
                places.setdefault(span.type, self.place(example.number))
                if _cuts_a_word(example.text, span):
                    shown = example.text[span.start : span.end]
                    cut.add(f"{self.place(example.number)}: {shown!r}")
            repeats.add(self.place(example.number), example.text, example.spans)
        if not examples:
            raise DataError(f"{self.name}: there are no examples.")
        notes = []
        if cut:
            notes.append(
                f"{self.name}: {len(cut):,} of {entities:,} entities begin or end inside a word, "
                f"so they can't be found as they are ({cut}). Characters count from 0, and the "
                "end is the one after the last."
            )
        return EntitySummary(examples, types, places, tuple(repeats.notes)), tuple(notes)

    def place(self, number: int) -> str:
        """Where an example is, such as "line 2"."""
        return f"{self.unit} {number}"


def read_entities(
    source: str | Path, columns: Columns | None = None, *, split: str = "train"
) -> AnnotatedTexts:
    """Opens texts with entities.

    The rows of a jsonl, json or parquet file or of a hub dataset hold a text and its entities, or
    a list of words and one of their tags. Any other file is read as CoNLL. Of words the text is
    all of them, apart by single spaces.

    Args:
        columns: where text and entities, or words and tags, are in a table; guessed from their
            names if not given.
        split: which split, if ``source`` is a hub dataset.

    Raises:
        DataError: there is no such source, a CoNLL file can't be used, or a column is not there.
        InputError: columns are named that such a file doesn't have.
    """
    path = Path(source)
    columns = columns or Columns()
    if file_kind(path) in _TABLES:
        return _from_rows(open_rows(path), columns)
    if path.is_dir() or not (path.is_file() or path.suffix[1:].isalpha()):
        return _from_rows(open_dataset(str(source), split), columns)
    if columns != Columns():
        raise InputError(f"{path} is read as CoNLL, which has no columns to name. {_READ}")
    try:
        tagged = read_conll(path)
    except DataError as error:
        if file_kind(path) not in (".csv", ".tsv"):
            raise
        raise DataError(f"{error} {_READ}") from error
    return AnnotatedTexts(
        tagged.name, columns, lambda: map(_from_sentence, tagged.sentences), lambda: tagged.notes
    )


def has_tagged_words(path: Path) -> bool:
    """Whether a file has words and their tags, and not whole texts.

    Raises:
        DataError: it can't be read.
    """
    kind = file_kind(path)
    if kind in _TABLES:
        return not {*_WORDS}.isdisjoint(open_rows(path).columns)
    return kind not in (".csv", ".tsv", ".txt") or is_conll(path)


def spans(tags: Sequence[str], words: Sequence[tuple[int, int]]) -> tuple[Span, ...]:
    """The entities of words with IOB2 tags.

    Read strictly: an I- that continues no entity of its type is not part of any.

    Args:
        tags: one for each word.
        words: first character of each word, and the one after its last.
    """
    found: list[Span] = []
    last: int | None = None  # the end of the word before
    for tag, (start, end) in zip(tags, words, strict=True):
        if tag.startswith("B-"):
            found.append(Span(tag[2:], start, end))
        elif tag.startswith("I-") and found and (found[-1].type, found[-1].end) == (tag[2:], last):
            found[-1] = found[-1]._replace(end=end)
        last = end
    return tuple(found)


def _from_sentence(sentence: Sentence) -> AnnotatedText:
    return _from_words(sentence.number, sentence.words, sentence.tags)


def _from_words(number: int, words: Sequence[str], tags: Sequence[str]) -> AnnotatedText:
    places = []
    end = -1
    for word in words:
        places.append((end + 1, end + 1 + len(word)))
        end = places[-1][1]
    return AnnotatedText(number, " ".join(words), spans(tags, places))


def _cuts_a_word(text: str, span: Span) -> bool:
    """Whether a span begins or ends between two letters or digits."""
    return any(
        place > 0 and _CUT.fullmatch(text[place - 1 : place + 1]) is not None
        for place in (span.start, span.end)
    )


def _from_rows(rows: Rows, columns: Columns) -> AnnotatedTexts:
    if columns.pair is not None:
        raise InputError(
            f"{rows.name}: {columns.pair!r} is named as a pair's second text; entities are found "
            "in single texts."
        )
    require_columns(rows, columns.text, columns.label)
    if lists := _columns_of_lists(rows, columns):
        return _from_lists(rows, *lists, columns)
    text, _, guessed = text_columns(rows, columns.text)
    entities = columns.label or next((name for name in _SPANS if name in rows.columns), None)
    if entities is None:
        raise unclear_column(
            rows,
            f"which column holds the entities, a list of {_SHAPES}, or the tags of words?",
            "label_column",
        )
    if columns.label is None:
        guessed += (f"entities {entities!r}",)

    def read() -> Iterator[AnnotatedText]:
        for number, row in rows:
            content = cell(rows, number, row, text)
            where = f"{rows.name}, {rows.unit} {number}"
            found = _spans(content, row.get(entities), entities, where)
            yield AnnotatedText(number, content, found)

    return _of_table(rows, columns, guessed, read)


def _columns_of_lists(rows: Rows, columns: Columns) -> tuple[str, str] | None:
    """The columns of words and of their tags, if the first row has lists in such."""
    _, first = next(iter(rows), (0, Row()))

    def with_lists(named: str | None, usual: Sequence[str], kind: Any) -> str | None:
        names = usual if named is None else (named,)
        return next((name for name in names if _is_list(first.get(name), kind)), None)

    words = with_lists(columns.text, _WORDS, str)
    tags = with_lists(columns.label, _TAGS, str | int)
    return None if words is None or tags is None else (words, tags)


def _is_list(value: Any, kind: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, kind) for each in value)


def _from_lists(rows: Rows, words: str, tags: str, columns: Columns) -> AnnotatedTexts:
    guessed = tuple(
        f"{what} {name!r}"
        for what, name, named in (("words", words, columns.text), ("tags", tags, columns.label))
        if named is None
    )
    every = [(number, _tagged_words(rows, number, row, words, tags)[1]) for number, row in rows]
    scheme = scheme_of([given for _, given in every])
    if scheme is None:
        raise _no_scheme(rows, tags, every)
    if scheme != "IOB2":
        guessed += (f"the scheme {scheme}",)

    broken = Places(number for number, given in every if to_iob2(given, scheme).broken)
    told = (broken_note(rows.name, scheme, f"{rows.unit} {broken}", len(broken)),) if broken else ()

    def read() -> Iterator[AnnotatedText]:
        for number, row in rows:
            found, given = _tagged_words(rows, number, row, words, tags)
            yield _from_words(number, found, to_iob2(given, scheme).tags)

    return _of_table(rows, columns, guessed, read, told)


def _no_scheme(rows: Rows, column: str, every: Sequence[tuple[int, Sequence[str]]]) -> DataError:
    """The error for tags of no scheme, with the first that is no tag at all."""
    found = sorted({tag for _, given in every for tag in given})
    strange = ((number, tag) for number, given in every for tag in given if not is_tag(tag))
    number, tag = next(strange, (0, ""))
    where = f" The first such is {tag!r} in {rows.unit} {number}." if tag else ""
    return DataError(
        f"{rows.name}: the tags in {column!r}, such as {', '.join(map(repr, found[:5]))}, are "
        f"not O, B-TYPE or I-TYPE, nor those of a scheme like IOBES.{where}"
    )


def _tagged_words(
    rows: Rows, number: int, row: Row, words: str, tags: str
) -> tuple[list[str], list[str]]:
    """The words of a row, and as many tags."""
    where = f"{rows.name}, {rows.unit} {number}"
    found, given = row.get(words), row.get(tags)
    for column, value in ((words, found), (tags, given)):
        if not _is_list(value, str):
            numbers = column == tags and isinstance(value, list) and value
            raise DataError(
                f"{where}: {column!r} must be a list of texts."
                + (" Write the names of tags in place of their numbers." if numbers else "")
            )
    assert found is not None
    assert given is not None
    if len(found) != len(given):
        raise DataError(f"{where}: {len(found)} words have {len(given)} tags.")
    if not any(word.strip() for word in found):
        raise DataError(f"{where}: there are no words. Fill or remove this row.")
    require_characters("".join(found), f"{where}: {words!r}")
    return found, given


def _of_table(
    rows: Rows,
    columns: Columns,
    guessed: tuple[str, ...],
    read: Callable[[], Iterator[AnnotatedText]],
    more: Sequence[str] = (),
) -> AnnotatedTexts:
    told = (f"{rows.name}: guessed {', '.join(guessed)}.",) if guessed else ()
    return AnnotatedTexts(rows.name, columns, read, lambda: (*told, *rows.notes, *more), rows.unit)


def _spans(text: str, entries: Any, column: str, where: str) -> tuple[Span, ...]:
    """The entities of a row in order, without spaces at their edges."""
    if not text.strip():
        raise DataError(f"{where}: the text is empty. Fill or remove this row.")
    if not isinstance(entries, list):
        raise DataError(f"{where}: {column!r} must be a list of {_SHAPES}.")
    found = sorted((_span(entry, text, where) for entry in entries), key=lambda span: span.start)
    for before, span in pairwise(found):
        if span.start < before.end:
            raise DataError(
                f"{where}: the entities {text[before.start : before.end]!r} and "
                f"{text[span.start : span.end]!r} overlap. Keep one of them."
            )
    return tuple(found)


def _span(entry: Any, text: str, where: str) -> Span:
    if isinstance(entry, dict):
        entry = [entry.get("start"), entry.get("end"), entry.get("type", entry.get("label"))]
    match entry:
        case [int(start), int(end), str(kind)] if kind.strip():
            pass
        case [float(start), float(end), str(kind)] if (
            kind.strip() and start.is_integer() and end.is_integer()
        ):
            start, end = int(start), int(end)
        case _:
            raise DataError(f"{where}: {entry!r} is no entity; it must be like {_SHAPES}.")
    inside = text[start:end] if 0 <= start < end <= len(text) else ""
    if not inside.strip():
        raise DataError(
            f"{where}: the entity from {start} to {end} holds no characters of the text, which has "
            f"{len(text)}. Count characters from 0; the end is the one after the last."
        )
    start += len(inside) - len(inside.lstrip())
    return Span(kind.strip(), start, start + len(inside.strip()))
