"""Fine-tuned checkpoints of any Hugging Face architecture: read strictly, run on packed batches."""

import inspect
import json
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, cast

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from torch import nn
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel

from squeezebert.bundle import Task, TaskSpec
from squeezebert.bundle.checks import ManifestError
from squeezebert.bundle.tensors import Floats
from squeezebert.errors import CheckpointError
from squeezebert.model.engine import check_lengths, pad
from squeezebert.model.tasks import MODELS
from squeezebert.runtime.engine import PackedBatch


class TorchHead:
    """A model in torch as what a pipeline runs on.

    Args:
        spec: what the model is for; says what its outputs are.
    """

    def __init__(self, model: PreTrainedModel, spec: TaskSpec) -> None:
        self._model = model
        self._rows = MODELS[spec.task].rows
        self._mask = spec.mask
        self._max_length = longest_input(model)
        self._takes_types = "token_type_ids" in inspect.signature(model.forward).parameters
        # MPNet and RoBERTa count positions by comparing ids to this one.
        self._pad_token_id = model.config.pad_token_id or 0

    @torch.inference_mode()
    def __call__(self, batch: PackedBatch) -> Floats:
        """A row of outputs, float32, for each sequence or token.

        Raises:
            InputError: a sequence is empty or longer than the model can read.
        """
        check_lengths(batch, self._max_length)
        input_ids, token_type_ids, attention_mask = (
            tensor.to(self._model.device) for tensor in pad(batch, self._pad_token_id)
        )
        types = {"token_type_ids": token_type_ids} if self._takes_types else {}
        output = self._model(input_ids=input_ids, attention_mask=attention_mask, **types)
        asked = attention_mask.bool()
        if self._mask is not None:
            asked &= input_ids == self._mask
        return cast(Floats, self._rows(output, asked).float().numpy(force=True))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A fine-tuned checkpoint.

    Attributes:
        model: in float32 and evaluation mode; every weight comes from the folder.
        spec: what it is for; its longest input is the tokenizer's limit within the model's
            positions.
        tokenizer_json: the tokenizer's file.
    """

    model: PreTrainedModel
    spec: TaskSpec
    tokenizer_json: Path

    @property
    def head(self) -> TorchHead:
        """The model as what a pipeline runs on."""
        return TorchHead(self.model, self.spec)


def load_checkpoint(checkpoint: str | Path) -> Checkpoint:
    """Reads a fine-tuned model of any architecture that transformers knows.

    Raises:
        CheckpointError: the folder, its weights or its ``tokenizer.json`` are missing or damaged,
            the model is of an unknown type or for another task than ours, or its weights are not
            those the model has.
    """
    folder = Path(checkpoint)
    config, task = _read_config(folder)
    MODELS[task].complete(config, folder)
    model = _read_model(folder, config, task)
    tokenizer_json = folder / "tokenizer.json"
    if not tokenizer_json.is_file():
        packed = folder / "tokenizer.json.gz"
        raise CheckpointError(
            f"{folder} has no tokenizer.json. "
            + (
                f"Unpack it: gunzip {packed}"
                if packed.is_file()
                else "Write one with transformers: AutoTokenizer.from_pretrained"
                f"({str(folder)!r}).save_pretrained({str(folder)!r})"
            )
        )
    try:
        spec = MODELS[task].spec(config, _max_length(model, folder))
    except ManifestError as error:
        raise CheckpointError(f"{folder / 'config.json'} can't be used: {error}.") from error
    return Checkpoint(model, spec, tokenizer_json)


def task_of(checkpoint: str | Path) -> str:
    """What a fine-tuned model is for, from its configuration alone.

    Raises:
        CheckpointError: the configuration is missing or damaged, or names none of our tasks.
    """
    return _read_config(Path(checkpoint))[1]


def labels_of(checkpoint: str | Path) -> tuple[str, ...]:
    """The names of a fine-tuned model's outputs, from its configuration alone.

    Raises:
        CheckpointError: the configuration is missing or damaged, or names none of our tasks.
    """
    config: Any = _read_config(Path(checkpoint))[0]
    return tuple(config.id2label.values())


def longest_input(model: PreTrainedModel) -> int:
    """The longest input in tokens that the position embeddings allow."""
    positions = int(model.config.max_position_embeddings)
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            # MPNet and RoBERTa count positions from after the padding's.
            return positions - (0 if module.padding_idx is None else module.padding_idx + 1)
    return positions


def _read_config(folder: Path) -> tuple[PreTrainedConfig, str]:
    """The configuration and the task."""
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
        config: PreTrainedConfig = AutoConfig.from_pretrained(folder, local_files_only=True)
    except (
        OSError, ValueError, KeyError, TypeError, AttributeError, StrictDataclassError
    ) as error:  # fmt: skip
        raise CheckpointError(f"{folder / 'config.json'} can't be used: {error}") from error
    made_for = config.architectures or []
    if not made_for:  # nothing but the weights says whether it fits then
        return config, Task.CLASSIFICATION
    for task, kind in MODELS.items():
        if any(name.endswith(kind.suffix) for name in made_for):
            return config, task
    raise CheckpointError(
        f"{folder} holds a {' and a '.join(made_for)}, no "
        f"{' or '.join(kind.name for kind in MODELS.values())}. "
        "Fine-tune it with `squeezebert train` first."
    )


def _read_model(folder: Path, config: PreTrainedConfig, task: str) -> PreTrainedModel:
    kind = MODELS[task]
    # The older layout, pytorch_model.bin, is unpickled with nothing but tensors allowed in it.
    is_pickle = any(folder.glob("*.bin")) and not any(folder.glob("*.safetensors"))
    try:
        model, report = kind.auto.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=not is_pickle,
            weights_only=True,
            output_loading_info=True,
        )
    except (
        OSError, EOFError, ValueError, RuntimeError, UnpicklingError, SafetensorError
    ) as error:  # fmt: skip
        # torch would advise to load it as code.
        is_code = isinstance(error, UnpicklingError)
        reason = "they are damaged, or not tensors alone" if is_code else str(error).rstrip(".")
        raise CheckpointError(
            f"The weights in {folder} can't be read as a {kind.name}: {reason}. "
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


def _max_length(model: PreTrainedModel, folder: Path) -> int:
    """The tokenizer's limit, if it has one, within the model's positions."""
    limit = longest_input(model)
    file = folder / "tokenizer_config.json"
    if not file.is_file():
        return limit
    try:
        settings: Any = json.loads(file.read_text(encoding="utf-8"))
        return min(limit, int(settings.get("model_max_length", limit)))
    except (ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{file} is damaged: {error}. Copy the checkpoint again.") from error
