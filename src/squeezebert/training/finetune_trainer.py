"""The Hugging Face Trainer of a fine-tuning: its loss, its batches and when it measures."""

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import (
    EarlyStoppingCallback,
    EvalPrediction,
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from squeezebert.evaluation.metrics import classification_metrics, regression_metrics
from squeezebert.training.distil import distillation_loss
from squeezebert.training.encoding import Collator, EncodedExamples, LengthGroupedSampler
from squeezebert.training.settings import Settings

_DEV_BATCH = 64
_WARMUP = 0.06  # part of all steps
_WEIGHT_DECAY = 0.01
_LOSSES_PER_EPOCH = 20  # points of the loss curve


class FineTuneTrainer(Trainer):
    """Trains on batches of about equal lengths, towards the labels and, if any, a teacher.

    Args:
        metric: the dev metric that selects the best checkpoint: "accuracy", "macro_f1" or "rmse".
        folder: where checkpoints go.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        train: EncodedExamples,
        dev: EncodedExamples,
        metric: str,
        folder: Path,
        settings: Settings,
    ) -> None:
        self._examples = train
        self._settings = settings
        regression = model.config.problem_type == "regression"
        steps_per_epoch = -(-len(train) // settings.batch_size)
        super().__init__(
            model=model,
            args=TrainingArguments(
                output_dir=str(folder),
                num_train_epochs=settings.epochs,
                learning_rate=settings.learning_rate,
                warmup_steps=_WARMUP,
                weight_decay=_WEIGHT_DECAY,
                per_device_train_batch_size=settings.batch_size,
                per_device_eval_batch_size=_DEV_BATCH,
                eval_strategy="epoch",
                save_strategy="epoch",
                save_total_limit=1,
                load_best_model_at_end=True,
                metric_for_best_model=metric,
                greater_is_better=metric != "rmse",
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
            train_dataset=train,
            eval_dataset=dev,
            compute_metrics=lambda prediction: _metrics(prediction, regression),
            callbacks=[
                MeasureMidEpoch(steps_per_epoch),
                EarlyStoppingCallback(settings.patience),
            ],
        )
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

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The model's own loss; with a teacher, alpha * distillation + (1 - alpha) * that."""
        teacher: Tensor | None = inputs.pop("teacher_logits", None)
        outputs = model(**inputs)
        loss = outputs.loss
        if teacher is not None:
            distilled = distillation_loss(
                outputs.logits, teacher, model.config.problem_type, self._settings.temperature
            )
            loss = self._settings.alpha * distilled + (1 - self._settings.alpha) * loss
        return (loss, outputs) if return_outputs else loss


class MeasureMidEpoch(TrainerCallback):
    """Evaluates and saves in the middle of each epoch too."""

    def __init__(self, steps_per_epoch: int) -> None:
        self._steps_per_epoch = steps_per_epoch

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        middle = self._steps_per_epoch // 2
        if middle and state.global_step % self._steps_per_epoch == middle:
            control.should_log = control.should_evaluate = control.should_save = True


def _metrics(prediction: EvalPrediction, regression: bool) -> dict[str, float]:
    logits, labels = prediction.predictions, prediction.label_ids
    if isinstance(logits, tuple):  # some models return more than logits
        logits = logits[0]
    if regression:
        return regression_metrics(labels, logits[:, 0])
    return classification_metrics(labels, np.argmax(logits, axis=-1))
