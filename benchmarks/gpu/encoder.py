"""One encoder for teachers and students: BERT's, with what MPNet and SqueezeBERT do differently.

Parameters are a dictionary of tensors by name:

    words [vocabulary, width], positions, types, embedding_norm.weight, embedding_norm.bias
    layer0.query.weight [out, in], .bias, .taps [taps, in], and so for all of PARTS
    layer0.post_attention_norm.weight, .bias, layer0.output_norm.weight, .bias
    relative [buckets, heads], of MPNet alone; pooler.weight, pooler.bias; heads by their task

Matrices of grouped layers are dense here, and zero outside of their blocks: a graphics processor
multiplies one matrix faster than two of half the size. A CPU multiplies the blocks.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from benchmarks.gpu import cpu
from benchmarks.gpu.blocks import Blocks
from benchmarks.gpu.taps import convolve
from torch import Tensor
from torch.nn import functional as F

from squeezebert.model.layers import in_groups

Parameters = dict[str, Tensor]

GROUPED = ("query", "key", "value")
PARTS = (*GROUPED, "post_attention", "intermediate", "output")
NORMS = ("post_attention_norm", "output_norm")
FAR = 128
"""Distance from which on MPNet's positions share a bucket."""
MASKED = -30000.0


@dataclass(frozen=True)
class Shape:
    """The sizes of an encoder.

    Attributes:
        neurons: Of the feed-forward.
        groups: Of query, key and value.
        taps: Of the depthwise convolution before every matrix; 0 without one.
        relative: Whether attention knows distances, as MPNet's does.
        epsilon: Of layer norms.
    """

    layers: int
    width: int
    heads: int
    neurons: int
    groups: int = 1
    taps: int = 0
    relative: bool = False
    epsilon: float = 1e-12

    def sizes(self, part: str) -> tuple[int, int]:
        """Outputs and inputs of a part's matrix."""
        wide = {"intermediate": (self.neurons, self.width), "output": (self.width, self.neurons)}
        return wide.get(part, (self.width, self.width))

    def blocks(self, part: str) -> int:
        """In how many blocks on its diagonal a part's matrix may differ from zero."""
        return self.groups if part in GROUPED else 1

    def matrices(self) -> dict[str, int]:
        """The names of the layers' matrices, and the blocks of each."""
        return {
            f"layer{layer}.{part}.weight": self.blocks(part)
            for layer in range(self.layers)
            for part in PARTS
        }


def identity_taps(shape: Shape, part: str) -> Tensor:
    """Filters [taps, in] that leave their input as it is."""
    taps = torch.zeros(shape.taps, shape.sizes(part)[1])
    taps[shape.taps // 2] = 1
    return taps


def states(
    parameters: Parameters,
    shape: Shape,
    ids: Tensor,
    lengths: Tensor | None = None,
    second: Tensor | None = None,
    dropout: float = 0.0,
    told: Sequence[Tensor] = (),
    segment: int = 0,
) -> list[Tensor]:
    """The output of every layer, [batch, length, width] each.

    Args:
        ids: [batch, length].
        lengths: [batch], in tokens; None: there is no padding.
        second: [batch], where the second text of a pair begins, 0 where there is none.
        told: A teacher's outputs, which every layer that begins a segment reads instead.
        segment: In layers.
    """
    batch, length = ids.shape
    places = torch.arange(length, device=ids.device)[None]
    x = F.embedding(ids, parameters["words"]) + _types(parameters, places, second)
    x = _norm(parameters, "embedding_norm", x + parameters["positions"][:length], shape)
    x = F.dropout(x, dropout) if dropout else x
    inside = None if lengths is None else (places < lengths[:, None])[:, None, None]
    mask = inside
    if shape.relative:
        bias = _relative_bias(parameters["relative"], length).to(x.dtype)
        bias = bias if inside is None else bias.masked_fill(~inside, MASKED)
        mask = bias.expand(batch, -1, -1, -1)
    if lengths is None:
        lengths = torch.full((batch,), length, device=ids.device, dtype=torch.int32)
    found = []
    for layer in range(shape.layers):
        if told and layer and layer % segment == 0:
            x = told[layer - 1]
        x = _layer(parameters, shape, f"layer{layer}.", x, lengths, mask, dropout)
        found.append(x)
    return found


def _layer(
    parameters: Parameters,
    shape: Shape,
    name: str,
    x: Tensor,
    lengths: Tensor,
    mask: Tensor | None,
    dropout: float,
) -> Tensor:
    def part(of: Tensor, which: str) -> Tensor:
        place = name + which
        if shape.taps:
            of = convolve(of, parameters[f"{place}.taps"], lengths)
        weight, bias = parameters[f"{place}.weight"], parameters[f"{place}.bias"]
        groups = shape.blocks(which)
        if groups == 1 or of.is_cuda:
            return F.linear(of, weight, bias)
        blocks = Blocks.apply(groups, weight)  # type: ignore[no-untyped-call]
        rows = of.reshape(-1, groups, of.shape[-1] // groups)
        return in_groups(rows, blocks, bias.view(groups, -1)).reshape(of.shape)

    def residual(added: Tensor, to: Tensor, norm: str) -> Tensor:
        added = F.dropout(added, dropout) if dropout else added
        if cpu.can_norm(added):
            own = (parameters[f"{name}{norm}.{kind}"] for kind in ("weight", "bias"))
            normed: Tensor = cpu.ResidualNorm.apply(to, added, *own, shape.epsilon)  # type: ignore[no-untyped-call]
            return normed
        return _norm(parameters, name + norm, to + added, shape)

    divides = shape.taps and shape.heads % shape.groups == 0
    if divides and cpu.can_convolve(x, parameters[f"{name}query.taps"], shape.groups):
        context = _grouped_context(parameters, shape, name, x, lengths, mask, dropout)
    else:
        batch, length, width = x.shape
        query, key, value = (
            part(x, which).view(batch, length, shape.heads, -1).transpose(1, 2) for which in GROUPED
        )
        attended = _attended(query, key, value, mask, dropout)
        context = attended.transpose(1, 2).reshape(batch, length, width)
    x = residual(part(context, "post_attention"), x, "post_attention_norm")
    return residual(part(F.gelu(part(x, "intermediate")), "output"), x, "output_norm")


def _grouped_context(
    parameters: Parameters,
    shape: Shape,
    name: str,
    x: Tensor,
    lengths: Tensor,
    mask: Tensor | None,
    dropout: float,
) -> Tensor:
    """Attention where only the blocks of queries, keys and values are multiplied, all at once."""
    batch, length, width = x.shape
    groups = shape.groups

    def of(kind: str) -> list[Tensor]:
        return [parameters[f"{name}{part}.{kind}"] for part in GROUPED]

    taps = torch.stack(of("taps"))
    mixed = cpu.Convolution.apply(x, taps, lengths, groups).flatten(0, 1)  # type: ignore[no-untyped-call]
    blocks = Blocks.apply(groups, *of("weight"))  # type: ignore[no-untyped-call]
    bias = torch.cat(of("bias")).view(len(blocks), 1, -1)
    found = torch.baddbmm(bias, mixed, blocks.mT)
    heads = found.view(3, groups, batch, length, shape.heads // groups, -1).transpose(3, 4)
    query, key, value = heads
    attended = _attended(query, key, value, mask, dropout)
    return attended.permute(1, 3, 0, 2, 4).reshape(batch, length, width)


def _attended(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float
) -> Tensor:
    if query.is_cuda or not torch.is_grad_enabled():
        return F.scaled_dot_product_attention(query, key, value, mask, dropout_p=dropout)
    # PyTorch's own on a CPU has a slow backward pass.
    scores = query / math.sqrt(query.shape[-1]) @ key.mT
    if mask is not None:
        scores = scores.masked_fill(~mask, MASKED) if mask.dtype == torch.bool else scores + mask
    weights = scores.softmax(-1)
    return (F.dropout(weights, dropout) if dropout else weights) @ value


def _norm(parameters: Parameters, name: str, x: Tensor, shape: Shape) -> Tensor:
    weight, bias = parameters[f"{name}.weight"], parameters[f"{name}.bias"]
    return F.layer_norm(x, (shape.width,), weight, bias, shape.epsilon)


def _types(parameters: Parameters, places: Tensor, second: Tensor | None) -> Tensor:
    first_type: Tensor = parameters["types"][0]
    second_type: Tensor = parameters["types"][1]
    if second is None:
        return first_type
    is_second = (places >= second[:, None]) & (second[:, None] > 0)
    added: Tensor = is_second[..., None].to(first_type.dtype) * (second_type - first_type)
    return first_type + added


def _relative_bias(relative: Tensor, length: int) -> Tensor:
    """What MPNet adds to scores of attention: [1, heads, length, length]."""
    return relative[_buckets(length, len(relative), relative.device)].permute(2, 0, 1)[None]


@cache
def _buckets(length: int, buckets: int, device: torch.device) -> Tensor:
    """The bucket of every pair of places; T5's, which MPNet has (Raffel et al. 2020)."""
    places = torch.arange(length, device=device)
    back = places[:, None] - places[None, :]
    half = buckets // 2
    exact = half // 2
    distance = back.abs()
    growth = torch.log(distance.float().clamp(min=1) / exact) / math.log(FAR / exact)
    far = (exact + (growth * (half - exact)).long()).clamp(max=half - 1)
    return (back < 0).long() * half + torch.where(distance < exact, distance, far)
