"""From dense to grouped layers during distillation: what is outside the groups fades away.

As if a weight outside were the product of a share, which falls from one to zero, and of a value
that is learnt: the weight shrinks with the share, and so does its gradient.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from squeezebert.model.layers import GroupedPointwise


class Annealing:
    """Scales the weights of dense layers outside the blocks of their groups, from one to zero.

    Args:
        layers: dense layers and the groups that each shall have.
        steps: after which nothing outside is left.
    """

    def __init__(self, layers: Iterable[tuple[GroupedPointwise, int]], steps: int) -> None:
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
        share = 1 - step / self.steps
        for layer, rest in self.layers:
            layer.weight[rest] *= share / self.share  # the factors of all steps multiply to `share`
        self.share = share


def outside(layer: GroupedPointwise, groups: int) -> Tensor:
    """Where a dense weight [O, I, 1] is outside its groups' blocks."""
    rows, columns = layer.weight.shape[:2]
    row = torch.arange(rows) * groups // rows
    column = torch.arange(columns) * groups // columns
    return (row.unsqueeze(1) != column).unsqueeze(-1)
