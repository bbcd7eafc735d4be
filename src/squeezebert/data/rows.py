"""Rows of a data file, streamed: csv, tsv, jsonl, txt, parquet; text formats also as .gz, .xz."""

import codecs
import csv
import gzip
import json
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from squeezebert.errors import DataError, MissingExtraError

Row = dict[str, Any]


@dataclass(frozen=True)
class Rows:
    """Rows of one source; iterating reads it from the start, so it can be read many times.

    Attributes:
        name: the file's path or the dataset's name.
        columns: the column names.
        unit: what the row numbers count: "line" of a text file or "row" of a table, from 1.
        read: yields ``(number, row)``.
    """

    name: str
    columns: tuple[str, ...]
    unit: str
    read: Callable[[], Iterator[tuple[int, Row]]]

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        return self.read()


def open_rows(path: Path, *, header: bool = True) -> Rows:
    """Opens a data file by its ending.

    A text file is UTF-8 and its first line names the columns (csv, tsv) or every line is a JSON
    object (jsonl), or every line is a text, in a column named "text" (txt). A tsv has no quoting: a
    quote is a character like any other.

    Args:
        header: whether the first line of a csv or tsv names the columns; else they are called "1",
            "2" and so on.

    Raises:
        DataError: the file is missing, empty, of an unknown kind or damaged. A bad line is
            reported, with its number, when the iteration reaches it.
        MissingExtraError: parquet without ``pyarrow``.
    """
    kind = _kind(path)
    if kind not in _FORMATS:
        raise DataError(
            f"{path}: unknown kind of data file. "
            f"Use one that ends in {', '.join(_FORMATS)}; text formats may also end in .gz or .xz."
        )
    if not path.is_file():
        raise DataError(f"{path}: no such file.")
    if kind in _DELIMITED:
        return _delimited(path, header)
    if not header:
        raise DataError(
            f"{path}: columns have numbers in {' and '.join(_DELIMITED)} files without a header "
            "line only. Name the columns."
        )
    return _OTHERS[kind](path)


def is_data_file(path: Path) -> bool:
    """Whether ``path`` is a file or, existing or not, ends like one `open_rows` can open."""
    return path.is_file() or _kind(path) in _FORMATS


def _kind(path: Path) -> str:
    compressed = path.suffix.lower() in _OPENERS
    return Path(path.stem if compressed else path.name).suffix.lower()


def _delimited(path: Path, header: bool) -> Rows:
    records = _DELIMITED[_kind(path)]
    number, first = next(records(path), (1, []))
    if not first:
        needed = "; its first line must name the columns" if header else ""
        raise DataError(f"{path}: the file is empty{needed}.")
    if header:
        columns = tuple(name.strip() for name in first)
        wanted = f"the header names {len(columns)} columns {list(columns)}"
    else:
        columns = tuple(str(position) for position in range(1, len(first) + 1))
        wanted = f"the first line has {len(columns)}"
    if len(set(columns)) < len(columns):
        raise DataError(f"{path}, line {number}: two columns have the same name: {list(columns)}.")

    def read() -> Iterator[tuple[int, Row]]:
        for number, fields in islice(records(path), int(header), None):
            if len(fields) != len(columns):
                raise DataError(
                    f"{path}, line {number}: {len(fields)} fields where {wanted}. Correct the "
                    "separators or quotes."
                )
            yield number, dict(zip(columns, fields, strict=True))

    return Rows(str(path), columns, "line", read)


def _csv_records(path: Path) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(2**31 - 1)  # the default refuses a text of 131,072 characters
    reader = csv.reader((line for _, line in text_lines(path)), strict=True)
    start = 1
    try:
        for fields in reader:
            if fields:
                yield start, fields
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}, line {start}: not valid csv: {error}.") from error


def _tsv_records(path: Path) -> Iterator[tuple[int, list[str]]]:
    for number, line in text_lines(path):
        line = line.rstrip("\r\n")
        if line:
            yield number, line.split("\t")


def _jsonl(path: Path) -> Rows:
    def read() -> Iterator[tuple[int, Row]]:
        for number, line in text_lines(path):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DataError(f"{path}, line {number}: not valid JSON: {error}.") from error
            if not isinstance(row, dict):
                raise DataError(
                    f"{path}, line {number}: each line must be a JSON object such as "
                    '{"text": "...", "label": "..."}.'
                )
            yield number, row

    first = next(read(), None)
    if first is None:
        raise DataError(f"{path}: the file is empty.")
    return Rows(str(path), tuple(first[1]), "line", read)


def _parquet(path: Path) -> Rows:
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise MissingExtraError("Reading parquet", "train", "pyarrow") from error

    @contextmanager
    def opened() -> Iterator[Any]:
        try:
            with parquet.ParquetFile(path) as file:
                yield file
        except (arrow.ArrowException, OSError) as error:
            raise DataError(f"{path}: not a readable parquet file: {error}") from error

    def read() -> Iterator[tuple[int, Row]]:
        number = 0
        with opened() as file:
            for batch in file.iter_batches(batch_size=1024):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row

    with opened() as file:
        columns = tuple(file.schema_arrow.names)
    return Rows(str(path), columns, "row", read)


def _txt(path: Path) -> Rows:
    return Rows(
        str(path),
        ("text",),
        "line",
        lambda: ((number, {"text": line.rstrip("\r\n")}) for number, line in text_lines(path)),
    )


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yields ``(number, line)`` of a text file, also .gz or .xz, as `decoded_lines` does.

    Raises:
        DataError: as `decoded_lines`, or the compressed file is damaged.
    """
    opener = _OPENERS.get(path.suffix.lower(), Path.open)
    try:
        with opener(path, "rb") as stream:
            yield from decoded_lines(stream, str(path))
    except (EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: damaged compressed file: {error}.") from error


def read_json(path: Path) -> Any:
    """The value in a JSON file, also .gz or .xz.

    Raises:
        DataError: the file is missing, damaged, not UTF-8 or not JSON.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file.")
    try:
        return json.loads("".join(line for _, line in text_lines(path)))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not valid JSON: {error}.") from error


def decoded_lines(stream: Iterable[bytes], name: str) -> Iterator[tuple[int, str]]:
    """Yields ``(number, line)`` with the line's ending, numbers from 1.

    Raises:
        DataError: what no text format allows: bytes that are not UTF-8, UTF-16's mark among them,
            and NUL bytes.
    """
    for number, raw in enumerate(stream, 1):
        if number == 1 and raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise DataError(
                f"{name} is UTF-16, not UTF-8. Convert it, for example: iconv -f utf-16 -t utf-8."
            )
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{name}, line {number}: byte {raw[error.start]:#04x} is not UTF-8. "
                "Convert the file, for example: iconv -f latin1 -t utf-8."
            ) from error
        if "\0" in line:
            raise DataError(
                f"{name}, line {number}: holds a NUL byte. Remove it or, if every second byte is "
                "one, convert the file, for example: iconv -f utf-16le -t utf-8."
            )
        yield number, line


_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}
_DELIMITED = {".csv": _csv_records, ".tsv": _tsv_records}
_OTHERS: dict[str, Callable[[Path], Rows]] = {".jsonl": _jsonl, ".txt": _txt, ".parquet": _parquet}
_FORMATS = (*_DELIMITED, *_OTHERS)
