import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file as numpy_arrays
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from squeezebert.bundle.quantise import quantise_rows
from squeezebert.bundle.tensors import stays_float
from squeezebert.errors import CheckpointError
from squeezebert.finetune.start import load_to_finetune, save_tokenizer
from squeezebert.model import SqueezeBertModel, compact
from squeezebert.model.compact import find_checkpoint, write_compact

WORDS = "transformer.embeddings.word_embeddings.weight"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "squeezebert" / "checkpoints"


def test_a_compact_checkpoint_loads_as_the_one_it_was_made_from(
    checkpoint: Path, tmp_path: Path, cache: Path
) -> None:
    (checkpoint / "squeeze.json").write_text('{"tokens": 7}')
    size = write_compact(checkpoint, tmp_path / "compact")
    assert size == sum(file.stat().st_size for file in (tmp_path / "compact").iterdir())
    unpacked = Path(find_checkpoint(str(tmp_path / "compact")))
    assert unpacked.parent == cache
    assert json.loads((unpacked / "squeeze.json").read_text()) == {"tokens": 7}
    before, after = (load_file(folder / "model.safetensors") for folder in (checkpoint, unpacked))
    assert before.keys() == after.keys()
    for name, weight in before.items():
        if name.endswith("word_embeddings.weight"):
            step = weight.abs().amax(1, keepdim=True) / 127
            assert ((after[name] - weight).abs() <= 0.51 * step).all()
        else:
            assert torch.equal(after[name], weight.half().float())
    ids = torch.tensor([AutoTokenizer.from_pretrained(unpacked)("a good film")["input_ids"]])
    ours, theirs = (
        SqueezeBertModel.from_pretrained(folder)(input_ids=ids).last_hidden_state
        for folder in (unpacked, checkpoint)
    )
    torch.testing.assert_close(ours, theirs, atol=0.03, rtol=0)


def test_words_in_4_bits_take_half_the_place_and_stay_in_them(
    checkpoint: Path, tmp_path: Path
) -> None:
    write_compact(checkpoint, tmp_path / "eight")
    write_compact(checkpoint, tmp_path / "four", word_bits=4)
    eight, four = (
        numpy_arrays(tmp_path / name / compact.WEIGHTS)[WORDS] for name in ("eight", "four")
    )
    assert four.dtype == np.uint8
    assert 2 * four.nbytes == eight.nbytes
    unpacked = Path(find_checkpoint(str(tmp_path / "four")))
    before, after = (
        load_file(folder / "model.safetensors")[WORDS] for folder in (checkpoint, unpacked)
    )
    error = (after - before).square().sum() / before.square().sum()
    assert 1e-4 < error < 0.01
    # Another compact checkpoint, made of what was trained with its words frozen, has the same.
    write_compact(unpacked, tmp_path / "again")
    again = Path(find_checkpoint(str(tmp_path / "again")))
    assert torch.equal(load_file(again / "model.safetensors")[WORDS], after)


def test_layers_in_8_bits_take_half_the_place_and_are_those_of_a_bundle(
    checkpoint: Path, tmp_path: Path
) -> None:
    write_compact(checkpoint, tmp_path / "small", layer_bits=8)
    stored = numpy_arrays(tmp_path / "small" / compact.WEIGHTS)
    unpacked = Path(find_checkpoint(str(tmp_path / "small")))
    before, after = (load_file(folder / "model.safetensors") for folder in (checkpoint, unpacked))
    assert before.keys() == after.keys()
    for name, weight in before.items():
        if stays_float(name, weight.shape):
            assert torch.equal(after[name], weight.half().float())
        else:
            assert stored[name].dtype == np.int8
            array = weight.numpy()
            assert np.array_equal(after[name].numpy(), quantise_rows(array).dequantise())


def test_equal_checkpoints_give_equal_files(checkpoint: Path, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        write_compact(checkpoint, folder)
    one, two = ({f.name: f.read_bytes() for f in folder.iterdir()} for folder in folders)
    assert one == two


def test_it_is_unpacked_once_and_again_when_it_changes(
    checkpoint: Path, tmp_path: Path, cache: Path
) -> None:
    folder = tmp_path / "compact"
    write_compact(checkpoint, folder)
    first = Path(find_checkpoint(str(folder)))
    written = (first / "model.safetensors").stat().st_mtime_ns
    assert find_checkpoint(str(folder)) == str(first)
    assert (first / "model.safetensors").stat().st_mtime_ns == written
    weights = load_file(checkpoint / "model.safetensors")
    save_file({n: w + 1 for n, w in weights.items()}, checkpoint / "model.safetensors")
    write_compact(checkpoint, folder)
    assert find_checkpoint(str(folder)) != str(first)
    assert len(list(cache.iterdir())) == 2


def test_an_installed_name_is_found_and_a_hub_id_is_left_as_it_is(
    checkpoint: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_checkpoint("mine") == "mine"  # a hub id, for all we know
    write_compact(checkpoint, tmp_path / "mine")
    monkeypatch.setattr("squeezebert.bundle.installed._packages", lambda: (tmp_path,))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "mine").rename(tmp_path / "checkpoints" / "mine")
    assert Path(find_checkpoint("mine")).parent == cache


def test_fine_tuning_starts_from_it(checkpoint: Path, tmp_path: Path) -> None:
    write_compact(checkpoint, tmp_path / "compact")
    name = str(tmp_path / "compact")
    config = {"num_labels": 2, "problem_type": "single_label_classification"}
    model, fresh = load_to_finetune(name, "classification", config)
    assert not fresh  # it came with a head
    stored = load_file(checkpoint / "model.safetensors")
    name_of_weight = "encoder.layers.0.output.layernorm.weight"
    weight = model.base_model.get_parameter(name_of_weight)
    assert torch.equal(weight, stored[f"transformer.{name_of_weight}"].half().float())
    save_tokenizer(name, tmp_path)
    assert (tmp_path / "tokenizer.json").exists()


@pytest.mark.parametrize("name", [compact.WEIGHTS, compact.TOKENIZER])
def test_damage_is_said(checkpoint: Path, tmp_path: Path, cache: Path, name: str) -> None:
    write_compact(checkpoint, tmp_path / "compact")
    file = tmp_path / "compact" / name
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(CheckpointError, match="is damaged"):
        find_checkpoint(str(tmp_path / "compact"))
    assert not cache.exists() or not list(cache.iterdir())


@pytest.mark.parametrize("value", [1e6, np.nan])
def test_weights_that_float16_cannot_hold_are_refused(
    checkpoint: Path, tmp_path: Path, value: float
) -> None:
    file = checkpoint / "model.safetensors"
    weights = load_file(file)
    weights["transformer.pooler.dense.bias"][0] = value
    save_file(weights, file)
    with pytest.raises(CheckpointError, match=r"pooler\.dense\.bias"):
        write_compact(checkpoint, tmp_path / "compact")
    assert not (tmp_path / "compact").exists()


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint"):
        write_compact(tmp_path, tmp_path / "compact")
