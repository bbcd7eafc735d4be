"""Texts or pairs of texts with a label each, from a data file or a hub dataset."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from squeezebert.data.hub import open_dataset
from squeezebert.data.rows import Rows, is_data_file, open_rows
from squeezebert.errors import DataError, InputError

# Column names seen in public datasets, the more specific first.
_PAIRS = (
    ("sentence1", "sentence2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("text1", "text2"),
    ("text_a", "text_b"),
    ("#1 string", "#2 string"),
)
_TEXTS = (
    "text", "sentence", "review", "content", "comment", "tweet", "message", "utterance", "query",
    "document",
)  # fmt: skip
_LABELS = (
    "label", "labels", "gold_label", "class", "category", "sentiment", "intent", "target",
    "quality", "score", "rating", "stars",
)  # fmt: skip
_SHOWN = 5  # how many bad lines a message lists


class Example(NamedTuple):
    """One labelled text or pair; ``number`` is its line or row in the source, from 1."""

    number: int
    text: str
    pair: str | None
    label: str

    @property
    def item(self) -> str | tuple[str, str]:
        """What a classifier takes."""
        return self.text if self.pair is None else (self.text, self.pair)


@dataclass(frozen=True)
class Summary:
    """What one pass over a table counted.

    Attributes:
        labels: how often each label occurs.
        duplicates: rows whose text or pair and label were seen before.
        conflicts: rows whose text or pair was seen before with another label.
    """

    labels: Counter[str]
    duplicates: int
    conflicts: int

    @property
    def examples(self) -> int:
        return self.labels.total()


@dataclass(frozen=True)
class Table:
    """Labelled examples of one source, read as they are iterated, as often as wanted.

    Attributes:
        rows: the source.
        text, pair, label: column names; ``pair`` is None for single texts.
        guessed: which of them were guessed, ready to be shown.
    """

    rows: Rows
    text: str
    pair: str | None
    label: str
    guessed: tuple[str, ...] = field(default=())

    @property
    def name(self) -> str:
        return self.rows.name

    def __iter__(self) -> Iterator[Example]:
        """Yields every example, its label as text and stripped; checks no values (see `check`)."""
        for number, row in self.rows:
            yield Example(
                number,
                self._cell(number, row, self.text),
                None if self.pair is None else self._cell(number, row, self.pair),
                self._cell(number, row, self.label).strip(),
            )

    def check(self) -> Summary:
        """Reads the whole table once.

        Raises:
            DataError: it has no rows, or rows with an empty text or label (their numbers are
                listed).
        """
        labels: Counter[str] = Counter()
        seen: dict[int, int] = {}
        duplicates = conflicts = 0
        empty: dict[str, list[int]] = {}
        for number, text, pair, label in self:
            for column, value in ((self.text, text), (self.pair, pair), (self.label, label)):
                if column is not None and value is not None and not value.strip():
                    empty.setdefault(column, []).append(number)
            labels[label] += 1
            key, value_key = hash((text, pair)), hash(label)
            if key not in seen:
                seen[key] = value_key
            elif seen[key] == value_key:
                duplicates += 1
            else:
                conflicts += 1
        if not labels:
            raise DataError(f"{self.name}: there are no rows below the header.")
        if empty:
            found = "; ".join(
                f"{len(numbers)} with an empty {column!r} ({self.rows.unit} {_listed(numbers)})"
                for column, numbers in empty.items()
            )
            raise DataError(f"{self.name}: {found}. Fill or remove these rows.")
        return Summary(labels, duplicates, conflicts)

    def _cell(self, number: int, row: dict[str, object], column: str) -> str:
        if column not in row:
            raise DataError(f"{self.name}, {self.rows.unit} {number}: there is no {column!r}.")
        value = row[column]
        if value is None:
            return ""
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, str | int | float):
            return str(value)
        raise DataError(
            f"{self.name}, {self.rows.unit} {number}: {column!r} holds a "
            f"{type(value).__name__}; a text or a number is needed."
        )


def read_classification(
    source: str | Path,
    *,
    split: str = "train",
    text_column: str | None = None,
    pair_column: str | None = None,
    label_column: str | None = None,
) -> Table:
    """Opens labelled texts or pairs; columns not named are guessed from their names.

    Args:
        source: a csv, tsv, jsonl or parquet file, else the name of a hub dataset.
        split: which split, if ``source`` is a hub dataset.

    Raises:
        DataError: no such source, a column named is not there, or none can be guessed.
        InputError: a pair column without a text column.
    """
    path = Path(source)
    rows = open_rows(path) if is_data_file(path) else open_dataset(str(source), split)
    return with_columns(rows, text_column, pair_column, label_column)


def with_columns(
    rows: Rows, text: str | None = None, pair: str | None = None, label: str | None = None
) -> Table:
    """The table over ``rows`` with the columns named, or guessed where None.

    Raises:
        DataError: a column named is not there, or none can be guessed.
        InputError: a pair column without a text column.
    """
    if pair is not None and text is None:
        raise InputError("--pair-column needs --text-column, the first text of the pair.")
    for column in (text, pair, label):
        if column is not None and column not in rows.columns:
            raise DataError(f"{rows.name}: no column {column!r}. {_columns_of(rows)}")
    by_lower_name = {column.lower(): column for column in rows.columns}

    def guess(names: Sequence[str]) -> str | None:
        return next((by_lower_name[name] for name in names if name in by_lower_name), None)

    guessed = []
    if text is None:
        for first, second in _PAIRS:
            if first in by_lower_name and second in by_lower_name:
                text, pair = by_lower_name[first], by_lower_name[second]
                guessed += [f"text {text!r}", f"pair {pair!r}"]
                break
        else:
            text = guess(_TEXTS)
            guessed.append(f"text {text!r}")
    if text is None:
        raise DataError(
            f"{rows.name}: which column is the text? {_columns_of(rows)} "
            "Name it with --text-column."
        )
    if label is None:
        label = guess([name for name in _LABELS if by_lower_name.get(name) not in (text, pair)])
        guessed.append(f"label {label!r}")
    if label is None:
        raise DataError(
            f"{rows.name}: which column is the label? {_columns_of(rows)} "
            "Name it with --label-column."
        )
    return Table(rows, text, pair, label, tuple(guessed))


def _columns_of(rows: Rows) -> str:
    return f"Its columns are {', '.join(map(repr, rows.columns))}."


def _listed(numbers: Sequence[int]) -> str:
    more = ", ..." if len(numbers) > _SHOWN else ""
    return ", ".join(map(str, numbers[:_SHOWN])) + more
