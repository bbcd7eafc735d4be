"""Tables whose columns are separated by commas, semicolons or tabs."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from squeezebert.data.formats.decoding import Line, Text
from squeezebert.data.repeats import counted
from squeezebert.data.rows import Bad, Row, Rows, raise_error
from squeezebert.errors import DataError

_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs"}
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)  # how Excel is told
_QUOTED = re.compile(r'"(?:[^"]|"")*("|$)')
# How far to look where the first line may be read in several ways.
_RECORDS, _LINES = 20, 500

Record = tuple[int, list[str]]
"""The first line of a record, and its fields."""


class _Dialect(NamedTuple):
    """How columns are separated.

    Attributes:
        separator: between fields.
        quoted: whether quotes hold fields together, as in spreadsheets; else a quote is a
            character like any other.
        skipped: how many lines stand before the table.
    """

    separator: str
    quoted: bool
    skipped: int = 0


def delimited_rows(text: Text, usual: str, header: bool) -> Rows:
    """The table in a text; which separator it has is found out and noted.

    Args:
        usual: the separator by the name of the file, "," or a tab. In a file for tabs that has
            them, quotes are characters like any other.
        header: whether the first line names the columns; else they are called "1", "2" and so on.
            Empty columns behind those with a name, as spreadsheets write them, are none.

    Raises:
        DataError: the text is empty, or two columns have the same name. A row of another number
            of fields is reported when the iteration reaches it.
    """
    dialect = _dialect(text, usual)
    if dialect.separator != usual:
        text.note("separator", f"its columns are separated by {_shown(dialect.separator)}.")
    number, first = next(_records(text.look(), dialect, text.name), (1, []))
    if header and first and not any(map(str.strip, first)):
        raise DataError(
            f"{text.name}, line {number}: the first line must name the columns; it is empty."
        )
    if not first:
        needed = "; its first line must name the columns" if header else ""
        raise DataError(f"{text.name}: the file is empty{needed}.")
    if header:
        columns = _named(first)
        wanted = f"the header names {len(columns)} columns {list(columns)}"
    else:
        columns = tuple(str(position) for position in range(1, len(first) + 1))
        wanted = f"the first line has {len(columns)}"
    if len(set(columns)) < len(columns):
        raise DataError(
            f"{text.name}, line {number}: two columns have the same name: {list(columns)}. If this "
            "line is no header, name columns by their numbers, from 1 on."
        )

    def read(bad: Bad = raise_error) -> Iterator[tuple[int, Row]]:
        records = islice(_records(text.lines(), dialect, text.name, bad), int(header), None)
        for number, fields in _filled(records, text):
            nameless = fields[len(columns) : len(first)]
            if len(columns) <= len(fields) <= len(first) and not any(nameless):
                yield number, dict(zip(columns, fields, strict=False))
                continue
            if any(nameless) and len(fields) == len(first):
                problem = (
                    f"{next(filter(None, nameless))!r} is in a column without a name. Name it in "
                    "the first line, or empty it."
                )
            else:
                problem = (
                    f"{counted(len(fields), 'fields')} where {wanted}. Correct the separators or "
                    "quotes."
                )
            bad(DataError(f"{text.name}, line {number}: {problem}"))

    return Rows(
        text.name,
        columns,
        "line",
        read,
        lambda: text.notes,
        headed=header,
        decimal_comma=dialect.separator == ";",
        read_past=read,
    )


def _filled(records: Iterator[Record], text: Text) -> Iterator[Record]:
    """The records but for those of separators alone, which spreadsheets write for empty rows."""
    empty, first = 0, 0
    for number, fields in records:
        if len(fields) > 1 and not any(map(str.strip, fields)):
            empty, first = empty + 1, first or number
        else:
            yield number, fields
    if empty:
        text.note("empty", f"left out {counted(empty, 'empty rows')}, from line {first} on.")


def _named(header: Sequence[str]) -> tuple[str, ...]:
    """The names of the columns up to the last that has one."""
    names = [name.strip() for name in header]
    return tuple(names[: max((place for place, name in enumerate(names, 1) if name), default=0)])


def _dialect(text: Text, usual: str) -> _Dialect:
    """By the first line where that is clear, else by what splits the first records alike."""
    line = next((line for _, line in text.look() if line.strip()), "")
    if told := _SEPARATOR_LINE.fullmatch(line):
        return _Dialect(told[1], quoted=True, skipped=1)
    present = [mark for mark in _NAMES if mark in (_QUOTED.sub("", line) if usual == "," else line)]
    candidates = sorted(present, key=lambda mark: mark != usual)
    if len(candidates) > 1 or candidates != [usual]:
        for mark in candidates:
            dialect = _Dialect(mark, quoted=usual == "," or mark != usual)
            if _splits_alike(text, dialect):
                return dialect
    return _Dialect(usual, quoted=usual == ",")


def _splits_alike(text: Text, dialect: _Dialect) -> bool:
    """Whether a separator gives every one of the first records as many fields as the first has.

    Those behind the last that has a name may be missing.
    """
    bad: list[DataError] = []
    lines = islice(text.look(), _LINES)
    records = islice(_records(lines, dialect, text.name, bad.append), _RECORDS)
    _, first = next(records, (1, [""]))
    least, most = len(_named(first)), len(first)
    return least > 1 and all(least <= len(fields) <= most for _, fields in records) and not bad


def _records(
    lines: Iterable[Line], dialect: _Dialect, name: str, bad: Bad = raise_error
) -> Iterator[Record]:
    """The records after the lines to skip; blank lines are none."""
    lines = iter(lines)
    skipped = 0
    while skipped < dialect.skipped and (line := next(lines, None)):
        skipped += bool(line[1].strip())
    if dialect.quoted:
        return _quoted_records(lines, dialect.separator, name, bad)
    return (
        (number, line.rstrip("\r\n").split(dialect.separator))
        for number, line in lines
        if line.rstrip("\r\n")
    )


def _quoted_records(lines: Iterator[Line], separator: str, name: str, bad: Bad) -> Iterator[Record]:
    csv.field_size_limit(2**31 - 1)  # the default refuses a text of 131,072 characters
    number = 0

    def contents() -> Iterator[str]:
        nonlocal number
        for place, line in lines:
            number = place
            yield line

    reader = csv.reader(contents(), delimiter=separator, strict=True)
    while True:
        start = number + 1
        try:
            fields = next(reader, None)
        except csv.Error as error:
            wrong = str(error)
            if "unexpected end of data" in wrong:
                lost = counted(number - start, "lines")
                so = f", so {lost} after it can't be read" if number > start else ""
                wrong = (
                    f"a quotation mark opens a text and none ends it{so}. Double those inside texts"
                )
            bad(DataError(f"{name}, line {start}: not valid csv: {wrong}."))
            continue
        if fields is None:
            return
        if fields:
            yield start, fields


def _shown(separator: str) -> str:
    return _NAMES.get(separator, repr(separator))
