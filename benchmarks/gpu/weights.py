"""Checkpoints to parameters: teachers of the families that `squeezebert squeeze` knows, students.

Of a teacher, only what its student shares with it keeps its place: token ids are the student's.
"""

from typing import Any

import torch
from benchmarks.gpu.blocks import block
from benchmarks.gpu.encoder import PARTS, Parameters, Shape, identity_taps
from torch import Tensor

from squeezebert.model import SqueezeBertConfig, SqueezeBertModel, SqueezeBertSeparableConfig
from squeezebert.squeeze.teacher import Teacher

STEM = {
    "words": "word_embeddings.weight",
    "positions": "position_embeddings.weight",
    "types": "token_type_embeddings.weight",
    "embedding_norm.weight": "LayerNorm.weight",
    "embedding_norm.bias": "LayerNorm.bias",
}
_PLACES = {
    "query": "attention.query",
    "key": "attention.key",
    "value": "attention.value",
    "post_attention": "post_attention.conv1d",
    "intermediate": "intermediate.conv1d",
    "output": "output.conv1d",
    "post_attention_norm": "post_attention.layernorm",
    "output_norm": "output.layernorm",
}


def of_teacher(teacher: Teacher) -> tuple[Parameters, Shape]:
    """A teacher's parameters; its embeddings in the order of the student's ids."""
    config = teacher.config
    shape = Shape(
        config.num_hidden_layers,
        config.hidden_size,
        config.num_attention_heads,
        config.intermediate_size,
        relative=config.model_type == "mpnet",
        epsilon=config.layer_norm_eps,
    )
    embeddings = teacher.embedding_weights()
    found = {name: embeddings[stem] for name, stem in STEM.items()}
    for number, layer in enumerate(teacher.layers):
        for part in (*PARTS, "post_attention_norm", "output_norm"):
            module = getattr(layer, part)
            found[f"layer{number}.{part}.weight"] = module.weight
            found[f"layer{number}.{part}.bias"] = module.bias
    if shape.relative:
        found["relative"] = teacher.model.encoder.relative_attention_bias.weight
    if getattr(teacher.model, "pooler", None) is not None:
        found["pooler.weight"] = teacher.model.pooler.dense.weight
        found["pooler.bias"] = teacher.model.pooler.dense.bias
    return {name: value.detach().float() for name, value in found.items()}, shape


def of_student(model: SqueezeBertModel, taps: int = 0) -> tuple[Parameters, Shape]:
    """A student's parameters.

    Args:
        taps: If the student has no depthwise convolutions, it gets some of this size, which change
            nothing at first.
    """
    config = model.config
    shape = Shape(
        config.num_hidden_layers,
        config.hidden_size,
        config.num_attention_heads,
        config.intermediate_size,
        groups=config.q_groups,
        taps=getattr(config, "kernel_size", taps),
        epsilon=config.layer_norm_eps,
    )
    state = {name: value.detach().float() for name, value in model.state_dict().items()}
    found = {name: state[f"embeddings.{stem}"] for name, stem in STEM.items()}
    for layer in range(shape.layers):
        for part, place in _PLACES.items():
            name, at = f"layer{layer}.{part}", f"encoder.layers.{layer}.{place}"
            if part in PARTS and shape.taps:
                filters = state.get(f"{at}.depthwise.weight")
                found[f"{name}.taps"] = (
                    identity_taps(shape, part) if filters is None else filters[:, 0].T.contiguous()
                )
                at = at if filters is None else f"{at}.pointwise"
            weight = state[f"{at}.weight"]
            if part in PARTS:
                weight = _dense(weight[..., 0], shape, part)
            found |= {f"{name}.weight": weight, f"{name}.bias": state[f"{at}.bias"]}
    found["pooler.weight"] = state["pooler.dense.weight"]
    found["pooler.bias"] = state["pooler.dense.bias"]
    return found, shape


def student_state(parameters: Parameters, shape: Shape) -> dict[str, Tensor]:
    """The state of a `SqueezeBertModel`; of a pooler only if there is one."""
    state = {f"embeddings.{stem}": parameters[name] for name, stem in STEM.items()}
    for layer in range(shape.layers):
        for part, place in _PLACES.items():
            name, at = f"layer{layer}.{part}", f"encoder.layers.{layer}.{place}"
            weight = parameters[f"{name}.weight"]
            if part in PARTS:
                blocks = shape.blocks(part)
                weight = torch.cat([block(weight, index, blocks) for index in range(blocks)])
                weight = weight.unsqueeze(-1)
                if shape.taps:
                    filters = parameters[f"{name}.taps"].T.unsqueeze(1)
                    state[f"{at}.depthwise.weight"] = filters.contiguous()
                    at = f"{at}.pointwise"
            state |= {f"{at}.weight": weight, f"{at}.bias": parameters[f"{name}.bias"]}
    if "pooler.weight" in parameters:
        state["pooler.dense.weight"] = parameters["pooler.weight"]
        state["pooler.dense.bias"] = parameters["pooler.bias"]
    return state


def config_of(parameters: Parameters, shape: Shape, pad: int) -> SqueezeBertConfig:
    """The configuration of a student.

    Args:
        pad: The id of padding.
    """
    sizes: dict[str, Any] = {
        "vocab_size": len(parameters["words"]),
        "max_position_embeddings": len(parameters["positions"]),
        "type_vocab_size": len(parameters["types"]),
        "hidden_size": shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "intermediate_size": shape.neurons,
        "hidden_act": "gelu",
        "layer_norm_eps": shape.epsilon,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "pad_token_id": pad,
        **{f"{part}_groups": shape.groups for part in ("q", "k", "v")},
        **{f"{part}_groups": 1 for part in ("post_attention", "intermediate", "output")},
    }
    if shape.taps:
        return SqueezeBertSeparableConfig(kernel_size=shape.taps, **sizes)
    return SqueezeBertConfig(**sizes)


def _dense(weight: Tensor, shape: Shape, part: str) -> Tensor:
    """A grouped matrix [out, in / groups] with zeros outside of its blocks."""
    blocks = shape.blocks(part)
    if blocks == 1:
        return weight
    dense = torch.zeros(shape.sizes(part))
    for index, rows in enumerate(weight.chunk(blocks)):
        block(dense, index, blocks).copy_(rows)
    return dense
