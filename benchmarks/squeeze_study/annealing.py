"""From dense to grouped layers during distillation: what is outside the groups fades away."""

import torch
from torch import Tensor

from squeezebert.model.layers import GroupedPointwise

FADED = 2 / 3
"""Share of the training after which nothing outside the groups is left."""


class Annealing:
    """Scales the weights of dense layers outside the blocks of their groups, from one to zero.

    Args:
        layers: dense layers and the groups that each shall have.
        steps: of the whole training.
    """

    def __init__(self, layers: list[tuple[GroupedPointwise, int]], steps: int) -> None:
        self.layers = [(layer, outside(layer, groups)) for layer, groups in layers if groups > 1]
        self.steps = steps
        self.share = 1.0

    @torch.no_grad()
    def scale_gradients(self) -> None:
        """To be called before each step of the optimiser."""
        for layer, rest in self.layers:
            assert layer.weight.grad is not None
            layer.weight.grad[rest] *= self.share

    @torch.no_grad()
    def fade(self, step: int) -> None:
        """To be called after each step of the optimiser, with how many are done."""
        share = max(0.0, 1 - step / (FADED * self.steps))
        for layer, rest in self.layers:
            layer.weight[rest] *= share / self.share if self.share else 0.0
        self.share = share


def outside(layer: GroupedPointwise, groups: int) -> Tensor:
    """Where a dense weight [O, I, 1] is outside its groups' blocks."""
    rows, columns = layer.weight.shape[:2]
    row = torch.arange(rows) * groups // rows
    column = torch.arange(columns) * groups // columns
    return (row.unsqueeze(1) != column).unsqueeze(-1)
