"""How far a student's logits are from those of a fine-tuned teacher."""

import torch
from torch import Tensor
from torch.nn import functional as F


def distillation_loss(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """The Kullback-Leibler divergence of two distributions over classes at a temperature.

    Times the temperature's square, which keeps the size of the gradients (Hinton et al. 2015,
    arXiv 1503.02531, section 2).

    Args:
        student: logits ``[batch, classes]``.
        teacher: logits ``[batch, classes]``.
    """
    return temperature**2 * F.kl_div(
        F.log_softmax(student / temperature, dim=-1),
        F.log_softmax(teacher / temperature, dim=-1),
        reduction="batchmean",
        log_target=True,
    )


def distillation_loss_of_labels(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """`distillation_loss` for several labels at once: the cross entropy of each.

    Args:
        student: logits ``[batch, labels]``.
        teacher: logits ``[batch, labels]``.
    """
    wanted = torch.sigmoid(teacher / temperature)
    return temperature**2 * F.binary_cross_entropy_with_logits(student / temperature, wanted)
