"""Texts that few would type, through whole bundles of every task: answered, or refused by name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from squeezebert.errors import InputError
from squeezebert.learn import FewShotClassifier
from squeezebert.pipelines import (
    Classification,
    Classifier,
    Embedder,
    Embedding,
    Pipeline,
    ZeroShotClassifier,
    load,
)

Item = str | tuple[str, str]


@pytest.fixture
def classify(tmp_path: Path, make_bundle: Callable[..., Path]) -> Pipeline:
    pipeline: Pipeline = load(make_bundle(tmp_path / "classify"))
    return pipeline


@pytest.fixture
def several(tmp_path: Path, make_bundle: Callable[..., Path]) -> Pipeline:
    problem = {"problem_type": "multi_label_classification"}
    pipeline: Pipeline = load(make_bundle(tmp_path / "several", **problem))
    return pipeline


@pytest.fixture
def embed(tmp_path: Path, make_bundle: Callable[..., Path]) -> Pipeline:
    fields: dict[str, Any] = {"task": "embedding", "labels": (), "problem_type": None}
    pipeline: Pipeline = load(make_bundle(tmp_path / "embed", **fields))
    return pipeline


@pytest.fixture
def zero_shot(tmp_path: Path, make_bundle: Callable[..., Path]) -> Pipeline:
    infer = load(make_bundle(tmp_path / "infer", entailment="positive"))
    assert isinstance(infer, Classifier)
    return ZeroShotClassifier(infer, ["שלום", "good 😀"])


@pytest.fixture
def few_shot(embed: Pipeline) -> Pipeline:
    assert isinstance(embed, Embedder)
    texts = [("good", "praise"), ("very good", "praise"), ("bad", "blame"), ("very bad", "blame")]
    return FewShotClassifier(embed, texts)


every_task = pytest.mark.parametrize(
    "name", ["classify", "several", "embed", "zero_shot", "few_shot"]
)


def assert_whole(answer: Any) -> None:
    if isinstance(answer, Embedding):
        assert np.linalg.norm(answer.vector) == pytest.approx(1, abs=1e-5)
        return
    assert isinstance(answer, Classification)
    scores = list(answer.scores.values())
    assert all(0 <= score <= 1 for score in scores)
    if answer.labels is None:
        assert sum(scores) == pytest.approx(1, abs=1e-5)
        assert answer.score == max(scores)


# The tasks that answer by places in the text have such tests beside their own.
@every_task
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    parts=st.lists(
        st.sampled_from(
            ["good", "e\u0301", "👩‍👩‍👧‍👦", "מזל טוב", "مرحبا", "\u202e", "\ufe0f", "漢"]
        )
        | st.characters(exclude_categories=["Cs"])
    )
)
def test_any_characters_are_answered(
    name: str, parts: list[str], request: pytest.FixtureRequest
) -> None:
    pipeline = request.getfixturevalue(name)
    text = "a" + "".join(parts)
    alone, [_, among] = pipeline([text])[0], pipeline(["good film", text])
    assert_whole(alone)
    assert (alone.tokens, alone.total_tokens) == (among.tokens, among.total_tokens)


@pytest.mark.parametrize(
    ("name", "text", "truncated"),
    [
        ("classify", "x" * 1_000_000, False),  # a word that is too long is one unknown token
        ("classify", "good film " * 100_000, True),
        ("embed", "good film " * 100_000, True),
        ("zero_shot", "good film " * 100_000, True),
    ],
    ids=["one word", "words", "embedding", "zero-shot"],
)
def test_a_megabyte_is_answered_and_what_was_not_seen_is_told(
    name: str, text: str, truncated: bool, request: pytest.FixtureRequest
) -> None:
    [answer] = request.getfixturevalue(name)([text])
    assert_whole(answer)
    assert answer.truncated == truncated


@pytest.mark.parametrize("name", ["classify", "several", "embed"])
@pytest.mark.parametrize("pair", [("", "good"), ("good", " \n")])
def test_a_pair_with_a_missing_side_is_named(
    name: str, pair: Item, request: pytest.FixtureRequest
) -> None:
    with pytest.raises(InputError, match=r"Item 1: the (first|second) text of the pair is empty"):
        request.getfixturevalue(name)([("good", "film"), pair])


@every_task
def test_half_a_character_is_named(name: str, request: pytest.FixtureRequest) -> None:
    with pytest.raises(InputError, match=r"Item 1: .*surrogate"):
        request.getfixturevalue(name)(["good", "bad \udcff"])
