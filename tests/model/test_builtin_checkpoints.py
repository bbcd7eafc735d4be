"""The general checkpoints that come with the package."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from squeezebert.bundle import find_bundle, installed_checkpoints
from squeezebert.bundle.quantise import quantise_rows
from squeezebert.model import SqueezeBertModel
from squeezebert.model.compact import find_checkpoint

OURS = installed_checkpoints()["mini"].parent
BUILT_IN = [name for name, folder in installed_checkpoints().items() if folder.parent == OURS]
WORDS = "embeddings.word_embeddings.weight"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)  # where no folder is called as a checkpoint is


@pytest.mark.parametrize("name", BUILT_IN)
def test_it_takes_at_most_20_megabytes(name: str) -> None:
    assert sum(file.stat().st_size for file in installed_checkpoints()[name].iterdir()) <= 20e6


@pytest.mark.parametrize("name", BUILT_IN)
def test_it_says_how_it_was_made(name: str) -> None:
    record = json.loads((installed_checkpoints()[name] / "squeeze.json").read_text())
    assert record["settings"]["teacher"]
    assert record["trained_tokens"] > 0
    assert record["held_out_relative_error"]["end"][-1] < 0.5


@pytest.mark.parametrize("name", BUILT_IN)
def test_it_loads_as_an_encoder(name: str) -> None:
    kind: Any = SqueezeBertModel  # stubs don't know that a loading report comes along
    model, info = kind.from_pretrained(find_checkpoint(name), output_loading_info=True)
    assert not any(info.values())
    assert model.config.num_hidden_layers == 6


def test_models_fine_tuned_from_mini_have_the_table_of_words_that_bundles_share() -> None:
    weights = load_file(f"{find_checkpoint('mini')}/model.safetensors")
    words = quantise_rows(weights[WORDS])
    (shared,) = (find_bundle("sentiment").parent / "shared").glob("embeddings-*.safetensors")
    stored = load_file(shared)
    np.testing.assert_array_equal(words.values, stored[WORDS])
    np.testing.assert_array_equal(words.scale, stored[f"{WORDS}.scale"])
