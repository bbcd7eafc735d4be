"""A bundle's encoder as something to train on."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from tests.teachers import ROBERTA_MARKS, byte_level_tokenizer, unigram_tokenizer
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from squeezebert.bundle import Architecture, Quantised, read_bundle
from squeezebert.bundle.quantise import quantise_rows
from squeezebert.errors import CheckpointError
from squeezebert.model import SqueezeBertModel
from squeezebert.model.compact import find_checkpoint
from squeezebert.model.engine import TorchEngine
from squeezebert.model.from_bundle import write_encoder
from squeezebert.model.hub import require_model
from squeezebert.model.roles import special_tokens
from squeezebert.runtime import NumpyEngine, PackedBatch


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_the_checkpoint_computes_what_the_bundle_computes(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    write_encoder(tiny_bundle, tmp_path / "encoder")
    model = SqueezeBertModel.from_pretrained(tmp_path / "encoder")
    bundle = read_bundle(tiny_bundle)
    engine = NumpyEngine(bundle.manifest.architecture, bundle.tensors)
    batch = PackedBatch.from_encodings([([2, 5, 6, 8, 3], [0, 0, 0, 1, 1])])
    np.testing.assert_allclose(TorchEngine(model).encode(batch), engine.encode(batch), atol=1e-4)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "encoder")
    assert tokenizer("a good film")["input_ids"] == [2, 5, 6, 8, 3]
    assert model.config.pad_token_id == 0


@pytest.mark.parametrize(
    ("make", "roles"),
    [
        (unigram_tokenizer, ROBERTA_MARKS),
        (byte_level_tokenizer, "<|start|> <|end|> <|pad|> <|mask|> -"),  # nothing is unknown to it
    ],
)
def test_special_tokens_are_known_by_their_role(
    make: Callable[[], Tokenizer], roles: str, make_bundle: Callable[..., Path], tmp_path: Path
) -> None:
    library = make()
    names = ("cls_token", "sep_token", "pad_token", "mask_token", "unk_token")
    expected = {n: mark for n, mark in zip(names, roles.split(), strict=True) if mark != "-"}
    assert special_tokens(library) == expected
    architecture = Architecture(
        vocab_size=library.get_vocab_size(), hidden_size=16, num_hidden_layers=2,
        num_attention_heads=4, intermediate_size=32, max_position_embeddings=24,
        type_vocab_size=2, groups={"q": 4, "k": 2, "v": 4, "post_attention": 1,
        "intermediate": 4, "output": 2},
    )  # fmt: skip
    bundle = make_bundle(
        tmp_path / "bundle", architecture=architecture, tokenizer_json=library.to_str().encode()
    )
    write_encoder(bundle, tmp_path / "encoder")
    loaded = AutoTokenizer.from_pretrained(tmp_path / "encoder")
    assert loaded.special_tokens_map.items() >= expected.items()
    config = json.loads((tmp_path / "encoder" / "config.json").read_text())
    assert config["pad_token_id"] == library.get_vocab()[expected["pad_token"]] > 0


def test_what_a_tokenizer_says_of_its_padding_counts() -> None:
    library = unigram_tokenizer()
    library.enable_padding(pad_id=4, pad_token="<mask>")
    roles = special_tokens(library)
    assert (roles["pad_token"], roles["mask_token"]) == ("<mask>", "<pad>")


def test_weights_that_are_left_alone_are_the_same_integers_again(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    write_encoder(tiny_bundle, tmp_path / "encoder")
    name = "embeddings.word_embeddings.weight"
    words = read_bundle(tiny_bundle).tensors[name]
    assert isinstance(words, Quantised)
    # Rows of what we quantise reach 127; those of random integers need not.
    full = np.abs(words.values).max(1) == 127
    again = quantise_rows(load_file(tmp_path / "encoder" / "model.safetensors")[name])
    np.testing.assert_array_equal(again.values[full], words.values[full])
    np.testing.assert_array_equal(again.scale[full], words.scale[full])


def test_a_bundle_is_unpacked_once(tiny_bundle: Path) -> None:
    first = Path(find_checkpoint(str(tiny_bundle)))
    written = (first / "model.safetensors").stat().st_mtime_ns
    assert find_checkpoint(str(tiny_bundle)) == str(first)
    assert (first / "model.safetensors").stat().st_mtime_ns == written
    assert json.loads((first / "config.json").read_text())["hidden_dropout_prob"] == 0


def test_the_encoder_of_a_built_in_bundle_can_be_trained() -> None:
    model = SqueezeBertModel.from_pretrained(find_checkpoint("embed"))
    assert model.config.hidden_size == 384
    assert not torch.isnan(model.embeddings.word_embeddings.weight).any()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mimi", r"no model 'mimi'\. Did you mean 'mini'"),
        ("./nowhere", r"no model './nowhere'\. Give an installed model \(.*mini, "),
        ("someone/something", r"no model 'someone/something' here, and the hub can't be asked"),
    ],
)
def test_a_model_that_is_nowhere_is_named(name: str, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        require_model(name)


def test_models_that_are_there_pass(
    tiny_bundle: Path, tmp_path: Path, make_checkpoint: Callable[..., Path]
) -> None:
    folder = make_checkpoint(tmp_path / "encoder", SqueezeBertModel)
    for name in ("mini", "embed", str(tiny_bundle), str(folder)):
        require_model(name)
