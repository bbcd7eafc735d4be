"""One encoder under several heads."""

from collections.abc import Mapping
from itertools import chain
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel

_OWN = "pooler"  # belongs to a head, though it is a part of the encoder's class


class SharedEncoder(nn.Module):
    """Models of several tasks whose encoder is the same module, so that all of them train it.

    Each keeps its head and its pooler.

    Args:
        models: of each task, by its name, which all started from one encoder.
    """

    def __init__(self, models: Mapping[str, PreTrainedModel]) -> None:
        super().__init__()
        first, *others = models.values()
        self.config = first.config
        for model in others:
            for name, module in first.base_model.named_children():
                if name != _OWN:
                    setattr(model.base_model, name, module)
        self.models = nn.ModuleDict(models)
        nn.Module.register_state_dict_post_hook(self, _leave_out_repeats)
        nn.Module.register_load_state_dict_pre_hook(self, _put_in_repeats)

    def forward(self, task: str, **inputs: Tensor) -> Any:
        """What a task's model makes of its inputs."""
        return self.models[task](**inputs)


def _leave_out_repeats(
    module: nn.Module, tensors: dict[str, Any], prefix: str, metadata: Any
) -> None:
    """Leaves each tensor once: safetensors holds none twice."""
    for name, first in _firsts(module).items():
        if name != first:
            tensors.pop(prefix + name, None)


def _put_in_repeats(module: nn.Module, tensors: dict[str, Any], prefix: str, *_: Any) -> None:
    """Takes what `_leave_out_repeats` left."""
    for name, first in _firsts(module).items():
        if prefix + first in tensors:
            tensors[prefix + name] = tensors[prefix + first]


def _firsts(module: nn.Module) -> dict[str, str]:
    """For each name of a tensor, the first name that it has."""
    firsts: dict[int, str] = {}
    named = chain(
        module.named_parameters(remove_duplicate=False),
        module.named_buffers(remove_duplicate=False),
    )
    return {name: firsts.setdefault(id(tensor), name) for name, tensor in named}
