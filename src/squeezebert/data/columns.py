"""Which columns hold the texts and the labels, and their cells as text."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from squeezebert.data.formats import open_rows
from squeezebert.data.labels import SEPARATOR, canonical_label
from squeezebert.data.rows import Row, Rows, leave_out
from squeezebert.errors import DataError, InputError

# Column names seen in public datasets, the more specific first.
_PAIRS = (
    ("sentence1", "sentence2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("question", "context"),
    ("text1", "text2"),
    ("text_a", "text_b"),
    ("sentence_a", "sentence_b"),
    ("#1 string", "#2 string"),
    ("text", "pair"),
)
_TEXTS = (
    "text", "sentence", "review", "content", "comment", "comment_text", "tweet", "message",
    "utterance", "query", "document", "headline", "body", "phrase", "question", "tokens", "words",
)  # fmt: skip
TEXT_NAMES = frozenset(_TEXTS).union(*_PAIRS)
"""Usual names of columns with texts, in small letters."""

_LABELS = (
    "label", "labels", "gold_label", "class", "category", "sentiment", "intent", "target",
    "quality", "score", "rating", "stars", "similarity", "relatedness_score", "emotion", "topic",
    "is_duplicate",
)  # fmt: skip
_ROWS_LOOKED_AT = 100
_FEW_WORDS = 2  # of a text on average at least, of a label at most
_FEW_LABELS = 20  # there are at most in the first rows
_NO_LABEL = re.compile(
    r"(?i)(^|[\W_])(id|ids|user|author|customer|client|name|date|datum|time|day|month|year|created|"
    r"index|no|nr|number|url|link|page|source|lang|language)($|[\W_])|(?<=[a-z])(Id|ID)$"
)
"""Names of columns that hold no labels, though their values repeat."""
_DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}|\d:\d\d")
_BITS = {"0": False, "1": True, "false": False, "true": True}


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table that a user named; None where they are to be guessed."""

    text: str | None = None
    pair: str | None = None
    label: str | None = None


def open_table(path: Path, *named: str | None) -> Rows:
    """Opens a data file; columns named by numbers are those of a file without a header line.

    Raises:
        DataError: as `open_rows`.
    """
    return open_rows(path, header=not are_numbers(named))


def are_numbers(named: tuple[str | None, ...]) -> bool:
    """Whether columns are named by their numbers, as those of a file without a header line."""
    given = [column for column in named if column is not None]
    return bool(given) and all(
        part.strip().isdecimal() for column in given for part in column.split(",")
    )


def text_columns(
    rows: Rows,
    text: str | None = None,
    pair: str | None = None,
    label: str | None = None,
    *,
    labelled: bool = False,
) -> tuple[str, str | None, tuple[str, ...]]:
    """The columns of the text and of the second text of a pair, guessed where None.

    They are guessed from their names; of two columns also from what is in them.

    Args:
        label: the column of the label, if it is named.
        labelled: whether rows have labels, so that a column of them is asked for too.

    Returns:
        Both names, the second None for single texts, and which were guessed, ready to be shown.

    Raises:
        DataError: a column named is not there, or is named for both texts, or none can be guessed.
        InputError: a pair column without a text column.
    """
    if pair is not None and text is None:
        raise InputError(
            "The column of a pair's second text is named, and that of the first is not."
        ).giving(text_column="NAME")
    require_columns(rows, text, pair, None if label is None or "," in label else label)
    if text is not None:
        if text == pair:
            raise DataError(f"{rows.name}: the column {text!r} is named for both texts of a pair.")
        return text, pair, ()
    columns = _by_lower_name(rows)
    for first, second in _PAIRS:
        if first in columns and second in columns:
            text, pair = columns[first], columns[second]
            return text, pair, (f"text {text!r}", f"pair {pair!r}")
    for name in _TEXTS:
        if name in columns:
            return columns[name], None, (f"text {columns[name]!r}",)
    if (found := _text_of_two(rows, label)) is not None:
        return found, None, (f"text {found!r}",)
    arguments = {"text_column": "NAME"}
    question = "which column is the text?"
    if labelled and label is None:
        arguments["label_column"] = "NAME"
        if not any(name in columns for name in _LABELS):
            question = "which column is the text, and which the label?"
    raise _lacking(rows, question, **arguments)


def label_columns(
    rows: Rows, texts: tuple[str | None, ...], label: str | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The column of the label, guessed among those that are not ``texts`` if None.

    It is guessed from its name; of two columns also from what is in it.

    Labels may also have a column each, with 1 where a row has the label and 0 where it hasn't
    (one-hot): several names with commas between them, or all columns with nothing but 0 and 1 in
    the first rows.

    Returns:
        Its name or all their names, and which were guessed, ready to be shown.

    Raises:
        DataError: the column named is not there, or none can be guessed.
    """
    if label is not None and label not in rows.columns and "," in label:
        several = tuple(dict.fromkeys(part.strip() for part in label.split(",")))
        require_columns(rows, *several)
        return several, ()
    require_columns(rows, label)
    if label is not None:
        if label in texts:
            raise DataError(
                f"{rows.name}: the column {label!r} is named for the texts and for the labels."
            )
        return (label,), ()
    columns = _by_lower_name(rows)
    for name in _LABELS:
        if name in columns and columns[name] not in texts:
            return (columns[name],), (f"label {columns[name]!r}",)
    for name in rows.later:
        if name.lower() in _LABELS:  # reading tells which rows lack it
            return (name,), (f"label {name!r}",)
    if several := _columns_of_bits(rows, texts):
        return several, (f"a label each in the columns {', '.join(map(repr, several))}",)
    if (other := _label_of_two(rows, texts)) is not None:
        return (other,), (f"label {other!r}",)
    raise unclear_column(rows, "which column is the label?", "label_column")


def cell(rows: Rows, number: int, row: Row, column: str) -> str:
    """A cell as text, empty where there is no value.

    Raises:
        DataError: the row has no such column, its value is neither a text nor a number, or it
            holds a lone surrogate.
    """
    where = f"{rows.name}, {rows.unit} {number}"
    if column not in row:
        raise DataError(f"{where}: there is no {column!r}.")
    value = row[column]
    if is_missing(value):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float):
        raise DataError(
            f"{where}: {column!r} is of type {type(value).__name__}; a text or a number is needed."
        )
    text = str(value)
    require_characters(text, f"{where}: {column!r}")
    return text


def label_cell(rows: Rows, number: int, row: Row, column: str) -> str:
    """A label as text; a list of labels as those with a "|" after each.

    Raises:
        DataError: as `cell`, or a label of a list is empty or holds a "|".
    """
    labels = row.get(column)
    if not isinstance(labels, list):
        return canonical_label(
            cell(rows, number, row, column).strip(), decimal_comma=rows.decimal_comma
        )
    texts = [
        canonical_label(cell(rows, number, {column: label}, column).strip()) for label in labels
    ]
    for text in texts:
        if not text or SEPARATOR in text:
            raise DataError(
                f"{rows.name}, {rows.unit} {number}: {column!r} lists the label {text!r}; a label "
                f"of a list is not empty and holds no {SEPARATOR}."
            )
    return SEPARATOR.join([*texts, ""]) or SEPARATOR


def label_of_columns(rows: Rows, number: int, row: Row, columns: tuple[str, ...]) -> str:
    """The names of the columns that hold a 1, with a "|" between them; a "|" for none.

    Raises:
        DataError: one holds something else than 0 and 1.
    """
    labels = []
    for column in columns:
        value = canonical_label(cell(rows, number, row, column).strip())
        if value not in _BITS:
            raise DataError(
                f"{rows.name}, {rows.unit} {number}: {column!r} is a column of a label, and holds "
                f"{value!r} in place of 0 or 1."
            )
        if _BITS[value]:
            labels.append(column)
    return SEPARATOR.join(labels) or SEPARATOR


def names_beside(kept: Collection[str], answered: Collection[str]) -> dict[str, str]:
    """The names, beside those of an answer, of the columns that are kept of a row.

    One that the answer has gets "input_" in front, as often as it takes to be no other's.
    """
    names: dict[str, str] = {}
    taken = {*answered, *kept}
    for name in kept:
        new = name
        if name in answered:
            while new in taken:
                new = f"input_{new}"
            taken.add(new)
        names[name] = new
    return names


def is_missing(value: Any) -> bool:
    """Whether there is no value: None, or NaN as pandas writes what is missing."""
    return value is None or value != value


def require_characters(text: str, what: str) -> None:
    """Raises DataError if a text holds halves of characters, as JSON can; it has no encoding."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{what} holds a lone surrogate, half of a character. Correct what wrote it."
        ) from error


def require_columns(rows: Rows, *columns: str | None) -> None:
    """Raises DataError unless the columns named are there."""
    for column in columns:
        if column is not None and column not in (*rows.columns, *rows.later):
            raise missing_column(rows, column)


def missing_column(rows: Rows, column: str) -> DataError:
    """The error for a column that is named and not there."""
    return _lacking(rows, f"no column {column!r}.")


def unclear_column(rows: Rows, question: str, argument: str) -> DataError:
    """The error for a column that can't be guessed.

    Args:
        argument: what names it, such as "text_column".
    """
    return _lacking(rows, question, **{argument: "NAME"})


def _lacking(rows: Rows, what: str, **given: str) -> DataError:
    """The error for columns that don't fit, with the remedy; by default ``given`` to name one."""
    about = f"{rows.name}: {what} {_columns_of(rows)}"
    if rows.advice:
        return DataError(f"{about} {rows.advice}")
    if _is_row(rows, _sample(rows)):
        about += (
            f" If this first line is no header, columns have the numbers 1 to {len(rows.columns)}."
        )
        given = _numbers_of(rows.columns)
    return DataError(about).giving(**given)


def _numbers_of(header: tuple[str, ...]) -> dict[str, str]:
    """The numbers of texts and label, where the header looks like a row."""
    texts = [place for place, name in enumerate(header) if len(name.split()) >= 3]
    if len(texts) != 2:  # two are a pair
        texts = [header.index(max(header, key=len))]
    label = next((place for place in reversed(range(len(header))) if place not in texts), None)
    places = dict(zip(("text_column", "pair_column"), texts, strict=False))
    if label is not None:
        places["label_column"] = label
    return {name: str(place + 1) for name, place in places.items()}


def _columns_of_bits(rows: Rows, texts: tuple[str | None, ...]) -> tuple[str, ...]:
    """Columns besides the texts with nothing but 0 and 1 in the first rows, if several have."""
    first = [row for _, row in islice(rows, _ROWS_LOOKED_AT)]
    found = tuple(
        column
        for column in rows.columns
        if column not in texts and first and all(_is_bit(row.get(column)) for row in first)
    )
    return found if len(found) > 1 else ()


def _text_of_two(rows: Rows, label: str | None) -> str | None:
    """Of two columns that of the text, if it is clear from the other one or from what they hold."""
    if len(rows.columns) != 2:
        return None
    if label is not None:
        return _other_of_two(rows, label)
    sample = _sample(rows)
    if _is_row(rows, sample):
        return None
    columns = _by_lower_name(rows)
    if known := [columns[name] for name in _LABELS if name in columns]:
        other = _other_of_two(rows, known[0])
        return other if other is not None and _words(sample, other) >= _FEW_WORDS else None
    short, long = sorted(rows.columns, key=lambda column: _words(sample, column))
    clear = _words(sample, long) >= 2 * max(_FEW_WORDS, _words(sample, short))
    return long if clear and _are_labels(sample, short) else None


def _label_of_two(rows: Rows, texts: tuple[str | None, ...]) -> str | None:
    """Of two columns the one beside the text, if it holds what looks like labels."""
    other = _other_of_two(rows, texts[0])
    sample = _sample(rows)
    if other is None or other in texts or _is_row(rows, sample):
        return None
    return other if _are_labels(sample, other) else None


def _other_of_two(rows: Rows, column: str | None) -> str | None:
    """The other one of two columns."""
    if len(rows.columns) != 2 or column not in rows.columns:
        return None
    return next(other for other in rows.columns if other != column)


def _sample(rows: Rows) -> list[Row]:
    """The first rows that can be read; none of a stream, which can't be read again."""
    if rows.is_stream:
        return []
    return [row for _, row in islice(rows.past_bad(leave_out), _ROWS_LOOKED_AT)]


def _is_row(rows: Rows, sample: Sequence[Row]) -> bool:
    """Whether the first line looks like a row: with a sentence, a number or a label."""
    if not rows.headed:
        return False
    sentence = any(len(name.split()) >= 3 for name in rows.columns)
    number = any(canonical_label(name).isdecimal() for name in rows.columns)
    return (
        sentence or number or any(row.get(name) == name for row in sample for name in rows.columns)
    )


def _words(sample: Sequence[Row], column: str) -> float:
    """How many words a column's cells have on average; what has no letter is none."""
    words = (word for row in sample for word in str(row.get(column)).split())
    return sum(any(map(str.isalpha, word)) for word in words) / max(1, len(sample))


def _are_labels(sample: Sequence[Row], column: str) -> bool:
    """Whether a column holds the same few short values again and again, and not those of a date."""
    values = [str(row.get(column)) for row in sample]
    several = 1 < len(set(values)) <= min(_FEW_LABELS, len(values) // 2)
    plain = not _NO_LABEL.search(column) and not any(map(_DATE.search, values))
    return several and plain and _words(sample, column) <= _FEW_WORDS


def _is_bit(value: Any) -> bool:
    return isinstance(value, str | int | float) and canonical_label(str(value).strip()) in _BITS


def _by_lower_name(rows: Rows) -> dict[str, str]:
    return {column.lower(): column for column in rows.columns}


def _columns_of(rows: Rows) -> str:
    return f"Its columns are {', '.join(map(repr, (*rows.columns, *rows.later)))}."
