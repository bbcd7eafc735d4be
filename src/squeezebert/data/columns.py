"""Which columns hold the texts and the labels, and their cells as text."""

from dataclasses import dataclass
from pathlib import Path

from squeezebert.data.labels import SEPARATOR
from squeezebert.data.rows import Row, Rows, open_rows
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
    ("#1 string", "#2 string"),
    ("text", "pair"),
)
_TEXTS = (
    "text", "sentence", "review", "content", "comment", "tweet", "message", "utterance", "query",
    "document",
)  # fmt: skip
_LABELS = (
    "label", "labels", "gold_label", "class", "category", "sentiment", "intent", "target",
    "quality", "score", "rating", "stars",
)  # fmt: skip


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
    given = [column for column in named if column is not None]
    numbered = bool(given) and all(column.isdecimal() for column in given)
    return open_rows(path, header=not numbered)


def text_columns(
    rows: Rows, text: str | None = None, pair: str | None = None
) -> tuple[str, str | None, tuple[str, ...]]:
    """The columns of the text and of the second text of a pair, guessed where None.

    Returns:
        Both names, the second None for single texts, and which were guessed, ready to be shown.

    Raises:
        DataError: a column named is not there, or none can be guessed.
        InputError: a pair column without a text column.
    """
    if pair is not None and text is None:
        raise InputError("--pair-column needs --text-column, the first text of the pair.")
    _require(rows, text, pair)
    if text is not None:
        return text, pair, ()
    columns = _by_lower_name(rows)
    for first, second in _PAIRS:
        if first in columns and second in columns:
            text, pair = columns[first], columns[second]
            return text, pair, (f"text {text!r}", f"pair {pair!r}")
    for name in _TEXTS:
        if name in columns:
            return columns[name], None, (f"text {columns[name]!r}",)
    raise DataError(
        f"{rows.name}: which column is the text? {_columns_of(rows)} Name it with --text-column."
    )


def label_column(
    rows: Rows, texts: tuple[str | None, ...], label: str | None = None
) -> tuple[str, tuple[str, ...]]:
    """The column of the label, guessed among those that are not ``texts`` if None.

    Returns:
        Its name, and whether it was guessed, ready to be shown.

    Raises:
        DataError: the column named is not there, or none can be guessed.
    """
    _require(rows, label)
    if label is not None:
        return label, ()
    columns = _by_lower_name(rows)
    for name in _LABELS:
        if name in columns and columns[name] not in texts:
            return columns[name], (f"label {columns[name]!r}",)
    raise DataError(
        f"{rows.name}: which column is the label? {_columns_of(rows)} Name it with --label-column."
    )


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
    if value is None or value != value:  # NaN, as pandas writes what is missing
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float):
        raise DataError(
            f"{where}: {column!r} holds a {type(value).__name__}; a text or a number is needed."
        )
    text = str(value)
    if has_lone_surrogate(text):
        raise DataError(
            f"{where}: {column!r} holds a lone surrogate, half of a character. Correct what wrote "
            "this record."
        )
    return text


def label_cell(rows: Rows, number: int, row: Row, column: str) -> str:
    """A label as text; a list of labels as those with a "|" after each.

    Raises:
        DataError: as `cell`, or a label of a list is empty or holds a "|".
    """
    labels = row.get(column)
    if not isinstance(labels, list):
        return cell(rows, number, row, column).strip()
    texts = [cell(rows, number, {column: label}, column).strip() for label in labels]
    for text in texts:
        if not text or SEPARATOR in text:
            raise DataError(
                f"{rows.name}, {rows.unit} {number}: {column!r} lists the label {text!r}; a label "
                f"of a list is not empty and holds no {SEPARATOR}."
            )
    return SEPARATOR.join([*texts, ""]) or SEPARATOR


def has_lone_surrogate(text: str) -> bool:
    """Whether a text holds halves of characters, as JSON can; such a text has no encoding."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _require(rows: Rows, *columns: str | None) -> None:
    for column in columns:
        if column is not None and column not in rows.columns:
            raise DataError(f"{rows.name}: no column {column!r}. {_columns_of(rows)}")


def _by_lower_name(rows: Rows) -> dict[str, str]:
    return {column.lower(): column for column in rows.columns}


def _columns_of(rows: Rows) -> str:
    return f"Its columns are {', '.join(map(repr, rows.columns))}."
