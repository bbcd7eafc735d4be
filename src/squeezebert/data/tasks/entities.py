"""Texts with the entities in them, from a CoNLL file or from JSON lines with character spans."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from squeezebert.data.columns import Columns, cell, text_columns
from squeezebert.data.conll import Sentence, read_conll
from squeezebert.data.rows import Rows, open_rows
from squeezebert.errors import DataError, InputError

_TABLES = (".jsonl", ".parquet")
_PACKED = (".gz", ".xz")
_SPANS = ("entities", "spans", "labels", "label")  # as annotation tools name the column
_SHAPES = '{"start": 0, "end": 6, "type": "PER"} or [0, 6, "PER"]'


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
    """

    examples: int
    types: Counter[str]


@dataclass(frozen=True)
class AnnotatedTexts:
    """The examples of one source, read as they are iterated, as often as wanted.

    Attributes:
        name: the source.
        notes: what to tell the user about how it was read.
        columns: those that were named.
        read: yields every example.
        unit: what the examples' numbers count, "line" or "row".
    """

    name: str
    notes: tuple[str, ...]
    columns: Columns
    read: Callable[[], Iterator[AnnotatedText]]
    unit: str = "line"

    def __iter__(self) -> Iterator[AnnotatedText]:
        return self.read()

    def check(self) -> EntitySummary:
        """Reads the whole source once.

        Raises:
            DataError: it has no examples, or one can't be used.
        """
        types: Counter[str] = Counter()
        examples = 0
        for example in self:
            examples += 1
            types.update(span.type for span in example.spans)
        if not examples:
            raise DataError(f"{self.name}: there are no examples.")
        return EntitySummary(examples, types)

    def place(self, number: int) -> str:
        """Where an example is, such as "line 2"."""
        return f"{self.unit} {number}"


def read_entities(source: str | Path, columns: Columns | None = None) -> AnnotatedTexts:
    """Opens texts with entities.

    A jsonl or parquet file has a text and its entities in each row; any other file is read as
    CoNLL. Of the latter the text is its words, apart by single spaces.

    Args:
        columns: where text and entities are in a table; guessed from their names if not given.

    Raises:
        DataError: there is no such file, a CoNLL file can't be used, or a column is not there.
        InputError: columns are named that such a file doesn't have.
    """
    path = Path(source)
    columns = columns or Columns()
    kind = Path(path.stem).suffix if path.suffix.lower() in _PACKED else path.suffix
    if kind.lower() in _TABLES:
        return _from_rows(open_rows(path), columns)
    if columns != Columns():
        raise InputError(f"{path} is read as CoNLL, which has no columns to name.")
    tagged = read_conll(path)
    return AnnotatedTexts(
        tagged.name, tagged.notes, columns, lambda: map(_from_sentence, tagged.sentences)
    )


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
    words = []
    end = -1
    for word in sentence.words:
        words.append((end + 1, end + 1 + len(word)))
        end = words[-1][1]
    return AnnotatedText(sentence.number, " ".join(sentence.words), spans(sentence.tags, words))


def _from_rows(rows: Rows, columns: Columns) -> AnnotatedTexts:
    if columns.pair is not None:
        raise InputError("--pair-column is for pairs of texts; entities are found in single ones.")
    text, _, guessed = text_columns(rows, columns.text)
    entities = columns.label or next((name for name in _SPANS if name in rows.columns), None)
    if entities not in rows.columns:
        raise DataError(
            f"{rows.name}: which column holds the entities? Its columns are "
            f"{', '.join(map(repr, rows.columns))}. Name it with --label-column; it is a list of "
            f"{_SHAPES}."
        )
    if columns.label is None:
        guessed += (f"entities {entities!r}",)

    def read() -> Iterator[AnnotatedText]:
        for number, row in rows:
            content = cell(rows, number, row, text)
            where = f"{rows.name}, {rows.unit} {number}"
            yield AnnotatedText(
                number, content, _spans(content, row.get(entities), entities, where)
            )

    return AnnotatedTexts(
        rows.name,
        (f"{rows.name}: guessed {', '.join(guessed)}.",) if guessed else (),
        columns,
        read,
        rows.unit,
    )


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
