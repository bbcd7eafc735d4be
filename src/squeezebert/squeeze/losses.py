"""What a squeezed encoder is told about its difference from the teacher."""

import torch
from accelerate.utils import extract_model_from_parallel
from torch import Tensor, nn

from squeezebert.model import SqueezeBertModel
from squeezebert.squeeze.segments import starting_from
from squeezebert.squeeze.teacher import Teacher
from squeezebert.training.processes import mean_of_all

INNER = 0.1
"""Weight of an inner layer beside a segment's last one's 1: a guide, not an aim of its own."""


class DistillationLoss(nn.Module):
    """Squared relative error of the hidden states, |s - t|^2 / |t|^2, mostly of last layers.

    A weighted mean over layers. Called with unpadded sequences.
    """

    def __init__(self, teacher: Teacher) -> None:
        super().__init__()
        self._teacher = teacher

    def forward(self, student: nn.Module, input_ids: Tensor, segment: int) -> Tensor:
        """Scalar loss for ids [batch, length] of a student, whole or wrapped for many processes.

        Args:
            segment: How many layers are taught together; see `segments`.
        """
        layers = extract_model_from_parallel(student).encoder.layers
        with torch.no_grad():
            wanted = self._teacher.hidden_states(input_ids)
        with starting_from(layers, wanted, segment):
            states = student(input_ids=input_ids, output_hidden_states=True).hidden_states
        errors = torch.stack([
            squared_error(s, t, mean_of_all(t.float().square().sum()))
            for s, t in zip(states[1:], wanted[1:], strict=True)
        ])  # fmt: skip
        weights = torch.full_like(errors, INNER)
        weights[segment - 1 :: segment] = 1
        weights[-1] = 1
        return (weights * errors).sum() / weights.sum()


def squared_error(student: Tensor, teacher: Tensor, total: Tensor | None = None) -> Tensor:
    """|s - t|^2 / |t|^2 over all tokens, a scalar in float32.

    Args:
        total: In place of |t|^2: of a part of a batch, what the mean of all parts is.
    """
    teacher = teacher.float()
    total = teacher.square().sum() if total is None else total
    return (student.float() - teacher).square().sum() / total


@torch.no_grad()
def relative_errors(
    student: SqueezeBertModel, teacher: Teacher, input_ids: Tensor, batch_size: int = 32
) -> list[float]:
    """|s - t| / |t| after each layer over unpadded sequences [sequences, length]."""
    was_training = student.training
    student.train(mode=False)
    device = student.device
    per_batch = []
    for batch in input_ids.split(batch_size):
        ids = batch.to(device)
        ours = student(input_ids=ids, output_hidden_states=True).hidden_states[1:]
        theirs = teacher.hidden_states(ids)[1:]
        errors = [squared_error(s, t) for s, t in zip(ours, theirs, strict=True)]
        per_batch.append(torch.stack(errors) * len(batch))
    student.train(was_training)
    mean = torch.stack(per_batch).sum(0) / len(input_ids)
    return [float(error) for error in mean.sqrt()]
