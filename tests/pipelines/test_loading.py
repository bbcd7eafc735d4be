"""Loading: what a bundle must have, and what importing must not bring."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

import squeezebert
from squeezebert.bundle import Architecture, Tensor, read_bundle
from squeezebert.errors import BundleError, InputError

BundleMaker = Callable[..., Path]


def test_a_bundle_answers_as_the_checkpoint_it_was_made_from(
    tmp_path: Path, make_bundle: BundleMaker, tiny_architecture: Architecture
) -> None:
    shape = tiny_architecture
    groups: dict[str, Any] = {f"{kind}_groups": groups for kind, groups in shape.groups.items()}
    config = transformers.SqueezeBertConfig(
        vocab_size=shape.vocab_size,
        hidden_size=shape.hidden_size,
        embedding_size=shape.hidden_size,
        num_hidden_layers=shape.num_hidden_layers,
        num_attention_heads=shape.num_attention_heads,
        intermediate_size=shape.intermediate_size,
        max_position_embeddings=shape.max_position_embeddings,
        **groups,
    )
    torch.manual_seed(0)
    model = transformers.SqueezeBertForSequenceClassification(config).eval()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    tensors: dict[str, Tensor] = {
        name.removeprefix("transformer."): tensor.numpy()
        for name, tensor in model.state_dict().items()
    }
    classify = squeezebert.load(make_bundle(tmp_path / "b", tensors=tensors))
    [answer] = classify(["a good plot"])
    with torch.no_grad():
        logits = model(torch.tensor([[2, 5, 6, 9, 3]])).logits[0]
    np.testing.assert_allclose(list(answer.scores.values()), logits.softmax(0), atol=1e-5)


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no model"):
        squeezebert.load(tmp_path / "nowhere")
    for strange in (None, 5, [None]):
        with pytest.raises(InputError, match="There is no model"):
            squeezebert.load(strange)  # type: ignore[arg-type]


def test_an_unknown_task_is_refused(tmp_path: Path, make_bundle: BundleMaker) -> None:
    bundle = make_bundle(tmp_path / "b")
    manifest = json.loads((bundle / "bundle.json").read_text())
    manifest["heads"][0]["task"] = "poetry"
    (bundle / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=r"task is 'poetry'; .* Install a newer squeezebert"):
        squeezebert.load(bundle)


@pytest.mark.parametrize("name", ["classifier.weight", "pooler.dense.bias"])
def test_a_head_that_does_not_fit_is_refused(
    tiny_bundle: Path, tmp_path: Path, make_bundle: BundleMaker, name: str
) -> None:
    tensors = dict(read_bundle(tiny_bundle).tensors)
    tensors[name] = np.zeros((3, 3), np.float32)
    with pytest.raises(BundleError, match=rf"{name} .* has shape \(3, 3\)"):
        squeezebert.load(make_bundle(tmp_path / "b", tensors=tensors))
    del tensors[name]
    with pytest.raises(BundleError, match=f"{name} .* is missing"):
        squeezebert.load(make_bundle(tmp_path / "b", tensors=tensors))


def test_a_tokenizer_that_does_not_fit_is_refused(
    tmp_path: Path, make_bundle: BundleMaker, tiny_architecture: Architecture
) -> None:
    with pytest.raises(BundleError, match="tokenizer can't be used"):
        squeezebert.load(make_bundle(tmp_path / "b", tokenizer_json=b"{}"))
    small = replace(tiny_architecture, vocab_size=18)
    with pytest.raises(BundleError, match="19 tokens, but its encoder only 18"):
        squeezebert.load(make_bundle(tmp_path / "b", architecture=small))


def test_importing_the_package_imports_only_the_standard_library() -> None:
    script = """
import sys
before = set(sys.modules)
import squeezebert
squeezebert.__version__
new = {name.partition(".")[0] for name in set(sys.modules) - before}
assert new - sys.stdlib_module_names == {"squeezebert"}, new
squeezebert.InputError
assert "numpy" not in sys.modules
squeezebert.load
assert not {"torch", "transformers", "typer", "safetensors"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True)
