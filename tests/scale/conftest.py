"""Folders of tables to answer."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest

TableMaker = Callable[[Path, int, int], Path]

WORDS = ("a good film", "a bad film and a bad plot", "not very good", "unmoved !", "")


@pytest.fixture(scope="session")
def make_table() -> TableMaker:
    """Writes a parquet file of so many rows, whose ids begin at a number."""

    def make(path: Path, first: int, rows: int) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        ids = range(first, first + rows)
        columns = {
            "id": arrow.array(ids, arrow.int32()),
            "review": [f"{WORDS[id % len(WORDS)]} {'good ' * (id % 7)}" for id in ids],
            "label": [None if id % 3 else f"old {id}" for id in ids],
        }
        parquet.write_table(arrow.table(columns), path)
        return path

    return make
