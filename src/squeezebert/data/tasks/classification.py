"""Texts or pairs of texts with a label each, from a data file or a hub dataset."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from squeezebert.bundle import OUT_OF_SCOPE
from squeezebert.data.columns import (
    Columns,
    cell,
    label_cell,
    label_column,
    open_table,
    text_columns,
)
from squeezebert.data.hub import open_dataset
from squeezebert.data.labels import SEPARATOR
from squeezebert.data.repeats import Places
from squeezebert.data.rows import Rows, is_data_file
from squeezebert.data.tasks.intents import is_intents, open_intents
from squeezebert.errors import DataError


class LabelledText(NamedTuple):
    """One labelled text or pair; ``number`` is its line or row in the source, from 1."""

    number: int
    text: str
    pair: str | None
    label: str

    @property
    def item(self) -> str | tuple[str, str]:
        """What a classifier takes."""
        return self.text if self.pair is None else (self.text, self.pair)

    @property
    def shown(self) -> str:
        """The text or the pair in one line, for messages."""
        return self.text if self.pair is None else f"{self.text} | {self.pair}"


@dataclass(frozen=True)
class LabelSummary:
    """What one pass over a table counted.

    Attributes:
        labels: how often each label occurs.
        places: where each label occurs first, such as "line 2".
        multi_label: whether rows may have several labels, or none.
    """

    labels: Counter[str]
    places: dict[str, str]
    multi_label: bool

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
        columns: those that were named.
        known_labels: what the column of labels may hold for each class of the model, in order,
            besides the class's name.
        in_scope: leaves out the examples that are labelled as out of scope.
        multi_label: whether the model gives several labels, so that an empty cell is no mistake;
            it is none either in a source where a row has several.
    """

    rows: Rows
    text: str
    pair: str | None
    label: str
    guessed: tuple[str, ...] = ()
    columns: Columns = field(default_factory=Columns)
    known_labels: tuple[str, ...] = ()
    in_scope: bool = False
    multi_label: bool = False

    @property
    def name(self) -> str:
        return self.rows.name

    @property
    def notes(self) -> tuple[str, ...]:
        """What to tell the user about how the source was read."""
        return (f"{self.name}: guessed {', '.join(self.guessed)}.",) if self.guessed else ()

    def __iter__(self) -> Iterator[LabelledText]:
        """Yields every example, its label as text and stripped; checks no values (see `check`).

        Several labels have a "|" between them; a list of labels has one after each.
        """
        for number, row in self.rows:
            label = label_cell(self.rows, number, row, self.label)
            if self.in_scope and label == OUT_OF_SCOPE:
                continue
            text = cell(self.rows, number, row, self.text)
            pair = None if self.pair is None else cell(self.rows, number, row, self.pair)
            yield LabelledText(number, text, pair, label)

    def check(self) -> LabelSummary:
        """Reads the whole table once.

        Raises:
            DataError: it has no rows, or rows with an empty text or label (their numbers are
                listed).
        """
        labels: Counter[str] = Counter()
        places: dict[str, str] = {}
        empty: dict[str, Places] = {}
        for number, text, pair, label in self:
            for column, value in ((self.text, text), (self.pair, pair), (self.label, label)):
                if column is not None and value is not None and not value.strip():
                    empty.setdefault(column, Places()).add(number)
            labels[label] += 1
            places.setdefault(label, self.place(number))
        if not labels:
            raise DataError(f"{self.name}: there are no rows below the header.")
        multi_label = self.multi_label or any(SEPARATOR in label for label in labels)
        if multi_label:
            empty.pop(self.label, None)
        if empty:
            found = "; ".join(
                f"{len(numbers)} with an empty {column!r} ({self.rows.unit} {numbers})"
                for column, numbers in empty.items()
            )
            raise DataError(f"{self.name}: {found}. Fill or remove these rows.")
        return LabelSummary(labels, places, multi_label)

    def place(self, number: int) -> str:
        """Where an example is, such as "line 2"."""
        return f"{self.rows.unit} {number}"


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
        source: a csv, tsv, jsonl or parquet file, a json file of intents, else the name of a hub
            dataset.
        split: which split, if ``source`` is a json file or a hub dataset.

    Raises:
        DataError: no such source, a column named is not there, or none can be guessed.
        InputError: a pair column without a text column.
    """
    path = Path(source)
    if is_intents(path):
        rows = open_intents(path, split)
    elif is_data_file(path):
        rows = open_table(path, text_column, pair_column, label_column)
    else:
        rows = open_dataset(str(source), split)
    return with_columns(rows, text_column, pair_column, label_column)


def with_columns(
    rows: Rows, text: str | None = None, pair: str | None = None, label: str | None = None
) -> Table:
    """The table over ``rows`` with the columns named, or guessed where None.

    Raises:
        DataError: a column named is not there, or none can be guessed.
        InputError: a pair column without a text column.
    """
    columns = Columns(text, pair, label)
    text, pair, guessed_texts = text_columns(rows, text, pair)
    label, guessed_label = label_column(rows, (text, pair), label)
    return Table(rows, text, pair, label, guessed_texts + guessed_label, columns)
