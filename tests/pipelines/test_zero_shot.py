"""Labels of the caller's, chosen by a model of entailment."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import BundleMaker

from squeezebert.bundle import TaskSpec
from squeezebert.bundle.tensors import Floats
from squeezebert.errors import InputError
from squeezebert.pipelines import Classifier, ZeroShotClassifier, load
from squeezebert.runtime import PackedBatch
from squeezebert.tokenizer import Tokenizer

GOOD, BAD = 6, 7  # token ids of the tiny vocabulary


def logits(batch: PackedBatch) -> Floats:
    """Entailment (the second logit) for each good or bad that both texts share."""
    rows = []
    for start, end in zip(batch.cu_seqlens, batch.cu_seqlens[1:], strict=False):
        ids, second = batch.input_ids[start:end], batch.token_type_ids[start:end] == 1
        shared = sum(np.sum(ids[~second] == word) for word in (GOOD, BAD) if word in ids[second])
        rows.append([0, np.log(3) * shared])
    return np.array(rows, np.float32)


@pytest.fixture
def infer(tokenizer_json: bytes) -> Classifier:
    spec = TaskSpec(
        task="classification",
        labels=("neutral", "entailment"),
        problem_type="single_label_classification",
        max_length=12,
        entailment="entailment",
    )
    return Classifier(Tokenizer.from_json(tokenizer_json), logits, spec)


def test_the_label_that_is_entailed_is_chosen(infer: Classifier) -> None:
    classify = ZeroShotClassifier(infer, ["good", "bad"], template="a {} film .")
    good, bad = classify(["a good plot", "very bad"])
    assert (good.label, bad.label) == ("good", "bad")
    # Entailed with 3 of 4 against 1 of 2, so 3/4 of 5/4.
    assert good.scores == pytest.approx({"good": 3 / 5, "bad": 2 / 5})
    assert good.score == pytest.approx(3 / 5)
    assert not good.truncated
    assert classify.spec.labels == ("good", "bad")


def test_truncation_is_told(infer: Classifier) -> None:
    [answer] = ZeroShotClassifier(infer, ["good", "bad"])(["plot " * 30])
    assert answer.truncated


def test_a_text_can_have_several_labels(infer: Classifier) -> None:
    classify = ZeroShotClassifier(infer, ["good", "bad"], template="a {} film .", multi_label=True)
    both, neither = classify(["a good and bad plot", "a plot"])
    assert set(both.labels or ()) == {"good", "bad"}
    assert both.scores == pytest.approx({"good": 3 / 4, "bad": 3 / 4})
    assert classify.spec.problem_type == "multi_label_classification"
    assert neither.scores == pytest.approx({"good": 1 / 2, "bad": 1 / 2})
    ZeroShotClassifier(infer, ["good"], multi_label=True)  # of several at once, one is enough


def test_each_text_can_have_labels_of_its_own(infer: Classifier) -> None:
    classify = ZeroShotClassifier(infer, None, template="a {} film .")
    first, second = classify(["a good plot", "bad"], labels=[["good", "bad"], ["plot", "bad", "a"]])
    assert (first.label, second.label) == ("good", "bad")
    assert list(second.scores) == ["plot", "bad", "a"]
    with pytest.raises(InputError, match="There are labels for 1 texts, and 2 texts"):
        classify(["good", "bad"], labels=[["good", "bad"]])
    with pytest.raises(InputError, match="Item 1: The labels 'a' are no choice"):
        classify(["good", "bad"], labels=[["good", "bad"], ["a"]])
    with pytest.raises(InputError, match="There are no labels to choose from"):
        classify(["good"])


def test_a_model_of_entailment_takes_labels_with_the_texts(
    tmp_path: Path, make_bundle: BundleMaker
) -> None:
    infer = load(make_bundle(tmp_path / "nli", entailment="positive", max_length=24))
    texts, labels = ["a good plot", "very bad"], ["good", "bad", "plot"]
    assert infer(texts, labels=labels) == ZeroShotClassifier(infer, labels)(texts)
    several = ZeroShotClassifier(infer, ["bad", "un"], template="a {} film .", multi_label=True)
    each = [["bad", "un"], ["un"]]
    assert infer(texts, labels=each, template="a {} film .", multi_label=True) == several(
        texts, labels=each
    )
    assert infer([("good", "bad")], long="windows")[0].label in ("negative", "positive")
    with pytest.raises(InputError, match=r"Give a pair, or labels to classify texts by\."):
        infer(texts)
    with pytest.raises(InputError, match="multi_label are for labels, and there are none"):
        infer([("good", "bad")], multi_label=True)
    with pytest.raises(InputError, match="long texts are cut"):
        infer(texts, labels=labels, long="windows")
    with pytest.raises(InputError, match=r"must hold \{\} once"):
        infer(texts, labels=labels, template="")


def test_labels_with_the_texts_take_the_place_of_those_before(infer: Classifier) -> None:
    classify = ZeroShotClassifier(infer, ["good", "bad"], template="a {} film .")
    [answer] = classify(["a good and bad plot"], labels=["plot", "bad"])
    assert list(answer.scores) == ["plot", "bad"]
    [answer] = classify(["a good and bad plot"], multi_label=True)
    assert (set(answer.labels or ()), classify(["bad"])[0].labels) == ({"good", "bad"}, None)
    [answer] = classify(["a good plot"], labels=["good"], multi_label=True)
    assert answer.labels == ("good",)
    with pytest.raises(InputError, match="Pass a list of labels"):
        classify(["good"], labels="good")
    with pytest.raises(InputError, match="There are no labels to choose from"):
        ZeroShotClassifier(infer, None)(["good"], multi_label=True)
    assert classify([], labels=[]) == []


@pytest.mark.parametrize("labels", ["sport", 3, ["a", None], [2020, 2021]])
def test_what_are_no_labels(infer: Classifier, labels: Any) -> None:
    with pytest.raises(InputError, match=r"Pass a list of labels|The label .* pass texts"):
        ZeroShotClassifier(infer, labels)


@pytest.mark.parametrize("labels", [[], ["good"], ["good", " good"], ["good", " "]])
def test_labels_that_are_no_choice(infer: Classifier, labels: list[str]) -> None:
    with pytest.raises(InputError, match="are no choice"):
        ZeroShotClassifier(infer, labels)


@pytest.mark.parametrize("template", ["", "about", "{} or {}"])
def test_a_template_has_one_place_for_the_label(infer: Classifier, template: str) -> None:
    with pytest.raises(InputError, match=r"must hold \{\} once"):
        ZeroShotClassifier(infer, ["good", "bad"], template=template)


@pytest.mark.parametrize("item", ["", " ", ("good", "bad"), None])
def test_what_cannot_be_classified(infer: Classifier, item: str) -> None:
    with pytest.raises(InputError, match=r"Item 1: it is (empty|a pair|of type NoneType)"):
        ZeroShotClassifier(infer, ["good", "bad"])(["good", item])


def test_a_model_that_names_no_entailment_is_refused(infer: Classifier) -> None:
    infer.spec = replace(infer.spec, entailment=None)
    with pytest.raises(InputError, match="named when it was exported"):
        ZeroShotClassifier(infer, ["good", "bad"])


def test_a_model_of_pairs_takes_no_single_text(infer: Classifier) -> None:
    with pytest.raises(InputError, match=r"Item 1: it is a single text, and .* compares pairs"):
        infer([("good", "bad"), "good"])
