"""The classifier: order, truncation, problem types, bad items."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from squeezebert.bundle import TaskSpec
from squeezebert.bundle.heads import ProblemType
from squeezebert.bundle.tensors import Floats
from squeezebert.errors import InputError
from squeezebert.pipelines import Classifier, load
from squeezebert.runtime import PackedBatch
from squeezebert.tokenizer import Tokenizer

BundleMaker = Callable[..., Path]


@pytest.fixture
def classifier(tiny_bundle: Path) -> Classifier:
    pipeline = load(tiny_bundle)
    assert isinstance(pipeline, Classifier)
    return pipeline


def fixed(tokenizer_json: bytes, problem_type: ProblemType, row: list[float]) -> Classifier:
    """A classifier whose logits are always ``row``."""

    def logits(batch: PackedBatch) -> Floats:
        return np.tile(np.array(row, np.float32), (len(batch.lengths), 1))

    spec = TaskSpec(
        task="classification",
        labels=tuple(f"label {index}" for index in range(len(row))),
        problem_type=problem_type,
        max_length=12,
    )
    return Classifier(Tokenizer.from_json(tokenizer_json), logits, spec)


def test_scores_of_one_label_sum_to_one(tokenizer_json: bytes) -> None:
    row = [0.0, float(np.log(2)), float(np.log(5))]
    [answer] = fixed(tokenizer_json, "single_label_classification", row)(["good"])
    assert answer.label == "label 2"
    assert answer.score == pytest.approx(5 / 8)
    assert answer.scores == pytest.approx({"label 0": 1 / 8, "label 1": 2 / 8, "label 2": 5 / 8})
    assert answer.value is None


def test_scores_of_many_labels_stand_alone(tokenizer_json: bytes) -> None:
    row = [float(np.log(3)), -1000.0, 1000.0]
    [answer] = fixed(tokenizer_json, "multi_label_classification", row)(["good"])
    assert answer.scores == pytest.approx({"label 0": 3 / 4, "label 1": 0, "label 2": 1})
    assert answer.label == "label 2"


def test_a_regression_has_a_value(tokenizer_json: bytes) -> None:
    [answer] = fixed(tokenizer_json, "regression", [3.5])([("good", "bad")])
    assert (answer.label, answer.value, answer.score) == ("label 0", 3.5, 3.5)


def test_order_is_kept_over_many_batches(classifier: Classifier) -> None:
    random = np.random.default_rng(0)
    words = ["good", "bad", "film", "plot", "very", "not"]
    texts = [" ".join(random.choice(words, random.integers(0, 15))) for _ in range(400)]
    together = classifier(texts)
    for text, answer in list(zip(texts, together, strict=True))[::40]:
        [alone] = classifier([text])
        assert answer.scores == pytest.approx(alone.scores, abs=1e-5)
        assert answer.tokens == alone.tokens


def test_no_items_give_no_answers(classifier: Classifier) -> None:
    assert classifier([]) == []


def test_texts_and_pairs_may_be_mixed(classifier: Classifier) -> None:
    pair, text = classifier([("good", "bad"), "good"])
    assert (pair.tokens, text.tokens) == (5, 3)


@pytest.mark.parametrize("text", ["", "  ", "\0"])
def test_a_text_of_no_words_is_answered(classifier: Classifier, text: str) -> None:
    [answer] = classifier([text])
    assert answer.tokens == 2
    assert not answer.truncated


def test_truncation_is_told(classifier: Classifier) -> None:
    short, long = classifier(["good film", "good " * 20_000])
    assert not short.truncated
    assert long.truncated
    assert (long.tokens, long.total_tokens) == (12, 20_002)


def test_a_long_text_can_be_read_in_windows(classifier: Classifier) -> None:
    long = "good film and very bad plot . " * 20
    cut, whole = classifier([long])[0], classifier([long], long="windows")[0]
    assert (cut.tokens, cut.windows, cut.truncated) == (12, 1, True)
    assert (whole.tokens, whole.total_tokens, whole.truncated) == (142, 142, False)
    assert whole.windows > 12
    assert sum(whole.scores.values()) == pytest.approx(1, abs=1e-5)
    assert whole.scores != cut.scores
    short = classifier(["good film"])
    assert classifier(["good film"], long="windows") == short
    with pytest.raises(InputError, match="long is 'all', not one of cut, windows"):
        classifier(["good"], long="all")  # type: ignore[arg-type]  # the mistake under test


def test_windows_count_by_what_they_alone_see(tokenizer_json: bytes) -> None:
    def logits(batch: PackedBatch) -> Floats:
        starts = batch.cu_seqlens[:-1]
        good = np.add.reduceat(batch.input_ids == 6, starts, dtype=np.int32)
        return (good / batch.lengths)[:, None].astype(np.float32)

    spec = TaskSpec(
        task="classification", labels=("part",), problem_type="regression", max_length=12
    )
    classify = Classifier(Tokenizer.from_json(tokenizer_json), logits, spec)
    [answer] = classify(["good " * 100 + "bad " * 100], long="windows")
    assert answer.value == pytest.approx(0.5 * 10 / 12, abs=0.02)
    [pair] = classify([("good", "bad " * 100)], long="windows")
    assert pair.value == pytest.approx(1 / 12)
    with pytest.raises(InputError, match=r"Item 1: .* leaves no room for the second"):
        classify(["good", ("good " * 20, "bad")], long="windows")


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (3, "Item 1: it is of type int"),
        (None, "Item 1: it is of type NoneType"),
        (("a", None), "Item 1: it is of type NoneType"),
        (("a", "b", "c"), "Item 1: it is of type tuple"),
        (b"good", "Item 1: it is of type bytes"),
        ("bad \udcff", "Item 1: it holds a lone surrogate"),
        (("good", "\ud800"), "Item 1: it holds a lone surrogate"),
        (("good", " "), "Item 1: the second text of the pair is empty"),
        (("", "good"), "Item 1: the first text of the pair is empty"),
    ],
)
def test_a_bad_item_is_named(classifier: Classifier, item: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        classifier(["good", item])


def test_a_single_text_is_not_taken_for_a_list_of_letters(classifier: Classifier) -> None:
    with pytest.raises(InputError, match="Pass a list"):
        classifier("good")


def test_a_temperature_softens_and_a_threshold_rejects(tokenizer_json: bytes) -> None:
    row = [0.0, float(np.log(4))]
    spec = TaskSpec(
        task="classification",
        labels=("no", "yes"),
        problem_type="single_label_classification",
        max_length=12,
        temperature=2.0,
        threshold=0.7,
    )

    def logits(batch: PackedBatch) -> Floats:
        return np.tile(np.array(row, np.float32), (len(batch.lengths), 1))

    [answer] = Classifier(Tokenizer.from_json(tokenizer_json), logits, spec)(["good"])
    assert answer.scores == pytest.approx({"no": 1 / 3, "yes": 2 / 3})
    assert answer.label == "out_of_scope"
    assert answer.score == pytest.approx(2 / 3)
