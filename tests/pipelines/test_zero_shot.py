"""Labels of the caller's, chosen by a model of entailment."""

from dataclasses import replace

import numpy as np
import pytest

from squeezebert.bundle import TaskSpec
from squeezebert.errors import InputError
from squeezebert.pipelines import Classifier, ZeroShotClassifier
from squeezebert.runtime import PackedBatch
from squeezebert.runtime.engine import Floats
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
    with pytest.raises(InputError, match=r"Item 1: it is (no text|a NoneType)"):
        ZeroShotClassifier(infer, ["good", "bad"])(["good", item])


def test_a_model_that_names_no_entailment_is_refused(infer: Classifier) -> None:
    infer.spec = replace(infer.spec, entailment=None)
    with pytest.raises(InputError, match="exported with --entailment"):
        ZeroShotClassifier(infer, ["good", "bad"])


def test_a_model_of_pairs_takes_no_single_text(infer: Classifier) -> None:
    with pytest.raises(InputError, match=r"Item 1: it is a single text, and .* compares pairs"):
        infer([("good", "bad"), "good"])
