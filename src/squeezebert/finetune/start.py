"""The model a fine-tuning starts from."""

import os
from collections.abc import Mapping
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig, AutoTokenizer, PreTrainedModel
from transformers.utils import logging as transformers_logging

from squeezebert.errors import CheckpointError
from squeezebert.model.compact import find_checkpoint
from squeezebert.model.tasks import MODELS

_INPUTS = "inputs"  # ours: what no configuration of transformers has it takes for an argument


def load_to_finetune(
    checkpoint: str, task: str, config: Mapping[str, Any]
) -> tuple[PreTrainedModel, list[str]]:
    """Loads an encoder with a head for a task, and names the parameters that start fresh.

    Args:
        checkpoint: a built-in checkpoint's name, or a Hugging Face folder or hub id of any encoder
            that transformers has a class for with such a head; a head of other sizes is replaced.
        config: what the model's configuration has to say of its outputs.

    Raises:
        CheckpointError: it can't be loaded, or the encoder's own weights are missing.
    """
    known = {name: value for name, value in config.items() if name != _INPUTS}
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()  # its table of fresh weights: we say it in a line
    try:
        model, info = MODELS[task].auto.from_pretrained(
            find_checkpoint(checkpoint),
            **known,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            dtype=torch.float32,
        )
    except (OSError, ValueError, RuntimeError, StrictDataclassError) as error:
        raise _unusable(checkpoint, error) from error
    finally:
        transformers_logging.set_verbosity(verbosity)
    if _INPUTS in config:
        model.config.inputs = config[_INPUTS]
    mismatched = [entry[0] for entry in info["mismatched_keys"]]
    fresh = sorted({*info["missing_keys"], *mismatched})
    encoder = "" if model.base_model is model else f"{model.base_model_prefix}."
    lost = [name for name in fresh if name.startswith(encoder) and "pooler." not in name]
    if lost:
        raise CheckpointError(
            f"{checkpoint} lacks {len(lost)} weights of its encoder, such as {lost[0]}: "
            "its config.json does not fit its weights."
        )
    return model, fresh


def shape_of(checkpoint: str) -> tuple[int, int, int, int]:
    """An encoder's width, layers, neurons, and how many tokens it can read at once at most.

    Raises:
        CheckpointError: there is no configuration, or it says nothing of these.
    """
    try:
        config: Any = AutoConfig.from_pretrained(find_checkpoint(checkpoint))
        width, layers = int(config.hidden_size), int(config.num_hidden_layers)
        neurons = int(getattr(config, "intermediate_size", 4 * width))
        return width, layers, neurons, int(config.max_position_embeddings)
    except (
        OSError, ValueError, KeyError, TypeError, AttributeError, StrictDataclassError
    ) as error:  # fmt: skip
        raise _unusable(checkpoint, error) from error


def save_tokenizer(
    checkpoint: str, folder: str | os.PathLike[str], max_length: int | None = None
) -> None:
    """Saves the checkpoint's tokenizer, tokenizer.json among its files.

    Args:
        max_length: the limit in tokens that it shall state, in place of its own.

    Raises:
        CheckpointError: it has none that can be written as tokenizer.json.
    """
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(find_checkpoint(checkpoint))
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{checkpoint} has no usable tokenizer: {_first_line(error)} "
            "Put the encoder's tokenizer.json beside its config.json."
        ) from error
    if not tokenizer.is_fast:
        raise CheckpointError(
            f"The tokenizer of {checkpoint} can't be written as tokenizer.json. "
            "Use a checkpoint with one."
        )
    if max_length is not None:
        tokenizer.model_max_length = max_length
    tokenizer.save_pretrained(folder)


def _unusable(checkpoint: str, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"{checkpoint} can't be loaded as an encoder to fine-tune: {_first_line(error)} "
        "Give a Hugging Face folder (config.json, model.safetensors, tokenizer.json) or hub id."
    )


def _first_line(error: Exception) -> str:
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return text if text.endswith(".") else f"{text}."
