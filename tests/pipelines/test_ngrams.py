"""Texts as hashed n-grams."""

import numpy as np
import pytest

from squeezebert.pipelines.learnt.ngrams import NGrams, find_ngrams, ngrams, pairs_of_ngrams, spelt

BUCKETS = 1 << 20


def found(text: str) -> set[tuple[bool, str]]:
    """Whether it is of letters, and the n-gram."""
    line = spelt(text)
    keys, _, letters, starts, ends = find_ngrams([text])
    assert len(keys) == len(letters)
    return {
        (bool(of_letters), line[start:end])
        for of_letters, start, end in zip(letters, starts, ends, strict=True)
    }


def row(matrix: NGrams, index: int) -> dict[int, float]:
    part = slice(matrix.offsets[index], matrix.offsets[index + 1])
    values = zip(matrix.buckets[part].tolist(), matrix.values[part].tolist(), strict=True)
    return dict(values)


def test_words_their_neighbours_and_letters_inside_them_are_found() -> None:
    letters = [" go", "goo", "ood", "od ", " fi", "fil", "ilm", "lm "]
    letters += [" goo", "good", "ood ", " fil", "film", "ilm "]
    letters += [" good", "good ", " film", "film "]
    words = ["good", "film", "good film"]
    assert found("Good  Film") == {(True, one) for one in letters} | {(False, one) for one in words}


def test_a_letter_of_a_script_without_spaces_is_a_word() -> None:
    assert {(False, "猫"), (False, "が"), (False, "猫が")} <= found("猫が")


def test_what_a_text_gives_does_not_depend_on_the_texts_beside_it() -> None:
    texts = ["", "Good film!", "a", "  ", "good film good", "é 😀"]
    together = ngrams(texts, BUCKETS)
    assert together.offsets[1] == 0
    for index, text in enumerate(texts):
        assert row(together, index) == pytest.approx(row(ngrams([text], BUCKETS), 0))


def test_words_and_letters_have_length_one_each() -> None:
    matrix = ngrams(["one two three", "four"], BUCKETS)
    squares = np.bincount(matrix.rows, matrix.values**2)
    np.testing.assert_allclose(squares, 2, rtol=1e-6)


def test_equal_parts_of_texts_have_equal_places() -> None:
    matrix = ngrams(["the good film", "a good film"], BUCKETS)
    first, second = (set(row(matrix, index)) for index in range(2))
    assert len(first & second) == len(found("the good film") & found("a good film"))


def test_of_a_pair_what_both_texts_have_is_told_from_what_one_has() -> None:
    left, right = ngrams(["good film", "x"], BUCKETS), ngrams(["bad film", "x"], BUCKETS)
    both, overlaps = pairs_of_ngrams(left, right, BUCKETS)
    swapped, _ = pairs_of_ngrams(right, left, BUCKETS)
    shared = set(row(both, 0)) & set(row(swapped, 0))
    assert len(shared) == len(found("good film") & found("bad film"))
    assert set(row(both, 1)) == set(row(left, 1))
    np.testing.assert_allclose(overlaps[1], 1, rtol=1e-6)
    assert (overlaps[0] > 0).all() and (overlaps[0] < 1).all()
