"""The student before it is distilled: its shape, and where its first weights come from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from squeezebert.bundle.architecture import Mixer
from squeezebert.errors import CheckpointError, InputError
from squeezebert.model import SqueezeBertConfig, SqueezeBertModel, SqueezeBertSeparableConfig
from squeezebert.model.compact import find_checkpoint
from squeezebert.squeeze.closed_form import Report, closed_form, copy_shared
from squeezebert.squeeze.settings import SqueezeSettings
from squeezebert.squeeze.teacher import Teacher

RECORD = "squeeze.json"
"""How a student came about, beside its weights."""


def student_config(teacher: Teacher, settings: SqueezeSettings) -> SqueezeBertConfig:
    """The teacher's shape with fewer weights in every layer but the one after attention.

    Raises:
        InputError: The group count doesn't divide the widths, or the teacher has fewer neurons.
    """
    if (
        settings.neurons is not None
        and not 1 <= settings.neurons <= teacher.config.intermediate_size
    ):
        raise InputError(
            f"The teacher's feed-forward has {teacher.config.intermediate_size} neurons; the "
            f"student's can have from 1 to as many, not {settings.neurons}."
        )
    separable = settings.mixer == Mixer.SEPARABLE
    kind = SqueezeBertSeparableConfig if separable else SqueezeBertConfig
    # The paper's dropout is for pre-training; a student with a teacher underfits instead.
    try:
        return kind(
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            **_shape(teacher, settings),
        )
    except ValueError as error:
        raise InputError(f"{settings.teacher} can't be squeezed this way: {error}") from error


def first_student(
    teacher: Teacher,
    settings: SqueezeSettings,
    calibration_ids: Callable[[], Tensor],
    report: Report | None = None,
) -> SqueezeBertModel:
    """The student before its first step: fitted to the teacher, or an earlier one.

    Args:
        calibration_ids: Gives sequences [sequences, length] to fit to, if they are needed.

    Raises:
        InputError: The group count doesn't divide the widths, or the earlier student is of another
            shape.
        CheckpointError: The earlier student can't be loaded.
    """
    config = student_config(teacher, settings)
    if settings.student is not None:
        return _earlier_student(settings.student, config, _shape(teacher, settings))
    student = SqueezeBertModel(config)
    copy_shared(student, teacher)
    closed_form(student, teacher, calibration_ids(), report)
    return student


def earlier_record(settings: SqueezeSettings) -> str | None:
    """The record of the student to go on from, if there is one."""
    if settings.student is None:
        return None
    file = Path(find_checkpoint(settings.student)) / RECORD
    return file.read_text() if file.exists() else None


def _earlier_student(
    checkpoint: str, wanted: SqueezeBertConfig, shape: dict[str, Any]
) -> SqueezeBertModel:
    try:
        student = SqueezeBertModel.from_pretrained(find_checkpoint(checkpoint), dtype=torch.float32)
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{checkpoint} can't be loaded as a student to go on from: {error}"
        ) from error
    fields = ("model_type", *shape)
    differing = [f for f in fields if getattr(student.config, f, None) != getattr(wanted, f)]
    if differing:
        raise InputError(
            f"{checkpoint} is not the student asked for: it differs in {', '.join(differing)}. "
            "Go on with the teacher and the options that it was made with."
        )
    return student


def _shape(teacher: Teacher, settings: SqueezeSettings) -> dict[str, Any]:
    """The fields of the student's configuration that a checkpoint of it has to share."""
    source = teacher.config
    weights = teacher.embedding_weights()
    groups = settings.groups
    neurons = settings.neurons
    if neurons is None:
        neurons = source.hidden_size * 5 // 8
    shape: dict[str, Any] = {
        "vocab_size": len(weights["word_embeddings.weight"]),
        "max_position_embeddings": len(weights["position_embeddings.weight"]),
        "type_vocab_size": len(weights["token_type_embeddings.weight"]),
        "hidden_size": source.hidden_size,
        "num_hidden_layers": source.num_hidden_layers,
        "num_attention_heads": source.num_attention_heads,
        "intermediate_size": neurons,
        "hidden_act": source.hidden_act,
        "layer_norm_eps": source.layer_norm_eps,
        "pad_token_id": teacher.tokenizer.token_to_id(teacher.special_tokens["pad_token"]),
        **{f"{part}_groups": groups for part in ("q", "k", "v")},
        "post_attention_groups": 1,
        "intermediate_groups": 1,
        "output_groups": 1,
    }
    if settings.mixer == Mixer.SEPARABLE:
        shape["kernel_size"] = settings.kernel_size
    return shape
