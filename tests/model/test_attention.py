"""Attention: what it returns, which implementations agree, and what padding gets."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.masking_utils import flash_attention_mask

ModelMaker = Callable[..., Any]
PairMaker = Callable[..., tuple[Any, Any]]
InputMaker = Callable[..., dict[str, Tensor]]

mixers = pytest.mark.parametrize("settings", [{}, {"kernel_size": 3}], ids=["grouped", "separable"])


@mixers
@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@torch.no_grad()
def test_probabilities(
    make_model: ModelMaker, make_inputs: InputMaker, settings: dict[str, int], implementation: str
) -> None:
    model = make_model(**settings, attn_implementation=implementation)
    inputs = make_inputs(7, 3, 1)
    attentions = model(**inputs, output_attentions=True).attentions
    assert len(attentions) == 3
    for layer in attentions:
        assert layer.shape == (3, 4, 7, 7)
        assert layer.min() >= 0
        torch.testing.assert_close(layer.sum(-1), torch.ones(3, 4, 7))
        padded = inputs["attention_mask"][:, None, None].expand_as(layer) == 0
        assert layer[padded].max() == 0
        assert layer[0].std() > 0.01  # it does not look everywhere alike


def test_they_are_the_softmax_of_what_transformers_returns(
    make_pair: PairMaker, make_inputs: InputMaker
) -> None:
    """There attentions are the scores before the softmax."""
    ours, stock = make_pair()
    inputs = make_inputs(7, 3)
    found, scores = (model(**inputs, output_attentions=True).attentions for model in (ours, stock))
    for mine, theirs in zip(found, scores, strict=True):
        torch.testing.assert_close(mine, theirs.softmax(-1), rtol=0, atol=1e-5)


@mixers
@torch.no_grad()
def test_implementations_agree(
    make_model: ModelMaker, make_inputs: InputMaker, settings: dict[str, int]
) -> None:
    eager = make_model(**settings, attn_implementation="eager")
    sdpa = make_model(**settings, attn_implementation="sdpa")
    assert (eager.config._attn_implementation, sdpa.config._attn_implementation) == (
        "eager",
        "sdpa",
    )
    for inputs in (make_inputs(33), make_inputs(7, 1, 4), make_inputs(7, 1, 4, side="left")):
        torch.testing.assert_close(
            eager(**inputs).last_hidden_state,
            sdpa(**inputs).last_hidden_state,
            rtol=0,
            atol=1e-5,
        )
    watched = sdpa(**inputs, output_attentions=True).last_hidden_state
    torch.testing.assert_close(watched, sdpa(**inputs).last_hidden_state, rtol=0, atol=1e-5)


def test_sdpa_is_used_unless_something_else_is_asked_for(make_model: ModelMaker) -> None:
    assert make_model().config._attn_implementation == "sdpa"


@torch.no_grad()
def test_an_attention_of_ones_own(make_model: ModelMaker, make_inputs: InputMaker) -> None:
    """Its masks are those of flash attention, [B, S]; probabilities are still the eager form's."""
    seen = []

    def watched(
        module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor, **_: object
    ) -> tuple[Tensor, None]:
        seen.append((query.shape, mask.shape))
        return value.transpose(1, 2), None

    AttentionInterface.register("watched", watched)
    AttentionMaskInterface.register("watched", flash_attention_mask)
    model = make_model()
    inputs = make_inputs(7, 3)
    expected = model(**inputs, output_attentions=True).attentions
    model.set_attn_implementation("watched")
    model(**inputs)
    assert seen == [((2, 4, 7, 8), (2, 7))] * 3
    found = model(**inputs, output_attentions=True).attentions
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs)


@mixers
@torch.no_grad()
def test_padding_never_changes_a_token(
    make_model: ModelMaker, make_inputs: InputMaker, settings: dict[str, int]
) -> None:
    model = make_model(**settings)
    lengths = (9, 1, 33, 4)
    inputs = make_inputs(*lengths)
    batched = model(**inputs)
    for row, length in enumerate(lengths):
        alone = model(**{name: ids[row : row + 1, :length] for name, ids in inputs.items()})
        torch.testing.assert_close(
            batched.last_hidden_state[row, :length], alone.last_hidden_state[0], rtol=0, atol=1e-5
        )
        torch.testing.assert_close(
            batched.pooler_output[row], alone.pooler_output[0], rtol=0, atol=1e-5
        )


class TestLayerNormEps:
    """A large one, so that it changes results."""

    @torch.no_grad()
    def test_of_the_embeddings_is_as_in_transformers(self, make_pair: PairMaker) -> None:
        ours, stock = make_pair(layer_norm_eps=0.5, num_hidden_layers=0)
        ids = torch.tensor([[5, 6, 7]])
        torch.testing.assert_close(
            ours(ids).last_hidden_state, stock(ids).last_hidden_state, rtol=0, atol=1e-5
        )

    @torch.no_grad()
    def test_of_the_layers_is_honoured_too(self, make_pair: PairMaker) -> None:
        """transformers' own layers always add 1e-12; given ours they agree."""
        ours, stock = make_pair(layer_norm_eps=0.5)
        ids = torch.tensor([[5, 6, 7]])
        expected = ours(ids).last_hidden_state
        assert (expected - stock(ids).last_hidden_state).abs().max() > 0.1
        for module in stock.modules():
            if isinstance(module, nn.LayerNorm):
                module.eps = 0.5
        torch.testing.assert_close(expected, stock(ids).last_hidden_state, rtol=0, atol=1e-5)

    def test_reaches_every_norm(self, make_model: ModelMaker) -> None:
        model: PreTrainedModel = make_model("SqueezeBertForMaskedLM", layer_norm_eps=0.5)
        norms = [module for module in model.modules() if isinstance(module, nn.LayerNorm)]
        assert len(norms) == 1 + 2 * 3 + 1
        assert {norm.eps for norm in norms} == {0.5}


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "exactly one"),
        (
            {"input_ids": torch.tensor([[1]]), "inputs_embeds": torch.zeros(1, 1, 32)},
            "exactly one",
        ),
        ({"input_ids": torch.ones(1, 41, dtype=torch.long)}, "41 tokens are more than the 40"),
    ],
)
def test_inputs_that_make_no_sense(
    make_model: ModelMaker, inputs: dict[str, Tensor], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make_model()(**inputs)
