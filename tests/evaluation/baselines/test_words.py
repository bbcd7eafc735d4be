"""What words and letters alone score."""

import numpy as np

from squeezebert.evaluation.baselines.words import score_of_words

TEXTS = ["a good film", "a bad film", "very good plot", "very bad plot"] * 10
GOOD = np.array(["good" in text for text in TEXTS])
ASKED, RIGHT = ["good !", "bad !"], np.array([True, False])


def test_words_tell_classes() -> None:
    assert score_of_words(TEXTS, GOOD.astype(int), ASKED, RIGHT.astype(int), "softmax") == 1
    assert score_of_words(TEXTS, GOOD.astype(int), ASKED, 1 - RIGHT, "softmax") == 0


def test_words_tell_several_labels() -> None:
    plots = np.array(["plot" in text for text in TEXTS])
    given = np.stack([GOOD, plots], 1).astype(np.float32)
    right = np.array([[1, 0], [0, 0]], np.float32)
    assert score_of_words(TEXTS, given, ASKED, right, "sigmoid") == 1


def test_words_tell_values() -> None:
    values = np.where(GOOD, 4.5, 1.0)
    assert score_of_words(TEXTS, values, ASKED, np.array([5.0, 1.0]), "squares") == 1


def test_words_tell_pairs() -> None:
    pairs = [(first, second) for first in TEXTS[:4] for second in TEXTS[:4]]
    same = np.array([("good" in first) == ("good" in second) for first, second in pairs])
    asked = [("good film", "good plot"), ("good film", "bad plot")]
    assert score_of_words(pairs, same.astype(int), asked, np.array([1, 0]), "softmax") == 1
