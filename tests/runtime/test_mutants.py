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
from squeezebert.errors import BundleError
from squeezebert.learn import learn

NAMELESS: dict[str, Any] = {"labels": (), "problem_type": None}
TASKS: dict[str, dict[str, Any]] = {
    "classification": {"temperature": 2.0, "threshold": 0.3},
    "entities": {"labels": ("O", "B-PER", "I-PER"), "problem_type": None},
    "embedding": NAMELESS,
    "question-answering": {**NAMELESS, "null_threshold": 0.5},
}
TEXTS = ["a good film", "", "👍 漢", "very bad! " * 20]


EXAMPLES = [
    (f"{word} {noun}{end}", label)
    for word, label in (("good", "praise"), ("bad", "blame"))
    for noun in ("film", "plot")
    for end in ("", " !", " .", " and")
]


@pytest.fixture(params=[*TASKS, "learnt"])
def original(
    request: pytest.FixtureRequest, tmp_path: Path, make_bundle: Callable[..., Path]
) -> mutants.Files:
    task: str = request.param
    if task == "learnt":
        shape = native_shape(intermediate_size=32, mixer="separable", kernel_size=5)
        embed = make_bundle(
            tmp_path / "embed", architecture=shape, max_length=16, task="embedding", **NAMELESS
        )
        learn(EXAMPLES, embed, anyway=True).save(tmp_path / "learnt")
        return mutants.read(tmp_path / "learnt")
    shape = native_shape(intermediate_size=32)
    bundle = make_bundle(
        tmp_path / "original", architecture=shape, task=task, max_length=16, **TASKS[task]
    )
    return mutants.read(bundle)


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
            pairs = pipeline.spec.task == "question-answering" or pipeline.spec.inputs == "pair"
            items = [("a film ?", text) for text in TEXTS if text] if pairs else TEXTS
            found = numbers(pipeline(items))
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
    found = outcomes(original, tmp_path / "mutant", count=20_000, seed=1_000_000)
    assert found.keys() <= {"refused", "answered"}
