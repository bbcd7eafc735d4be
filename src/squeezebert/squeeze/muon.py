"""Muon for grouped layers: momentum whose every direction counts alike.

A matrix moves by the orthogonal matrix nearest to its momentum, so that directions with small
gradients are learnt as fast as those with large ones; for a grouped layer that is each group's
block. Sources: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon; Liu et al. 2025,
"Muon is Scalable for LLM Training" (arXiv 2502.16982), for the step size. Vectors, and filters of
depthwise convolutions, are moved by Adam (Kingma and Ba 2015, arXiv 1412.6980).
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from squeezebert.model.layers import GroupedPointwise

MOMENTUM = 0.95
BETAS = (0.9, 0.999)
EPSILON = 1e-8
ADAM_STEP = 0.2
"""Root mean square of a step of Adam, which a matrix's step is scaled to (Liu et al., section 2.2),
so that both kinds share one learning rate."""


class Muon(torch.optim.Optimizer):
    """Optimises what needs gradients in ``model``: 1x1 convolutions by Muon, all else by Adam.

    Args:
        learning_rate: For both kinds.
        weight_decay: Decoupled, of the 1x1 convolutions' weights alone.
    """

    def __init__(self, model: nn.Module, learning_rate: float, weight_decay: float) -> None:
        groups_of = {
            module.weight: module.groups
            for module in model.modules()
            if isinstance(module, GroupedPointwise) and module.weight.requires_grad
        }
        counts = sorted(set(groups_of.values()))
        rest = [p for p in model.parameters() if p.requires_grad and p not in groups_of]
        by_count = [[p for p, groups in groups_of.items() if groups == n] for n in counts]
        parameters: list[dict[str, Any]] = [
            {"params": weights, "blocks": count, "weight_decay": weight_decay}
            for weights, count in zip(by_count, counts, strict=True)
        ]
        parameters.append({"params": rest, "blocks": 0, "weight_decay": 0.0})
        super().__init__(parameters, {"lr": learning_rate})

    @torch.no_grad()
    def step(  # type: ignore[override]  # what it returns there is the closure's loss
        self, closure: Callable[[], float] | None = None
    ) -> None:
        """Moves every parameter that has a gradient; ``closure`` is not supported."""
        if closure is not None:
            raise ValueError("Muon evaluates nothing again.")
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if group["blocks"]:
                    update = _muon_step(parameter.grad, state, group["blocks"])
                else:
                    update = _adam_step(parameter.grad, state)
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.sub_(update, alpha=group["lr"])


def orthogonal(x_GOI: Tensor) -> Tensor:
    """Matrices with the singular vectors of ``x`` and singular values near one (0.7 to 1.2).

    Five steps of a quintic Newton-Schulz iteration with Jordan et al.'s coefficients.
    """
    tall = x_GOI.shape[1] > x_GOI.shape[2]
    x = x_GOI.mT if tall else x_GOI
    x = x / (x.square().sum((1, 2), keepdim=True).sqrt() + 1e-12)
    for _ in range(5):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.mT if tall else x


def _muon_step(gradient: Tensor, state: dict[str, Tensor], groups: int) -> Tensor:
    if not state:
        state["momentum"] = torch.zeros_like(gradient)
    state["momentum"].lerp_(gradient, 1 - MOMENTUM)
    ahead = gradient.lerp(state["momentum"], MOMENTUM)  # Nesterov's momentum
    blocks_GOI = ahead.view(groups, -1, gradient.shape[1])
    # Orthogonal rows or columns alone would give the values a mean square of 1 / longer side.
    scale = ADAM_STEP * math.sqrt(max(blocks_GOI.shape[1:]))
    return orthogonal(blocks_GOI).reshape(gradient.shape) * scale


def _adam_step(gradient: Tensor, state: dict[str, Tensor]) -> Tensor:
    if not state:
        state["step"] = torch.zeros(())
        state["mean"], state["square"] = torch.zeros_like(gradient), torch.zeros_like(gradient)
    state["step"] += 1
    step = float(state["step"])
    mean = state["mean"].lerp_(gradient, 1 - BETAS[0])
    square = state["square"].lerp_(gradient.square(), 1 - BETAS[1])
    root = square.div(1 - BETAS[1] ** step).sqrt_().add_(EPSILON)
    return mean.div(1 - BETAS[0] ** step).div_(root)
