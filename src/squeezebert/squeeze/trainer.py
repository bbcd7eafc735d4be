"""The Hugging Face Trainer of a squeeze: its loss, its optimiser, when it measures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.utils.data import Dataset
from transformers import TrainerState, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME
from transformers.utils import SAFE_WEIGHTS_NAME

from squeezebert.data.corpus import Corpus
from squeezebert.model import SqueezeBertModel
from squeezebert.squeeze.losses import DistillationLoss, relative_errors
from squeezebert.squeeze.muon import Muon
from squeezebert.squeeze.segments import segment_at
from squeezebert.squeeze.settings import SqueezeSettings
from squeezebert.squeeze.teacher import Teacher
from squeezebert.training.processes import on_processors, share_of
from squeezebert.training.shared_trainer import SharedTrainer

WEIGHT_DECAY = 0.01
WARMUP = 20  # one over its part of all steps
LOGS = 200
SAVES = 40  # at least
STEPS_BETWEEN_SAVES = 50  # at most: a slow machine that stops loses no more than that
EVALUATIONS = 20
STEPS_BETWEEN_EVALUATIONS = 50  # at least: an evaluation takes as long as ten steps, or longer


class Batches(Protocol):
    """What the settings of a training on sequences have in common."""

    @property
    def batch_size(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def seed(self) -> int: ...


class Sequences(Dataset[dict[str, Tensor]]):
    """Some sequences of a corpus, as ``input_ids`` [length] each."""

    def __init__(self, corpus: Corpus, indices: Sequence[int]) -> None:
        self.corpus = corpus
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        ids = self.corpus[self.indices[index]].astype(np.int64)
        return {"input_ids": torch.from_numpy(ids)}


class SqueezeTrainer(SharedTrainer):
    """The library's training loop with our loss, and held-out errors as evaluation.

    Args:
        student: Only what needs gradients learns.
        training: What it learns from.
        measured: What its error is measured on.
        folder: Where checkpoints go.
        steps: How many there will be, in the end.

    Attributes:
        in_segments: Whether layers are taught a few at a time at first; see `segments`.
    """

    in_segments = False

    def __init__(
        self,
        student: SqueezeBertModel,
        teacher: Teacher,
        training: Sequences,
        measured: Sequences,
        settings: SqueezeSettings,
        folder: Path,
        steps: int,
    ) -> None:
        super().__init__(
            model=student,
            args=training_arguments(settings, folder, steps, len(training)),
            train_dataset=training,
            eval_dataset=measured,
        )
        teacher.model.to(self.args.device)
        self._student = student
        self._teacher = teacher
        self._loss = DistillationLoss(teacher)
        self._held_out_ids = torch.stack(
            [measured[index]["input_ids"] for index in range(len(measured))]
        )

    def held_out_errors(self) -> list[float]:
        """Relative error |s - t| / |t| after each layer."""
        return relative_errors(self._student, self._teacher, self._held_out_ids)

    def load_end(self, checkpoint: Path) -> None:
        """Takes the weights and the history of a checkpoint that was saved after the last step."""
        self._student.load_state_dict(load_file(checkpoint / SAFE_WEIGHTS_NAME))
        self.state = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))

    def create_optimizer(self, *_: Any, **__: Any) -> Muon:
        """Muon for all that learns."""
        self.optimizer = Muon(self._student, self.args.learning_rate, WEIGHT_DECAY)
        return self.optimizer

    def compute_loss(
        self, model: torch.nn.Module, inputs: dict[str, Tensor], *_: Any, **__: Any
    ) -> Tensor:
        """How far the student is from the teacher on one batch."""
        segment = layers = len(self._student.encoder.layers)
        if self.in_segments:
            segment = segment_at(self.state.global_step / self.args.max_steps, layers)
        loss: Tensor = self._loss(model, inputs["input_ids"], segment)
        return loss

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """The held-out errors by layer, logged."""
        errors = enumerate(self.held_out_errors(), start=1)
        metrics = {f"eval_error_layer_{layer}": error for layer, error in errors}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics


def save_interval(steps: int) -> int:
    """Every how many of so many steps the training is saved."""
    return min(_interval(steps, SAVES), STEPS_BETWEEN_SAVES)


def evaluation_interval(steps: int) -> int:
    """Every how many of so many steps the held-out error is measured."""
    return _interval(steps, min(EVALUATIONS, max(1, steps // STEPS_BETWEEN_EVALUATIONS)))


def _interval(steps: int, times: int) -> int:
    return max(1, steps // times)


def training_arguments(
    settings: Batches, folder: Path, steps: int, sequences: int
) -> TrainingArguments:
    """What the library's training loop is told: a warm-up, then a cosine, saved now and then.

    Args:
        sequences: How many there are to learn from.

    Raises:
        InputError: A batch can't be shared out equally among the processes.
    """
    return TrainingArguments(
        output_dir=str(folder),
        max_steps=max(1, steps),
        per_device_train_batch_size=share_of(settings.batch_size),
        # So that any number of processes sees the same batches.
        dataloader_drop_last=sequences >= settings.batch_size,
        ddp_find_unused_parameters=False,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=_interval(steps, WARMUP),
        max_grad_norm=1.0,
        logging_steps=_interval(steps, LOGS),
        eval_strategy="steps",
        eval_steps=evaluation_interval(steps),
        save_steps=save_interval(steps),
        seed=settings.seed,
        report_to=[],
        remove_unused_columns=False,
        use_cpu=on_processors(),
        dataloader_pin_memory=torch.cuda.is_available(),
        bf16=torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
    )
