"""Rows of a table, wherever they come from."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from squeezebert.errors import DataError

Row = dict[str, Any]

Bad = Callable[[DataError], object]
"""Told of a row that can't be read, which is then left out."""


def raise_error(error: DataError) -> None:
    """Raises the error: no row is left out."""
    raise error


def leave_out(error: object) -> None:
    """Says nothing, for a look at the rows: reading them will tell."""


@dataclass(frozen=True)
class Rows:
    """Rows of one source; iterating reads it from the start, so it can be read many times.

    Attributes:
        name: the file's path or the dataset's name.
        columns: the column names.
        unit: what the row numbers count: "line" of a text file or "row" of a table, from 1.
        read: yields ``(number, row)``.
        found: what was noticed in what has been read, ready to be shown.
        headed: whether the column names are those of a first line that might be no header.
        decimal_comma: whether numbers may be written as 3,5.
        advice: what to do if the columns are not those expected; empty if nothing comes to mind.
        read_past: as ``read``, going on after a row that can't be read; None where rows can't be
            bad one by one.
        is_stream: whether they come through a pipe, and can be read once.
        later: columns that the first row lacks and one soon after has; they count if named.
        types: Arrow's type of each column, where the source has types: parquet.
    """

    name: str
    columns: tuple[str, ...]
    unit: str
    read: Callable[[], Iterator[tuple[int, Row]]]
    found: Callable[[], Iterable[str]] = tuple
    headed: bool = False
    decimal_comma: bool = False
    advice: str = ""
    read_past: Callable[[Bad], Iterator[tuple[int, Row]]] | None = None
    is_stream: bool = False
    types: Mapping[str, Any] = field(default_factory=dict)
    later: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        return self.read()

    def kept(self) -> "Rows":
        """The same rows, in memory from the first reading on."""
        rows: list[tuple[int, Row]] = []

        def read() -> Iterator[tuple[int, Row]]:
            if not rows:
                rows.extend(self.read())
            return iter(rows)

        return replace(self, read=read)

    def past_bad(self, bad: Bad) -> Iterator[tuple[int, Row]]:
        """Yields the rows that can be read; ``bad`` is told of the others."""
        return self.read() if self.read_past is None else self.read_past(bad)

    @property
    def notes(self) -> tuple[str, ...]:
        """What to tell the user about how the source was read so far."""
        return tuple(self.found())
