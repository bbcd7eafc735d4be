"""Attention relations: what MiniLMv2 has a student learn instead of hidden states."""

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional as F

from squeezebert.model import SqueezeBertModel
from squeezebert.squeeze.teacher import Teacher


class RelationLoss:
    """How far the last layer's query, key and value relations are from the teacher's.

    The Kullback-Leibler divergence of softmax(X X^T / sqrt(d)) within each head, its mean over X,
    heads and tokens. Source: Wang et al. 2021, "MiniLMv2" (arXiv 2012.15828), section 3.1. The
    closed form puts heads into the groups that serve them, so that a student's heads are matched
    with the teacher's on the first batch.
    """

    def __init__(self, student: SqueezeBertModel, teacher: Teacher) -> None:
        self.heads = teacher.config.num_attention_heads
        self.student, self.teacher = student.encoder.layers[-1].attention, teacher.layers[-1]
        self.order: list[int] | None = None

    def __call__(self, state: Tensor, wanted: Tensor) -> Tensor:
        """The loss for what the student's and the teacher's last layer are given, [B, S, C]."""
        parts = ("query", "key", "value")
        with torch.no_grad():
            targets = [self._relations(getattr(self.teacher, part)(wanted)) for part in parts]
        found = [self._relations(getattr(self.student, part)(state)) for part in parts]
        if self.order is None:
            self.order = self._matched(found, targets)
        return torch.stack(
            [_divergence(f, t[:, self.order]) for f, t in zip(found, targets, strict=True)]
        ).mean()

    def _relations(self, features: Tensor) -> Tensor:
        """From features [B, S, C] the log-probabilities [B, heads, S, S]."""
        split = features.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return F.log_softmax(split @ split.mT / split.shape[-1] ** 0.5, dim=-1)

    @torch.no_grad()
    def _matched(self, found: list[Tensor], targets: list[Tensor]) -> list[int]:
        """The teacher's head for each of the student's, for the least divergence in all."""
        costs = torch.zeros(self.heads, self.heads)
        for ours, theirs in zip(found, targets, strict=True):
            for head in range(self.heads):
                costs[head] += torch.stack(
                    [_divergence(ours[:, head], theirs[:, other]) for other in range(self.heads)]
                )
        order: list[int] = linear_sum_assignment(costs.numpy())[1].tolist()
        return order


def _divergence(found: Tensor, target: Tensor) -> Tensor:
    return F.kl_div(found, target, reduction="none", log_target=True).sum(-1).mean()
