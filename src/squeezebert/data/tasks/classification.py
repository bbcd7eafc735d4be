"""Texts or pairs of texts with a label each, from a data file or a hub dataset."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from squeezebert.bundle import OUT_OF_SCOPE
from squeezebert.bundle.heads import ProblemType
from squeezebert.data.columns import (
    Columns,
    cell,
    label_cell,
    label_columns,
    label_of_columns,
    open_table,
    text_columns,
)
from squeezebert.data.formats import is_data_file
from squeezebert.data.hub import open_dataset
from squeezebert.data.labels import (
    MISSING_AMONG_NUMBERS,
    SEPARATOR,
    are_ids,
    are_values,
    infer_problem_type,
    is_number,
    is_whole_number,
)
from squeezebert.data.repeats import Places, Repeats
from squeezebert.data.rows import Row, Rows
from squeezebert.data.tasks.intents import is_json, open_json
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
        problem_type: what the labels are, in transformers' words.
        repeats: what to tell the user about examples that are there more than once.
        different: how many examples differ in their texts.
    """

    labels: Counter[str]
    places: dict[str, str]
    problem_type: ProblemType
    repeats: tuple[str, ...] = ()
    different: int = 0

    @property
    def examples(self) -> int:
        return self.labels.total()

    @property
    def multi_label(self) -> bool:
        """Whether rows may have several labels, or none."""
        return self.problem_type == "multi_label_classification"

    @property
    def has_whole_numbers(self) -> bool:
        """Whether the labels are three whole numbers or more: classes, or values, but no ids."""
        labels = self.in_scope.labels
        return len(labels) > 2 and all(map(is_whole_number, labels)) and not are_ids(labels)

    def numbers_note(self, as_values: str, as_classes: str) -> str | None:
        """How labels are learnt that are whole numbers, for a user who said nothing about them.

        Args:
            as_values, as_classes: What the user can do to have them learnt in the other way.
        """
        if not self.has_whole_numbers:
            return None
        if self.problem_type == "single_label_classification":
            lowest, highest = (each(self.in_scope.labels, key=float) for each in (min, max))
            return (
                f"The labels are whole numbers from {lowest} to {highest}, and learnt as "
                f"{len(self.in_scope.labels)} classes. As values, such as ratings: {as_values}"
            )
        return (
            f"The labels are {len(self.labels):,} different whole numbers in "
            f"{self.examples:,} rows, so they are learnt as values. As classes: {as_classes}"
        )

    @property
    def in_scope(self) -> "LabelSummary":
        """The same without the examples that are out of scope."""
        labels = Counter({label: n for label, n in self.labels.items() if label != OUT_OF_SCOPE})
        return replace(self, labels=labels)


@dataclass(frozen=True)
class Table:
    """Labelled examples of one source, read as they are iterated, as often as wanted.

    Attributes:
        rows: the source.
        text, pair: column names; ``pair`` is None for single texts.
        labels: the column of the label, or one column for each label (one-hot).
        guessed: which of them were guessed, ready to be shown.
        columns: those that were named.
        known_labels: what the column of labels may hold for each class of the model, in order,
            besides the class's name.
        in_scope: leaves out the examples that are labelled as out of scope.
        problem_type: what the labels are, in transformers' words; None to find out.
    """

    rows: Rows
    text: str
    pair: str | None
    labels: tuple[str, ...]
    guessed: tuple[str, ...] = ()
    columns: Columns = field(default_factory=Columns)
    known_labels: tuple[str, ...] = ()
    in_scope: bool = False
    problem_type: ProblemType | None = None

    @property
    def name(self) -> str:
        return self.rows.name

    @property
    def label(self) -> str:
        """The column of the label, for messages."""
        return ", ".join(self.labels)

    @property
    def notes(self) -> tuple[str, ...]:
        """What to tell the user about how the source was read; reads it, if it is not yet."""
        guessed = (f"{self.name}: guessed {', '.join(self.guessed)}.",) if self.guessed else ()
        found = self._checked[1]  # reads the rows, and only then are their notes complete
        return (*guessed, *self.rows.notes, *found)

    def __iter__(self) -> Iterator[LabelledText]:
        """Yields every example, its label as text and stripped; checks no values (see `check`).

        Several labels have a "|" between them; a list of labels has one after each.
        """
        for number, row in self.rows:
            label = self._label(number, row)
            if self.in_scope and label == OUT_OF_SCOPE:
                continue
            text = cell(self.rows, number, row, self.text)
            pair = None if self.pair is None else cell(self.rows, number, row, self.pair)
            yield LabelledText(number, text, pair, label)

    def check(self) -> LabelSummary:
        """Reads the whole table, the first time.

        Raises:
            DataError: it has no rows, or rows with an empty text or label (their numbers are
                listed).
        """
        return self._checked[0]

    @cached_property
    def _checked(self) -> tuple[LabelSummary, tuple[str, ...]]:
        """What one pass counts, and what to tell the user."""
        labels: Counter[str] = Counter()
        places: dict[str, str] = {}
        empty: dict[str, Places] = {}
        missing, several = Places(), Places()
        repeats = Repeats(self.name, "rows", "label")
        for example in self:
            number, text, pair, label = example
            for column, value in ((self.text, text), (self.pair, pair), (self.label, label)):
                if column is not None and value is not None and not value.strip():
                    empty.setdefault(column, Places()).add(number)
            if label in MISSING_AMONG_NUMBERS:
                missing.add(number)
            if SEPARATOR in label:
                several.add(number)
            labels[label] += 1
            places.setdefault(label, self.place(number))
            repeats.add(self.place(number), example.item, label)
        if not labels:
            raise DataError(f"{self.name}: there are no rows with labels.")
        problem_type = self.problem_type or infer_problem_type(labels)
        if self.problem_type is None and are_values(labels):
            problem_type = "regression"
        if problem_type == "multi_label_classification":
            empty.pop(self.label, None)
        elif missing:
            others = labels.keys() - MISSING_AMONG_NUMBERS - {""}
            if others and all(map(is_number, others)):
                empty.setdefault(self.label, Places()).extend(missing)
        if empty:
            found = "; ".join(
                f"{len(numbers):,} with an empty {column!r} ({self.rows.unit} {numbers})"
                for column, numbers in empty.items()
            )
            raise DataError(f"{self.name}: {found}. Fill or remove these rows.")
        notes = []
        if self.problem_type is None and several:
            notes.append(
                f"{self.name}: several labels a text, or none, for {len(several):,} of "
                f"{labels.total():,} rows have a list of labels or a {SEPARATOR} "
                f"({self.rows.unit} {several})."
            )
        summary = LabelSummary(
            labels, places, problem_type, tuple(repeats.notes), repeats.different
        )
        return summary, tuple(notes)

    def _label(self, number: int, row: Row) -> str:
        if len(self.labels) > 1:
            return label_of_columns(self.rows, number, row, self.labels)
        return label_cell(self.rows, number, row, self.labels[0])

    def of_type(self, problem_type: ProblemType) -> "Table":
        """The same with labels that are classes, several for each example, or numbers.

        Args:
            problem_type: in transformers' words.
        """
        if problem_type == self.problem_type:
            return self
        return replace(self, problem_type=problem_type)

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
    """Opens labelled texts or pairs; columns not named are guessed.

    Args:
        source: a data file, a json file of intents, else the name of a hub dataset.
        split: which split, if ``source`` is a file of intents or a hub dataset.
        label_column: its name, or several with commas between them for a column for each label.

    Raises:
        DataError: no such source, a column named is not there, or none can be guessed.
        InputError: a pair column without a text column.
    """
    rows = open_labelled(source, split, Columns(text_column, pair_column, label_column))
    return with_columns(rows, text_column, pair_column, label_column)


def open_labelled(source: str | Path, split: str, columns: Columns) -> Rows:
    """The rows of a source of labelled texts; names, splits and errors as `read_classification`."""
    path = Path(source)
    if is_json(path):
        return open_json(path, split)
    if is_data_file(path):
        return open_table(path, columns.text, columns.pair, columns.label)
    return open_dataset(str(source), split)


def with_columns(
    rows: Rows, text: str | None = None, pair: str | None = None, label: str | None = None
) -> Table:
    """The table over ``rows`` with the columns named, or guessed where None.

    Raises:
        DataError: a column named is not there, or none can be guessed.
        InputError: a pair column without a text column.
    """
    columns = Columns(text, pair, label)
    text, pair, guessed_texts = text_columns(rows, text, pair, label, labelled=True)
    labels, guessed_labels = label_columns(rows, (text, pair), label)
    return Table(rows, text, pair, labels, guessed_texts + guessed_labels, columns)
