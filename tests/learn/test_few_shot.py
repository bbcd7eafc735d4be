"""Learning from a few examples."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from squeezebert.bundle import TaskSpec
from squeezebert.bundle.tensors import Floats
from squeezebert.errors import InputError
from squeezebert.learn import FewShotClassifier, logistic
from squeezebert.learn.few_shot import _PENALTY, _TEMPERATURES, _logits, _losses
from squeezebert.learn.logistic import fit_logistic
from squeezebert.pipelines import Embedder
from squeezebert.runtime import PackedBatch
from squeezebert.tokenizer import Tokenizer

EXAMPLES = [
    ("a good film", "praise"),
    ("very good plot", "praise"),
    ("good !", "praise"),
    ("a bad film", "blame"),
    ("very bad plot", "blame"),
    ("bad !", "blame"),
]


@pytest.fixture
def embed(tokenizer_json: bytes) -> Embedder:
    """A bag of words."""

    def counts(batch: PackedBatch) -> Floats:
        texts = np.split(batch.input_ids, batch.cu_seqlens[1:-1])
        return np.array([np.bincount(ids, minlength=19) for ids in texts], np.float32)

    spec = TaskSpec(task="embedding", max_length=12)
    return Embedder(Tokenizer.from_json(tokenizer_json), counts, spec)


def test_a_few_examples_are_enough(embed: Embedder) -> None:
    classify = FewShotClassifier(embed, EXAMPLES)
    assert classify.spec.labels == ("blame", "praise")
    praise, blame = classify(["a very good film", "bad film !"])
    assert (praise.label, blame.label) == ("praise", "blame")
    assert sum(praise.scores.values()) == pytest.approx(1)
    assert praise.score == praise.scores["praise"] > 0.5
    [long] = classify(["good " * 30])
    assert (long.tokens, long.total_tokens, long.truncated) == (12, 32, True)


@pytest.fixture
def blind(tokenizer_json: bytes) -> Embedder:
    """Gives all texts the same vector."""

    def ones(batch: PackedBatch) -> Floats:
        return np.ones((len(batch.lengths), 19), np.float32)

    spec = TaskSpec(task="embedding", max_length=12)
    return Embedder(Tokenizer.from_json(tokenizer_json), ones, spec)


def test_words_tell_what_vectors_do_not(blind: Embedder) -> None:
    praise, blame = FewShotClassifier(blind, EXAMPLES)(["a very good film", "bad film !"])
    assert (praise.label, blame.label) == ("praise", "blame")


def test_names_teach_unless_they_mislead(embed: Embedder) -> None:
    texts = ["a film", "the film", "a plot", "the plot"]  # neither good nor bad

    def score_of(text: str, *labels: str) -> float:
        [answer] = FewShotClassifier(embed, list(zip(texts, labels, strict=True)))([text])
        return answer.scores[labels[0]]

    telling = score_of("good", "good_film", "good_film", "bad_plot", "bad_plot")
    silent = score_of("good", "x", "x", "y", "y")
    unnamed = score_of("film", "x", "x", "y", "y")
    misleading = score_of("film", "plot", "plot", "film", "film")
    assert telling > 0.9
    assert silent < 0.6
    assert misleading == pytest.approx(unnamed, abs=0.01)


def clouds(per_label: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    classes = np.repeat(np.arange(5), per_label)
    means = random.normal(size=(5, 16))
    return means[classes] + random.normal(0, 1.5, (len(classes), 16)), classes


@pytest.mark.parametrize("penalty", [1 / 30, 1.0, 10.0])
def test_the_weights_are_those_of_scikit_learn(
    penalty: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logistic, "_SMALL", 1e-7)
    vectors, classes = clouds(40)
    vectors, classes = vectors[:150], classes[:150]  # the fourth label is rarer, the fifth absent
    weights = fit_logistic(vectors, classes, penalty)
    theirs = LogisticRegression(
        C=1 / penalty, class_weight="balanced", tol=1e-9, max_iter=10_000
    ).fit(vectors, classes)
    odds = np.exp(vectors @ weights[:, :-1].T + weights[:, -1])
    expected = theirs.predict_proba(vectors)
    np.testing.assert_allclose(odds / odds.sum(1, keepdims=True), expected, atol=1e-5)


def test_what_is_learnt_is_right_as_often_as_it_says() -> None:
    vectors, classes = clouds(400)
    few = np.arange(len(classes)) % 400 < 16
    weights = fit_logistic(vectors[few], classes[few], _PENALTY)
    losses = _losses(vectors[few], classes[few], vectors[:0])
    temperature = _TEMPERATURES[losses.argmin()]
    assert temperature > 1  # without it, more is believed than is true
    odds = np.exp(_logits(weights, vectors[~few]) / temperature)
    scores = odds / odds.sum(1, keepdims=True)
    accuracy = (scores.argmax(1) == classes[~few]).mean()
    assert scores.max(1).mean() == pytest.approx(accuracy, abs=0.1)


def test_what_is_too_little_is_refused(embed: Embedder) -> None:
    with pytest.raises(InputError, match="at least two labels"):
        FewShotClassifier(embed, EXAMPLES[:3])
    with pytest.raises(InputError, match="one example of 'blame'"):
        FewShotClassifier(embed, EXAMPLES[:4])
    with pytest.raises(InputError, match="Item 0: it is a pair"):
        FewShotClassifier(embed, EXAMPLES)([("good", "bad")])
