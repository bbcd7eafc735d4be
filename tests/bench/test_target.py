from pathlib import Path

import numpy as np
import pytest

from squeezebert.bench.target import bundle_for
from squeezebert.bundle import Quantised, installed_bundles, read_bundle
from squeezebert.bundle.tensors import as_floats
from squeezebert.errors import CheckpointError, InputError
from squeezebert.model import SqueezeBertConfig, SqueezeBertModel


def test_a_shape_becomes_a_bundle_of_random_weights(tmp_path: Path) -> None:
    bundle = read_bundle(bundle_for("shape:2x32", tmp_path / "made"))
    assert bundle.manifest.architecture.num_hidden_layers == 2
    words = bundle.tensors["embeddings.word_embeddings.weight"]
    assert isinstance(words, Quantised)
    assert words.dequantise().std() == pytest.approx(0.02, rel=0.02)


def test_a_checkpoint_becomes_a_bundle_of_its_weights(tmp_path: Path) -> None:
    config = SqueezeBertConfig(
        vocab_size=60, hidden_size=32, num_hidden_layers=1, num_attention_heads=4,
        intermediate_size=64,
    )  # fmt: skip
    model = SqueezeBertModel(config)
    model.save_pretrained(tmp_path / "checkpoint")
    bundle = read_bundle(bundle_for(str(tmp_path / "checkpoint"), tmp_path / "made"))
    name = "encoder.layers.0.intermediate.conv1d.weight"
    weight = model.state_dict()[name].numpy()
    assert np.abs(as_floats(bundle.tensors[name]) - weight).max() < 1e-3


def test_a_bundle_is_taken_as_it_is(tiny_bundle: Path, tmp_path: Path) -> None:
    assert bundle_for(str(tiny_bundle), tmp_path / "made") == tiny_bundle
    assert bundle_for("sentiment", tmp_path / "made") == installed_bundles()["sentiment"]
    assert not (tmp_path / "made").exists()


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no model 'bsae'"):
        bundle_for("bsae", tmp_path / "made")
    with pytest.raises(InputError, match="no shape"):
        bundle_for("shape:2x33", tmp_path / "made")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(CheckpointError):
        bundle_for(str(tmp_path), tmp_path / "made")
