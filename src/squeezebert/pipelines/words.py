"""A text as a vector of its words, without anything learnt."""

import numpy as np
import numpy.typing as npt

from squeezebert.bundle.tensors import Floats

_PLACES = 384
_LANES = np.arange(_PLACES // 64, dtype=np.uint64)
_PAIRS = 0.5  # weight of two neighbours, where a token has 1


def hashed_words(token_ids: list[int]) -> Floats:
    """Tokens and pairs of neighbours as a unit vector, float32 ``[384]``; zero without any.

    Each has its own random but fixed sign in every place, so that the product of two texts counts
    what they share, up to noise (random projection: Achlioptas 2003, Journal of Computer and System
    Sciences 66, theorem 1.1).
    """
    ids = np.array(token_ids, np.uint64)
    pairs = (ids[:-1] + np.uint64(1)) << np.uint64(32) | ids[1:]
    counts: Floats = _signs(ids).sum(0, dtype=np.float32)
    counts += _PAIRS * _signs(pairs).sum(0, dtype=np.float32)
    length = float(np.linalg.norm(counts))
    return counts / np.float32(length) if length else counts


def _signs(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.int8]:
    """1 or -1, ``[n, 384]``, by SplitMix64 (Steele, Lea and Flood 2014)."""
    state = (keys[:, None] * np.uint64(len(_LANES)) + _LANES + np.uint64(1)) * np.uint64(
        0x9E3779B97F4A7C15
    )
    state = (state ^ state >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ state >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    bits = np.unpackbits(np.ascontiguousarray(state).view(np.uint8), axis=1)
    return 2 * bits.astype(np.int8) - 1
