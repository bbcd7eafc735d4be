"""Tiny shapes with weights large enough that every part of the model counts."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from torch import nn

import squeezebert.model as ours

TINY: dict[str, Any] = {
    "vocab_size": 60,
    "hidden_size": 32,
    "embedding_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 40,
    "initializer_range": 0.3,
}


@pytest.fixture
def tiny() -> dict[str, Any]:
    """Settings of a SqueezeBERT of 3 layers x 32."""
    return dict(TINY)


@pytest.fixture
def randomise() -> Callable[[nn.Module], nn.Module]:
    """Gives also what starts at 0 and 1 random values: biases, norms and depthwise filters."""

    def fill(model: nn.Module) -> nn.Module:
        torch.manual_seed(0)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if name.endswith("bias"):
                    parameter.normal_(0, 0.3)
                elif "norm" in name.lower():
                    parameter.normal_(1, 0.3)
                elif "depthwise" in name:
                    parameter.normal_(0, 0.6)
        return model.eval()

    return fill


@pytest.fixture
def batch() -> Callable[..., dict[str, torch.Tensor]]:
    """Random ids and token types of a length, with padding at the end of all but the first."""

    def make(length: int, size: int = 3, vocabulary: int = 60) -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(length)
        mask = torch.ones(size, length, dtype=torch.long)
        for row in range(1, size):
            mask[row, max(1, length * row // size) :] = 0
        return {
            "input_ids": torch.randint(1, vocabulary, (size, length), generator=generator) * mask,
            "attention_mask": mask,
            "token_type_ids": torch.randint(0, 2, (size, length), generator=generator),
        }

    return make


@pytest.fixture
def make_model(
    tiny: dict[str, Any], randomise: Callable[[nn.Module], nn.Module]
) -> Callable[..., nn.Module]:
    """One of our models by class name; with ``kernel_size`` it is of the separable kind."""

    def make(name: str = "SqueezeBertModel", **settings: Any) -> nn.Module:
        separable = "kernel_size" in settings
        config = ours.SqueezeBertSeparableConfig if separable else ours.SqueezeBertConfig
        torch.manual_seed(0)
        return randomise(getattr(ours, name)(config(**tiny | settings)))

    return make


@pytest.fixture
def make_pair(
    make_model: Callable[..., nn.Module],
) -> Callable[..., tuple[nn.Module, nn.Module]]:
    """Our model and transformers' of one class name, with the same weights."""

    def make(name: str = "SqueezeBertModel", **settings: Any) -> tuple[nn.Module, nn.Module]:
        model = make_model(name, **settings)
        stock = getattr(transformers, name)(transformers.SqueezeBertConfig(**TINY | settings))
        stock.load_state_dict(model.state_dict())
        return model, stock.eval()

    return make


@pytest.fixture
def make_inputs() -> Callable[..., dict[str, torch.Tensor]]:
    """Random ids and token types of sequences of these lengths, padded to the longest."""

    def make(*lengths: int, side: str = "right") -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(sum(lengths))
        shape = (len(lengths), max(lengths))
        mask = (torch.arange(shape[1]) < torch.tensor(lengths)[:, None]).long()
        return {
            "input_ids": torch.randint(1, TINY["vocab_size"], shape, generator=generator),
            "attention_mask": mask if side == "right" else mask.flip(1),
            "token_type_ids": torch.randint(0, 2, shape, generator=generator),
        }

    return make
