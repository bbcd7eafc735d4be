"""What a bundle says about itself: ``bundle.json`` as frozen dataclasses."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from squeezebert.bundle.architecture import Architecture
from squeezebert.bundle.checks import ManifestError, check_names, is_count
from squeezebert.bundle.heads import HeadSpec, TaskSpec

FORMAT_VERSION = 2
MANIFEST = "bundle.json"
TOKENIZER = "tokenizer.json.gz"
CARD = "README.md"
PART_SUFFIX = ".safetensors"

Part: TypeAlias = Literal["embeddings", "encoder", "heads"]
Scheme: TypeAlias = Literal["int8_per_row", "int4_per_block", "float16", "float32"]
"""How the values of a tensor are stored; see `TensorScheme`."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of the bundle.

    Attributes:
        sha256: its digest, 64 hexadecimal digits.
        bytes: its size.
    """

    sha256: str
    bytes: int

    def __post_init__(self) -> None:
        if not isinstance(self.sha256, str) or not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ManifestError(f"sha256 is {self.sha256!r}, not 64 hexadecimal digits")
        if not is_count(self.bytes):
            raise ManifestError(f"bytes is {self.bytes!r}, not a positive whole number")


@dataclass(frozen=True, slots=True)
class TensorScheme:
    """How a tensor is stored: in which part, quantised how, of which shape.

    "int8_per_row" is two stored tensors, int8 ``name`` and float ``name.scale`` with one scale for
    each index of the first dimension; the value is their product. "int4_per_block" is uint8
    ``name`` of half as many columns, two integers in a byte, and float ``name.scale`` with one
    scale for each block of a row.

    Attributes:
        part: which file of weights holds it.
        scheme: how its values are stored.
        shape: of the values, not of what is stored.
        block_size: how many values of a row share a scale; None where there are no blocks.
    """

    part: Part
    scheme: Scheme
    shape: tuple[int, ...]
    block_size: int | None = None

    def __post_init__(self) -> None:
        if self.part not in get_args(Part):
            raise ManifestError(f"part is {self.part!r}, not one of {', '.join(get_args(Part))}")
        if self.scheme not in get_args(Scheme):
            raise ManifestError(
                f"scheme is {self.scheme!r}, not one of {', '.join(get_args(Scheme))}"
            )
        if not self.shape or not all(map(is_count, self.shape)):
            raise ManifestError(f"shape is {self.shape!r}, not positive whole numbers")
        if (self.scheme == "int4_per_block") != (self.block_size is not None):
            raise ManifestError(f"block_size is {self.block_size!r} for scheme {self.scheme}")
        if self.block_size is not None and not (
            is_count(self.block_size)
            and self.block_size % 2 == 0
            and len(self.shape) == 2
            and self.shape[1] % self.block_size == 0
        ):
            raise ManifestError(f"block_size {self.block_size!r} does not fit shape {self.shape}")


class Score(NamedTuple):
    """How good a head is on some data, in a metric."""

    head: str
    metric: str
    value: float
    data: str

    def __str__(self) -> str:
        return f"{self.metric} {self.value:.4g} on {self.data}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The contents of ``bundle.json``: what the bundle is for, and all about its files.

    Attributes:
        architecture: the encoder's shape.
        heads: what the encoder's output is made into; one or more, each with a name of its own.
        files: every other file of the bundle by name; there may be no model card, and no part for
            heads, whose tensors may also be in the encoder's.
        tensors: every tensor by name.
        provenance: teacher, data, command, seeds and so on, as the exporter recorded them.
        evaluation: one mapping for each data set the bundle was scored on: head, data, metric,
            checkpoint (score of the float checkpoint), bundle (score of this bundle), examples,
            and instruction_sets (score of this bundle by instruction set), as far as known.
        format_version: of ``bundle.json``.

    Raises:
        ManifestError: a value is of the wrong kind or the values don't fit together.
    """

    heads: tuple[HeadSpec, ...]
    architecture: Architecture
    files: Mapping[str, StoredFile]
    tensors: Mapping[str, TensorScheme]
    provenance: Mapping[str, Any]
    evaluation: Sequence[Mapping[str, Any]]
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        if not self.heads:
            raise ManifestError("heads is empty; a bundle has one or more")
        check_names("heads", tuple(head.name for head in self.heads))
        positions = self.architecture.max_position_embeddings
        for head in self.heads:
            if head.max_length > positions:
                raise ManifestError(
                    f"max_length {head.max_length} exceeds the {positions} positions of the encoder"
                )
        parts = self.parts()
        if parts.keys() - {"heads"} != {"embeddings", "encoder"} or TOKENIZER not in self.files:
            raise ManifestError(f"files names {sorted(self.files)}, not the files of a bundle")
        if set(self.files) - {CARD, TOKENIZER} != set(parts.values()):
            raise ManifestError(f"files names {sorted(self.files)}, some of them no bundle's")
        for name, tensor in self.tensors.items():
            if tensor.part not in parts:
                raise ManifestError(f"tensor {name}: there is no {tensor.part} part")
        # Before their names are made: a number in a file says how many there are.
        if self.architecture.num_hidden_layers > len(self.tensors):
            raise ManifestError(
                f"num_hidden_layers is {self.architecture.num_hidden_layers}, more than it has "
                "tensors"
            )
        for name, shape in self.architecture.shapes().items():
            stored = self.tensors.get(name)
            if stored is None:
                raise ManifestError(f"tensor {name} is missing")
            if stored.shape != shape:
                raise ManifestError(f"tensor {name} has shape {stored.shape} instead of {shape}")
        for place, score in enumerate(self.evaluation):
            _check_score(score, f"evaluation[{place}]")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the heads, in order."""
        return tuple(head.name for head in self.heads)

    @property
    def scores(self) -> tuple[Score, ...]:
        """Those of ``evaluation`` that are whole; without a head's name they are the first's."""
        return tuple(
            Score(
                score.get("head", self.heads[0].name),
                score["metric"],
                score["bundle"],
                score["data"],
            )
            for score in self.evaluation
            if {"metric", "bundle", "data"} <= score.keys()
        )

    def parts(self) -> dict[Part, str]:
        """The file of each part of the weights that the bundle has."""
        return {
            part: name
            for part in get_args(Part)
            for name, file in self.files.items()
            if name == part_name(part, file.sha256)
        }

    def to_json(self) -> bytes:
        """The contents of ``bundle.json``."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1, allow_nan=False).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Manifest":
        """Reads what `to_json` wrote, now or when the format's version was 1.

        Raises:
            ManifestError: not JSON, of a later format version, or with missing, unknown or wrong
                values.
        """
        try:
            values = json.loads(text, parse_constant=_number, parse_float=_number)
        except (ValueError, RecursionError) as error:
            raise ManifestError(f"it is not JSON: {error}") from error
        try:
            json.dumps(values, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise ManifestError("it holds a lone surrogate, half of a character") from error
        if not isinstance(values, dict) or "format_version" not in values:
            raise ManifestError("it has no format_version, so it is no bundle's manifest")
        if values["format_version"] == 1:
            values = _from_version_1(values)
        if values["format_version"] != FORMAT_VERSION:
            raise ManifestError(
                f"its format version is {values['format_version']!r}; this squeezebert reads "
                f"versions 1 to {FORMAT_VERSION}. Install the squeezebert that wrote it"
            )
        kinds = {"heads": list, "files": dict, "tensors": dict, "provenance": dict}
        for name, kind in {**kinds, "evaluation": list}.items():
            if not isinstance(values.get(name), kind):
                raise ManifestError(f"{name} is missing or of the wrong kind")
        members = {
            "heads": tuple(
                _build(HeadSpec, head, f"heads[{index}]")
                for index, head in enumerate(values["heads"])
            ),
            "architecture": _build(
                Architecture, _respelt(values.get("architecture")), "architecture"
            ),
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


def _from_version_1(values: dict[str, Any]) -> dict[str, Any]:
    """The same in version 2: what there was of the one task is the one head."""
    names = {field.name for field in fields(TaskSpec)}
    head = {name: value for name, value in values.items() if name in names}
    rest = {name: value for name, value in values.items() if name not in names}
    return rest | {
        "heads": [head | {"name": head.get("task")}],
        "format_version": FORMAT_VERSION,
    }


def _respelt(architecture: Any) -> Any:
    """With the mixer's name as it is now, whatever earlier bundles call it."""
    if isinstance(architecture, dict) and architecture.get("mixer") == "depthwise_separable":
        return architecture | {"mixer": "separable"}
    return architecture


def part_name(part: Part, sha256: str) -> str:
    """File name of a part; equal parts have equal names, so that bundles can share them."""
    return f"{part}-{sha256[:16]}{PART_SUFFIX}"


def _build(kind: Any, values: Any, where: str) -> Any:
    if not isinstance(values, dict):
        raise ManifestError(f"{where} is missing or of the wrong kind")
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    try:
        return kind(**values | lists)
    except ManifestError as error:
        raise ManifestError(f"{where}: {error}") from error
    except (TypeError, AttributeError) as error:  # a missing, unknown or unhashable value
        raise ManifestError(f"{where} has missing, unknown or wrong fields ({error})") from error


def _check_score(score: Any, what: str) -> None:
    """Raises ManifestError unless what there is of a score is of the right kind."""
    if not isinstance(score, Mapping):
        raise ManifestError(f"{what} is {score!r}, no score")
    for name in ("head", "data", "metric"):
        if not isinstance(score.get(name, ""), str):
            raise ManifestError(f"{what}: {name} is {score[name]!r}, not a name")
    for name in ("checkpoint", "bundle"):
        value = score.get(name, 0.0)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ManifestError(f"{what}: {name} is {value!r}, not a number")


def _number(written: str) -> float:
    """A number, unless it is one that JSON has not, or that is too large to be finite."""
    value = float(written)
    if not math.isfinite(value):
        raise ValueError(f"{written} is not a finite number")
    return value
