"""Several tasks over one encoder: one pass, and the answers of each head alone."""

import dataclasses
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import squeezebert
from squeezebert import InputError, MultiTaskPipeline
from squeezebert.bundle import Architecture, combine_bundles
from squeezebert.bundle.tensors import Floats
from squeezebert.pipelines.loading import load_task
from squeezebert.runtime import Engine, PackedBatch, native_engine
from squeezebert.tokenizer import Item

BundleMaker = Callable[..., Path]

NO_LABELS: dict[str, Any] = {"labels": (), "problem_type": None}
HEADS: dict[str, dict[str, Any]] = {
    "mood": {"inputs": "text"},
    "names": {"task": "entities", "labels": ("O", "B-PER", "I-PER"), "problem_type": None},
    "vectors": {"task": "embedding", **NO_LABELS},
    "follows": {"entailment": "positive", "max_length": 20},
    "answers": {"task": "question-answering", **NO_LABELS, "max_length": 20},
}
TEXTS: list[Item] = ["a good film", "very bad, not good!", "", "\U0001f600 good", "bad " * 40]
PAIRS: list[Item] = [("a good plot", "a film"), ("good", "a very bad film and plot " * 5)]


@pytest.fixture
def folders(
    tmp_path: Path, make_bundle: BundleMaker, tiny_architecture: Architecture
) -> dict[str, Path]:
    """Bundles over an encoder that the native engine runs."""
    wide = dataclasses.replace(tiny_architecture, hidden_size=32, intermediate_size=64)
    return {
        name: make_bundle(tmp_path / name, architecture=wide, **fields)
        for name, fields in HEADS.items()
    }


@pytest.fixture
def assistant(folders: dict[str, Path], tmp_path: Path) -> Path:
    combine_bundles(list(folders.values()), tmp_path / "assistant")
    return tmp_path / "assistant"


class Counting:
    """An engine that counts the sequences that it encodes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.hidden_size = engine.hidden_size
        self.sequences = 0

    def encode(self, batch: PackedBatch) -> Floats:
        self.sequences += len(batch.lengths)
        return self._engine.encode(batch)


def same(one: Any, other: Any) -> bool:
    """Whether two predictions are equal, to the bit."""
    ours, theirs = (
        {field.name: getattr(each, field.name) for field in dataclasses.fields(each)}
        for each in (one, other)
    )
    if "vector" in ours:
        np.testing.assert_array_equal(ours.pop("vector"), theirs.pop("vector"))
    return type(one) is type(other) and ours == theirs


@pytest.mark.parametrize("how", ["one bundle", "several bundles"])
@pytest.mark.skipif(not native_engine.available(), reason="NumPy's sums depend on the batch")
def test_each_answer_is_that_of_the_head_alone(
    how: str, folders: dict[str, Path], assistant: Path
) -> None:
    pipeline = squeezebert.load(assistant if how == "one bundle" else list(folders.values()))
    assert isinstance(pipeline, MultiTaskPipeline)
    assert pipeline.tasks == tuple(HEADS)
    items = [*TEXTS, *PAIRS] * 10  # more than are answered at once
    answers = pipeline(items)
    assert list(answers[0]) == ["mood", "names", "vectors"]
    assert list(answers[-1]) == ["vectors", "follows", "answers"]
    for name, folder in folders.items():
        alone = squeezebert.load(folder)
        taken = [item for item in items if alone.takes(alone.spec, item)]
        together = [answer[name] for answer in answers if name in answer]
        for one, other, task in zip(
            together, alone(taken), pipeline.task(name)(taken), strict=True
        ):
            assert same(one, other)
            assert same(one, task)


def test_a_text_is_encoded_once_for_all_tasks(assistant: Path, folders: dict[str, Path]) -> None:
    made: list[Counting] = []

    def through(engine: Engine) -> Counting:
        made.append(Counting(engine))
        return made[-1]

    for sources in (assistant, list(folders.values())):
        made.clear()
        pipeline = squeezebert.load(sources, through=through)
        [engine] = made
        pipeline(["a good film"])
        assert engine.sequences == 1
        pipeline([("good", "a film")], tasks=["follows", "answers"])
        assert engine.sequences == 2
        pipeline.task("mood")(["a good film"])
        pipeline.task("names")(["a good film"])
        assert engine.sequences == 4, "tasks that are asked one by one read one by one"


def test_tasks_can_be_chosen(assistant: Path) -> None:
    pipeline = squeezebert.load(assistant)
    [answer] = pipeline(["a good film"], tasks=["vectors", "mood"])
    assert list(answer) == ["vectors", "mood"]
    [answer] = pipeline(["a good film"], tasks="mood")
    assert list(answer) == ["mood"]
    with pytest.raises(InputError, match="No task is asked"):
        pipeline(["a good film"], tasks=[])
    with pytest.raises(InputError, match="no task 'moods'; there are mood, names,"):
        pipeline(["a good film"], tasks=["moods"])
    with pytest.raises(InputError, match="no task 'moods'"):
        pipeline.task("moods")


def test_an_item_that_no_task_takes_is_refused_by_its_index(assistant: Path) -> None:
    pipeline = squeezebert.load(assistant)
    with pytest.raises(InputError, match="it is a pair, which none of the tasks takes") as caught:
        pipeline(["good", ("a", "film")], tasks=["mood", "names"])
    assert caught.value.index == 1


def test_an_item_that_a_task_refuses_is_told_with_task_and_index(assistant: Path) -> None:
    pipeline = squeezebert.load(assistant)
    items: list[Item] = ["good"] * 70 + [("a " * 15, "film")]
    with pytest.raises(InputError, match=r"task answers.*the question has 17 tokens") as caught:
        pipeline(items)
    assert caught.value.index == 70


def test_bundles_with_encoders_of_their_own_answer_together(
    tmp_path: Path, make_bundle: BundleMaker, folders: dict[str, Path]
) -> None:
    other = make_bundle(tmp_path / "other", task="embedding", **NO_LABELS, max_length=10)
    pipeline = squeezebert.load([folders["mood"], other, "sentiment"])
    assert pipeline.tasks == ("mood", "other", "sentiment")
    [answer] = pipeline(["a good film"])
    assert same(answer["sentiment"], squeezebert.load("sentiment")(["a good film"])[0])
    assert same(answer["mood"], squeezebert.load(folders["mood"])(["a good film"])[0])


def test_a_bundle_with_several_heads_joins_others_in_a_list(
    assistant: Path, tmp_path: Path, make_bundle: BundleMaker
) -> None:
    more = make_bundle(tmp_path / "more")
    assert squeezebert.load([more, assistant]).tasks == ("more", *HEADS)
    with pytest.raises(InputError, match="Two tasks would be called 'more'"):
        squeezebert.load([more, more])
    with pytest.raises(InputError, match="at least one model"):
        squeezebert.load([])


def test_one_task_of_a_bundle_is_loaded_by_its_name(assistant: Path, tiny_bundle: Path) -> None:
    assert load_task(assistant, task="names").spec.task == "entities"
    with pytest.raises(InputError, match=r"has several tasks: mood, names.* Give task=NAME"):
        load_task(assistant)
    assert load_task(tiny_bundle, task="classification").spec.task == "classification"
    with pytest.raises(InputError, match=r"no task 'mood' in .*; there is classification"):
        load_task(tiny_bundle, task="mood")


@pytest.mark.parametrize("how", ["one bundle", "several bundles"])
def test_it_is_sent_to_other_processes_by_its_origin(
    how: str, folders: dict[str, Path], assistant: Path
) -> None:
    pipeline = squeezebert.load(assistant if how == "one bundle" else list(folders.values()))
    sent = pickle.dumps(pipeline)
    assert len(sent) < 2000
    there = pickle.loads(sent)
    assert there.tasks == pipeline.tasks
    assert pickle.loads(pickle.dumps(pipeline.task("mood"))) is there.task("mood")
    assert there(["good"])[0]["mood"] == pipeline(["good"])[0]["mood"]
