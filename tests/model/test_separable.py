"""Padding never changes what the separable mixer gives a real token."""

from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from torch import nn

from squeezebert.model import SqueezeBertModel, SqueezeBertSeparableConfig

Randomise = Callable[[nn.Module], nn.Module]


@pytest.fixture(params=[3, 5])
def separable(
    tiny: dict[str, Any], randomise: Randomise, request: pytest.FixtureRequest
) -> SqueezeBertModel:
    model = SqueezeBertModel(SqueezeBertSeparableConfig(**tiny, kernel_size=request.param))
    for name, parameter in model.named_parameters():
        if name.endswith("depthwise.weight"):
            nn.init.normal_(parameter, std=0.6)
    return cast(SqueezeBertModel, randomise(model))


@pytest.mark.parametrize("length", [1, 2, 7, 33])
@pytest.mark.parametrize("side", ["left", "right", "both"])
@torch.no_grad()
def test_padding_changes_nothing(separable: SqueezeBertModel, length: int, side: str) -> None:
    left = {"left": 5, "right": 0, "both": 2}[side]
    alone = torch.randint(1, 60, (1, length), generator=torch.Generator().manual_seed(0))
    padded = torch.full((2, length + 5), 9)  # a word, so that only the mask says it is padding
    mask = torch.zeros_like(padded)
    mask[1] = 1
    real = slice(left, left + length)
    padded[0, real], mask[0, real] = alone, 1
    positions = (torch.arange(length + 5) - left).clamp(0)[None].expand(2, -1)
    found = separable(padded, mask, position_ids=positions, output_hidden_states=True)
    expected = separable(alone, output_hidden_states=True)
    for state, expected_state in zip(found.hidden_states, expected.hidden_states, strict=True):
        assert (state[0, real] - expected_state[0]).abs().max() <= 1e-5


@torch.no_grad()
def test_neighbours_reach_each_other_through_the_filters(separable: SqueezeBertModel) -> None:
    """Otherwise the test above would pass without any convolution."""
    value = separable.get_submodule("encoder.layers.0.attention.value")
    x = torch.randn(1, 4, 32)
    changed = x.clone()
    changed[0, 1] += 1
    difference = (value(x) - value(changed)).abs().amax(-1)[0]
    assert (difference[:3] > 1e-3).all()


def test_a_mask_that_hides_the_padding_is_refused(separable: SqueezeBertModel) -> None:
    with pytest.raises(ValueError, match=r"\[batch, sequence\]"):
        separable(torch.ones(1, 3, dtype=torch.long), torch.ones(1, 1, 3, 3))


def test_filters_start_as_the_identity(tiny: dict[str, Any]) -> None:
    model = SqueezeBertModel(SqueezeBertSeparableConfig(**tiny))
    filters = model.get_parameter("encoder.layers.0.intermediate.conv1d.depthwise.weight")
    assert torch.equal(filters, torch.tensor([0.0, 1.0, 0.0]).expand(32, 1, 3))
