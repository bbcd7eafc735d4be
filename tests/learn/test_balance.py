"""Labels of which some are rare."""

from pathlib import Path
from random import Random

import numpy as np
import pytest
from tests.conftest import BundleMaker

from squeezebert.learn import NothingLearntError, learn
from squeezebert.learn.balance import favours, has_rare_labels
from squeezebert.learn.examples import examples_of

COMMON = [f"a {word} film {end}" for word in ("good", "very good") for end in "abcdefghijklmnop"]
RARE = ["a bad film", "a bad plot", "bad", "very bad plot"]
MIXED = ["a good plot", "a good bad plot"]


@pytest.fixture
def embed(tmp_path: Path, make_bundle: BundleMaker) -> Path:
    return make_bundle(tmp_path / "embed", task="embedding", labels=(), problem_type=None)


def test_a_label_is_rare_if_another_is_over_five_times_as_frequent() -> None:
    rows = [(text, "praise") for text in COMMON[:20]]
    assert not has_rare_labels(examples_of(rows + [(text, "blame") for text in RARE]))
    assert has_rare_labels(examples_of(rows + [(text, "blame") for text in RARE[:3]]))
    outside = [(text, "out_of_scope") for text in MIXED]
    assert not has_rare_labels(examples_of(rows + [(text, "blame") for text in RARE[:3]] + outside))


def test_a_label_that_is_hardly_ever_the_likeliest_is_favoured() -> None:
    random = np.random.default_rng(0)
    classes = (np.arange(500) % 10 == 0).astype(np.int64)
    signs = random.normal(1.5 * classes - 2.2, 1.0)  # of the rare label; most are below 0
    outputs = np.stack([np.zeros(500), signs], 1).astype(np.float32)
    favoured = favours(outputs, classes)
    found = (outputs + favoured).argmax(1)
    rare = classes == 1
    assert favoured[1] > favoured[0]
    assert (found[rare] == 1).mean() > 2 * (outputs.argmax(1)[rare] == 1).mean() > 0


def test_nothing_is_favoured_where_answers_are_right() -> None:
    classes = (np.arange(60) % 10 == 0).astype(np.int64)
    outputs = np.where(np.arange(2) == classes[:, None], 5, -5).astype(np.float32)
    assert not favours(outputs, classes).any()


def test_rare_labels_are_learnt_and_scored_by_their_f1(embed: Path) -> None:
    rows = [(text, "praise") for text in COMMON] + [(text, "blame") for text in RARE]
    learnt = learn(rows, embed).learnt
    assert learnt.baseline.metric == "macro_f1"
    assert learnt.baseline.score == 0.5
    assert learnt.baseline.way == "guesses at random"
    assert learnt.learnt.evaluation.metrics["macro_f1"] > 0.8


def test_rare_labels_at_random_teach_nothing(embed: Path) -> None:
    texts = COMMON + RARE
    rare = set(Random(3).sample(texts, 5))
    with pytest.raises(NothingLearntError, match=r"guesses at random: 0\.500"):
        learn([(text, "blame" if text in rare else "praise") for text in texts], embed)
