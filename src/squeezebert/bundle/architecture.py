"""The shape of an encoder, and the names and shapes of its tensors."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

from squeezebert.bundle.checks import ManifestError, is_count


class Mixer(StrEnum):
    """Kinds of position-wise layer.

    Attributes:
        GROUPED: a 1x1 convolution in groups.
        SEPARABLE: depthwise separable, a depthwise convolution over some positions before it.
    """

    GROUPED = "grouped"
    SEPARABLE = "separable"


_SMALLEST_EPS = 1e-20  # far below any in use; zero divides a row of equal numbers by zero

WORDS = "embeddings.word_embeddings.weight"
"""Name of the table of word embeddings."""

LAYER_KINDS = ("q", "k", "v", "post_attention", "intermediate", "output")


@dataclass(frozen=True, slots=True)
class Architecture:
    """The shape of a SqueezeBERT encoder, in the terms of its Hugging Face configuration.

    Attributes:
        vocab_size: rows of the table of word embeddings.
        hidden_size: width of the hidden states.
        num_hidden_layers: layers.
        num_attention_heads: heads of attention in each layer; they share ``hidden_size``.
        intermediate_size: neurons of the feed-forward.
        max_position_embeddings: tokens of the longest sequence that can be read at once.
        type_vocab_size: kinds of segment; 2 for pairs of texts.
        layer_norm_eps: what each layer norm adds to the variance.
        hidden_act: the feed-forward's activation; only "gelu" is supported.
        mixer: the kind of position-wise layer.
        kernel_size: positions that a separable layer sees, odd; 1 for the grouped mixer.
        groups: how many groups the 1x1 convolution of each kind of layer has; the kinds are
            q, k, v, post_attention, intermediate and output.

    Raises:
        ManifestError: the sizes don't fit together or a value is not supported.
    """

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    type_vocab_size: int
    groups: Mapping[str, int]
    layer_norm_eps: float = 1e-12
    hidden_act: str = "gelu"
    mixer: Mixer = Mixer.GROUPED
    kernel_size: int = 1

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type is int and not is_count(value):
                raise ManifestError(f"{field.name} is {value!r}, not a positive whole number")
        if self.hidden_act != "gelu":
            raise ManifestError(f"hidden_act is {self.hidden_act!r}; only 'gelu' is supported")
        if self.mixer not in list(Mixer):
            raise ManifestError(f"mixer is {self.mixer!r}, not one of {', '.join(Mixer)}")
        if self.kernel_size % 2 == 0 or (self.mixer == Mixer.GROUPED and self.kernel_size != 1):
            raise ManifestError(f"kernel_size {self.kernel_size} does not fit mixer '{self.mixer}'")
        if (
            not isinstance(self.layer_norm_eps, float)
            or not _SMALLEST_EPS <= self.layer_norm_eps < 1
        ):
            raise ManifestError(
                f"layer_norm_eps is {self.layer_norm_eps!r}, not in {_SMALLEST_EPS:g}..1"
            )
        if self.hidden_size % self.num_attention_heads:
            raise ManifestError("hidden_size is not a multiple of num_attention_heads")
        if set(self.groups) != set(LAYER_KINDS):
            raise ManifestError(f"groups must name exactly {', '.join(LAYER_KINDS)}")
        for kind, groups in self.groups.items():
            inputs, outputs = self.channels(kind)
            if not is_count(groups) or inputs % groups or outputs % groups:
                widths = " and ".join(map(str, dict.fromkeys((inputs, outputs))))
                raise ManifestError(f"groups.{kind} is {groups!r}, which does not divide {widths}")

    def channels(self, kind: str) -> tuple[int, int]:
        """Channels in and out of a kind of position-wise layer."""
        wide = self.intermediate_size
        return (
            wide if kind == "output" else self.hidden_size,
            wide if kind == "intermediate" else self.hidden_size,
        )

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor of the encoder; names are those of Hugging Face."""
        hidden = self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {
            WORDS: (self.vocab_size, hidden),
            "embeddings.position_embeddings.weight": (self.max_position_embeddings, hidden),
            "embeddings.token_type_embeddings.weight": (self.type_vocab_size, hidden),
            "embeddings.LayerNorm.weight": (hidden,),
            "embeddings.LayerNorm.bias": (hidden,),
        }
        for index in range(self.num_hidden_layers):
            for kind in LAYER_KINDS:
                inputs, outputs = self.channels(kind)
                name = f"encoder.layers.{index}.{LAYER_NAMES[kind]}"
                if self.mixer == Mixer.SEPARABLE:
                    shapes[f"{name}.depthwise.weight"] = (inputs, 1, self.kernel_size)
                    name += ".pointwise"
                shapes[f"{name}.weight"] = (outputs, inputs // self.groups[kind], 1)
                shapes[f"{name}.bias"] = (outputs,)
            for norm in ("post_attention", "output"):
                name = f"encoder.layers.{index}.{norm}.layernorm"
                shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = (hidden,)
        return shapes


LAYER_NAMES = {
    "q": "attention.query",
    "k": "attention.key",
    "v": "attention.value",
    "post_attention": "post_attention.conv1d",
    "intermediate": "intermediate.conv1d",
    "output": "output.conv1d",
}
