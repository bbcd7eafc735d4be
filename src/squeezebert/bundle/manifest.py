"""What a bundle says about itself: ``bundle.json`` as frozen dataclasses."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeAlias, get_args

FORMAT_VERSION = 1
MANIFEST = "bundle.json"
TOKENIZER = "tokenizer.json.gz"
CARD = "README.md"

Part: TypeAlias = Literal["embeddings", "encoder"]
Scheme: TypeAlias = Literal["int8_per_row", "float16", "float32"]
Mixer: TypeAlias = Literal["grouped", "depthwise_separable"]
ProblemType: TypeAlias = Literal[
    "single_label_classification", "multi_label_classification", "regression"
]

OUT_OF_SCOPE = "out_of_scope"
"""What a text is for which no label fits, in data and in predictions; no model has such a label."""

LAYER_KINDS = ("q", "k", "v", "post_attention", "intermediate", "output")


class ManifestError(ValueError):
    """A manifest that can't be used; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """The shape of a SqueezeBERT encoder, in the terms of its Hugging Face configuration.

    Attributes:
        mixer: "grouped" for 1x1 convolutions, "depthwise_separable" for a depthwise convolution of
            ``kernel_size`` positions before each of them.
        kernel_size: odd; 1 for the grouped mixer.
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
    mixer: Mixer = "grouped"
    kernel_size: int = 1

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type is int and not _is_count(value):
                raise ManifestError(f"{field.name} is {value!r}, not a positive whole number")
        if self.hidden_act != "gelu":
            raise ManifestError(f"hidden_act is {self.hidden_act!r}; only 'gelu' is supported")
        if self.mixer not in get_args(Mixer):
            raise ManifestError(f"mixer is {self.mixer!r}, not one of {', '.join(get_args(Mixer))}")
        if self.kernel_size % 2 == 0 or (self.mixer == "grouped" and self.kernel_size != 1):
            raise ManifestError(f"kernel_size {self.kernel_size} does not fit mixer {self.mixer!r}")
        if not isinstance(self.layer_norm_eps, float) or not 0 <= self.layer_norm_eps < 1:
            raise ManifestError(f"layer_norm_eps is {self.layer_norm_eps!r}, not in 0..1")
        if self.hidden_size % self.num_attention_heads:
            raise ManifestError("hidden_size is not a multiple of num_attention_heads")
        if set(self.groups) != set(LAYER_KINDS):
            raise ManifestError(f"groups must name exactly {', '.join(LAYER_KINDS)}")
        for kind, groups in self.groups.items():
            inputs, outputs = self.channels(kind)
            if not _is_count(groups) or inputs % groups or outputs % groups:
                raise ManifestError(f"groups.{kind} is {groups!r}, which does not divide its layer")

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
            "embeddings.word_embeddings.weight": (self.vocab_size, hidden),
            "embeddings.position_embeddings.weight": (self.max_position_embeddings, hidden),
            "embeddings.token_type_embeddings.weight": (self.type_vocab_size, hidden),
            "embeddings.LayerNorm.weight": (hidden,),
            "embeddings.LayerNorm.bias": (hidden,),
        }
        for index in range(self.num_hidden_layers):
            for kind in LAYER_KINDS:
                inputs, outputs = self.channels(kind)
                name = f"encoder.layers.{index}.{LAYER_NAMES[kind]}"
                if self.mixer == "depthwise_separable":
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


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of the bundle: its digest (hexadecimal) and its size."""

    sha256: str
    bytes: int

    def __post_init__(self) -> None:
        if not isinstance(self.sha256, str) or not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ManifestError(f"sha256 is {self.sha256!r}, not 64 hexadecimal digits")
        if not _is_count(self.bytes):
            raise ManifestError(f"bytes is {self.bytes!r}, not a positive whole number")


@dataclass(frozen=True, slots=True)
class TensorScheme:
    """How a tensor is stored: in which part, quantised how, of which shape.

    "int8_per_row" is two stored tensors, int8 ``name`` and float ``name.scale`` with one scale for
    each index of the first dimension; the value is their product.
    """

    part: Part
    scheme: Scheme
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.part not in get_args(Part):
            raise ManifestError(f"part is {self.part!r}, not one of {', '.join(get_args(Part))}")
        if self.scheme not in get_args(Scheme):
            raise ManifestError(
                f"scheme is {self.scheme!r}, not one of {', '.join(get_args(Scheme))}"
            )
        if not self.shape or not all(map(_is_count, self.shape)):
            raise ManifestError(f"shape is {self.shape!r}, not positive whole numbers")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """What a model is for: all that a pipeline has to know besides tokenizer and weights.

    A field that only some tasks have is optional, so that earlier bundles still load.

    Attributes:
        task: what the pipeline does, such as "classification".
        labels: label names in the order of the outputs; empty where outputs have no names.
        problem_type: as in a Hugging Face configuration; None where a task has but one kind.
        max_length: tokens that the model reads at once, special tokens included.
        null_threshold: by how much, in logits, the score of no answer may exceed that of the best
            span before a question has none; None where every question has an answer.
        temperature: divides the logits of a single-label problem before they become probabilities
            (Guo et al. 2017, arXiv 1706.04599).
        threshold: the probability that a single-label problem's best label must reach; below it
            the text is out of scope. None where every text has a label. Of a multi-label problem,
            the probability from which on a label is given; None is 0.5.
        entailment: the label by which a model of natural language inference says that the second
            text follows from the first; None for all other models.

    Raises:
        ManifestError: a value is of the wrong kind or the values don't fit together.
    """

    task: str
    labels: tuple[str, ...] = ()
    problem_type: ProblemType | None = None
    max_length: int
    null_threshold: float | None = None
    temperature: float = 1.0
    threshold: float | None = None
    entailment: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.task, str):
            raise ManifestError(f"task is {self.task!r}, not a name")
        if not all(isinstance(label, str) for label in self.labels):
            raise ManifestError("labels is not a list of names")
        if any("\ud800" <= character <= "\udfff" for character in "".join(self.labels)):
            raise ManifestError("labels holds a lone surrogate, half of a character")
        if len(set(self.labels)) < len(self.labels):
            raise ManifestError("labels names a label twice")
        if self.problem_type not in (None, *get_args(ProblemType)):
            raise ManifestError(f"problem_type is {self.problem_type!r}")
        if self.problem_type is not None and not self.labels:
            raise ManifestError(f"labels is empty, and a {self.problem_type} needs some")
        if self.problem_type == "regression" and len(self.labels) > 1:
            raise ManifestError("a regression has one label, the name of its value")
        if not _is_count(self.max_length):
            raise ManifestError(f"max_length is {self.max_length!r}")
        if self.null_threshold is not None and not isinstance(self.null_threshold, float):
            raise ManifestError(f"null_threshold is {self.null_threshold!r}, not a float")
        if not isinstance(self.temperature, float) or not 0 < self.temperature < math.inf:
            raise ManifestError(f"temperature is {self.temperature!r}, not a number above 0")
        if self.threshold is not None:
            if not isinstance(self.threshold, float) or not 0 <= self.threshold <= 1:
                raise ManifestError(f"threshold is {self.threshold!r}, not in 0..1")
            rejects = self.problem_type == "single_label_classification"
            if rejects and OUT_OF_SCOPE in self.labels:
                raise ManifestError(f"there is a threshold, but also a label {OUT_OF_SCOPE!r}")
            if not rejects and self.problem_type != "multi_label_classification":
                raise ManifestError("there is a threshold, but there are no classes")
        if self.entailment is not None and self.entailment not in self.labels:
            raise ManifestError(
                f"entailment is {self.entailment!r}, which is none of its labels: "
                f"{', '.join(self.labels)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest(TaskSpec):
    """The contents of ``bundle.json``: what the bundle is for, and all about its files.

    Attributes:
        files: every other file of the bundle by name; there may be no model card.
        tensors: every tensor by name.
        provenance: teacher, data, command, seeds and so on, as the exporter recorded them.
        evaluation: one mapping for each data set the bundle was scored on: data, metric,
            checkpoint (score of the float checkpoint), bundle (score of this bundle), examples.

    Raises:
        ManifestError: a value is of the wrong kind or the values don't fit together.
    """

    architecture: Architecture
    files: Mapping[str, StoredFile]
    tensors: Mapping[str, TensorScheme]
    provenance: Mapping[str, Any]
    evaluation: Sequence[Mapping[str, Any]]
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        TaskSpec.__post_init__(self)  # super() doesn't know a class with slots
        if self.max_length > self.architecture.max_position_embeddings:
            raise ManifestError(
                f"max_length {self.max_length} exceeds the "
                f"{self.architecture.max_position_embeddings} positions of the encoder"
            )
        expected = {TOKENIZER} | {self.file_of(part) for part in get_args(Part)}
        if set(self.files) - {CARD} != expected:
            raise ManifestError(f"files names {sorted(self.files)}, not {sorted(expected)}")
        for name, shape in self.architecture.shapes().items():
            stored = self.tensors.get(name)
            if stored is None:
                raise ManifestError(f"tensor {name} is missing")
            if stored.shape != shape:
                raise ManifestError(f"tensor {name} has shape {stored.shape} instead of {shape}")

    def file_of(self, part: Part) -> str:
        """Name of the file that holds a part of the weights."""
        for name, file in self.files.items():
            if name == part_name(part, file.sha256):
                return name
        raise ManifestError(f"files names no {part} part")

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False, indent=1, allow_nan=False).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Manifest":
        """Reads what `to_json` wrote.

        Raises:
            ManifestError: not JSON, of another format version, or with missing, unknown or wrong
                values.
        """
        try:
            values = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise ManifestError(f"it is not JSON: {error}") from error
        if not isinstance(values, dict) or "format_version" not in values:
            raise ManifestError("it has no format_version, so it is no bundle's manifest")
        version = values["format_version"]
        if version != FORMAT_VERSION:
            raise ManifestError(
                f"its format version is {version!r}; this squeezebert reads version "
                f"{FORMAT_VERSION}. Install the squeezebert that wrote it"
            )
        kinds = {"labels": list, "files": dict, "tensors": dict, "provenance": dict}
        for name, kind in {**kinds, "evaluation": list}.items():
            if not isinstance(values.get(name), kind):
                raise ManifestError(f"{name} is missing or of the wrong kind")
        members = {
            "labels": tuple(values["labels"]),
            "architecture": _build(Architecture, values.get("architecture"), "architecture"),
            "files": {
                name: _build(StoredFile, file, f"files.{name}")
                for name, file in values["files"].items()
            },
            "tensors": {
                name: _build(TensorScheme, tensor, f"tensors.{name}")
                for name, tensor in values["tensors"].items()
            },
        }
        manifest: Manifest = _build(cls, values | members, "the manifest")
        return manifest


def part_name(part: Part, sha256: str) -> str:
    """File name of a part; equal parts have equal names, so that bundles can share them."""
    return f"{part}-{sha256[:16]}.safetensors"


def _build(kind: Any, values: Any, where: str) -> Any:
    if not isinstance(values, dict):
        raise ManifestError(f"{where} is missing or of the wrong kind")
    if isinstance(values.get("shape"), list):
        values = {**values, "shape": tuple(values["shape"])}
    try:
        return kind(**values)
    except ManifestError as error:
        raise ManifestError(f"{where}: {error}") from error
    except TypeError as error:  # a missing, unknown or unhashable value
        raise ManifestError(f"{where} has missing, unknown or wrong fields ({error})") from error


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number of JSON")
