"""What training needs: dropout, checkpointed gradients, frozen parts, bfloat16."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

ModelMaker = Callable[..., Any]
InputMaker = Callable[..., dict[str, Tensor]]

mixers = pytest.mark.parametrize("settings", [{}, {"kernel_size": 3}], ids=["grouped", "separable"])
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


def gradients(model: Any, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    torch.manual_seed(3)
    model.zero_grad()
    model(**inputs, labels=inputs["input_ids"]).loss.backward()
    return {
        name: parameter.grad.clone()
        for name, parameter in model.named_parameters()
        if not name.startswith("transformer.pooler")  # not part of it
    }


@mixers
def test_gradient_checkpointing_changes_no_gradient(
    make_model: ModelMaker, make_inputs: InputMaker, settings: dict[str, int]
) -> None:
    """Dropout included: what is computed again drops the same."""
    model = make_model("SqueezeBertForMaskedLM", **settings).train()
    inputs = make_inputs(7, 4)
    expected = gradients(model, inputs)
    model.activation_checkpointing_enable()
    calls = []
    query = model.transformer.encoder.layers[0].attention.query
    query.register_forward_hook(lambda *_: calls.append(1))
    found = gradients(model, inputs)
    assert len(calls) == 2  # forward, and again for the backward pass
    assert found.keys() == expected.keys()
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-6)


@mixers
def test_gradients_reach_every_parameter(
    make_model: ModelMaker, make_inputs: InputMaker, settings: dict[str, int]
) -> None:
    for name, gradient in gradients(
        make_model("SqueezeBertForMaskedLM", **settings), make_inputs(7, 4)
    ).items():
        assert gradient.isfinite().all(), name
        if not name.endswith(("key.bias", "key.pointwise.bias")):  # a softmax does not see it
            assert gradient.abs().max() > 1e-6, name


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("field", sorted(NO_DROPOUT))
@torch.no_grad()
def test_each_dropout_is_active_in_training_only(
    make_model: ModelMaker, make_inputs: InputMaker, field: str, implementation: str
) -> None:
    settings = NO_DROPOUT | {field: 0.3}
    model = make_model(**settings, attn_implementation=implementation)
    inputs = make_inputs(7, 4)
    calm = model(**inputs).last_hidden_state
    assert torch.equal(model(**inputs).last_hidden_state, calm)
    model.train()
    first, second = (model(**inputs).last_hidden_state for _ in range(2))
    assert (first - second).abs().max() > 0.01
    assert (first - calm).abs().max() > 0.01


@torch.no_grad()
def test_without_dropout_training_computes_the_same(
    make_model: ModelMaker, make_inputs: InputMaker
) -> None:
    model = make_model(**NO_DROPOUT)
    inputs = make_inputs(7, 4)
    expected = model(**inputs).last_hidden_state
    torch.testing.assert_close(model.train()(**inputs).last_hidden_state, expected)


@torch.no_grad()
def test_classifiers_drop_from_the_pooled_state_in_training_only(
    make_model: ModelMaker, make_inputs: InputMaker
) -> None:
    inputs = make_inputs(7, 4)
    model = make_model("SqueezeBertForSequenceClassification")
    assert torch.equal(model(**inputs).logits, model(**inputs).logits)
    model.train()
    model.transformer.eval()
    assert not torch.equal(model(**inputs).logits, model(**inputs).logits)


def test_frozen_embeddings_stay_and_the_rest_learns(
    make_model: ModelMaker, make_inputs: InputMaker
) -> None:
    model = make_model("SqueezeBertForSequenceClassification")
    model.transformer.embeddings.requires_grad_(False)
    inputs = make_inputs(*[33] * 16)  # enough tokens for the in-place product
    model(**inputs, labels=torch.zeros(16, dtype=torch.long)).loss.backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is None) == name.startswith("transformer.embeddings"), name


@mixers
@torch.no_grad()
def test_bfloat16(
    make_model: ModelMaker, make_inputs: InputMaker, settings: dict[str, int]
) -> None:
    """Cast as a whole, or by autocast: near float32 within what eight bits allow."""
    model = make_model(**settings)
    inputs = make_inputs(33, 7)
    expected = model(**inputs).last_hidden_state
    with torch.autocast("cpu", torch.bfloat16):
        cast = model(**inputs).last_hidden_state
    half = model.to(torch.bfloat16)(**inputs).last_hidden_state
    assert half.dtype == torch.bfloat16
    for found in (cast.float(), half.float()):
        error = (found - expected).norm() / expected.norm()
        assert 0 < error < 0.05


def test_outputs_as_a_tuple(make_model: ModelMaker, make_inputs: InputMaker) -> None:
    model = make_model("SqueezeBertForSequenceClassification")
    inputs = make_inputs(7)
    labels = torch.tensor([1])
    loss, logits = model(**inputs, labels=labels, return_dict=False)
    output = model(**inputs, labels=labels)
    assert torch.equal(loss, output.loss)
    assert torch.equal(logits, output.logits)
