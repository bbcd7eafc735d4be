"""Predictions as lines at a terminal, JSON lines or csv."""

import csv
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, TypeAlias

from squeezebert.errors import InputError
from squeezebert.files import replacing_file
from squeezebert.pipelines import Classification
from squeezebert.tokenizer import Item

Write: TypeAlias = Callable[[Item, Classification], object]

_DIGITS = 6  # of a score; float32 has no more


@contextmanager
def writer_to(output: str) -> Iterator[Write]:
    """Yields what writes an item and its answer to ``output``, a file's path or - for stdout.

    A file appears when all is written, or not at all.

    Raises:
        InputError: the path ends in neither .jsonl nor .csv, or can't be written.
    """
    if output == "-":
        yield _lines(sys.stdout) if sys.stdout.isatty() else _jsonl(sys.stdout)
        return
    path = Path(output)
    if path.suffix.lower() not in _FORMATS:
        raise InputError(f"{path}: name an output that ends in {' or '.join(_FORMATS)}.")
    try:
        with (
            replacing_file(path) as aside,
            aside.open("w", encoding="utf-8", newline="") as stream,
        ):
            yield _FORMATS[path.suffix.lower()](stream)
    except OSError as error:
        if error.filename is not None:  # not of a write: those don't know their file
            raise
        raise InputError(
            f"{path} could not be written: {error.strerror}. Nothing was left behind."
        ) from error


def _lines(stream: TextIO) -> Write:
    def write(item: Item, answer: Classification) -> None:
        text = " | ".join([item] if isinstance(item, str) else item)
        shown = " ".join(text.split())
        if answer.value is not None:
            result = f"{answer.value:8.3f}"
        else:
            width = max(map(len, answer.scores))
            result = f"{answer.label:{width}} {answer.score:6.1%}"
        stream.write(f"{result}  {shown if len(shown) <= 100 else shown[:99] + '…'}\n")

    return write


def _jsonl(stream: TextIO) -> Write:
    def write(item: Item, answer: Classification) -> None:
        stream.write(json.dumps(_record(item, answer), ensure_ascii=False) + "\n")

    return write


def _csv(stream: TextIO) -> Write:
    writer = csv.writer(stream, lineterminator="\n")
    header: list[str] = []

    def write(item: Item, answer: Classification) -> None:
        record: dict[str, Any] = {}
        for name, value in _record(item, answer).items():
            if name == "scores":
                record |= {f"score_{label}": score for label, score in value.items()}
            else:
                record[name] = value
        if not header:
            header.extend(record)
            writer.writerow(header)
        writer.writerow(record.values())

    return write


def _record(item: Item, answer: Classification) -> dict[str, Any]:
    texts = [item] if isinstance(item, str) else item
    record: dict[str, Any] = dict(zip(("text", "pair"), texts, strict=False))
    if answer.value is not None:
        record["value"] = round(answer.value, _DIGITS)
    else:
        record["label"] = answer.label
        record["score"] = round(answer.score, _DIGITS)
        record["scores"] = {name: round(score, _DIGITS) for name, score in answer.scores.items()}
    return record | {
        "tokens": answer.tokens,
        "total_tokens": answer.total_tokens,
        "truncated": answer.truncated,
    }


_FORMATS: dict[str, Callable[[TextIO], Write]] = {".jsonl": _jsonl, ".csv": _csv}
