"""Sparse matrices, such as those of n-grams, times tables with a column for each label."""

import numpy as np
import numpy.typing as npt

from squeezebert.bundle.tensors import Floats
from squeezebert.pipelines.learnt.ngrams import NGrams

_Places = npt.NDArray[np.int64]

_EXACT = 8  # entries of a row up to which none is added, and to whose multiples longer ones grow
_AT_ONCE = 1 << 13  # entries: with 100 columns what they select still fits a cache


class Sparse:
    """A matrix whose rows of equal length are multiplied together.

    Rows are filled up with zeros, so that there are few lengths, and a small dense product of
    each length does the work: with some ten columns or more, ten times as fast as sums over
    segments.

    Args:
        offsets: where the entries of each row begin, and where the last ones end, ``[rows + 1]``.
        places: the column of each entry.
        values: of the entries.
    """

    def __init__(self, offsets: _Places, places: npt.NDArray[np.integer], values: Floats) -> None:
        lengths = np.diff(offsets)
        full = np.where(lengths <= _EXACT, lengths, -(-lengths // _EXACT) * _EXACT)
        self._parts: list[tuple[_Places, npt.NDArray[np.intp], Floats]] = []
        for length in np.unique(full[full > 0]).tolist():
            rows = np.flatnonzero(full == length)
            per_part = max(1, _AT_ONCE // length)
            for start in range(0, len(rows), per_part):
                some = rows[start : start + per_part]
                entries = offsets[some][:, None] + np.arange(length)
                real = np.arange(length) < lengths[some][:, None]
                entries[~real] = 0
                part = np.where(real, values[entries], np.float32(0))
                self._parts.append((some, places[entries].astype(np.intp).ravel(), part[:, None]))

    def add_product(self, table: Floats, out: Floats) -> None:
        """Adds the product with a table ``[columns, outputs]`` to ``out [rows, outputs]``."""
        for rows, places, values in self._parts:
            selected = np.take(table, places, axis=0, mode="clip")
            product = values @ selected.reshape(len(rows), -1, table.shape[1])
            out[rows] += product[:, 0]


def by_text(ngrams: NGrams) -> Sparse:
    """The matrix ``[texts, buckets]``."""
    return Sparse(ngrams.offsets, ngrams.buckets, ngrams.values)


def by_bucket(ngrams: NGrams) -> Sparse:
    """The same transposed, ``[buckets, texts]``, as far as buckets occur."""
    order = np.argsort(ngrams.buckets, kind="stable")
    sizes = np.bincount(ngrams.buckets)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    return Sparse(offsets, ngrams.rows[order], ngrams.values[order])
