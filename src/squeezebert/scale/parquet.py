"""Predictions as columns of a parquet file, beside those of what was predicted."""

import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
import pyarrow as arrow
import pyarrow.parquet as parquet

from squeezebert.data.columns import names_beside

_ROWS = 8192  # of a group of rows
_CHARACTERS = 32 << 20


class PredictionColumns:
    """Writes rows with their predictions.

    Args:
        path: of the file.
        kept: the type of each column that is taken over.
    """

    def __init__(self, path: Path, kept: Mapping[str, Any]) -> None:
        self._path = path
        self._kept = kept
        self._rows: list[tuple[Mapping[str, Any], Any]] = []
        self._characters = 0
        self._writer: parquet.ParquetWriter | None = None

    def write(self, item: Any, answer: Any, kept: Mapping[str, Any]) -> None:
        """Adds a row; as the writers of other formats, but the item is among what is kept."""
        self._rows.append((kept, answer))
        self._characters += sum(len(value) for value in kept.values() if isinstance(value, str))
        if len(self._rows) >= _ROWS or self._characters > _CHARACTERS:
            self._flush()

    def close(self) -> None:
        """Writes what is left; a file without rows has the columns that were taken over."""
        self._flush()
        if self._writer is not None:
            self._writer.close()

    def _flush(self) -> None:
        if not self._rows and self._writer is not None:
            return
        answers = [answer for _, answer in self._rows]
        found = _columns(answers) if answers else {}
        names = names_beside(self._kept, found)
        columns = {
            names[name]: arrow.array([kept.get(name) for kept, _ in self._rows], type=kind)
            for name, kind in self._kept.items()
        } | found
        table = arrow.table(columns)
        if self._writer is None:
            self._writer = parquet.ParquetWriter(self._path, table.schema)
        self._writer.write_table(table)
        self._rows, self._characters = [], 0


@contextmanager
def prediction_columns(path: Path, kept: Mapping[str, Any]) -> Iterator[PredictionColumns]:
    """A writer that is closed after the block."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = PredictionColumns(path, kept)
    yield writer
    writer.close()


def _columns(answers: list[Any]) -> dict[str, arrow.Array]:
    """The fields of some predictions of one kind, and whether they were cut.

    Those of several tasks have a column for each task that takes such items.
    """
    kind = type(answers[0])
    if isinstance(answers[0], Mapping):
        return {
            name: arrow.array([_plain(each[name]) for each in answers], arrow_type(type(first)))
            for name, first in answers[0].items()
        } | {"truncated": arrow.array([each.truncated for each in answers], arrow.bool_())}
    hints = get_type_hints(kind)
    found = {
        field.name: arrow.array(
            [_plain(getattr(answer, field.name)) for answer in answers],
            type=arrow_type(hints[field.name]),
        )
        for field in fields(kind)
    }
    cut = [answer.truncated for answer in answers]
    return found | {"truncated": arrow.array(cut, type=arrow.bool_())}


def arrow_type(hint: Any) -> Any:
    """The type of a column that holds values with a type hint."""
    plain = {str: arrow.string(), int: arrow.int64(), float: arrow.float64(), bool: arrow.bool_()}
    if hint in plain:
        return plain[hint]
    origin, parameters = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        [inner] = [each for each in parameters if each is not type(None)]
        return arrow_type(inner)
    if origin is dict:
        return arrow.map_(*map(arrow_type, parameters))
    if origin is tuple:
        return arrow.list_(arrow_type(parameters[0]))
    if origin is np.ndarray:
        return arrow.list_(arrow.float32())
    assert is_dataclass(hint)
    hints = get_type_hints(hint)
    return arrow.struct([(each.name, arrow_type(hints[each.name])) for each in fields(hint)])


def _plain(value: Any) -> Any:
    """A value as Arrow takes it."""
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    return value
