"""What may be passed as items: any iterable of texts and pairs, and nothing that only looks so."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from squeezebert.errors import InputError
from squeezebert.learn import FewShotClassifier
from squeezebert.pipelines import Embedder, TextSearch, ZeroShotClassifier, load
from squeezebert.pipelines.items import as_items, as_texts

TASKS: dict[str, dict[str, Any]] = {
    "classification": {},
    "embedding": {"labels": (), "problem_type": None},
    "entities": {"labels": ("O", "B-PER", "I-PER"), "problem_type": None},
}


@pytest.fixture
def load_task(tmp_path: Path, make_bundle: Callable[..., Path]) -> Callable[..., Any]:
    return lambda task, **fields: load(
        make_bundle(tmp_path / "bundle", task=task, **TASKS.get(task, {}), **fields)
    )


class Table(list[str]):
    """Has the names of its columns for items, as tables of pandas do."""

    columns = ("text", "label")


def test_items_may_come_from_anywhere() -> None:
    texts = ["a good film", "bad"]
    for items in (tuple(texts), iter(texts), (text for text in texts), np.array(texts)):
        assert as_items(items) == texts
    assert as_texts(map(str, texts), "no") == texts


@pytest.mark.parametrize(
    "items", ["good", b"good", {"text": "good"}, {"good"}, Table(["text"]), None, 3]
)
def test_what_is_no_list_of_items_is_refused(items: Any) -> None:
    with pytest.raises(InputError, match="Pass a list of texts"):
        as_items(items)


@pytest.mark.parametrize("task", TASKS)
def test_every_pipeline_answers_a_generator(load_task: Callable[..., Any], task: str) -> None:
    pipeline = load_task(task)
    assert len(pipeline(text for text in ("a good film", "bad"))) == 2
    with pytest.raises(InputError, match="Pass a list of texts; what was passed is of type dict"):
        pipeline({"text": "good"})


def test_what_is_built_on_pipelines_takes_the_same(load_task: Callable[..., Any]) -> None:
    infer = load_task("classification", entailment="positive", max_length=24)
    classify = ZeroShotClassifier(infer, (label for label in ("film", "plot")))
    assert len(classify(iter(["good"]))) == 1
    embed = load_task("embedding")
    assert isinstance(embed, Embedder)
    texts = np.array(["a good film", "bad"])
    assert embed.similarity(texts, texts).shape == (2, 2)
    [found] = TextSearch(embed, texts, top=1)(iter(["a good film"]))
    assert found.matches[0].text == "a good film"
    words = ["good", "very good", "bad", "very bad"]
    learnt = FewShotClassifier(
        embed, zip(words, ["praise", "praise", "blame", "blame"], strict=True)
    )
    assert len(learnt(iter(words))) == 4


def test_no_texts_have_no_vectors_of_the_right_width(load_task: Callable[..., Any]) -> None:
    embed = load_task("embedding")
    none, one = embed.vectors([]), embed.vectors(["good"])
    assert (none.shape, none.dtype) == ((0, 16), np.float32)
    assert np.vstack([none, one]).shape == (1, 16)
    assert embed.similarity([], ["good"]).shape == (0, 1)


def test_an_iterator_is_read_once() -> None:
    def texts() -> Iterator[str]:
        yield "good"
        yield "bad"

    reading = texts()
    assert as_items(reading) == ["good", "bad"]
    assert next(reading, None) is None
