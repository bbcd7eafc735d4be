"""The Hugging Face Trainer of a fine-tuning: its loss, its batches and when it measures."""

import inspect
import math
import time
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from torch.utils.data import DataLoader
from transformers import (
    EarlyStoppingCallback,
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from squeezebert.data.read_once import ReadOnce
from squeezebert.evaluation import evaluate
from squeezebert.evaluation.scores import LOWER_IS_BETTER
from squeezebert.finetune.encoding import Collator, EncodedExamples, LengthGroupedSampler
from squeezebert.finetune.settings import Decided
from squeezebert.finetune.tasks import TrainingTask
from squeezebert.pipelines import Pipeline
from squeezebert.training.baseline import Baseline, most_frequent_answer

_WARMUP = 0.06  # part of all steps
_WEIGHT_DECAY = 0.01
_WORST = 1e30  # the size of a score that is undefined
_LOSSES_PER_EPOCH = 20  # points of the loss curve
_SECONDS_BETWEEN_SAVES = 600.0


class FineTuneTrainer(Trainer):
    """Trains on batches of about equal lengths, and measures as `squeezebert evaluate` does.

    Args:
        task: says what the loss is, and by which metric on which examples the best checkpoint is
            chosen.
        examples: what the model learns from.
        pipeline: over ``model``; reads the dev examples.
        folder: where checkpoints go.

    Attributes:
        baseline: the score of the most frequent answer, once the dev examples were scored.
        words: the score of words and letters alone then, where such a model can answer.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        task: TrainingTask,
        examples: EncodedExamples,
        pipeline: Pipeline,
        folder: Path,
        settings: Decided,
    ) -> None:
        self._task = task
        self._dev = ReadOnce(task.dev)
        self.baseline: Baseline | None = None
        self.words: float | None = None
        self._examples = examples
        self._pipeline = pipeline
        self._settings = settings
        steps_per_epoch = -(-len(examples) // settings.batch_size)
        super().__init__(
            model=model,
            args=TrainingArguments(
                output_dir=str(folder),
                num_train_epochs=settings.epochs,
                learning_rate=settings.learning_rate,
                warmup_steps=_WARMUP,
                weight_decay=_WEIGHT_DECAY,
                per_device_train_batch_size=settings.batch_size,
                eval_strategy="epoch",
                save_strategy="epoch",
                save_total_limit=1,
                load_best_model_at_end=True,
                metric_for_best_model=task.metric,
                greater_is_better=task.metric not in LOWER_IS_BETTER,
                restore_callback_states_from_checkpoint=True,
                logging_steps=max(1, steps_per_epoch // _LOSSES_PER_EPOCH),
                seed=settings.seed,
                disable_tqdm=True,
                report_to="none",
                remove_unused_columns=False,
                dataloader_pin_memory=torch.cuda.is_available(),
            ),
            data_collator=Collator(
                pad_id=model.config.pad_token_id or 0,
                with_types="token_type_ids" in inspect.signature(model.forward).parameters,
            ),
            train_dataset=examples,
            eval_dataset=task.dev,
            callbacks=[
                MeasureMidEpoch(steps_per_epoch),
                SaveByTheClock(steps_per_epoch),
                EarlyStoppingCallback(settings.patience),
            ],
        )
        self._deadline = Deadline(60 * settings.minutes) if settings.minutes else None
        if self._deadline is not None:
            self.add_callback(self._deadline)
        self.remove_callback(PrinterCallback)

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Batches in the order of a `LengthGroupedSampler`."""
        sampler = LengthGroupedSampler(
            self._examples.lengths, self._settings.batch_size, self._settings.seed
        )
        loader: DataLoader[Any] = DataLoader(
            self._examples,
            batch_size=self._settings.batch_size,
            sampler=sampler,
            collate_fn=self.data_collator,
            pin_memory=self.args.dataloader_pin_memory,
        )
        prepared: DataLoader[Any] = self.accelerator.prepare(loader)
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
        """The task's loss of one batch."""
        return self._task.loss(model, inputs, self._settings)

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Scores the model on the dev examples.

        What is undefined is left out, but the metric that chooses the best checkpoint: it has a
        value then that is worse than any real one.
        """
        cast(nn.Module, self.model).eval()
        evaluation = evaluate(self._pipeline, self._dev)
        if self.baseline is None:
            self.baseline = most_frequent_answer(evaluation, self._dev)
            self.words = self._task.score_of_words()
        metrics = {
            f"eval_{name}": value
            for name, value in evaluation.metrics.items()
            if not math.isnan(value)
        }
        worst = _WORST if self._task.metric in LOWER_IS_BETTER else -_WORST
        metrics.setdefault(f"eval_{self._task.metric}", worst)
        metrics |= {"eval_truncated": evaluation.truncated, "eval_runtime": evaluation.seconds}
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
        due = time.monotonic() - self._saved > _SECONDS_BETWEEN_SAVES
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
