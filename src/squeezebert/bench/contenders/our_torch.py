"""A bundle's encoder in our PyTorch model."""

from typing import Any

import torch

from squeezebert.bundle import Bundle
from squeezebert.bundle.architecture import Mixer
from squeezebert.bundle.tensors import as_floats
from squeezebert.model import SqueezeBertConfig, SqueezeBertModel, SqueezeBertSeparableConfig
from squeezebert.model.engine import TorchEngine


def torch_engine(bundle: Bundle, threads: int) -> TorchEngine:
    """Loads the bundle's weights as float32."""
    torch.set_num_threads(threads)
    shape = bundle.manifest.architecture
    sizes: dict[str, Any] = {
        name: getattr(shape, name)
        for name in (
            "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
            "intermediate_size", "max_position_embeddings", "type_vocab_size", "layer_norm_eps",
        )
    }  # fmt: skip
    groups: dict[str, Any] = {f"{kind}_groups": count for kind, count in shape.groups.items()}
    config = (
        SqueezeBertConfig(**sizes, **groups)
        if shape.mixer == Mixer.GROUPED
        else SqueezeBertSeparableConfig(**sizes, **groups, kernel_size=shape.kernel_size)
    )
    model = SqueezeBertModel(config)
    encoder = {name: torch.tensor(as_floats(bundle.tensors[name])) for name in shape.shapes()}
    model.load_state_dict(encoder, strict=False)  # engines run no pooler
    return TorchEngine(model)
