"""An encoder is in a process once, and no longer than someone uses it."""

import gc
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import squeezebert
from squeezebert.bundle import find_bundle, read_bundle
from squeezebert.errors import InputError
from squeezebert.runtime.sharing import shared_engine

BundleMaker = Callable[..., Path]


def test_bundles_of_one_encoder_have_one_engine(tmp_path: Path, make_bundle: BundleMaker) -> None:
    mood = read_bundle(make_bundle(tmp_path / "mood"))
    tags = {"labels": ("O", "B-PER", "I-PER"), "problem_type": None}
    names = read_bundle(make_bundle(tmp_path / "names", task="entities", **tags))
    engine = shared_engine(mood, 1)
    assert shared_engine(names, 1) is engine
    assert shared_engine(mood, 2) is not engine, "another number of threads"
    changed = names.tensors | {"embeddings.LayerNorm.bias": np.ones(16, np.float32)}
    other = make_bundle(tmp_path / "other", task="entities", **tags, tensors=changed)
    assert shared_engine(read_bundle(other), 1) is not engine


def test_an_engine_ends_with_its_last_user(
    tmp_path: Path, make_bundle: BundleMaker, tokenizer_json: bytes
) -> None:
    """Of three threads, and with a tokenizer, that no other test has."""
    own = make_bundle(tmp_path / "own", tokenizer_json=tokenizer_json.replace(b"plot", b"slot"))
    first, second = squeezebert.load(own, 3), squeezebert.load(own, 3)
    assert first.tokenizer is second.tokenizer
    engine = weakref.ref(shared_engine(read_bundle(own), 3))
    tokenizer = weakref.ref(first.tokenizer)
    del first
    gc.collect()
    assert engine() is not None
    del second
    gc.collect()
    assert engine() is None
    assert tokenizer() is None


def test_no_thread_is_refused() -> None:
    with pytest.raises(InputError, match="at least one thread"):
        shared_engine(read_bundle(find_bundle("sentiment")), 0)
