"""Features of many rows: in memory as long as they are few, else in files."""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from squeezebert.evaluation.baselines.linear import Block
from squeezebert.pipelines.learnt.ngrams import NGrams

_IN_MEMORY = 1 << 28  # bytes
_IN_BLOCK = 1 << 25  # bytes; the larger a block, the more of its rows share an n-gram


class Store:
    """Blocks of rows to learn from, to be read as often as wanted.

    Beyond a quarter of a gigabyte further blocks are in a temporary folder, so that memory stays
    bounded; `close` removes it.
    """

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._files: list[Path] = []
        self._pending: list[Block] = []
        self._bytes = self._pending_bytes = 0
        self._folder: TemporaryDirectory[str] | None = None
        self.rows = 0

    def add(self, block: Block) -> None:
        """Takes some more rows."""
        self.rows += len(block.targets)
        self._pending.append(block)
        self._pending_bytes += sum(array.nbytes for array in _arrays(block).values())
        if self._pending_bytes > _IN_BLOCK:
            self._finish_block()

    def _finish_block(self) -> None:
        block = joined(self._pending)
        self._bytes += self._pending_bytes
        self._pending, self._pending_bytes = [], 0
        if self._bytes <= _IN_MEMORY:
            self._blocks.append(block)
            return
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="squeezebert-learn-")
        file = Path(self._folder.name) / f"{len(self._files)}.npz"
        with file.open("wb") as opened:
            np.savez(opened, allow_pickle=False, **_arrays(block))
        self._files.append(file)

    def close(self) -> None:
        """Removes the temporary folder."""
        if self._folder is not None:
            self._folder.cleanup()

    def __iter__(self) -> Iterator[Block]:
        if self._pending:
            self._finish_block()
        return itertools.chain(self._blocks, map(_read, self._files))

    def rows_at(self, places: npt.NDArray[np.int64]) -> Block:
        """Some rows, by their sorted places, as one block."""
        found = []
        start = 0
        for block in self:
            end = start + len(block.targets)
            found.append(some_rows(block, places[(places >= start) & (places < end)] - start))
            start = end
        return joined(found)


class Chained:
    """All blocks of some sources, one after the other, as often as wanted."""

    def __init__(self, *sources: Iterable[Block]) -> None:
        self._sources = sources

    def __iter__(self) -> Iterator[Block]:
        return itertools.chain.from_iterable(self._sources)


def some_rows(block: Block, rows: npt.NDArray[Any]) -> Block:
    """Some rows of a block."""
    ngrams = block.ngrams
    if ngrams is not None:
        lengths = np.diff(ngrams.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        starts = np.repeat(ngrams.offsets[:-1][rows] - offsets[:-1], lengths)
        entries = starts + np.arange(offsets[-1])
        ngrams = NGrams(offsets, ngrams.buckets[entries], ngrams.values[entries])
    return Block(block.dense[rows], ngrams, block.targets[rows], block.counts[rows])


def joined(blocks: list[Block]) -> Block:
    """All rows of some blocks, in order."""
    parts = [block.ngrams for block in blocks if block.ngrams is not None]
    lengths = np.concatenate([np.diff(part.offsets) for part in parts])
    return Block(
        np.concatenate([block.dense for block in blocks]),
        NGrams(
            np.concatenate([[0], np.cumsum(lengths)]),
            np.concatenate([part.buckets for part in parts]),
            np.concatenate([part.values for part in parts]),
        ),
        np.concatenate([block.targets for block in blocks]),
        np.concatenate([block.counts for block in blocks]),
    )


def _arrays(block: Block) -> dict[str, npt.NDArray[Any]]:
    assert block.ngrams is not None
    return {
        "dense": block.dense,
        "targets": block.targets,
        "counts": block.counts,
        **block.ngrams._asdict(),
    }


def _read(file: Path) -> Block:
    with np.load(file) as arrays:
        ngrams = NGrams(*(arrays[name] for name in NGrams._fields))
        return Block(arrays["dense"], ngrams, arrays["targets"], arrays["counts"])
