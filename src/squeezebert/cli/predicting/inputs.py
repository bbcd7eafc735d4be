"""What ``predict`` reads: the records of a file or of stdin."""

import json
import os
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from squeezebert.data.columns import (
    TEXT_NAMES,
    Columns,
    are_numbers,
    cell,
    label_cell,
    missing_column,
    open_table,
    require_characters,
    require_columns,
    text_columns,
)
from squeezebert.data.formats import open_stream
from squeezebert.data.labels import labels_in
from squeezebert.data.rows import Row, Rows
from squeezebert.errors import DataError, InputError
from squeezebert.tokenizer import Item

Skip = Callable[[DataError], object]
"""Told of a record that can't be used, which is then left out."""

ALL = "all"


class Record(NamedTuple):
    """An item to answer.

    Attributes:
        place: where it is, for messages.
        item: a text or a pair.
        kept: what the output takes over of its row.
        choices: labels to choose from for this item; None where they are the same for all.
    """

    place: str
    item: Item
    kept: Row
    choices: tuple[str, ...] | None = None


class Records:
    """The records of a table.

    Args:
        rows: the table.
        columns: those of text and pair, guessed if not named; and, if named, that of the labels to
            choose from for each text.
        keep: names of the columns that the output takes over, with commas between them, or "all",
            but for those of the texts; None for none.
        skip: told of each bad record; None raises the error.
        everything: whether the output takes over whole rows, those of the texts too.
        elsewhere: columns of another file, which those of texts may be; a text's is guessed then.
        kept_elsewhere: columns of another file, which those to keep may be.

    Raises:
        DataError: a column is not there or can't be guessed.
    """

    def __init__(
        self,
        rows: Rows,
        columns: Columns,
        keep: str | None = None,
        skip: Skip | None = None,
        *,
        everything: bool = False,
        elsewhere: Collection[str] = (),
        kept_elsewhere: Collection[str] = (),
    ) -> None:
        self._rows = rows
        self._everything = everything
        others = set(elsewhere).difference(rows.columns)
        texts = (columns.text, columns.pair)
        here = (None, None) if others.issuperset(filter(None, texts)) else texts
        try:
            self._text, self._pair, guessed = text_columns(rows, *here)
        except DataError as error:
            named = columns.text is not None and columns.text not in rows.columns
            # A name that is not here says more.
            wrong = missing_column(rows, str(columns.text)) if named else error
            given = {name: at for name, at in wrong.arguments.items() if name != "label_column"}
            raise wrong.giving(**given) from None
        self._choices = columns.label
        if self._choices is not None:
            require_columns(rows, self._choices)
        self._skip = skip
        self._guessed = () if rows.columns == ("text",) else guessed
        if everything:
            self._kept = rows.columns
        elif keep == ALL:
            texts = (self._text, self._pair)
            every = (*rows.columns, *rows.later)
            self._kept = tuple(column for column in every if column not in texts)
        else:
            wanted = () if keep is None else map(str.strip, keep.split(","))
            apart = set(kept_elsewhere).difference(rows.columns)
            self._kept = tuple(column for column in wanted if column not in apart)
            require_columns(rows, *self._kept)

    @property
    def are_pairs(self) -> bool:
        """Whether an item has two texts."""
        return self._pair is not None

    @property
    def notes(self) -> Iterator[str]:
        """What to tell the user about how the table was read so far."""
        if self._guessed:
            yield f"guessed the columns: {', '.join(self._guessed)}."
        yield from self._rows.notes

    @property
    def kept_types(self) -> dict[str, Any]:
        """The type of each column that the output takes over, of a source that has types."""
        return {name: self._rows.types[name] for name in self._kept if name in self._rows.types}

    def __iter__(self) -> Iterator[Record]:
        """Yields the records.

        Raises:
            DataError: one can't be used, and bad ones are not to be skipped.
        """
        for number, row in self._rows.past_bad(self._skip) if self._skip else self._rows:
            try:
                yield self._record(number, row)
            except DataError as error:
                if self._skip is None:
                    raise
                self._skip(error)

    def _record(self, number: int, row: Row) -> Record:
        place = f"{self._rows.name}, {self._rows.unit} {number}"
        first = self._words(number, row, self._text)
        item: Item = first
        if self._pair is not None:
            item = (first, cell(self._rows, number, row, self._pair))
            if not all(text.strip() for text in item):
                raise DataError(f"{place}: a text of the pair is empty.")
        kept = row if self._everything else {column: row.get(column) for column in self._kept}
        if kept:
            written = json.dumps(kept, ensure_ascii=False, default=str)
            require_characters(written, f"{place}: what is kept of it")
        if self._choices is None:
            return Record(place, item, kept)
        choices = labels_in(label_cell(self._rows, number, row, self._choices))
        return Record(place, item, kept, choices)

    def _words(self, number: int, row: Row, column: str) -> str:
        """A cell; a list of words as a text, apart by single spaces."""
        value: Any = row.get(column)
        if isinstance(value, list) and all(isinstance(word, str) for word in value):
            row = row | {column: " ".join(value)}
        return cell(self._rows, number, row, column)


def file_records(
    path: Path,
    columns: Columns,
    keep: str | None = None,
    skip: Skip | None = None,
    elsewhere: Collection[str] = (),
    kept_elsewhere: Collection[str] = (),
) -> Records:
    """The records of a data file; errors are those of `open_table` and `Records`."""
    rows = open_table(path, columns.text, columns.pair)
    return Records(rows, columns, keep, skip, elsewhere=elsewhere, kept_elsewhere=kept_elsewhere)


def stdin_records(
    kind: str | None,
    columns: Columns,
    keep: str | None = None,
    skip: Skip | None = None,
    elsewhere: Collection[str] = (),
    kept_elsewhere: Collection[str] = (),
) -> Records:
    """The records that come through stdin, as they come.

    Args:
        kind: what comes, such as "txt" or "csv"; None to find out.

    Raises:
        InputError: there is no stdin.
        DataError: as `open_stream` and `Records`.
    """
    if sys.stdin is None:
        raise InputError("There is no stdin to read. Give texts, or a file's name with --file.")
    header = not are_numbers((columns.text, columns.pair))
    ending = None if kind is None else f".{kind}"
    texts = set(filter(None, (columns.text, columns.pair)))
    kept = set() if keep is None else set(map(str.strip, keep.split(",")))
    is_named = bool(texts.difference(elsewhere) or kept.difference(kept_elsewhere))
    rows = open_stream(
        _stdin_bytes(),
        "stdin",
        ending,
        header=header,
        columns=TEXT_NAMES | set(map(str.lower, texts)),
        is_table=is_named or not header,
    )
    return Records(rows, columns, keep, skip, elsewhere=elsewhere, kept_elsewhere=kept_elsewhere)


def _stdin_bytes() -> BinaryIO:
    """Stdin, not through ``sys.stdin``, which can't be closed while a thread waits for it."""
    try:
        return os.fdopen(sys.stdin.fileno(), "rb", closefd=False)
    except OSError:  # there is no file behind it
        return sys.stdin.buffer
