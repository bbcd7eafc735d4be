import json
from pathlib import Path

import pytest
from transformers import BertConfig
from typer.testing import CliRunner

from squeezebert.cli import app
from squeezebert.errors import CheckpointError, InputError
from squeezebert.model import SqueezeBertConfig
from squeezebert.runtime import native_engine


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["info", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_a_shape_is_shown_beside_bert() -> None:
    lines = run("shape:base").splitlines()
    assert next(line for line in lines if line.startswith("total")).split()[1:] == [
        "51,089,664",
        "109,482,240",
        "7,399.9",
        "22,348.4",
    ]
    assert [line.split()[0] for line in lines[-3:]] == ["fp32", "fp16", "int8"]


def test_json_of_a_checkpoint_and_of_a_bundle(tmp_path: Path, tiny_bundle: Path) -> None:
    config = SqueezeBertConfig(num_hidden_layers=2, hidden_size=24, intermediate_size=48)
    config.save_pretrained(tmp_path / "checkpoint")
    found = json.loads(run(str(tmp_path / "checkpoint"), "--length", "16", "--json"))
    assert found["length"] == 16
    query = found["costs"]["query"]
    assert query["bert"]["flops"] == 4 * query["squeezebert"]["flops"] == 2 * 2 * 16 * 24 * 24
    assert json.loads(run(str(tiny_bundle), "--json"))["costs"]["total"]["squeezebert"]["flops"]


def test_heads_of_a_bundle_are_listed() -> None:
    lines = run("assistant").splitlines()
    table = lines[next(n for n, line in enumerate(lines) if line.startswith("head ")) + 1 :]
    assert [line.split()[:2] for line in table] == [
        ["sentiment", "classification"],
        ["intents", "classification"],
        ["entities", "entities"],
        ["vectors", "embedding"],
    ]
    heads = json.loads(run("assistant", "--json"))["heads"]
    assert heads[0] == {
        "name": "sentiment",
        "task": "classification",
        "labels": ["negative", "positive"],
    }


def test_the_machine_is_told_in_words_and_as_json() -> None:
    facts = json.loads(run("--machine", "--json"))
    assert facts["engine"] == ("native" if native_engine.available() else "numpy")
    assert facts["processors"] >= 1
    assert run("--machine").startswith("engine ")


def test_neither_model_nor_machine_is_refused() -> None:
    with pytest.raises(InputError, match="--machine"):
        run()


def test_what_has_no_costs_is_refused(tmp_path: Path) -> None:
    BertConfig().save_pretrained(tmp_path / "bert")
    with pytest.raises(CheckpointError, match="no SqueezeBERT checkpoint"):
        run(str(tmp_path / "bert"))
    with pytest.raises(InputError, match="no model 'bse'"):
        run("bse")
    with pytest.raises(InputError, match="no shape"):
        run("shape:2x33")
