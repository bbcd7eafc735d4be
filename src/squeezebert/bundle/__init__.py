"""The deployable artefact: a folder of quantised weights, tokenizer and manifest."""

from squeezebert.bundle.builtin import builtin_bundles, find_bundle
from squeezebert.bundle.manifest import (
    OUT_OF_SCOPE,
    Architecture,
    Manifest,
    Scheme,
    StoredFile,
    TaskSpec,
    TensorScheme,
)
from squeezebert.bundle.reading import Bundle, read_bundle
from squeezebert.bundle.tensors import Quantised, Tensor
from squeezebert.bundle.writing import write_bundle

__all__ = [
    "OUT_OF_SCOPE",
    "Architecture",
    "Bundle",
    "Manifest",
    "Quantised",
    "Scheme",
    "StoredFile",
    "TaskSpec",
    "Tensor",
    "TensorScheme",
    "builtin_bundles",
    "find_bundle",
    "read_bundle",
    "write_bundle",
]
