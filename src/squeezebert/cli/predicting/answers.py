"""Predictions as lines at a terminal, as JSON lines or as csv."""

import csv
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, TypeAlias

from squeezebert.cli.records import beside
from squeezebert.cli.tasks import Rendering
from squeezebert.errors import InputError
from squeezebert.files import replacing_file
from squeezebert.tokenizer import Item
from squeezebert.tokens.items import texts_of

Write: TypeAlias = Callable[[Item, Any, Mapping[str, Any]], object]
"""Takes an item, its answer, and what the output takes over of the item's row."""


@contextmanager
def writer_to(output: str, rendering: Rendering) -> Iterator[Write]:
    """Yields what writes an item and its answer to ``output``, a file's path or - for stdout.

    A file appears when all is written, or not at all.

    Raises:
        InputError: the path ends in neither .jsonl nor .csv, or can't be written.
    """
    if output == "-":
        write = _lines if sys.stdout.isatty() else _jsonl
        yield write(sys.stdout, rendering)
        return
    path = Path(output)
    if path.suffix.lower() not in _FORMATS:
        raise InputError(f"{path}: name an output that ends in {' or '.join(_FORMATS)}.")
    try:
        with (
            replacing_file(path) as aside,
            aside.open("w", encoding="utf-8", newline="") as stream,
        ):
            yield _FORMATS[path.suffix.lower()](stream, rendering)
    except OSError as error:
        if error.filename is not None:  # not of a write: those don't know their file
            raise
        raise InputError(
            f"{path} could not be written: {error.strerror}. Nothing was left behind."
        ) from error


def _lines(stream: TextIO, rendering: Rendering) -> Write:
    def write(item: Item, answer: Any, kept: Mapping[str, Any]) -> None:
        stream.write(f"{rendering.line(item, answer)}\n")

    return write


def _jsonl(stream: TextIO, rendering: Rendering) -> Write:
    def write(item: Item, answer: Any, kept: Mapping[str, Any]) -> None:
        record = beside(kept, _named(rendering, item) | rendering.record(answer))
        stream.write(json.dumps(record, ensure_ascii=False, default=str) + "\n")

    return write


def _csv(stream: TextIO, rendering: Rendering) -> Write:
    writer = csv.writer(stream, lineterminator="\n")
    header: list[str] = []

    def write(item: Item, answer: Any, kept: Mapping[str, Any]) -> None:
        row = beside(kept, _named(rendering, item) | rendering.cells(answer))
        if not header:
            header.extend(row)
            writer.writerow(header)
        writer.writerow(row.values())

    return write


def _named(rendering: Rendering, item: Item) -> dict[str, Any]:
    return dict(zip(rendering.names, texts_of(item), strict=False))


_FORMATS: dict[str, Callable[[TextIO, Rendering], Write]] = {".jsonl": _jsonl, ".csv": _csv}
