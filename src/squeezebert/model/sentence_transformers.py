"""Sentence embeddings as the library sentence-transformers stores and computes them."""

import json
from pathlib import Path
from typing import Any

from torch import Tensor

from squeezebert.errors import CheckpointError

_MODULES = {"Transformer", "Pooling", "Normalize"}


def mean_of_tokens(hidden: Tensor, mask: Tensor) -> Tensor:
    """The mean of each sequence's hidden states, ``[B, hidden]``.

    Args:
        hidden: ``[B, S, hidden]``.
        mask: bool ``[B, S]``, true at tokens.
    """
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1)


def check_mean_pooling(folder: Path) -> None:
    """Looks whether the folder of a sentence-transformers model asks for anything but a mean.

    A folder without its ``modules.json`` asks for nothing.

    Raises:
        CheckpointError: its files are damaged, it pools otherwise, or has further layers.
    """
    if not (folder / "modules.json").is_file():
        return
    try:
        modules = _read(folder / "modules.json")
        further = [
            kind for module in modules if (kind := module["type"].split(".")[-1]) not in _MODULES
        ]
        pooling = {
            mode
            for module in modules
            if module["type"].endswith(".Pooling")
            for mode in _pooling_modes(_read(folder / module["path"] / "config.json"))
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"The sentence-transformers files in {folder} are damaged: {error!r}. "
            "Copy the checkpoint again."
        ) from error
    if further or pooling - {"mean"}:
        found = ", ".join([*further, *sorted(pooling)])
        raise CheckpointError(
            f"{folder} makes sentence embeddings with {found}; only the mean of the tokens is "
            "supported. Use a model with mean pooling and no further layers."
        )


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _pooling_modes(config: dict[str, Any]) -> list[str]:
    """Modes by name, from a configuration of either style: a name or names, or flags."""
    if "pooling_mode" in config:
        modes = config["pooling_mode"]
        return [modes] if isinstance(modes, str) else list(modes)
    return [
        name.removeprefix("pooling_mode_").removesuffix("_tokens").removesuffix("_token")
        for name, wanted in config.items()
        if name.startswith("pooling_mode_") and wanted
    ]
