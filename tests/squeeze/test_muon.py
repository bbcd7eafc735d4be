import copy

import pytest
import torch
from torch import nn

from squeezebert.model.layers import Depthwise, GroupedPointwise
from squeezebert.squeeze.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 4, 12), (2, 12, 4)])
def test_orthogonal_keeps_directions_and_evens_out_their_sizes(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x = torch.randn(shape)
    left, _, right = torch.linalg.svd(x, full_matrices=False)
    seen = left.mT @ orthogonal(x) @ right.mT
    sizes = seen.diagonal(dim1=1, dim2=2)
    assert sizes.min() > 0.6
    assert sizes.max() < 1.3
    torch.testing.assert_close(seen, torch.diag_embed(sizes), atol=1e-4, rtol=0)


def test_a_group_moves_by_its_own_gradient_alone() -> None:
    torch.manual_seed(0)
    layer = GroupedPointwise(8, 8, groups=2)
    before = layer.weight.detach().clone()
    layer.weight.grad = torch.randn_like(layer.weight)
    layer.weight.grad[4:] = 0
    Muon(layer, learning_rate=0.1, weight_decay=0.0).step()
    moved = (before - layer.weight.detach()).squeeze(-1)
    assert not moved[4:].any()
    # As large a step as Adam's, whatever the gradient's size.
    assert moved[:4].square().mean().sqrt() == pytest.approx(0.1 * 0.2, rel=0.2)


def test_vectors_and_filters_are_moved_as_by_adam() -> None:
    torch.manual_seed(0)
    ours = nn.Sequential(nn.LayerNorm(6), Depthwise(6, 3), GroupedPointwise(6, 6, groups=3))
    theirs = copy.deepcopy(ours)
    ours_by = Muon(ours, learning_rate=0.01, weight_decay=0.5)
    named = {n: p for n, p in theirs.named_parameters() if n != "2.weight"}
    theirs_by = torch.optim.Adam(named.values(), lr=0.01)
    for _ in range(5):
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            mine.grad = torch.randn_like(mine)
            other.grad = mine.grad.clone()
        ours_by.step()
        theirs_by.step()
    for name, expected in named.items():
        torch.testing.assert_close(ours.get_parameter(name), expected, atol=1e-6, rtol=1e-5)


def test_what_is_frozen_stays_and_matrices_decay() -> None:
    model = nn.Sequential(GroupedPointwise(4, 4, groups=2), GroupedPointwise(4, 4, groups=2))
    model[0].requires_grad_(False)
    before = [p.detach().clone() for p in model.parameters()]
    optimiser = Muon(model, learning_rate=0.1, weight_decay=0.5)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    after = list(model.parameters())
    assert all(torch.equal(a, b) for a, b in zip(after[:2], before[:2], strict=True))
    torch.testing.assert_close(after[2], before[2] * (1 - 0.1 * 0.5))
    assert torch.equal(after[3], before[3])
