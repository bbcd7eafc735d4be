"""Rows as JSON objects: a line each, or a list of them in one file."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from squeezebert.data.formats.decoding import StreamedText, Text
from squeezebert.data.rows import Bad, Row, Rows, leave_out, raise_error
from squeezebert.errors import DataError

_LOOKED_AT = 100  # rows, for their keys
_LIKE = '{"text": "...", "label": "..."}'


def line_rows(text: Text) -> Rows:
    """The rows of JSON lines.

    Raises:
        DataError: the text is empty, or a line is not a JSON object; after the first, reported
            when the iteration reaches it.
    """
    first = next(_objects(text.look(), text.name), None)
    if first is None:
        raise DataError(f"{text.name}: the file is empty.")
    looked_at = islice(_objects(text.look(), text.name, leave_out), _LOOKED_AT)
    more = () if isinstance(text, StreamedText) else (row for _, row in looked_at)
    return Rows(
        text.name,
        tuple(first[1]),
        "line",
        lambda: _objects(text.lines(), text.name),
        lambda: text.notes,
        read_past=lambda bad: _objects(text.lines(), text.name, bad),
        later=_later_keys(first[1], more),
    )


def json_rows(text: Text) -> Rows:
    """The rows of a JSON file, all in memory: a list of objects, at the top or under one key.

    Raises:
        DataError: the file is no JSON, or holds no such list.
    """
    return listed_rows(text, read_json(text))


def listed_rows(text: Text, value: Any) -> Rows:
    """The rows in what `read_json` gave.

    Raises:
        DataError: as `json_rows`.
    """
    rows, where = _list_in(value)
    if rows is None:
        raise DataError(
            f"{text.name}: holds no list of objects such as [{_LIKE}, ...]. Give it this shape, "
            "or write each object in a line of a .jsonl file."
        )
    if where:
        text.note("rows", f"rows are the objects under {where!r}.")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise DataError(f"{text.name}, row {number}: is no object such as {_LIKE}.")
    if not rows:
        raise DataError(f"{text.name}: holds no rows.")
    return Rows(
        text.name,
        tuple(rows[0]),
        "row",
        lambda: iter(enumerate(rows, 1)),
        lambda: text.notes,
        later=_later_keys(rows[0], rows[:_LOOKED_AT]),
    )


def read_json(text: Text) -> Any:
    """The value in a JSON file; where each line is an object of its own, a list of them.

    Raises:
        DataError: the file is missing, damaged or not JSON.
    """
    content = "".join(line for _, line in text)
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        whole = error
    try:
        rows = [json.loads(line) for line in content.split("\n") if line.strip()]
    except (ValueError, RecursionError):
        raise DataError(f"{text.name}: not valid JSON: {whole}.") from whole
    text.note("lines", "read as JSON lines, an object each.")
    return rows


def _later_keys(first: Row, rows: Iterable[Row]) -> tuple[str, ...]:
    """The keys that the first row lacks and others have."""
    return tuple(dict.fromkeys(key for row in rows for key in row if key not in first))


def _list_in(value: Any) -> tuple[list[Any] | None, str]:
    if isinstance(value, list):
        return value, ""
    if isinstance(value, Mapping):
        lists = {
            key: member
            for key, member in value.items()
            if isinstance(member, list) and member and isinstance(member[0], dict)
        }
        if len(lists) == 1:
            key, rows = next(iter(lists.items()))
            return rows, key
        if value and not any(isinstance(member, list | dict) for member in value.values()):
            return [value], ""
    return None, ""


def _objects(
    lines: Iterator[tuple[int, str]], name: str, bad: Bad = raise_error
) -> Iterator[tuple[int, Row]]:
    for number, line in lines:
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            no_object = f"each line must be a JSON object such as {_LIKE}."
            wrong = "" if isinstance(row, dict) else no_object
        except (ValueError, RecursionError) as error:
            wrong = f"not valid JSON: {error}."
        if wrong:
            bad(DataError(f"{name}, line {number}: {wrong}{_advice(number, line)}"))
        else:
            yield number, row


def _advice(number: int, line: str) -> str:
    if number == 1 and line.lstrip().startswith("["):
        return " If the whole file is one JSON list, rename it to .json."
    return ""
