"""Learning from the logits of a fine-tuned teacher."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from squeezebert.data.labels import LabelSpace
from squeezebert.errors import InputError
from squeezebert.pipelines import Pipeline
from squeezebert.tokenizer import Item

_ITEMS_AT_ONCE = 4096  # sorted by length inside, so many for little padding


def distillation_loss(
    student: Tensor, teacher: Tensor, problem_type: str, temperature: float
) -> Tensor:
    """How far the student's logits are from the teacher's.

    For classes the Kullback-Leibler divergence of the distributions at a temperature, times its
    square, which keeps the size of the gradients (Hinton et al. 2015, arXiv 1503.02531, section
    2); for several labels at once the same with the cross entropy of each label; for regression
    the mean squared error.

    Args:
        student: logits ``[batch, labels]``.
        teacher: logits ``[batch, labels]``.
    """
    if problem_type == "regression":
        return F.mse_loss(student, teacher)
    if problem_type == "multi_label_classification":
        wanted = torch.sigmoid(teacher / temperature)
        return temperature**2 * F.binary_cross_entropy_with_logits(student / temperature, wanted)
    return temperature**2 * F.kl_div(
        F.log_softmax(student / temperature, dim=-1),
        F.log_softmax(teacher / temperature, dim=-1),
        reduction="batchmean",
        log_target=True,
    )


def teacher_logits(
    teacher: Pipeline,
    items: Sequence[Item],
    labels: LabelSpace,
    advance: Callable[[int], None] = lambda items: None,
) -> Tensor:
    """The teacher's logits for every item, float32 ``[n, labels]``, in the order of ``labels``.

    For classes they are logarithms of its probabilities: logits up to a constant for each item,
    which the softmax of `distillation_loss` ignores at every temperature. For several labels at
    once they are the logarithms of the odds.

    Args:
        advance: told how many more items are done.

    Raises:
        InputError: the teacher was fine-tuned for another problem or other labels.
    """
    check_teacher(teacher, labels)
    rows = np.empty((len(items), len(labels.names)), np.float32)
    for start in range(0, len(items), _ITEMS_AT_ONCE):
        answers = teacher(items[start : start + _ITEMS_AT_ONCE])
        for row, answer in enumerate(answers, start):
            rows[row] = (
                answer.value
                if labels.is_regression
                else [answer.scores[name] for name in labels.names]
            )
        advance(len(answers))
    smallest = np.finfo(np.float32).tiny
    if labels.is_multi_label:
        rows = np.log(rows.clip(smallest)) - np.log((1 - rows).clip(smallest))
    elif not labels.is_regression:
        rows = np.log(rows.clip(smallest))
    return torch.from_numpy(rows)


def check_teacher(teacher: Pipeline, labels: LabelSpace) -> None:
    """Raises InputError unless the teacher predicts these labels."""
    spec = teacher.spec
    if spec.problem_type != labels.problem_type:
        raise InputError(
            f"The teacher is for {spec.problem_type or spec.task}, but the data is for "
            f"{labels.problem_type}. Fine-tune a teacher on this data first."
        )
    if not labels.is_regression and set(spec.labels) != set(labels.names):
        raise InputError(
            f"The teacher's labels are {', '.join(spec.labels)}, but the data's are "
            f"{', '.join(labels.names)}. Fine-tune the teacher on this data, "
            "with the same label names."
        )
