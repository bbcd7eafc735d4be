"""Sparse matrices, such as those of n-grams, times tables with a column for each label."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from squeezebert.bundle.tensors import Floats
from squeezebert.pipelines.learnt.ngrams import NGrams
from squeezebert.runtime.processors import processors

_Places = npt.NDArray[np.int64]

_Part: TypeAlias = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], Floats]

_EXACT = 8  # entries of a row up to which none is added, and to whose multiples longer ones grow
_AT_ONCE = 1 << 13  # entries: with 100 columns what they select still fits a cache
_WIDE = 32  # columns from which on a thread is worth its start


class Sparse(NamedTuple):
    """A matrix whose rows of equal length are multiplied together.

    Rows are filled up with zeros, so that there are few lengths, and a small dense product of
    each length does the work: with some ten columns or more, ten times as fast as sums over
    segments.

    Attributes:
        rows: those that have entries, the shortest first, int32 ``[rows]``.
        lengths: how many entries each of them has, added zeros among them, int32 ``[rows]``.
        places: the column of each entry, row after row, int32 ``[entries]``.
        values: of the entries, float32 ``[entries]``.
    """

    rows: npt.NDArray[np.int32]
    lengths: npt.NDArray[np.int32]
    places: npt.NDArray[np.int32]
    values: Floats

    @classmethod
    def of(cls, offsets: _Places, places: npt.NDArray[np.integer], values: Floats) -> "Sparse":
        """Compressed sparse rows, put in order.

        Args:
            offsets: where the entries of each row begin, and where the last ones end,
                ``[rows + 1]``.
            places: the column of each entry.
            values: of the entries.
        """
        lengths = np.diff(offsets)
        full = np.where(lengths <= _EXACT, lengths, -(-lengths // _EXACT) * _EXACT)
        rows = np.argsort(full, kind="stable")[np.count_nonzero(full == 0) :]
        size = int(full.sum())
        made = cls(
            rows.astype(np.int32),
            full[rows].astype(np.int32),
            np.empty(size, np.int32),
            np.empty(size, np.float32),
        )
        for some, filled, amounts in made._parts():
            wide = np.arange(filled.shape[1])
            real = wide < lengths[some][:, None]
            entries = np.where(real, offsets[some][:, None] + wide, 0)
            filled[...] = places[entries]
            amounts[...] = np.where(real, values[entries], 0)
        return made

    def add_product(self, table: Floats, out: Floats) -> None:
        """Adds the product with a table ``[columns, outputs]`` to ``out [rows, outputs]``."""
        parts = list(self._parts())
        columns = table.shape[1]
        threads = min(processors(), len(parts)) if columns >= _WIDE else 1

        def add(some: list[_Part]) -> None:
            most = max((places.size for _, places, _ in some), default=0)
            scratch = np.empty((most, columns), np.float32)
            for rows, places, values in some:
                selected = scratch[: places.size].reshape(*places.shape, columns)
                np.take(table, places, axis=0, mode="clip", out=selected)
                out[rows] += (values[:, None] @ selected)[:, 0]

        if threads <= 1:
            add(parts)
            return
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(add, [parts[start::threads] for start in range(threads)]))

    def _parts(self) -> Iterator[_Part]:
        """Some rows of one length, with the places and values of each ``[rows, length]``."""
        begin = row = 0
        for length, count in zip(*np.unique(self.lengths, return_counts=True), strict=True):
            last = row + count
            while row < last:
                rows = min(max(1, _AT_ONCE // length), last - row)
                end = begin + rows * length
                yield (
                    self.rows[row : row + rows],
                    self.places[begin:end].reshape(rows, length),
                    self.values[begin:end].reshape(rows, length),
                )
                begin, row = end, row + rows


def by_text(ngrams: NGrams) -> Sparse:
    """The matrix ``[texts, buckets]``."""
    return Sparse.of(ngrams.offsets, ngrams.buckets, ngrams.values)


def by_bucket(ngrams: NGrams) -> Sparse:
    """The same transposed, ``[buckets, texts]``, as far as buckets occur."""
    order = np.argsort(ngrams.buckets, kind="stable")
    sizes = np.bincount(ngrams.buckets)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    return Sparse.of(offsets, ngrams.rows[order], ngrams.values[order])
