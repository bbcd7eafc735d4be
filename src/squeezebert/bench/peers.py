"""The models and engines that we are measured against, and choosing among them by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any

from squeezebert.bench.contenders.contract import Framework
from squeezebert.errors import InputError, MissingExtraError


@dataclass(frozen=True, slots=True)
class PeerModel:
    """A shape of transformers: the type of its configuration and what differs from the defaults."""

    name: str
    model_type: str
    settings: Mapping[str, Any] = field(default_factory=dict)


PEER_MODELS = (
    PeerModel("squeezebert", "squeezebert"),
    PeerModel("bert-base", "bert"),
    PeerModel(
        "minilm",
        "bert",
        {"hidden_size": 384, "num_hidden_layers": 6, "intermediate_size": 1536},
    ),
    PeerModel("distilbert", "distilbert"),
    PeerModel("mobilebert", "mobilebert"),
)

_IN_GOALS = 3
"""How many of them, from the first, the figures aimed at are held against."""

ENGINES: dict[Framework, tuple[str, ...]] = {
    "torch": ("eager", "sdpa"),
    "onnxruntime": ("fp32", "int8"),
    "openvino": ("fp32", "bf16", "int8"),
}

_PACKAGES: dict[Framework, tuple[str, ...]] = {
    "torch": ("torch", "transformers"),
    # Peers are made in PyTorch and converted.
    "onnxruntime": ("torch", "transformers", "onnx", "onnxruntime"),
    "openvino": ("torch", "transformers", "onnx", "openvino", "nncf"),
}


@dataclass(frozen=True, slots=True)
class Peers:
    """Which models take part, in which frameworks, and why others don't."""

    models: tuple[PeerModel, ...]
    frameworks: tuple[Framework, ...]
    left_out: tuple[str, ...] = ()


def choose_peers(wanted: str, quick: bool = False) -> Peers:
    """Reads "all", "none", or names of models and frameworks with commas between.

    Naming no model means all models, or in a quick run those that the goals need; naming no
    framework means all that are installed.

    Raises:
        InputError: a name is unknown; the message suggests near ones.
        MissingExtraError: a framework is named whose packages are not installed.
    """
    if wanted == "none":
        return Peers((), ())
    names = [] if wanted == "all" else [name.strip() for name in wanted.split(",")]
    known = [*(model.name for model in PEER_MODELS), *ENGINES]
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=3)
            hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
            raise InputError(
                f"There is no peer {name!r}.{hint} Give all, none, or some of {', '.join(known)}."
            )
    default = PEER_MODELS[:_IN_GOALS] if quick else PEER_MODELS
    models = tuple(model for model in PEER_MODELS if model.name in names) or default
    named = [framework for framework in ENGINES if framework in names]
    missing = {framework: _missing(framework) for framework in named or ENGINES}
    for framework in named:
        if missing[framework]:
            raise MissingExtraError(
                f"The peer {framework}", "bench", " and ".join(missing[framework])
            )
    present = tuple(framework for framework, lacks in missing.items() if not lacks)
    left_out = tuple(
        f"{framework}: {' and '.join(lacks)} not installed"
        for framework, lacks in missing.items()
        if lacks
    )
    if models == default and quick:
        slow = " and ".join(model.name for model in PEER_MODELS[_IN_GOALS:])
        left_out += (f"{slow}: not in a quick run, unless named",)
    return Peers(models if present else (), present, left_out)


def _missing(framework: Framework) -> Sequence[str]:
    return [package for package in _PACKAGES[framework] if find_spec(package) is None]
