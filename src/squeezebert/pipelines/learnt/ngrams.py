"""A text as counts of its words and of the letters in them, hashed; nothing is learnt here."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from squeezebert.bundle.tensors import Floats

# A run of letters and digits, a sign, or one letter of a script that puts no spaces between words.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|[^\W_]+|[^\w\s]|_")
_LETTERS = (3, 4, 5)  # in a row, inside a word or at its ends

_Keys = npt.NDArray[np.uint64]
_Places = npt.NDArray[np.int64]

_BASE = np.uint64(0x5851F42D4C957F2D)  # odd, so that it has an inverse
_INVERSE = np.uint64(pow(0x5851F42D4C957F2D, -1, 1 << 64))
_SPACE = 32
_WORDS, _PAIRS_OF_WORDS, _LETTERS_IN_A_ROW = range(3)


class NGrams(NamedTuple):
    """N-grams of some texts, as compressed sparse rows.

    Attributes:
        offsets: where the n-grams of each text begin, and where the last ones end,
            int64 ``[texts + 1]``.
        buckets: which n-gram each is, ``[n-grams]``; of one text each occurs once.
        values: how much of it there is. Words with pairs of words, and letters, are unit vectors.
    """

    offsets: _Places
    buckets: npt.NDArray[np.int32]
    values: Floats

    @property
    def rows(self) -> _Places:
        """The text of each n-gram."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


class Found(NamedTuple):
    """Every n-gram of some texts, in no order: its hash, text, kind and place in `spelt`."""

    keys: _Keys
    texts: _Places
    letters: npt.NDArray[np.bool_]
    starts: _Places
    ends: _Places


def ngrams(texts: Sequence[str], buckets: int) -> NGrams:
    """Words, pairs of neighbours, and 3 to 5 letters in a row of each text, hashed.

    Within words and within letters values grow with the logarithm of the count (Salton and Buckley
    1988, Information Processing & Management 24) and have length 1 together. Two n-grams of one
    hash are one (Weinberger et al. 2009, arXiv 0902.2206).

    Args:
        buckets: how many different n-grams there are at most.
    """
    found = find_ngrams(texts)
    hashed = (found.keys % np.uint64(buckets)).astype(np.int64)
    places, first, counts = np.unique(
        found.texts * buckets + hashed, return_index=True, return_counts=True
    )
    rows, letters = places // buckets, found.letters[first]
    values = 1 + np.log(counts)
    groups = 2 * rows + letters
    lengths = np.sqrt(np.bincount(groups, values**2, minlength=2 * len(texts)))
    return _sparse(rows, places % buckets, values / lengths[groups], len(texts))


def pairs_of_ngrams(first: NGrams, second: NGrams, buckets: int) -> tuple[NGrams, Floats]:
    """What both texts of each pair share, and what only one of them has, told apart.

    Returns:
        The n-grams, and of each pair, float32 ``[pairs, 3]`` in 0..1: the cosine of its texts, the
        part of the first that is in the second, and the part of the second that is in the first.
    """
    pairs = len(first.offsets) - 1
    rows, others = first.rows, second.rows
    owned = rows * buckets + first.buckets
    owned_too = others * buckets + second.buckets
    _, at, at_other = np.intersect1d(owned, owned_too, assume_unique=True, return_indices=True)
    alone, alone_too = np.ones(len(rows), bool), np.ones(len(others), bool)
    alone[at] = alone_too[at_other] = False
    values, values_too = first.values[at], second.values[at_other]
    shared = [
        np.bincount(rows[at], amounts, minlength=pairs) / 2  # words and letters are 1 each
        for amounts in (values * values_too, values**2, values_too**2)
    ]
    both = _sparse(
        np.concatenate([rows[at], rows[alone], others[alone_too]]),
        np.concatenate(
            [
                first.buckets[at],
                _of_side(first.buckets[alone], 1, buckets),
                _of_side(second.buckets[alone_too], 2, buckets),
            ]
        ),
        np.concatenate([(values + values_too) / 2, first.values[alone], second.values[alone_too]]),
        pairs,
    )
    return both, np.stack(shared, 1).astype(np.float32)


def find_ngrams(texts: Sequence[str]) -> Found:
    """Every n-gram of every text; one that occurs twice is there twice."""
    lines = [spelt(text) for text in texts]
    codes = np.frombuffer("".join(lines).encode("utf-32-le"), np.uint32).astype(np.uint64)
    lengths = np.array([len(line) for line in lines], np.int64)
    begins = np.concatenate([[0], np.cumsum(lengths)])
    text_of = np.repeat(np.arange(len(lines)), lengths)
    spans = [
        (begin + match.start(), begin + match.end())
        for begin, line in zip(begins.tolist(), lines, strict=False)
        for match in _WORD.finditer(line)
    ]
    hashes = _Hashes(codes)
    starts, ends = np.array(spans, np.int64).reshape(-1, 2).T
    neighbours = text_of[starts[1:]] == text_of[starts[:-1]]
    words = hashes(starts, ends)
    parts = [
        (_mixed(words + np.uint64(_WORDS)), starts, ends, False),
        (
            _mixed(words[:-1] * _BASE + words[1:] + np.uint64(_PAIRS_OF_WORDS))[neighbours],
            starts[:-1][neighbours],
            ends[1:][neighbours],
            False,
        ),
    ]
    is_space = codes == _SPACE
    spaces = np.concatenate([[0], np.cumsum(is_space)])
    for count in _LETTERS:
        first = np.arange(max(len(codes) - count + 1, 0))
        # A space inside would join two words, or two texts, as each begins and ends with one.
        first = first[spaces[first + count - 1] == spaces[first + 1]]
        keys = _mixed(hashes(first, first + count) + np.uint64(_LETTERS_IN_A_ROW * count))
        parts.append((keys, first, first + count, True))
    keys, starts, ends = (np.concatenate([part[each] for part in parts]) for each in range(3))
    letters = np.concatenate([np.full(len(part[0]), part[3]) for part in parts])
    text = text_of[starts]
    return Found(keys, text, letters, starts - begins[text], ends - begins[text])


def spelt(text: str) -> str:
    """The text as n-grams see it: small letters, one space between words and around them."""
    return f" {' '.join(text.lower().split())} "


class _Hashes:
    """The hash of any part of a text, from sums over its beginning (Karp and Rabin 1987)."""

    def __init__(self, codes: _Keys) -> None:
        powers, self._inverses = (
            np.cumprod(np.concatenate([[np.uint64(1)], np.full(len(codes), base)]))
            for base in (_BASE, _INVERSE)
        )
        sums = np.cumsum((codes + np.uint64(1)) * powers[:-1])
        self._sums = np.concatenate([np.zeros(1, np.uint64), sums])

    def __call__(self, starts: _Places, ends: _Places) -> _Keys:
        return _mixed((self._sums[ends] - self._sums[starts]) * self._inverses[starts])


def _mixed(state: Any) -> _Keys:
    """Spreads each bit over all 64, by SplitMix64 (Steele, Lea and Flood 2014)."""
    state = state + np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ state >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ state >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    mixed: _Keys = state ^ state >> np.uint64(31)
    return mixed


def _of_side(buckets: npt.NDArray[np.int32], side: int, limit: int) -> npt.NDArray[np.int64]:
    """Other buckets for what only the first or only the second text of a pair has."""
    keys = _mixed(buckets.astype(np.uint64) + np.uint64(side * limit))
    return (keys % np.uint64(limit)).astype(np.int64)


def _sparse(rows: _Places, buckets: _Places, values: Any, count: int) -> NGrams:
    order = np.argsort(rows, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=count))])
    return NGrams(offsets, buckets[order].astype(np.int32), values[order].astype(np.float32))
