"""Features of many rows: in memory as long as they are few, else in files."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from squeezebert.bundle.tensors import Floats
from squeezebert.evaluation.baselines.linear import Block
from squeezebert.evaluation.baselines.sparse import Sparse
from squeezebert.pipelines.learnt.ngrams import NGrams

_IN_MEMORY = 1 << 28  # bytes
_IN_PORTION = 1 << 25  # bytes; the larger, the more of its rows share an n-gram


@dataclass(frozen=True, eq=False)
class Portion:
    """Some rows with their features, any of which can be taken out.

    Attributes:
        dense: float32 ``[rows, width]``.
        targets: classes ``[rows]``, labels given ``[rows, labels]``, or values ``[rows, 1]``.
        counts: how much each row counts, ``[rows]``.
        ngrams: of each row.
    """

    dense: Floats
    targets: npt.NDArray[Any]
    counts: Floats
    ngrams: NGrams

    @cached_property
    def block(self) -> Block:
        """The same rows, to learn from."""
        return Block.of(self.dense, self.targets, self.counts, self.ngrams)

    def part(self, rows: npt.NDArray[np.int64]) -> "Portion":
        """Some of the rows, by their places."""
        ngrams = self.ngrams
        lengths = np.diff(ngrams.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        starts = np.repeat(ngrams.offsets[:-1][rows] - offsets[:-1], lengths)
        entries = starts + np.arange(offsets[-1])
        return Portion(
            self.dense[rows],
            self.targets[rows],
            self.counts[rows],
            NGrams(offsets, ngrams.buckets[entries], ngrams.values[entries]),
        )

    @property
    def bytes(self) -> int:
        """How many its arrays take."""
        arrays = (self.dense, self.targets, self.counts, *self.ngrams)
        return sum(array.nbytes for array in arrays)


def joined(portions: Sequence[Portion]) -> Portion:
    """All rows of some portions, in order."""
    parts = [portion.ngrams for portion in portions]
    lengths = np.concatenate([np.diff(part.offsets) for part in parts])
    return Portion(
        np.concatenate([portion.dense for portion in portions]),
        np.concatenate([portion.targets for portion in portions]),
        np.concatenate([portion.counts for portion in portions]),
        NGrams(
            np.concatenate([[0], np.cumsum(lengths)]),
            np.concatenate([part.buckets for part in parts]),
            np.concatenate([part.values for part in parts]),
        ),
    )


class Store:
    """Rows to learn from, to be read as often as wanted, in blocks.

    Beyond a quarter of a gigabyte further ones are in a temporary folder, as they were read and as
    blocks, so that memory stays bounded; `close` removes it.
    """

    def __init__(self) -> None:
        self._portions: list[Portion] = []
        self._files: list[Path] = []
        self._pending: list[Portion] = []
        self._bytes = self._pending_bytes = 0
        self._folder: TemporaryDirectory[str] | None = None
        self.rows = 0

    def add(self, portion: Portion) -> None:
        """Takes some more rows."""
        self.rows += len(portion.targets)
        self._pending.append(portion)
        self._pending_bytes += portion.bytes
        if self._pending_bytes > _IN_PORTION:
            self._finish()

    def close(self) -> None:
        """Removes the temporary folder."""
        if self._folder is not None:
            self._folder.cleanup()

    def __iter__(self) -> Iterator[Block]:
        self._finish()
        kept = (portion.block for portion in self._portions)
        return itertools.chain(kept, map(_read_block, self._files))

    def portions(self) -> Iterator[Portion]:
        """The rows as they were added, more of them at a time."""
        self._finish()
        return itertools.chain(self._portions, map(_read_portion, self._files))

    def rows_at(self, places: npt.NDArray[np.int64]) -> Portion:
        """Some rows, by their sorted places."""
        found = []
        start = 0
        for portion in self.portions():
            end = start + len(portion.targets)
            found.append(portion.part(places[(places >= start) & (places < end)] - start))
            start = end
        return joined(found)

    def _finish(self) -> None:
        """Makes what is pending a portion of its own."""
        if not self._pending:
            return
        portion = joined(self._pending)
        self._bytes += portion.bytes + 2 * sum(array.nbytes for array in portion.ngrams)
        self._pending, self._pending_bytes = [], 0
        if self._bytes <= _IN_MEMORY:
            self._portions.append(portion)
            return
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="squeezebert-learn-")
        file = Path(self._folder.name) / f"{len(self._files)}.npz"
        with file.open("wb") as opened:
            np.savez(opened, allow_pickle=False, **_arrays(portion))
        self._files.append(file)


class Chained:
    """All blocks of some sources, one after the other, as often as wanted."""

    def __init__(self, *sources: Iterable[Block]) -> None:
        self._sources = sources

    def __iter__(self) -> Iterator[Block]:
        return itertools.chain.from_iterable(self._sources)


_ROWS = ("dense", "targets", "counts")


def _arrays(portion: Portion) -> dict[str, npt.NDArray[Any]]:
    found = {name: getattr(portion, name) for name in _ROWS}
    for name in ("by_text", "by_bucket"):
        for field, array in getattr(portion.block, name)._asdict().items():
            found[f"{name}.{field}"] = array
    return found | portion.ngrams._asdict()


def _read_portion(file: Path) -> Portion:
    with np.load(file) as arrays:
        ngrams = NGrams(*(arrays[field] for field in NGrams._fields))
        dense, targets, counts = (arrays[name] for name in _ROWS)
        return Portion(dense, targets, counts, ngrams)


def _read_block(file: Path) -> Block:
    with np.load(file) as arrays:
        text_table, bucket_table = (
            Sparse(*(arrays[f"{name}.{field}"] for field in Sparse._fields))
            for name in ("by_text", "by_bucket")
        )
        dense, targets, counts = (arrays[name] for name in _ROWS)
        return Block(dense, targets, counts, text_table, bucket_table)
