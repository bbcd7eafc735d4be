"""Texts as vectors of their words."""

import numpy as np
import pytest

from squeezebert.pipelines.words import _signs, hashed_words


def test_the_signs_are_bits_of_splitmix64() -> None:
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]  # from seed 0
    bits = np.unpackbits(np.array(published, np.uint64).view(np.uint8))
    found = _signs(np.array([0], np.uint64))
    assert found.shape == (1, 384)
    assert (found[0, :192] == 2 * bits.astype(np.int8) - 1).all()


def test_texts_are_as_near_as_their_words() -> None:
    text, same_words, half, other = map(
        hashed_words, ([5, 6, 7, 8], [8, 6, 5, 7], [5, 6, 17, 18], [11, 12, 13, 14])
    )
    assert np.linalg.norm(text) == pytest.approx(1)
    assert text @ text > text @ same_words > text @ half > text @ other
    # Four words and half as much for each of three pairs; the rest is the noise of 384 signs.
    assert text @ same_words == pytest.approx(4 / (4 + 3 / 4), abs=0.15)
    assert text @ other == pytest.approx(0, abs=0.15)
    assert text.dtype == np.float32


def test_no_words_are_no_direction() -> None:
    assert not hashed_words([]).any()
    assert hashed_words([7]).any()
