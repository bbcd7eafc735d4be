"""Where a bundle is from, in a form that may travel."""

import hashlib
import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

from squeezebert.errors import CheckpointError

_NOT_PROVENANCE = ("evaluation", "history")  # of a training's report
_HASHES = "texts"  # which may hold slashes
_VERSIONS_OF = ("squeezebert", "torch", "transformers", "tokenizers", "numpy")
_ABSOLUTE_PATH = re.compile(r"""(?<![\w.:~/-])/(?:[^\s'"/]+/)*([^\s'"/]+/[^\s'"/]+)""")


def provenance(checkpoint: Path) -> dict[str, Any]:
    """The checkpoint's digests, what its training said of itself, and the versions used here.

    Raises:
        CheckpointError: the training's report is damaged.
    """
    facts: dict[str, Any] = {
        "checkpoint_sha256": {
            file.name: hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted(checkpoint.iterdir())
            if file.suffix in (".safetensors", ".bin")
        },
        "exported_with": {name: version(name) for name in _VERSIONS_OF},
    }
    report = checkpoint / "report.json"
    return facts | ({"training": _training(report)} if report.exists() else {})


def without_folders(text: str) -> str:
    """Cuts each absolute path to its last two parts, such as "SST-2/dev.tsv".

    That is enough to know a file by, and the same on every machine; the folders above it are
    nobody's business but their owner's.
    """
    return _ABSOLUTE_PATH.sub(r"\1", text)


def _training(report: Path) -> dict[str, Any]:
    """What `squeezebert train` wrote about a checkpoint, without its scores."""
    try:
        facts = json.loads(report.read_text(encoding="utf-8"))
        return {
            name: value if name == _HASHES else _travelling(value)
            for name, value in facts.items()
            if name not in _NOT_PROVENANCE
        }
    except (ValueError, AttributeError) as error:
        raise CheckpointError(
            f"{report} is damaged. Train again, or remove it to export without a provenance."
        ) from error


def _travelling(value: Any) -> Any:
    if isinstance(value, str):
        return without_folders(value)
    if isinstance(value, dict):
        return {name: _travelling(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_travelling(inner) for inner in value]
    return value
