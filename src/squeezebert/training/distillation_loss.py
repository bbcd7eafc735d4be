"""What a squeezed encoder is told about its difference from the teacher."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the customary name

from squeezebert.model import SqueezeBertModel
from squeezebert.training.closed_form import watching
from squeezebert.training.teachers import Teacher


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms; hidden states count 1."""

    attention_relations: float = 0.0
    embedding: float = 0.0


class DistillationLoss(nn.Module):
    """Loss of a student on unpadded sequences.

    The main term is the squared relative error of every layer's hidden states, |s - t|^2 / |t|^2,
    averaged over layers. Optional terms: attention relations, the Kullback-Leibler divergence
    between softmaxed query-query, key-key and value-value products of the last layer (Wang et al.
    2021, MiniLMv2, arXiv 2012.15828, equation 5, with the heads as relation heads), and the cosine
    distance of mean-pooled sentence embeddings.

    Args:
        head_orders: For each layer the teacher's heads in the student's order.
    """

    def __init__(
        self,
        student: SqueezeBertModel,
        teacher: Teacher,
        weights: LossWeights,
        head_orders: list[list[int]],
    ) -> None:
        super().__init__()
        self._teacher = teacher
        self._weights = weights
        self._head_order = head_orders[-1]
        attention = student.encoder.layers[-1].attention
        self._student_parts = {n: getattr(attention, n) for n in ("query", "key", "value")}
        self._teacher_parts = {n: getattr(teacher.layers[-1], n) for n in self._student_parts}

    def forward(self, student: nn.Module, input_ids: Tensor) -> Tensor:
        """Scalar loss for the student's ids [batch, length]."""
        with watching(self._student_parts) as student_flows:
            output = student(input_ids=input_ids, output_hidden_states=True)
        with torch.no_grad(), watching(self._teacher_parts) as teacher_flows:
            wanted = self._teacher.hidden_states(input_ids)
        errors = [
            squared_error(ours, theirs)
            for ours, theirs in zip(output.hidden_states[1:], wanted[1:], strict=True)
        ]
        loss: Tensor = torch.stack(errors).mean()
        if self._weights.attention_relations:
            relations = [
                self._relation_divergence(student_flows[name][1], teacher_flows[name][1])
                for name in self._student_parts
            ]
            loss = loss + self._weights.attention_relations * torch.stack(relations).mean()
        if self._weights.embedding:
            cosine = F.cosine_similarity(
                output.hidden_states[-1].float().mean(1), wanted[-1].float().mean(1), dim=-1
            )
            loss = loss + self._weights.embedding * (1 - cosine).mean()
        return loss

    def _relation_divergence(self, student_BSH: Tensor, teacher_BSH: Tensor) -> Tensor:
        heads = len(self._head_order)
        student = _relations(student_BSH, heads)
        teacher = _relations(teacher_BSH, heads)[:, self._head_order]
        return (
            F.kl_div(student, teacher, log_target=True, reduction="sum") / student[..., 0].numel()
        )


def squared_error(student: Tensor, teacher: Tensor) -> Tensor:
    """|s - t|^2 / |t|^2 over all tokens, a scalar in float32."""
    teacher = teacher.float()
    return (student.float() - teacher).square().sum() / teacher.square().sum()


def _relations(x_BSH: Tensor, heads: int) -> Tensor:
    """Log-softmaxed products between positions, [batch, heads, length, length]."""
    x_BAHD = x_BSH.float().unflatten(-1, (heads, -1)).transpose(1, 2)
    products = x_BAHD @ x_BAHD.transpose(-1, -2)
    return F.log_softmax(products / x_BAHD.shape[-1] ** 0.5, dim=-1)
