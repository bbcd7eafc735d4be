"""Sentence embeddings beside the library sentence-transformers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from squeezebert.errors import CheckpointError
from squeezebert.pipelines import Embedder
from squeezebert.training.predictor import load_predictor

TEXTS = ["a good film", "very bad plot and a film !", "good"]


def vectors(folder: Path) -> Any:
    embed = load_predictor(folder)
    assert isinstance(embed, Embedder)
    return embed.vectors(TEXTS)


@pytest.mark.filterwarnings("ignore")
def test_the_library_gives_the_same_vectors_both_ways(encoder: Path, tmp_path: Path) -> None:
    library = pytest.importorskip("sentence_transformers")
    model = library.SentenceTransformer(str(encoder), device="cpu")
    theirs = model.encode(TEXTS, normalize_embeddings=True)
    np.testing.assert_allclose(vectors(encoder), theirs, atol=1e-5)
    model.save(str(tmp_path / "saved"))
    np.testing.assert_allclose(vectors(tmp_path / "saved"), theirs, atol=1e-5)


def declare(folder: Path, pooling: dict[str, Any], further: str | None = None) -> None:
    kinds = ["Transformer", "Pooling", *([further] if further else [])]
    modules = [
        {"type": f"sentence_transformers.models.{kind}", "path": f"{index}_{kind}" if index else ""}
        for index, kind in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))


@pytest.mark.parametrize(
    ("pooling", "further", "found"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, None, "cls"),
        ({"pooling_mode": "max"}, None, "max"),
        ({"pooling_mode": ["mean", "cls"]}, None, "cls, mean"),
        ({"pooling_mode": "mean"}, "Dense", "Dense"),
    ],
)
def test_what_is_no_mean_is_refused(
    encoder: Path, pooling: dict[str, Any], further: str | None, found: str
) -> None:
    declare(encoder, pooling, further)
    with pytest.raises(CheckpointError, match=f"embeddings with {found}"):
        load_predictor(encoder)


def test_a_mean_is_read_in_either_style(encoder: Path) -> None:
    before = vectors(encoder)
    flags = {"pooling_mode_mean_tokens": True, "pooling_mode_mean_sqrt_len_tokens": False}
    declare(encoder, flags, "Normalize")
    np.testing.assert_array_equal(vectors(encoder), before)


def test_damaged_files_are_named(encoder: Path) -> None:
    (encoder / "modules.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"sentence-transformers files .* are damaged"):
        load_predictor(encoder)
