"""What texts have in common, as a matrix of all pairs of them."""

from contextlib import suppress

import numpy as np

from squeezebert.bundle.tensors import Floats
from squeezebert.evaluation.baselines.linear import Doubles
from squeezebert.pipelines.learnt.ngrams import NGrams

_COMMON = 64  # texts that have an n-gram, from which on a dense product is faster
_COLUMNS = 1024


def products(ngrams: NGrams, scale: Floats) -> Doubles:
    """The product of each two texts' n-grams, ``[texts, texts]``.

    Args:
        ngrams: of the texts.
        scale: of each bucket.
    """
    texts = len(ngrams.offsets) - 1
    order = np.argsort(ngrams.buckets, kind="stable")
    buckets, rows = ngrams.buckets[order], ngrams.rows[order]
    values = (ngrams.values * scale[ngrams.buckets])[order].astype(np.float64)
    starts = np.flatnonzero(np.diff(buckets, prepend=-1))
    sizes = np.diff(np.append(starts, len(buckets)))
    found = np.zeros(texts * texts)
    for size in np.unique(sizes[sizes <= _COMMON]).tolist():
        places = starts[sizes == size][:, None] + np.arange(size)
        for part in np.array_split(places, 1 + places.size * size // 2_000_000):
            cells = rows[part][:, :, None] * texts + rows[part][:, None, :]
            weights = values[part][:, :, None] * values[part][:, None, :]
            found += np.bincount(cells.ravel(), weights.ravel(), minlength=texts * texts)
    matrix = found.reshape(texts, texts)
    common = np.flatnonzero(sizes > _COMMON)
    for start in range(0, len(common), _COLUMNS):
        some = common[start : start + _COLUMNS]
        block = np.zeros((texts, len(some)), np.float32)
        for column, place in enumerate(some.tolist()):
            entries = slice(starts[place], starts[place] + sizes[place])
            block[rows[entries], column] = values[entries]
        matrix += block @ block.T
    return matrix


def factor(matrix: Doubles) -> Floats:
    """Rows with the products of a matrix, float32 ``[n, n]``: a linear model sees no difference.

    Texts that are alike leave products that are zero but for rounding, and so perhaps below it. The
    least slack of 1e-6, 1e-5 and so on that makes the matrix positive is added to its diagonal.
    """
    mean = max(float(matrix.diagonal().mean()), 1e-6)
    for slack in (1e-6, 1e-5, 1e-4, 1e-3):
        with suppress(np.linalg.LinAlgError):
            return _cholesky(matrix, slack * mean)
    return _cholesky(matrix, 1e-2 * mean)


def _cholesky(matrix: Doubles, slack: float) -> Floats:
    return np.linalg.cholesky(matrix + slack * np.eye(len(matrix))).astype(np.float32)
