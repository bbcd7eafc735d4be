"""The deployable artefact: a folder of quantised weights, tokenizer and manifest."""

from squeezebert.bundle.architecture import Architecture
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
    "find_bundle",
    "installed_bundles",
    "installed_checkpoints",
    "look_up",
    "read_bundle",
    "write_bundle",
]
