"""What is learnt: the outputs of each kind of task, and their loss."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch
from benchmarks.gpu.encoder import Parameters, Shape, states
from benchmarks.gpu.rows import NOT_LEARNT, TEXT
from torch import Tensor
from torch.nn import functional as F

TEMPERATURE = 2.0
OUTSIDE = -1e4
"""The score of padding as the start or end of an answer."""
STATES = 1.0
"""How much a teacher's states count beside its scores."""
COMPARED = 3
"""In how many layers states are compared, at equal distances, the last among them."""
RELATIONS = 10.0
"""How much likenesses inside a batch count beside the vectors themselves."""
DEVIATION = 0.02  # of a new head's weights


class Kind(StrEnum):
    """What a task gives."""

    CLASS = "class"
    NUMBER = "number"
    TAGS = "tags"
    SPAN = "span"
    VECTOR = "vector"


@dataclass(frozen=True)
class Task:
    """A task, and how it is learnt.

    Attributes:
        name: Of its head.
        outputs: Classes, tags, or 2 for the ends of a span.
        metric: Of `scores`, by which the best parameters are chosen.
        tags: In the order of the outputs.
        dropout: In the encoder; for teachers, who have nobody to learn from.
        told: Share of the loss that is the teacher's, where there is one.
    """

    name: str
    kind: Kind
    metric: str
    outputs: int = 0
    tags: tuple[str, ...] = ()
    dropout: float = 0.0
    told: float = 0.9


def add_head(parameters: Parameters, shape: Shape, task: Task, seed: int) -> None:
    """Adds a task's head, if it has none; for classes and numbers it has the encoder's pooler."""
    random = torch.Generator().manual_seed(seed)
    name, width = task.name, shape.width
    if task.kind in (Kind.CLASS, Kind.NUMBER):
        if "pooler.weight" in parameters:
            weight, bias = parameters["pooler.weight"].clone(), parameters["pooler.bias"].clone()
        else:
            weight = torch.randn(width, width, generator=random) * DEVIATION
            bias = torch.zeros(width)
        parameters.setdefault(f"{name}.pooler.weight", weight)
        parameters.setdefault(f"{name}.pooler.bias", bias)
    if task.kind != Kind.VECTOR:
        weight = torch.randn(task.outputs, width, generator=random) * DEVIATION
        parameters.setdefault(f"{name}.classifier.weight", weight)
        parameters.setdefault(f"{name}.classifier.bias", torch.zeros(task.outputs))


def add_widening(parameters: Parameters, shape: Shape, task: Task, teacher: Shape) -> None:
    """Adds linear maps to a wider teacher's states, which a student learns beside its own.

    They begin as zeros, so that the states come slowly into what is learnt (Jiao et al. 2020,
    arXiv 1909.10351, section 3.1, equation 8, has such maps).
    """
    zeros = torch.zeros(vectors_compared(task), teacher.width, shape.width)
    parameters.setdefault(f"{task.name}.widening", zeros)


def outputs(parameters: Parameters, shape: Shape, task: Task, batch: dict[str, Tensor]) -> Tensor:
    """Scores [batch, outputs] or [batch, length, outputs], or unit vectors [batch, width]."""
    return outputs_of(parameters, task, _hidden(parameters, shape, task, batch), batch["lengths"])


def outputs_and_states(
    parameters: Parameters, shape: Shape, task: Task, batch: dict[str, Tensor]
) -> tuple[Tensor, Tensor]:
    """`outputs`, and `compared` of the states that they came from."""
    hidden = _hidden(parameters, shape, task, batch)
    lengths = batch["lengths"]
    return outputs_of(parameters, task, hidden, lengths), compared(task, hidden, lengths)


def outputs_of(
    parameters: Parameters, task: Task, hidden: Sequence[Tensor], lengths: Tensor
) -> Tensor:
    """`outputs`, of the states of every layer, [batch, length, width] each."""
    last = hidden[-1]
    if task.kind == Kind.VECTOR:
        return F.normalize(_mean(last, lengths), dim=-1)
    if task.kind in (Kind.CLASS, Kind.NUMBER):
        last = torch.tanh(_linear(parameters, f"{task.name}.pooler", last[:, 0]))
    return _linear(parameters, f"{task.name}.classifier", last).float()


def compared(task: Task, hidden: Sequence[Tensor], lengths: Tensor) -> Tensor:
    """The states by which a student is compared with its teacher, in some layers.

    Of a tagged text those of all tokens, [batch, length, COMPARED, width]; of another its first
    token's, and the mean, [batch, 2 * COMPARED, width].
    """
    ends = (math.ceil(len(hidden) * (part + 1) / COMPARED) for part in range(COMPARED))
    chosen = [hidden[end - 1].float() for end in ends]
    if task.kind == Kind.TAGS:
        return torch.stack(chosen, dim=2)
    found = [one for layer in chosen for one in (layer[:, 0], _mean(layer, lengths))]
    return torch.stack(found, dim=1)


def vectors_compared(task: Task) -> int:
    """How many vectors `compared` has of each text or token."""
    return COMPARED if task.kind == Kind.TAGS else 2 * COMPARED


def not_padding(values: Tensor, lengths: Tensor) -> Tensor:
    """Which of the tokens are no padding, [batch, length]."""
    return torch.arange(values.shape[1], device=values.device)[None] < lengths[:, None]


def loss(parameters: Parameters, shape: Shape, task: Task, batch: dict[str, Tensor]) -> Tensor:
    """The loss of a batch: by its labels, by what the teacher told, or by both."""
    hidden = _hidden(parameters, shape, task, batch)
    found = outputs_of(parameters, task, hidden, batch["lengths"])
    own, teachers = _LOSSES[task.kind](found, batch)
    if teachers is not None and "told_states" in batch:
        own_states = _widened(parameters, task, compared(task, hidden, batch["lengths"]))
        teachers = teachers + STATES * _states_loss(task, own_states, batch)
    if teachers is None:
        return own
    return (1 - task.told) * own + task.told * teachers


def _hidden(
    parameters: Parameters, shape: Shape, task: Task, batch: dict[str, Tensor]
) -> list[Tensor]:
    ids, lengths, second = (batch[name] for name in TEXT)
    return states(parameters, shape, ids, lengths, second, dropout=task.dropout)


def _widened(parameters: Parameters, task: Task, found: Tensor) -> Tensor:
    maps = parameters.get(f"{task.name}.widening")
    if maps is None:
        return found
    return torch.einsum("...lw,ltw->...lt", found.to(maps.dtype), maps).float()


def _states_loss(task: Task, found: Tensor, batch: dict[str, Tensor]) -> Tensor:
    """The squared error of each state, divided by the square of the teacher's."""
    told = batch["told_states"].float()
    error = (found - told).square().sum(-1)
    error = error / told.square().sum(-1).clamp(min=1e-6)  # padding was told nothing
    if task.kind != Kind.TAGS:
        return error.mean()
    return _mean_of(error.mean(-1), not_padding(error, batch["lengths"]))


def _class_loss(found: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor | None]:
    label = batch["label"].long()
    own = _mean_of(F.cross_entropy(found, label.clamp(min=0), reduction="none"), label >= 0)
    return own, _distilled(found, batch["told"]).mean() if "told" in batch else None


def _number_loss(found: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor | None]:
    number = batch["number"].float()
    error = (found[:, 0] - torch.nan_to_num(number)) ** 2
    teachers = F.mse_loss(found, batch["told"].float()) if "told" in batch else None
    return _mean_of(error, torch.isfinite(number)), teachers


def _tags_loss(found: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor | None]:
    tag = batch["tag"].long()
    error = F.cross_entropy(found.mT, tag.clamp(min=0), reduction="none")
    own = _mean_of(error, tag >= 0)
    if "told" not in batch:
        return own, None
    return own, _mean_of(_distilled(found, batch["told"]), tag != NOT_LEARNT)


def _span_loss(found: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor | None]:
    outside = ~not_padding(found, batch["lengths"])
    ends = [found[..., end].masked_fill(outside, OUTSIDE) for end in range(2)]
    own = [F.cross_entropy(score, batch["span"][:, end].long()) for end, score in enumerate(ends)]
    if "told" not in batch:
        return torch.stack(own).mean(), None
    told = [batch["told"][..., end].float().masked_fill(outside, OUTSIDE) for end in range(2)]
    teachers = [_distilled(*pair).mean() for pair in zip(ends, told, strict=True)]
    return torch.stack(own).mean(), torch.stack(teachers).mean()


def _vector_loss(found: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Vectors have no labels: both are by what was told."""
    told = F.normalize(batch["told"].float(), dim=-1)
    total = (1 - (found * told).sum(-1)).mean()
    if "told_more" in batch:
        other = F.normalize(batch["told_more"].float(), dim=-1)
        total = total + RELATIONS * ((found @ found.T - other @ other.T) ** 2).mean()
    return total, total


_LOSSES: dict[Kind, Callable[[Tensor, dict[str, Tensor]], tuple[Tensor, Tensor | None]]] = {
    Kind.CLASS: _class_loss,
    Kind.NUMBER: _number_loss,
    Kind.TAGS: _tags_loss,
    Kind.SPAN: _span_loss,
    Kind.VECTOR: _vector_loss,
}
"""By the labels, and by what the teacher told, if it did."""


def _mean_of(values: Tensor, where: Tensor) -> Tensor:
    return (values * where).sum() / where.sum().clamp(min=1)


def _distilled(found: Tensor, told: Tensor) -> Tensor:
    """Kullback-Leibler divergence at a temperature (Hinton et al. 2015, arXiv 1503.02531)."""
    ours = F.log_softmax(found / TEMPERATURE, -1)
    theirs = F.log_softmax(told.float() / TEMPERATURE, -1)
    divergence = F.kl_div(ours, theirs, log_target=True, reduction="none")
    return TEMPERATURE**2 * divergence.sum(-1)


def _mean(hidden: Tensor, lengths: Tensor) -> Tensor:
    inside = not_padding(hidden, lengths)[..., None]
    return (hidden.float() * inside).sum(1) / lengths[:, None]


def _linear(parameters: Parameters, name: str, x: Tensor) -> Tensor:
    return F.linear(x, parameters[f"{name}.weight"], parameters[f"{name}.bias"])
