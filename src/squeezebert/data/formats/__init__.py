"""Opens the rows of a data file by its ending: csv, tsv, jsonl, json, txt, parquet."""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from io import RawIOBase
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from squeezebert.data.formats.decoding import StreamedText, Text
from squeezebert.data.formats.delimited import delimited_rows
from squeezebert.data.formats.records import json_rows, line_rows
from squeezebert.data.formats.unpacking import PACKINGS, unpacked_name
from squeezebert.data.rows import Row, Rows
from squeezebert.errors import DataError, MissingExtraError

_LINES_LOOKED_AT = 20
_FIELDS = re.compile(r"\t|[^\s\d][,;][^\s\d]")  # a sentence has a space after a comma


def open_rows(path: Path, *, header: bool = True) -> Rows:
    """Opens a data file.

    What a text file is packed and encoded in, and how its columns are separated, is found out; see
    `unpacked`, `Text` and `delimited_rows`. In a .txt file every line is a text, in a column named
    "text".

    Args:
        header: whether the first line of a csv or tsv names the columns; else they are called "1",
            "2" and so on.

    Raises:
        DataError: the file is missing, empty, of an unknown kind or damaged. A bad line is
            reported, with its number, when the iteration reaches it.
        MissingExtraError: a package for .parquet or .zst is missing.
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder. {file_of(path)}")
    if not path.is_file():
        raise DataError(f"{path}: no such file.{near_files(path)}")
    ending = file_kind(path)
    if ending not in KINDS:
        raise DataError(f"{path}: unknown kind of data file. {_advice(ending)}")
    if ending == ".parquet":
        if path.suffix.lower() != ending:
            raise DataError(f"{path}: parquet is packed in itself. Unpack it first.")
        _require_header(str(path), header)
        return _parquet(path)
    return _of_text(Text.of_file(path), ending, header)


def open_stream(
    stream: BinaryIO | RawIOBase,
    name: str,
    kind: str | None = None,
    *,
    header: bool = True,
    columns: Collection[str] = (),
    is_table: bool = False,
) -> Rows:
    """Opens what comes through a pipe, as `open_rows` does a file; it can be read once.

    Args:
        kind: the ending that a file with this content would have, such as ".csv"; None to find it
            out by the first line, and to say so.
        columns: names, one of which the first line of a table has, in small letters.
        is_table: whether it is a table, or JSON, in any case.

    Raises:
        DataError: as `open_rows`; or it is a JSON list.
    """
    text = StreamedText(name, stream)
    if kind is None:
        kind = _kind_of(text, columns, ".csv" if is_table else ".txt")
        if kind == ".json":
            raise DataError(
                f"{name}: this is a JSON list, which can't be read as it comes. Write each object "
                "in a line, without the list around them, or save it as a .json file."
            )
        if kind != ".txt":
            text.note("kind", f"its first line is that of a {kind[1:]} file, so it is read as one.")
        elif _FIELDS.search(_first_line(text)):
            text.note("kind", "each line is read as a text. If it is a table, name its column.")
    if kind not in _STREAMED:
        raise DataError(f"{name}: {kind} can't be streamed; {', '.join(_STREAMED)} can.")
    return replace(_of_text(text, kind, header), is_stream=True)


def _kind_of(text: StreamedText, columns: Collection[str], usual: str) -> str:
    """The kind of file by its first line: JSON, the names of columns, else what is usual."""
    line = _first_line(text)
    if line.startswith(("{", "[{")) or line == "[":
        return ".json" if line.startswith("[") else ".jsonl"
    for separator, kind in ((",", ".csv"), (";", ".csv"), ("\t", ".tsv")):
        fields = {field.strip(' "').lower() for field in line.split(separator)}
        if not fields.isdisjoint(columns):
            return kind
    return usual


def _first_line(text: StreamedText) -> str:
    return next((line.strip() for _, line in text.look() if line.strip()), "")


def is_data_file(path: Path) -> bool:
    """Whether ``path`` is a file or, existing or not, ends like one `open_rows` can open."""
    return path.is_file() or file_kind(path) in KINDS


def file_kind(path: Path) -> str:
    """The ending that says what a file is, without that of its packing, such as ".csv"."""
    return Path(unpacked_name(path)).suffix.lower()


def file_of(folder: Path) -> str:
    """What to name in place of a folder."""
    inside = sorted(filter(_is_readable, folder.iterdir()))[:3]
    if not inside:
        return "Name a csv, tsv, jsonl or parquet file."
    return f"Name a file, such as {', '.join(map(str, inside))}."


def near_files(path: Path) -> str:
    """A question whether a data file of nearly that name was meant, if there is such."""
    if not path.parent.is_dir():
        return ""
    files = {
        key: file.name
        for file in path.parent.iterdir()
        if _is_readable(file)
        for key in (file.name, file.name.partition(".")[0])
    }
    near = dict.fromkeys(files[key] for key in get_close_matches(path.name, files, n=3))
    if not near:
        return ""
    return f" Did you mean {' or '.join(str(path.with_name(file)) for file in near)}?"


def _is_readable(path: Path) -> bool:
    """Whether a file is of a kind that can be opened."""
    try:
        return file_kind(path) in KINDS
    except DataError:  # a .zip of several files, or a damaged one
        return False


def _of_text(text: Text, ending: str, header: bool) -> Rows:
    if ending in _SEPARATORS:
        return delimited_rows(text, _SEPARATORS[ending], header)
    _require_header(text.name, header)
    return _READERS[ending](text)


def _require_header(name: str, header: bool) -> None:
    if not header:
        raise DataError(
            f"{name}: columns have numbers in {' and '.join(_SEPARATORS)} files without a header "
            "line only. Name the columns."
        )


def _advice(ending: str) -> str:
    if ending in (".xlsx", ".xls", ".ods"):
        return "Save the sheet as csv (UTF-8) and give that."
    if ending in (".conll", ".iob", ".iob2", ".bio"):
        return "Words with their tags are for entities alone: is that the task?"
    return (
        f"Use one that ends in {', '.join(KINDS)}; text formats may also be packed, as "
        f"{', '.join(PACKINGS)}."
    )


def _txt(text: Text) -> Rows:
    def read() -> Iterator[tuple[int, Row]]:
        for number, line in text.lines():
            yield number, {"text": line.rstrip("\r\n")}

    return Rows(text.name, ("text",), "line", read, lambda: text.notes, advice=_rename(text))


def _rename(text: Text) -> str:
    """What to do if the lines of a plain text look like a table's."""
    if isinstance(text, StreamedText):
        return ""
    lines = [line for _, line in islice(text.look(), _LINES_LOOKED_AT) if line.strip()]
    widths = {line.count("\t") for line in lines}
    if len(widths) == 1 and widths != {0}:
        text.note("columns", "each line is one text. To read its columns, rename it to .tsv.")
        return "In a .txt file each line is a text; rename it to .tsv."
    return "In a .txt file each line is a text; columns need a .csv, .tsv or .jsonl file."


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

    with opened() as file:
        columns = tuple(file.schema_arrow.names)
        classes = _class_names(file.schema_arrow.metadata or {})
        types = {name: file.schema_arrow.field(name).type for name in columns}
    for name in classes.keys() & types.keys():
        listed = arrow.types.is_list(types[name])
        types[name] = arrow.list_(arrow.string()) if listed else arrow.string()

    def read() -> Iterator[tuple[int, Row]]:
        number = 0
        with opened() as file:
            for batch in file.iter_batches(batch_size=1024):
                for row in batch.to_pylist():
                    number += 1
                    yield number, named_classes(row, classes, f"{path}, row {number}")

    return Rows(str(path), columns, "row", read, types=types)


def named_classes(row: Row, classes: Mapping[str, Sequence[str]], where: str) -> Row:
    """The row with the names of classes in place of their ids; -1, as in GLUE's tests, is none.

    Raises:
        DataError: an id has no name.
    """

    def named(value: Any, column: str) -> Any:
        if isinstance(value, list):
            return [named(each, column) for each in value]
        if not isinstance(value, int):  # nothing, or a name already
            return value
        if value >= len(classes[column]):
            raise DataError(
                f"{where}: {column!r} holds the class {value}, and {len(classes[column])} have "
                "names, from 0 on. Correct what wrote it."
            )
        return None if value < 0 else classes[column][value]

    return row | {column: named(row[column], column) for column in classes if column in row}


def _class_names(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """Names of classes by column, as `datasets` leaves them in a parquet file."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return {}  # made by something else
    if not isinstance(features, Mapping):
        return {}
    inner = {column: _single(feature) for column, feature in features.items()}
    return {
        column: feature["names"]
        for column, feature in inner.items()
        if isinstance(feature, Mapping)
        and feature.get("_type") == "ClassLabel"
        and feature.get("names")
    }


def _single(feature: Any) -> Any:
    """What a feature is, or the members of one that is a list, which is written in two ways."""
    if isinstance(feature, list) and len(feature) == 1:
        return feature[0]
    return feature.get("feature", feature) if isinstance(feature, Mapping) else feature


_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_READERS: dict[str, Callable[[Text], Rows]] = {
    ".jsonl": line_rows,
    ".json": json_rows,
    ".txt": _txt,
}
_STREAMED = (*_SEPARATORS, ".jsonl", ".txt")
KINDS = (*_SEPARATORS, *_READERS, ".parquet")
"""Endings of the files that hold rows."""
