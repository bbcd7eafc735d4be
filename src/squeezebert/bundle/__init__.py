"""The deployable artefact: a folder of quantised weights, tokenizer and manifest.

A name brings its module when it is first used: what a task is called needs no NumPy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from squeezebert.bundle.architecture import Architecture
    from squeezebert.bundle.combine import combine_bundles
    from squeezebert.bundle.features import FeatureRecipe
    from squeezebert.bundle.heads import OUT_OF_SCOPE, HeadSpec, Task, TaskSpec
    from squeezebert.bundle.installed import (
        find_bundle,
        installed_bundles,
        installed_checkpoints,
        look_up,
    )
    from squeezebert.bundle.manifest import Manifest, Scheme, StoredFile, TensorScheme
    from squeezebert.bundle.reading import Bundle, read_bundle
    from squeezebert.bundle.tensors import BlockQuantised, Quantised, Tensor
    from squeezebert.bundle.writing import write_bundle

__all__ = [
    "OUT_OF_SCOPE",
    "Architecture",
    "BlockQuantised",
    "Bundle",
    "FeatureRecipe",
    "HeadSpec",
    "Manifest",
    "Quantised",
    "Scheme",
    "StoredFile",
    "Task",
    "TaskSpec",
    "Tensor",
    "TensorScheme",
    "combine_bundles",
    "find_bundle",
    "installed_bundles",
    "installed_checkpoints",
    "look_up",
    "read_bundle",
    "write_bundle",
]

_MODULES = {
    "Architecture": "architecture",
    "BlockQuantised": "tensors",
    "Bundle": "reading",
    "FeatureRecipe": "features",
    "HeadSpec": "heads",
    "Manifest": "manifest",
    "OUT_OF_SCOPE": "heads",
    "Quantised": "tensors",
    "Scheme": "manifest",
    "StoredFile": "manifest",
    "Task": "heads",
    "TaskSpec": "heads",
    "Tensor": "tensors",
    "TensorScheme": "manifest",
    "combine_bundles": "combine",
    "find_bundle": "installed",
    "installed_bundles": "installed",
    "installed_checkpoints": "installed",
    "look_up": "installed",
    "read_bundle": "reading",
    "write_bundle": "writing",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
