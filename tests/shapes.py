"""Shapes of tiny encoders."""

from typing import Any

from squeezebert.bundle import Architecture
from squeezebert.bundle.architecture import LAYER_KINDS


def native_shape(**changes: Any) -> Architecture:
    """One layer, as wide as the native engine needs."""
    sizes: dict[str, Any] = {
        "vocab_size": 19,
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 24,
        "type_vocab_size": 2,
        "groups": dict.fromkeys(LAYER_KINDS, 2),
    }
    return Architecture(**sizes | changes)


def student_config(**changes: Any) -> dict[str, Any]:
    """Two layers with queries, keys and values in two groups, as a squeezed student has them."""
    sizes: dict[str, Any] = {
        "vocab_size": 19,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 8,
        **{f"{part}_groups": 2 for part in "qkv"},
        **{f"{part}_groups": 1 for part in ("post_attention", "intermediate", "output")},
    }
    return sizes | changes
