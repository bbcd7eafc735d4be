"""Attention relations: what MiniLMv2 has a student learn instead of hidden states."""

import torch
from torch import Tensor
from torch.nn import functional as F

from squeezebert.model import SqueezeBertModel
from squeezebert.training.teachers import Teacher


def relation_loss(
    student: SqueezeBertModel, teacher: Teacher, state: Tensor, wanted: Tensor
) -> Tensor:
    """How far the last layer's query, key and value relations are from the teacher's.

    The Kullback-Leibler divergence of softmax(X X^T / sqrt(d)) within each head, its mean over X,
    heads and tokens. Source: Wang et al. 2021, "MiniLMv2" (arXiv 2012.15828), section 3.1.

    Args:
        state: what the student's last layer is given, [B, S, C].
        wanted: the same of the teacher.
    """
    heads = teacher.config.num_attention_heads
    ours, theirs = student.encoder.layers[-1].attention, teacher.layers[-1]
    divergences = []
    for part in ("query", "key", "value"):
        with torch.no_grad():
            target = _relations(getattr(theirs, part)(wanted), heads)
        found = _relations(getattr(ours, part)(state), heads)
        each = F.kl_div(found, target, reduction="none", log_target=True).sum(-1)
        divergences.append(each.mean())
    return torch.stack(divergences).mean()


def _relations(features: Tensor, heads: int) -> Tensor:
    """From features [B, S, C] the log-probabilities [B, heads, S, S]."""
    split = features.unflatten(-1, (heads, -1)).transpose(1, 2)
    return F.log_softmax(split @ split.mT / split.shape[-1] ** 0.5, dim=-1)
