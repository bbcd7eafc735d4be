"""An answer has the same bits, whatever it is batched with: in every pipeline and head."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.shapes import native_shape

from squeezebert.pipelines import (
    Classifier,
    Embedder,
    Embedding,
    Similarity,
    TextSearch,
    ZeroShotClassifier,
)
from squeezebert.pipelines import load as load_pipeline
from squeezebert.runtime import native_engine

pytestmark = pytest.mark.skipif(
    not native_engine.available(), reason="the NumPy engine's own sums depend on the batch"
)

WORDS = ["good", "bad", "film", "plot", "very", "not", "films", "!"]
SHAPE = native_shape(hidden_size=64)
TASKS: dict[str, dict[str, Any]] = {
    "two labels": {},
    "many labels": {"labels": tuple(f"label {index}" for index in range(150))},
    "labels that stand alone": {"problem_type": "multi_label_classification"},
    "a value": {"problem_type": "regression", "labels": ("stars",)},
    "entities": {"task": "entities", "labels": ("O", "B-PER", "I-PER"), "problem_type": None},
    "vectors": {"task": "embedding", "labels": (), "problem_type": None},
}


@pytest.fixture
def load(tmp_path: Path, make_bundle: Callable[..., Path]) -> Callable[..., Any]:
    return lambda **fields: load_pipeline(
        make_bundle(tmp_path / "bundle", architecture=SHAPE, **fields)
    )


def texts() -> list[str]:
    random = np.random.default_rng(0)
    return [" ".join(random.choice(WORDS, random.integers(1, 15))) for _ in range(50)]


def assert_same_alone(pipeline: Any, items: list[Any]) -> None:
    for item, answer in zip(items, pipeline(items), strict=True):
        [alone] = pipeline([item])
        if isinstance(answer, Embedding):
            np.testing.assert_array_equal(alone.vector, answer.vector)
        else:
            assert alone == answer


@pytest.mark.parametrize("task", TASKS)
def test_a_text_has_the_same_answer_alone_and_among_others(
    task: str, load: Callable[..., Any]
) -> None:
    assert_same_alone(load(**TASKS[task]), texts())


def test_a_pair_and_a_question_have_the_same_answer_alone_and_among_others(
    load: Callable[..., Any],
) -> None:
    pairs = list(zip(texts(), reversed(texts()), strict=True))
    assert_same_alone(load(), pairs)
    assert_same_alone(load(**TASKS["vectors"]), pairs)
    questions = [(first[:12], second) for first, second in pairs]
    qa = {"task": "question-answering", "labels": (), "problem_type": None, "max_length": 24}
    assert_same_alone(load(**qa), questions)


def test_searches_and_labels_of_the_caller_do_not_depend_on_the_batch(
    load: Callable[..., Any],
) -> None:
    embed = load(**TASKS["vectors"])
    assert isinstance(embed, Embedder)
    assert_same_alone(TextSearch(embed, texts()), texts())
    [[alone]] = embed.similarity(["a good film"], ["bad plot"])
    among = embed.similarity(["bad", "a good film"], ["very good", "bad plot"])
    [of_pair] = embed([("a good film", "bad plot")])
    assert isinstance(of_pair, Similarity)
    assert among[1, 1] == alone == of_pair.score
    infer = load(entailment="positive", max_length=24)
    assert isinstance(infer, Classifier)
    assert_same_alone(ZeroShotClassifier(infer, ["film", "plot", "good"]), texts())
