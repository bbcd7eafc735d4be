"""How far a student's logits are from those of a fine-tuned teacher."""

import torch
from torch import Tensor
from torch.nn import functional as F


def distillation_losses(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """The Kullback-Leibler divergences of distributions over classes at a temperature, ``[batch]``.

    Times the temperature's square, which keeps the size of the gradients (Hinton et al. 2015,
    arXiv 1503.02531, section 2).

    Args:
        student: logits ``[batch, classes]``.
        teacher: logits ``[batch, classes]``.
    """
    divergences = F.kl_div(
        F.log_softmax(student / temperature, dim=-1),
        F.log_softmax(teacher / temperature, dim=-1),
        reduction="none",
        log_target=True,
    )
    return temperature**2 * divergences.sum(-1)


def distillation_losses_of_labels(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """`distillation_losses` for several labels at once: the mean cross entropy of each row's.

    Args:
        student: logits ``[batch, labels]``.
        teacher: logits ``[batch, labels]``.
    """
    wanted = torch.sigmoid(teacher / temperature)
    losses = F.binary_cross_entropy_with_logits(student / temperature, wanted, reduction="none")
    return temperature**2 * losses.mean(-1)
