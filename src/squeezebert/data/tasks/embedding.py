"""What sentence embeddings are learnt and scored on: pairs with a score, and plain texts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from squeezebert.data.columns import Columns, cell, open_table, text_columns
from squeezebert.data.formats import is_data_file
from squeezebert.data.hub import open_dataset
from squeezebert.data.rows import Rows
from squeezebert.data.tasks.classification import Table, with_columns
from squeezebert.data.tasks.counted import Counted
from squeezebert.errors import InputError


class TextExample(NamedTuple):
    """A text without a label; ``number`` is its line or row in the source, from 1."""

    number: int
    item: str


@dataclass(frozen=True)
class Texts(Counted):
    """Unlabelled texts of one source, read as they are iterated; empty ones are left out.

    Attributes:
        rows: the source.
        text: name of the column.
        guessed: whether it was guessed.
    """

    rows: Rows
    text: str
    guessed: bool

    none = "there are no texts"

    @property
    def name(self) -> str:
        return self.rows.name

    @property
    def notes(self) -> tuple[str, ...]:
        """What to tell the user about how the source was read."""
        self.check()
        if not self.guessed or self.rows.columns == ("text",):
            return self.rows.notes
        guessed = f"{self.name}: guessed text {self.text!r}; there are no pairs, so no scores."
        return (guessed, *self.rows.notes)

    @property
    def columns(self) -> Columns:
        """The column of the text, if it was named."""
        return Columns() if self.guessed else Columns(self.text)

    def __iter__(self) -> Iterator[TextExample]:
        """Yields every text that has more than spaces."""
        for number, row in self.rows:
            text = cell(self.rows, number, row, self.text)
            if text.strip():
                yield TextExample(number, text)


def read_embedding(source: str | Path, split: str, columns: Columns) -> Table | Texts:
    """Opens pairs with a score where the source has pairs, else plain texts.

    Raises:
        DataError: no such source, a column named is not there, or none can be guessed.
        InputError: columns are named that don't go together.
    """
    path = Path(source)
    if is_data_file(path):
        rows = open_table(path, columns.text, columns.pair, columns.label)
    else:
        rows = open_dataset(str(source), split)
    text, pair, guessed = text_columns(rows, columns.text, columns.pair)
    if pair is None:
        if columns.label is not None:
            raise InputError(
                f"{rows.name}: {columns.label!r} can't be the score of a single text. Leave it "
                "out, or name the second text."
            ).giving(pair_column="NAME")
        return Texts(rows, text, bool(guessed))
    return with_columns(rows, columns.text, columns.pair, columns.label)
