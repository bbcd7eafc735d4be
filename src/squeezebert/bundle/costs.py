"""What an encoder costs: parameters, bytes and floating-point operations, by kind of layer."""

import math
import re
from dataclasses import dataclass, replace

from squeezebert.bundle.architecture import LAYER_KINDS, LAYER_NAMES, Architecture, Mixer
from squeezebert.bundle.checks import ManifestError
from squeezebert.bundle.tensors import stays_float
from squeezebert.errors import InputError

SHAPES = {"mini": (6, 384), "base": (12, 768)}
"""Layers and hidden size; base is the paper's."""

_WRITTEN = re.compile(r"(\d{1,4})x(\d{1,6})")

BYTES = {"fp32": 4, "fp16": 2}
_SCALE_BYTES = 2
_READABLE = dict(zip(LAYER_KINDS, ("query", "key", "value", *LAYER_KINDS[3:]), strict=True))


@dataclass(frozen=True, slots=True)
class Cost:
    """What one kind of layer costs, over all layers of that kind.

    Attributes:
        flops: two for each multiplication with its addition, in matrix products and convolutions;
            what is done once per element (norms, softmax, activations) is not counted.
        int8_bytes: as a bundle stores them: matrices in int8 with a float16 scale for each row;
            biases, norms, token types and depthwise filters in float32.
    """

    kind: str
    parameters: int
    flops: int
    int8_bytes: int

    def bytes(self, precision: str) -> int:
        """Size at "fp32", "fp16" or "int8"."""
        return self.int8_bytes if precision == "int8" else self.parameters * BYTES[precision]


def shape_named(
    name: str, groups: int | None = None, mixer: Mixer = Mixer.GROUPED, kernel_size: int = 3
) -> Architecture:
    """The architecture of "mini", "base" or "LAYERSxHIDDEN" such as "4x256".

    The vocabulary is bert-base-uncased's; the layer after attention is dense, as in the paper, and
    all others have ``groups``, by default the paper's 4. Attention has 12 heads, or fewer where
    they would have less than 32 channels each. "mini" alone, without ``groups`` and
    grouped, is what `squeezebert squeeze` makes: query, key and value in 2 groups and a dense
    feed-forward of 5/8 of the width. The built-in models have 5 taps before each layer besides.

    Raises:
        InputError: there is no such shape.
    """
    if name in SHAPES:
        layers, hidden = SHAPES[name]
    elif written := _WRITTEN.fullmatch(name):
        layers, hidden = int(written[1]), int(written[2])
    else:
        raise InputError(
            f"There is no shape {name!r}. Give {', '.join(SHAPES)} or LAYERSxHIDDEN such as 4x256."
        )
    if kernel_size % 2 == 0:
        raise InputError(f"kernel_size is {kernel_size}. Give an odd number, such as 3 or 5.")
    if name == "mini" and groups is None and mixer == Mixer.GROUPED:
        neurons, groups_of = hidden * 5 // 8, {"q": 2, "k": 2, "v": 2}
    else:
        neurons, groups_of = 4 * hidden, dict.fromkeys(LAYER_KINDS, groups or 4)
        groups_of["post_attention"] = 1
    try:
        return Architecture(
            vocab_size=30522,
            hidden_size=hidden,
            num_hidden_layers=layers,
            num_attention_heads=_heads(hidden),
            intermediate_size=neurons,
            max_position_embeddings=512,
            type_vocab_size=2,
            groups={kind: groups_of.get(kind, 1) for kind in LAYER_KINDS},
            mixer=mixer,
            kernel_size=1 if mixer == Mixer.GROUPED else kernel_size,
        )
    except ManifestError as error:
        split = math.lcm(*groups_of.values())
        possible = f"{max(1, layers)}x{max(1, hidden // split) * split}"
        raise InputError(
            f"There is no shape {name!r}: {error}. Give one such as {possible}"
            f"{', or other groups' if groups else ''}."
        ) from error


def _heads(hidden: int) -> int:
    """As many heads as BERT-base has, or the most below that leave 32 channels to each."""
    return next(n for n in range(12, 0, -1) if n == 1 or (hidden % n == 0 and hidden // n >= 32))


def is_shape(name: str) -> bool:
    """Whether a name is one that `shape_named` knows."""
    return name in SHAPES or _WRITTEN.fullmatch(name) is not None


def as_bert(architecture: Architecture) -> Architecture:
    """BERT of the same depth and width: dense layers, a feed-forward four times as wide."""
    return replace(
        architecture,
        intermediate_size=4 * architecture.hidden_size,
        groups=dict.fromkeys(LAYER_KINDS, 1),
        mixer=Mixer.GROUPED,
        kernel_size=1,
    )


def costs(architecture: Architecture, length: int) -> list[Cost]:
    """Costs of encoding one sequence of ``length`` tokens, pooler included, by kind of layer."""
    layers, hidden = architecture.num_hidden_layers, architecture.hidden_size
    shapes = architecture.shapes() | {
        "pooler.dense.weight": (hidden, hidden),
        "pooler.dense.bias": (hidden,),
    }
    found = [_cost("embeddings", "embeddings.", shapes, 0)]
    for kind in LAYER_KINDS:
        inputs, outputs = architecture.channels(kind)
        products = inputs * outputs // architecture.groups[kind]
        if architecture.mixer == Mixer.SEPARABLE:
            products += inputs * architecture.kernel_size
        name = LAYER_NAMES[kind]
        flops = 2 * layers * length * products
        found.append(_cost(_READABLE[kind], name, shapes, flops))
    attention = 2 * layers * 2 * length * length * hidden
    found.append(Cost("attention scores and context", 0, attention, 0))
    found.append(_cost("layer norms", ".layernorm.", shapes, 0))
    found.append(_cost("pooler", "pooler.", shapes, 2 * hidden * hidden))
    return found


def total(parts: list[Cost]) -> Cost:
    """The sum of costs."""
    return Cost(
        "total",
        sum(part.parameters for part in parts),
        sum(part.flops for part in parts),
        sum(part.int8_bytes for part in parts),
    )


def _cost(kind: str, name: str, shapes: dict[str, tuple[int, ...]], flops: int) -> Cost:
    mine = {full: shape for full, shape in shapes.items() if name in full}
    stored = sum(
        4 * math.prod(shape)
        if stays_float(full, shape)
        else math.prod(shape) + _SCALE_BYTES * shape[0]
        for full, shape in mine.items()
    )
    return Cost(kind, sum(map(math.prod, mine.values())), flops, stored)
