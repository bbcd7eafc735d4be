"""Pipelines go to other processes: by the bundle that they were loaded from."""

import json
import multiprocessing
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from squeezebert import BundleError, load
from squeezebert.bundle.manifest import MANIFEST
from squeezebert.pipelines import Classifier, Embedder, TextSearch, ZeroShotClassifier

TASKS: dict[str, dict[str, Any]] = {
    "classification": {},
    "embedding": {"labels": (), "problem_type": None},
    "entities": {"labels": ("O", "B-PER", "I-PER"), "problem_type": None},
    "question-answering": {"labels": (), "problem_type": None, "max_length": 20},
}
BundleMaker = Callable[..., Path]


@pytest.mark.parametrize("task", TASKS)
def test_a_pipeline_is_sent_as_its_bundles_place_and_digest(
    task: str, tmp_path: Path, make_bundle: BundleMaker
) -> None:
    pipeline: Any = load(make_bundle(tmp_path / "b", task=task, **TASKS[task]), threads=1)
    sent = pickle.dumps(pipeline)
    assert len(sent) < 1000
    there = pickle.loads(sent)
    assert pickle.loads(sent) is there, "a process loads it once"
    assert (type(there), there.spec, there.origin) == (
        type(pipeline),
        pipeline.spec,
        pipeline.origin,
    )
    items = [("good", "a good film")] if task == "question-answering" else ["a good film"]
    if task == "embedding":
        np.testing.assert_array_equal(there(items)[0].vector, pipeline(items)[0].vector)
    else:
        assert there(items) == pipeline(items)


def test_what_is_built_on_pipelines_is_sent_with_them(
    tmp_path: Path, make_bundle: BundleMaker
) -> None:
    embed = load(make_bundle(tmp_path / "e", task="embedding", labels=(), problem_type=None))
    assert isinstance(embed, Embedder)
    search = TextSearch(embed, ["a good film", "bad"])
    assert pickle.loads(pickle.dumps(search))(["bad"]) == search(["bad"])
    infer = load(make_bundle(tmp_path / "i", entailment="positive", max_length=20))
    assert isinstance(infer, Classifier)
    classify = ZeroShotClassifier(infer, ["film", "plot"])
    assert pickle.loads(pickle.dumps(classify))(["bad"]) == classify(["bad"])


def test_a_bundle_that_has_changed_is_not_taken_for_the_other(tiny_bundle: Path) -> None:
    sent = pickle.dumps(load(tiny_bundle))
    manifest = json.loads((tiny_bundle / MANIFEST).read_bytes())
    manifest["provenance"]["note"] = "another"
    (tiny_bundle / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="has changed since the pipeline was sent"):
        pickle.loads(sent)


def test_an_installed_bundle_is_sent_by_its_name() -> None:
    pipeline: Any = load("sentiment")
    assert pipeline.origin.name == "sentiment"


def test_a_spawned_process_answers(tiny_bundle: Path) -> None:
    pipeline = load(tiny_bundle, threads=1)
    items = [["a good film"], ["bad", "very bad"]]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(pipeline, items) == [pipeline(part) for part in items]
