"""Sequence classifiers of any Hugging Face architecture: read strictly, run on packed batches."""

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from safetensors import SafetensorError
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    PreTrainedConfig,
    PreTrainedModel,
)

from squeezebert.errors import CheckpointError
from squeezebert.model.engine import check_lengths, pad
from squeezebert.runtime.engine import Floats, PackedBatch

ProblemType = Literal["single_label_classification", "multi_label_classification", "regression"]


@dataclass(frozen=True, slots=True)
class CheckpointClassifier:
    """A checkpoint as what classifies encoded texts.

    Attributes:
        tokenizer_json: the tokenizer's file.
        logits: packed batch to float32 ``[sequences, labels]``. It raises InputError if a sequence
            is empty or longer than ``max_length``.
        labels: names in the order of the logits.
        problem_type: what the logits mean, in the words of a Hugging Face configuration.
        max_length: tokens that fit, special tokens included.
    """

    tokenizer_json: Path
    logits: Callable[[PackedBatch], Floats]
    labels: tuple[str, ...]
    problem_type: ProblemType
    max_length: int


def load_classifier_logits(checkpoint: str | Path) -> CheckpointClassifier:
    """Reads a fine-tuned sequence classifier of any architecture that transformers knows.

    Raises:
        CheckpointError: as `load_classifier_model`, or the folder has no ``tokenizer.json``, or its
            ``tokenizer_config.json`` is damaged.
    """
    folder = Path(checkpoint)
    model = load_classifier_model(folder)
    tokenizer_json = folder / "tokenizer.json"
    if not tokenizer_json.is_file():
        raise CheckpointError(
            f"{folder} has no tokenizer.json. Write one with transformers: "
            f"AutoTokenizer.from_pretrained({str(folder)!r}).save_pretrained({str(folder)!r})"
        )
    config: Any = model.config
    max_length = _max_length(model, folder)
    takes_types = "token_type_ids" in inspect.signature(model.forward).parameters
    # MPNet and RoBERTa count positions by comparing ids to this one.
    pad_token_id = config.pad_token_id or 0

    @torch.inference_mode()
    def logits(batch: PackedBatch) -> Floats:
        check_lengths(batch, max_length)
        if not len(batch.input_ids):
            return np.empty((0, len(labels)), np.float32)
        input_ids, token_type_ids, attention_mask = (
            tensor.to(model.device) for tensor in pad(batch, pad_token_id)
        )
        types = {"token_type_ids": token_type_ids} if takes_types else {}
        output = model(input_ids=input_ids, attention_mask=attention_mask, **types)
        return cast(Floats, output.logits.float().numpy(force=True))

    labels = tuple(config.id2label[index] for index in range(config.num_labels))
    return CheckpointClassifier(tokenizer_json, logits, labels, _problem_type(config), max_length)


def load_classifier_model(checkpoint: str | Path) -> PreTrainedModel:
    """A sequence classifier in float32 and evaluation mode; every weight comes from the folder.

    Raises:
        CheckpointError: the folder or its weights are missing or damaged, the model is of an
            unknown type or no sequence classifier, or its weights are not those the model has.
    """
    folder = Path(checkpoint)
    config = _read_config(folder)
    try:
        model, report = AutoModelForSequenceClassification.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(
            f"The weights in {folder} can't be read as a sequence classifier: "
            f"{str(error).rstrip('.')}. "
            "Copy the checkpoint again, or save it again with save_pretrained."
        ) from error
    for problem in ("missing", "unexpected"):
        if names := sorted(report[f"{problem}_keys"]):
            shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
            raise CheckpointError(
                f"{folder} is not a whole {type(model).__name__}: {len(names)} weights are "
                f"{problem}: {shown}. Fine-tune it first, or name the folder of the fine-tuned one."
            )
    return cast(PreTrainedModel, model.eval())


def _read_config(folder: Path) -> PreTrainedConfig:
    if not folder.is_dir():
        raise CheckpointError(
            f"There is no checkpoint folder {folder}. A model of the Hugging Face hub has to be "
            "downloaded first."
        )
    if not (folder / "config.json").is_file():
        raise CheckpointError(
            f"{folder} has no config.json, so it is no Hugging Face checkpoint. "
            "Name the folder that save_pretrained wrote."
        )
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{folder / 'config.json'} can't be used: {error}") from error
    made_for = config.architectures or []
    if made_for and not any(name.endswith("ForSequenceClassification") for name in made_for):
        raise CheckpointError(
            f"{folder} holds a {' and a '.join(made_for)}, no sequence classifier. "
            "Fine-tune it with `squeezebert train` first."
        )
    return cast(PreTrainedConfig, config)


def _problem_type(config: PreTrainedConfig) -> ProblemType:
    named: ProblemType | None = config.problem_type
    if named is not None:
        return named
    return "regression" if config.num_labels == 1 else "single_label_classification"


def _max_length(model: PreTrainedModel, folder: Path) -> int:
    """The tokenizer's limit, if it has one, within the model's positions."""
    config: Any = model.config
    limit: int = config.max_position_embeddings
    for name, module in model.named_modules():
        if name.endswith("embeddings.position_embeddings") and isinstance(module, nn.Embedding):
            # MPNet and RoBERTa count positions from after the padding's.
            limit -= 0 if module.padding_idx is None else module.padding_idx + 1
    file = folder / "tokenizer_config.json"
    if not file.is_file():
        return limit
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
        return min(limit, int(settings.get("model_max_length", limit)))
    except (ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{file} is damaged: {error}. Copy the checkpoint again.") from error
