"""Texts of which no word is known are answered as empty ones are, and marked."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from squeezebert.pipelines import Similarity, TextSearch, ZeroShotClassifier, load

UNKNOWN = ["", "👍", "สวัสดี", "x" * 101, "👍 😀"]


@pytest.fixture
def load_task(tmp_path: Path, make_bundle: Callable[..., Path]) -> Callable[..., Any]:
    return lambda **fields: load(make_bundle(tmp_path / "bundle", **fields))


def test_a_text_of_unknown_words_is_answered_as_an_empty_one(
    load_task: Callable[..., Any],
) -> None:
    classify = load_task()
    [empty, *others, known] = classify([*UNKNOWN, "good 👍"])
    assert empty.blank
    assert others == [empty] * len(others)
    assert not known.blank
    assert classify([("good", "👍"), ("good", "bad")])[0].blank


def test_it_is_out_of_scope_where_there_is_such_an_answer(load_task: Callable[..., Any]) -> None:
    answers = load_task(threshold=0.0)(["👍", "good"])
    assert [answer.label == "out_of_scope" for answer in answers] == [True, False]
    assert answers[0].blank


def test_it_has_none_of_several_labels(load_task: Callable[..., Any]) -> None:
    classify = load_task(problem_type="multi_label_classification", threshold=0.0)
    blank, known = classify(["👍", "good"])
    assert (blank.labels, len(known.labels)) == ((), 2)
    infer = load_task(entailment="positive", max_length=24)
    [answer] = ZeroShotClassifier(infer, ["good"], multi_label=True)(["👍"])
    assert (answer.labels, answer.blank) == ((), True)


def test_its_vector_is_marked(load_task: Callable[..., Any]) -> None:
    embed = load_task(task="embedding", labels=(), problem_type=None)
    empty, blank, known = embed(["", "👍", "good"])
    np.testing.assert_array_equal(empty.vector, blank.vector)
    assert (empty.blank, blank.blank, known.blank) == (True, True, False)
    [pair] = embed([("good", "👍")])
    assert isinstance(pair, Similarity)
    assert pair.blank
    [found] = TextSearch(embed, ["good"])(["👍"])
    assert found.blank


def test_it_has_no_entities(load_task: Callable[..., Any]) -> None:
    find = load_task(task="entities", labels=("B-PER", "I-PER"), problem_type=None)
    for answer in find(UNKNOWN):
        assert (answer.entities, answer.blank) == ((), True)
    [known] = find(["good"])
    assert known.entities
    assert not known.blank


def test_a_question_or_context_of_it_has_no_answer(load_task: Callable[..., Any]) -> None:
    ask = load_task(
        task="question-answering", labels=(), problem_type=None, max_length=20, null_threshold=1e9
    )
    for item in (("good", "สวัสดี ขอบคุณ"), ("สวัสดี", "a good film")):
        [found] = ask([item])
        assert (found.answer, found.blank) == (None, True)
        assert ask([item], always_answer=True)[0].answer is not None
    [known] = ask([("good", "a good film")])
    assert known.answer is not None
    assert not known.blank
    assert replace(known, blank=True) != known
