"""The student's first weights, without gradients.

Each layer in turn is fitted by least squares from what the student's layer gets to what the
teacher's layer gives before its activation, a grouped layer one group at a time; the dense layer
after attention, and the one that ends the feed-forward, are fitted to what the residual sum still
lacks, so that they repair what earlier layers lost.

A grouped layer sees only its group's channels. Attention heads and feed-forward neurons have no
order of their own, so each is put where the channels it needs are: an assignment problem. Where the
student has fewer neurons, the ones that count least are left out.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import cast

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from squeezebert.model import SqueezeBertModel
from squeezebert.model.encoder import (
    SqueezeBertLayer,
    SqueezeBertResidual,
    SqueezeBertSelfAttention,
)
from squeezebert.squeeze.teacher import Teacher, TeacherLayer

RIDGE = 1e-4
"""Of the mean channel energy; keeps a fit from leaning on channels that hardly vary."""

BATCH = 32

Report = Callable[[int, int], None]
"""Called with layers fitted so far and in all."""


class Moments:
    """Sums that decide every least-squares fit from x to y: means, x'x and x'y in float64."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.count = 0
        self.sum_x = torch.zeros(inputs, dtype=torch.float64)
        self.sum_y = torch.zeros(outputs, dtype=torch.float64)
        self.xx = torch.zeros(inputs, inputs, dtype=torch.float64)
        self.xy = torch.zeros(inputs, outputs, dtype=torch.float64)

    def add(self, x: Tensor, y: Tensor) -> None:
        """Takes in rows x [tokens, inputs] and y [tokens, outputs]."""
        self.count += len(x)
        self.sum_x += x.sum(0, dtype=torch.float64).cpu()
        self.sum_y += y.sum(0, dtype=torch.float64).cpu()
        self.xx += (x.T @ x).double().cpu()
        self.xy += (x.T @ y).double().cpu()

    def fit(self, inputs: slice, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Weight [outputs, inputs] and bias [outputs] of the best affine map between channels."""
        mean_x, mean_y = self.sum_x[inputs] / self.count, self.sum_y[outputs] / self.count
        weight = self._solve(inputs, outputs)
        return weight.T.float(), (mean_y - mean_x @ weight).float()

    def explained(self, inputs: slice) -> Tensor:
        """Variance of each output that the inputs account for, [outputs]."""
        every = torch.arange(len(self.sum_y))
        return (self._solve(inputs, every) * self._covariance_xy(inputs, every)).sum(0)

    def _solve(self, inputs: slice, outputs: Tensor) -> Tensor:
        mean = self.sum_x[inputs] / self.count
        covariance = self.xx[inputs, inputs] / self.count - torch.outer(mean, mean)
        covariance.diagonal().add_(RIDGE * covariance.diagonal().mean())
        weight: Tensor = torch.linalg.solve(covariance, self._covariance_xy(inputs, outputs))
        return weight

    def _covariance_xy(self, inputs: slice, outputs: Tensor) -> Tensor:
        means = torch.outer(self.sum_x[inputs], self.sum_y[outputs]) / self.count**2
        return self.xy[inputs][:, outputs] / self.count - means


@torch.no_grad()
def copy_shared(student: SqueezeBertModel, teacher: Teacher) -> None:
    """Copies what student and teacher have alike: embeddings, layer norms, pooler."""
    student.embeddings.load_state_dict(teacher.embedding_weights())
    for layer, source in zip(_layers(student), teacher.layers, strict=True):
        layer.post_attention.layernorm.load_state_dict(source.post_attention_norm.state_dict())
        layer.output.layernorm.load_state_dict(source.output_norm.state_dict())
    if getattr(teacher.model, "pooler", None) is not None:
        student.pooler.load_state_dict(teacher.model.pooler.state_dict())


@torch.no_grad()
def closed_form(
    student: SqueezeBertModel, teacher: Teacher, input_ids: Tensor, report: Report | None = None
) -> None:
    """Fits the student's layers to the teacher's, first to last.

    Args:
        input_ids: Calibration sequences [sequences, length] without padding; some 100,000 tokens.
        report: Told how many layers are done.
    """
    student.train(mode=False)
    batches = input_ids.split(BATCH)
    hidden = [student.embeddings(batch, None, None, None) for batch in batches]
    teacher_hidden = [teacher.embed(batch) for batch in batches]
    for index, (layer, source) in enumerate(
        zip(_layers(student), teacher.layers, strict=True), start=1
    ):
        seen = _watch_teacher(source, teacher_hidden)
        _fit_attention(layer.attention, hidden, seen, teacher)
        contexts = [layer.attention(x)[0] for x in hidden]
        _fit_repair(layer.post_attention, zip(contexts, hidden, strict=True), seen["attention_sum"])
        attended = [
            layer.post_attention(context, x) for context, x in zip(contexts, hidden, strict=True)
        ]
        _fit_feed_forward(layer, attended, seen, source)
        # What is widened is large, so each batch's is computed anew instead of kept.
        widened = ((layer.intermediate(x), x) for x in attended)
        _fit_repair(layer.output, widened, seen["output_sum"])
        hidden = [layer.output(layer.intermediate(x), x) for x in attended]
        teacher_hidden = seen["hidden"]
        if report:
            report(index, len(teacher.layers))


def _watch_teacher(source: TeacherLayer, hidden: list[Tensor]) -> dict[str, list[Tensor]]:
    """What flows through one teacher layer, by batch."""
    parts: dict[str, tuple[nn.Module, bool]] = {
        "query": (source.query, False),
        "key": (source.key, False),
        "value": (source.value, False),
        "attention_sum": (source.post_attention_norm, True),
        "pre_activation": (source.intermediate, False),
        "activation": (source.output, True),
        "output_sum": (source.output_norm, True),
    }
    seen: dict[str, list[Tensor]] = {name: [] for name in parts}
    seen["hidden"] = []
    for batch in hidden:
        with _watching({name: module for name, (module, _) in parts.items()}) as flows:
            seen["hidden"].append(source.run(batch))
        for name, (_, wants_input) in parts.items():
            incoming, outgoing = flows[name]
            seen[name].append(incoming if wants_input else outgoing)
    return seen


def _fit_attention(
    attention: SqueezeBertSelfAttention,
    hidden: list[Tensor],
    seen: dict[str, list[Tensor]],
    teacher: Teacher,
) -> None:
    """Fits query, key and value, with heads put into the groups that serve them best."""
    parts = ("query", "key", "value")
    modules = [_start_pointwise(getattr(attention, name)) for name in parts]
    moments = []
    for name in parts:
        fit = Moments(hidden[0].shape[-1], hidden[0].shape[-1])
        for x, y in zip(hidden, seen[name], strict=True):
            fit.add(_rows(x), _rows(y))
        moments.append(fit)
    heads = teacher.config.num_attention_heads
    groups = modules[0].groups
    if heads % groups or any(module.groups != groups for module in modules):
        order = list(range(heads))
    else:
        gains = torch.stack([_gain(fit, groups) for fit in moments])
        gains /= gains.mean((1, 2), keepdim=True)
        order = _assign(gains.sum(0).view(groups, heads, -1).sum(-1), heads)
    channels = torch.arange(hidden[0].shape[-1]).view(heads, -1)[order].flatten()
    for module, fit in zip(modules, moments, strict=True):
        _set_grouped(module, fit, channels)


def _fit_feed_forward(
    layer: SqueezeBertLayer,
    attended: list[Tensor],
    seen: dict[str, list[Tensor]],
    source: TeacherLayer,
) -> None:
    """Fits the widening layer, with neurons put where their inputs and their readers are.

    A student with fewer neurons keeps those that it computes best and the teacher uses most.
    """
    module = _start_pointwise(layer.intermediate.conv1d)
    fit = Moments(source.intermediate.in_features, source.intermediate.out_features)
    spread = []
    for x, target, activation in zip(
        attended, seen["pre_activation"], seen["activation"], strict=True
    ):
        fit.add(_rows(x), _rows(target))
        spread.append(_rows(activation).var(0))
    groups = module.groups
    order = list(range(module.out_channels))
    if groups == _pointwise_of(layer.output.conv1d).groups:
        variance = _variance(seen["pre_activation"])
        read = torch.stack([rows.square().sum(0) for rows in source.output.weight.chunk(groups)])
        use = read.cpu() * torch.stack(spread).mean(0).cpu()
        order = _assign(_gain(fit, groups) / variance * use, module.out_channels)
    _set_grouped(module, fit, torch.tensor(order))


def _fit_repair(
    step: SqueezeBertResidual, given: Iterable[tuple[Tensor, Tensor]], wanted: list[Tensor]
) -> None:
    """Fits a step that adds to a residual, so that the sum comes out as the teacher's.

    Args:
        given: what the step is given of each batch, and the residual.
        wanted: the teacher's sums.
    """
    module = _start_pointwise(step.conv1d)
    fit = Moments(module.in_channels, module.out_channels)
    for (x, residual), total in zip(given, wanted, strict=True):
        fit.add(_rows(x), _rows(total - residual))
    _set_grouped(module, fit, torch.arange(module.out_channels))


@contextmanager
def _watching(modules: dict[str, nn.Module]) -> Iterator[dict[str, tuple[Tensor, Tensor]]]:
    """Records first input and output of named modules while the block runs."""
    flows: dict[str, tuple[Tensor, Tensor]] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            flows[name] = (inputs[0], output)

        return hook

    handles = [module.register_forward_hook(keep(name)) for name, module in modules.items()]
    try:
        yield flows
    finally:
        for handle in handles:
            handle.remove()


def _pointwise_of(module: nn.Module) -> nn.Conv1d:
    """The 1x1 convolution of a position-wise layer of either mixer."""
    pointwise = getattr(module, "pointwise", module)
    assert isinstance(pointwise, nn.Conv1d)
    return pointwise


def _start_pointwise(module: nn.Module) -> nn.Conv1d:
    """The 1x1 convolution, after making a depthwise one before it pass its input through.

    So the convolution gets what the whole step is given.
    """
    depthwise = getattr(module, "depthwise", None)
    if depthwise is not None:
        nn.init.zeros_(depthwise.weight)
        depthwise.weight[..., depthwise.weight.shape[-1] // 2] = 1.0
    return _pointwise_of(module)


def _set_grouped(module: nn.Conv1d, fit: Moments, channels: Tensor) -> None:
    """Fits each group's outputs, the given target channels in order, from its inputs."""
    width = module.in_channels // module.groups
    fits = [
        fit.fit(slice(group * width, (group + 1) * width), outputs)
        for group, outputs in enumerate(channels.chunk(module.groups))
    ]
    module.weight.copy_(torch.cat([weight for weight, _ in fits]).unsqueeze(-1))
    assert module.bias is not None  # always built with one
    module.bias.copy_(torch.cat([bias for _, bias in fits]))


def _gain(fit: Moments, groups: int) -> Tensor:
    """Variance of each output channel that each input group accounts for, [groups, outputs]."""
    width = len(fit.sum_x) // groups
    return torch.stack([fit.explained(slice(g * width, (g + 1) * width)) for g in range(groups)])


def _assign(gain: Tensor, seats: int) -> list[int]:
    """Items in order of their groups, equally many in each, for the greatest gain [groups, items].

    Within a group the items keep their order. With fewer seats than items, the rest are left out.
    """
    groups = len(gain)
    gain_by_seat = gain.repeat_interleave(seats // groups, dim=0)
    _, chosen = linear_sum_assignment(gain_by_seat.numpy(), maximize=True)
    return [
        int(item)
        for group in torch.from_numpy(chosen).chunk(groups)
        for item in group.sort().values
    ]


def _variance(batches: list[Tensor]) -> Tensor:
    return torch.cat([_rows(batch) for batch in batches]).var(0).double().cpu().clamp_min(1e-9)


def _layers(student: SqueezeBertModel) -> list[SqueezeBertLayer]:
    return cast(list[SqueezeBertLayer], list(student.encoder.layers))


def _rows(hidden: Tensor) -> Tensor:
    return hidden.flatten(0, 1)
