"""The Hugging Face Trainer of a fine-tuning: its loss, its batches and when it measures."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from accelerate.data_loader import prepare_data_loader
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from torch.utils.data import DataLoader, Dataset, Sampler
from transformers import (
    EarlyStoppingCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from squeezebert.evaluation.scores import LOWER_IS_BETTER
from squeezebert.finetune.scoring import Scores
from squeezebert.finetune.settings import Decided
from squeezebert.training.processes import alone, led, number, on_processors, processes, told
from squeezebert.training.shared_trainer import SharedTrainer

_WARMUP = 0.06  # part of all steps
_WEIGHT_DECAY = 0.01
_LOSSES_PER_EPOCH = 20  # points of the loss curve
_SECONDS_BETWEEN_SAVES = 600.0


Batch = dict[str, Any]
Loss = Callable[[Any, Batch, Decided], Tensor]
"""Of a model, a batch and settings."""


class Learnable(Protocol):
    """What is learnt from, by place."""

    def sampler(self, batch_size: int, seed: int) -> Sampler[int]:
        """The order of an epoch, to be cut into batches."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> dict[str, Any]: ...


class FineTuneTrainer(SharedTrainer):
    """Trains on batches of about equal lengths, and measures as `squeezebert evaluate` does.

    Each of several processes makes every batch and learns its share of the rows. The leading one
    measures.

    Args:
        examples: what the model learns from.
        collate: makes a batch of some.
        loss: of a batch.
        scores: of ``model`` on dev examples; say which checkpoint is the best.
        folder: where checkpoints go.
    """

    def __init__(
        self,
        model: nn.Module,
        examples: Learnable,
        collate: Callable[[Sequence[dict[str, Any]]], Batch],
        loss: Loss,
        scores: Scores,
        folder: Path,
        settings: Decided,
    ) -> None:
        self._examples = examples
        self._loss = loss
        self._scores = scores
        self._settings = settings
        self.minutes = settings.minutes
        self._sampler = examples.sampler(settings.batch_size, settings.seed)
        steps_per_epoch = -(-len(self._sampler) // settings.batch_size)  # type: ignore[arg-type]  # ours have a length
        super().__init__(
            model=model,
            args=TrainingArguments(
                output_dir=str(folder),
                num_train_epochs=settings.epochs,
                learning_rate=settings.learning_rate,
                warmup_steps=_WARMUP,
                weight_decay=_WEIGHT_DECAY,
                per_device_train_batch_size=settings.batch_size,  # for its counts: we cut batches
                eval_strategy="epoch",
                save_strategy="epoch",
                load_best_model_at_end=True,
                metric_for_best_model=scores.metric,
                greater_is_better=scores.metric not in LOWER_IS_BETTER,
                restore_callback_states_from_checkpoint=True,
                logging_steps=max(1, steps_per_epoch // _LOSSES_PER_EPOCH),
                seed=settings.seed,
                use_cpu=on_processors(),
                ddp_find_unused_parameters=True,  # a pooler or another task's head has no loss
                report_to="none",
                remove_unused_columns=False,
                dataloader_pin_memory=torch.cuda.is_available(),
            ),
            data_collator=collate,
            train_dataset=cast(Dataset[Any], examples),
            eval_dataset=cast(Dataset[Any], examples),  # never read: `scores` has its own
            callbacks=[
                MeasureMidEpoch(steps_per_epoch),
                SaveByTheClock(steps_per_epoch),
                EarlyStoppingCallback(settings.patience),
            ],
        )
        self._deadline = Deadline(60 * settings.minutes) if settings.minutes else None
        if self._deadline is not None:
            self.add_callback(self._deadline)

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Whole batches in the order of the sampler, in every process."""
        loader: DataLoader[Any] = DataLoader(
            cast(Dataset[Any], self._examples),
            batch_size=self._settings.batch_size,
            sampler=self._sampler,
            collate_fn=self.data_collator,
            pin_memory=self.args.dataloader_pin_memory,
        )
        prepared: DataLoader[Any] = prepare_data_loader(
            loader, self.args.device, num_processes=1, process_index=0, put_on_device=True
        )
        return prepared

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> LRScheduler:
        """A rate that rises and falls over all steps, or over the time given if that is shorter."""
        deadline = self._deadline
        if deadline is None:
            scheduler: LRScheduler = super().create_scheduler(num_training_steps, optimizer)
            return scheduler

        def part(step: int) -> float:
            done = min(1.0, max(step / num_training_steps, deadline.part))
            return min((done + 1 / num_training_steps) / _WARMUP, (1 - done) / (1 - _WARMUP))

        chosen = self.optimizer if optimizer is None else optimizer
        assert chosen is not None
        self.lr_scheduler = LambdaLR(chosen, part)
        return self.lr_scheduler

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The loss of one batch, or of this process's share of it.

        Where there are fewer examples than processes, each learns all of them.
        """
        if len(inputs["input_ids"]) < processes():
            with alone():
                return self._loss(model, inputs, self._settings)
        share = {
            name: values[number() :: processes()] if isinstance(values, Tensor) else values
            for name, values in inputs.items()
        }
        return self._loss(model, share, self._settings)

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Scores the model on the dev examples."""
        cast(nn.Module, self.model).eval()
        metrics = {f"eval_{name}": value for name, value in led(self._scores).items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics


class MeasureMidEpoch(TrainerCallback):
    """Evaluates and saves in the middle of each epoch too, but never twice after a step."""

    def __init__(self, steps_per_epoch: int) -> None:
        self._steps_per_epoch = steps_per_epoch
        self._measured = 0

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        middle = self._steps_per_epoch // 2
        if middle and state.global_step % self._steps_per_epoch == middle:
            control.should_log = control.should_evaluate = control.should_save = True

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._measured = state.global_step

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        if state.global_step == self._measured:  # a stop in the middle also ends the epoch
            control.should_log = control.should_evaluate = control.should_save = False


class SaveByTheClock(TrainerCallback):
    """Saves in a long epoch too, so that a training that is stopped loses ten minutes at most.

    Never at the end of an epoch: who went on from there would miss its evaluation, which saves too.
    """

    def __init__(self, steps_per_epoch: int) -> None:
        self._steps_per_epoch = steps_per_epoch
        self._saved = time.monotonic()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        due = told(time.monotonic() - self._saved > _SECONDS_BETWEEN_SAVES)
        if due and state.global_step % self._steps_per_epoch:
            control.should_save = True

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._saved = time.monotonic()


class Deadline(TrainerCallback):
    """Evaluates, saves and stops when the time is over."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._start: float | None = None

    @property
    def part(self) -> float:
        """How much of the time has passed, 0 before it began."""
        return 0.0 if self._start is None else (time.monotonic() - self._start) / self._seconds

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._start = time.monotonic()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        if self.part >= 1:
            control.should_log = control.should_evaluate = control.should_save = True
            control.should_training_stop = True
