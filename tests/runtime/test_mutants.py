"""Whatever stands in a bundle with right digests: it is refused when loaded, or it answers."""

import math
import random
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.runtime import mutants
from tests.shapes import native_shape

from squeezebert import load
from squeezebert.bundle import combine_bundles, read_bundle
from squeezebert.bundle.architecture import WORDS
from squeezebert.bundle.quantise import quantise_table
from squeezebert.bundle.tensors import as_floats
from squeezebert.errors import BundleError
from squeezebert.learn import learn
from squeezebert.pipelines import MultiTaskPipeline
from squeezebert.tokenizer import Item

BundleMaker = Callable[..., Path]

NAMELESS: dict[str, Any] = {"labels": (), "problem_type": None}
TASKS: dict[str, dict[str, Any]] = {
    "classification": {"temperature": 2.0, "threshold": 0.3},
    "entities": {"labels": ("O", "B-PER", "I-PER"), "problem_type": None},
    "embedding": NAMELESS,
    "question-answering": {**NAMELESS, "null_threshold": 0.5},
}
GUESSING: dict[str, Any] = {**NAMELESS, "task": "fill-mask", "max_length": 16, "mask": 4}
TEXTS = ["a good film", "", "👍 漢", "very bad! " * 20]


EXAMPLES = [
    (f"{word} {noun}{end}", label)
    for word, label in (("good", "praise"), ("bad", "blame"))
    for noun in ("film", "plot")
    for end in ("", " !", " .", " and")
]


@pytest.fixture(params=[*TASKS, "fill-mask", "learnt", "several"])
def original(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    make_bundle: BundleMaker,
    marked_tokenizer_json: bytes,
) -> mutants.Files:
    kind: str = request.param
    folder = tmp_path / "original"
    shape = native_shape(intermediate_size=32)

    def make(task: str, path: Path) -> Path:
        return make_bundle(path, architecture=shape, task=task, max_length=16, **TASKS[task])

    if kind in TASKS:
        make(kind, folder)
    elif kind == "fill-mask":  # which reads its table, in 4 bits, a second time
        fields = GUESSING | {"architecture": shape, "tokenizer_json": marked_tokenizer_json}
        tensors = dict(read_bundle(make_bundle(tmp_path / "eight", **fields)).tensors)
        tensors[WORDS] = quantise_table(as_floats(tensors[WORDS]), 4)
        encoder = {name: tensors.pop(name) for name in shape.shapes()}
        make_bundle(folder, **fields, tensors=encoder, head_tensors=tensors)
    elif kind == "learnt":
        mixing = native_shape(intermediate_size=32, mixer="separable", kernel_size=5)
        embed = make_bundle(
            tmp_path / "embed", architecture=mixing, max_length=16, task="embedding", **NAMELESS
        )
        learn(EXAMPLES, embed, anyway=True).save(folder)
    else:
        combine_bundles([make(task, tmp_path / task) for task in TASKS], folder)
    return mutants.read(folder)


def numbers(answer: Any) -> list[float]:
    """All numbers that a prediction of any task holds."""
    match answer:
        case float():
            return [answer]
        case dict():
            return [number for value in answer.values() for number in numbers(value)]
        case tuple() | list():
            return [number for value in answer for number in numbers(value)]
    if hasattr(answer, "tolist"):
        return numbers(answer.tolist())
    slots = getattr(type(answer), "__slots__", ())
    return [number for name in slots for number in numbers(getattr(answer, name))]


def items_for(pipeline: Any) -> list[Item]:
    """What a pipeline of any task takes."""
    pairs: list[Item] = [("a film ?", text) for text in TEXTS if text]
    if isinstance(pipeline, MultiTaskPipeline):
        return [*TEXTS, *pairs]
    if pipeline.spec.task == "fill-mask":
        return [f"{text} [MASK] ." for text in TEXTS]
    question = pipeline.spec.task == "question-answering"
    return pairs if question or pipeline.spec.inputs == "pair" else [*TEXTS]


def try_out(folder: Path) -> str:
    """What comes of a bundle: "refused", "answered", or a fault.

    A tokenizer may also be refused when a text has the one word with an impossible id.
    """
    start = time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                pipeline = load(folder, threads=1)
            except BundleError:
                return "refused"
            found = numbers(pipeline(items_for(pipeline)))
    except BaseException as error:
        if isinstance(error, BundleError) and "gives a text the id" in str(error):
            return "refused"
        return f"{type(error).__name__}: {error}"[:200]
    if not all(map(math.isfinite, found)):
        return "a score that is no number"
    return "answered" if time.monotonic() - start < 10 else "more than 10 s"


def outcomes(original: mutants.Files, folder: Path, count: int, seed: int) -> Counter[str]:
    folder.mkdir()
    found: Counter[str] = Counter()
    for index in range(count):
        mutants.write(mutants.mutant(original, random.Random(seed + index)), folder)
        found[try_out(folder)] += 1
    return found


def test_a_mutant_is_refused_or_answers(original: mutants.Files, tmp_path: Path) -> None:
    found = outcomes(original, tmp_path / "mutant", count=100, seed=0)
    assert found.keys() <= {"refused", "answered"}
    assert found["refused"] > 20


@pytest.mark.slow
def test_many_mutants_are_refused_or_answer(original: mutants.Files, tmp_path: Path) -> None:
    found = outcomes(original, tmp_path / "mutant", count=15_000, seed=1_000_000)
    assert found.keys() <= {"refused", "answered"}
