"""Turns a BERT-family teacher into a SqueezeBERT of the same width and depth, from plain text.

The student starts from the teacher's weights (:mod:`squeezebert.training.closed_form`) and is then
distilled: its hidden states, above all the last ones, are drawn to the teacher's. The embeddings
are the teacher's and stay frozen, so that models squeezed from one teacher share them.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerFast, Trainer, TrainingArguments, set_seed

from squeezebert.data.corpus import Corpus, Progress, tokenise_corpus
from squeezebert.errors import InputError
from squeezebert.files import replacing_file, replacing_folder
from squeezebert.model import SqueezeBertModel
from squeezebert.training.checkpoints import last_complete_checkpoint
from squeezebert.training.closed_form import Report
from squeezebert.training.curve import write_curve
from squeezebert.training.distillation_loss import DistillationLoss, squared_error
from squeezebert.training.muon import Muon
from squeezebert.training.squeeze_settings import SqueezeSettings
from squeezebert.training.student import (
    RECORD,
    earlier_record,
    first_student,
    special_tokens,
    student_config,
)
from squeezebert.training.teachers import Teacher

CALIBRATION_TOKENS = 1 << 17
HELD_OUT_SEQUENCES = 256
EVALUATIONS = 20
WEIGHT_DECAY = 0.01
LOGS = 200
SAVES = 40


@dataclass(frozen=True)
class SqueezeResult:
    """What a squeeze came to."""

    output: Path
    tokens: int
    seconds: float
    start_errors: list[float]
    """Relative error |s - t| / |t| on held-out text after each layer, before distillation."""
    errors: list[float]
    """The same after it."""


@dataclass(frozen=True)
class Listener:
    """Who is told of the stages' progress."""

    tokenising: Progress | None = None
    fitting: Report | None = None


def squeeze(
    settings: SqueezeSettings, output: Path, resume: bool = False, listener: Listener | None = None
) -> SqueezeResult:
    """Squeezes a teacher and writes the student's checkpoint.

    Shards, the start and the trainer's checkpoints are kept in ``<output>.run``, from where a
    stopped run goes on with ``resume`` and ends with the weights it would have had.

    Args:
        output: The student's folder, written whole at the end: Hugging Face checkpoint, tokenizer,
            ``squeeze.json``, loss curve as ``curve.csv`` and ``curve.png``.

    Raises:
        InputError: Settings don't fit together, or a resumed run was started with others.
        CheckpointError: The teacher can't be used.
        DataError: The text can't be used.
    """
    settings.check()
    listener = listener or Listener()
    run = output.with_name(f"{output.name}.run")
    teacher = Teacher(settings.teacher)
    student_config(teacher, settings)  # hear of a shape that can't be before reading text
    _claim(run, settings, resume)
    text = _corpus(settings.text, teacher, settings, run / "text", listener)
    if settings.held_out:
        held_out = _corpus(settings.held_out, teacher, settings, run / "held-out", listener)
        training = _Sequences(text, range(len(text)))
        measured = _Sequences(held_out, _spread(len(held_out), HELD_OUT_SEQUENCES))
    else:
        kept = min(HELD_OUT_SEQUENCES, max(1, len(text) // 20))
        training = _Sequences(text, range(len(text) - kept))
        measured = _Sequences(text, range(len(text) - kept, len(text)))
    if not training:
        raise InputError("The text fills one sequence only; give more of it.")

    set_seed(settings.seed)
    start = run / "start"
    if not (start / "config.json").exists():

        def calibration_ids() -> Tensor:
            chosen = _spread(len(training), CALIBRATION_TOKENS // settings.length)
            return torch.stack([training[index]["input_ids"] for index in chosen])

        first = first_student(teacher, settings, calibration_ids, listener.fitting)
        with replacing_folder(start, marker="config.json") as aside:
            first.save_pretrained(aside)
            if earlier := earlier_record(settings):
                (aside / RECORD).write_text(earlier)
    student = SqueezeBertModel.from_pretrained(start)
    student.embeddings.requires_grad_(False)
    student.pooler.requires_grad_(False)

    held_out_ids = torch.stack([measured[i]["input_ids"] for i in range(len(measured))])
    loss = DistillationLoss(teacher)
    steps = _steps(settings, run, student, loss, training)
    trainer = _SqueezeTrainer(
        student=student,
        args=_arguments(settings, run, steps),
        train_dataset=training,
        eval_dataset=measured,
        loss=loss,
        teacher=teacher,
        held_out_ids=held_out_ids,
    )
    start_errors = relative_errors(student, teacher, held_out_ids)
    began = time.monotonic()
    if steps:
        checkpoint = last_complete_checkpoint(run / "checkpoints") if resume else None
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    seconds = time.monotonic() - began
    result = SqueezeResult(
        output=output,
        tokens=steps * settings.batch_size * settings.length,
        seconds=seconds,
        start_errors=start_errors,
        errors=relative_errors(student, teacher, held_out_ids),
    )
    _write_result(result, settings, student, teacher, trainer.state.log_history, text, start)
    return result


@torch.no_grad()
def relative_errors(
    student: SqueezeBertModel, teacher: Teacher, input_ids: Tensor, batch_size: int = 32
) -> list[float]:
    """|s - t| / |t| after each layer over unpadded sequences [sequences, length]."""
    was_training = student.training
    student.train(mode=False)
    device = student.device
    per_batch = []
    for batch in input_ids.split(batch_size):
        ids = batch.to(device)
        ours = student(input_ids=ids, output_hidden_states=True).hidden_states[1:]
        theirs = teacher.hidden_states(ids)[1:]
        errors = [squared_error(s, t) for s, t in zip(ours, theirs, strict=True)]
        per_batch.append(torch.stack(errors) * len(batch))
    student.train(was_training)
    mean = torch.stack(per_batch).sum(0) / len(input_ids)
    return [float(error) for error in mean.sqrt()]


class _Sequences(Dataset[dict[str, Tensor]]):
    def __init__(self, corpus: Corpus, indices: Sequence[int]) -> None:
        self.corpus = corpus
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        ids = self.corpus[self.indices[index]].astype(np.int64)
        return {"input_ids": torch.from_numpy(ids)}


class _SqueezeTrainer(Trainer):
    """The library's training loop with our loss, and held-out errors as evaluation."""

    def __init__(
        self,
        *,
        student: SqueezeBertModel,
        teacher: Teacher,
        loss: DistillationLoss,
        held_out_ids: Tensor,
        **kwargs: Any,
    ) -> None:
        super().__init__(model=student, **kwargs)
        teacher.model.to(self.args.device)
        self._student = student
        self._loss = loss
        self._teacher = teacher
        self._held_out_ids = held_out_ids

    def create_optimizer(self, *_: Any, **__: Any) -> Muon:
        self.optimizer = Muon(self._student, self.args.learning_rate, WEIGHT_DECAY)
        return self.optimizer

    def compute_loss(
        self, model: torch.nn.Module, inputs: dict[str, Tensor], *_: Any, **__: Any
    ) -> Tensor:
        loss: Tensor = self._loss(model, inputs["input_ids"])
        return loss

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        errors = relative_errors(self._student, self._teacher, self._held_out_ids)
        metrics = {f"eval_error_layer_{i}": error for i, error in enumerate(errors, start=1)}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics


def _arguments(settings: SqueezeSettings, run: Path, steps: int) -> TrainingArguments:
    def every(times: int) -> int:
        return max(1, steps // times)

    return TrainingArguments(
        output_dir=str(run / "checkpoints"),
        max_steps=max(1, steps),
        per_device_train_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=every(20),
        max_grad_norm=1.0,
        logging_steps=every(LOGS),
        eval_strategy="steps",
        eval_steps=every(EVALUATIONS),
        save_steps=every(SAVES),
        save_total_limit=2,
        seed=settings.seed,
        report_to=[],
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        bf16=torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
    )


def _claim(run: Path, settings: SqueezeSettings, resume: bool) -> None:
    """Marks the run folder as this run's, or checks that it is."""
    file = run / "settings.json"
    wanted = json.loads(json.dumps(asdict(settings)))
    if not resume:
        for stale in ("start", "checkpoints"):
            if (run / stale).exists():
                raise InputError(
                    f"{run} holds a run already. Go on with it by --resume, or remove it."
                )
    elif not file.exists():
        raise InputError(f"{run} holds no run to resume; leave out --resume to start one.")
    elif (kept := json.loads(file.read_text())) != wanted:
        changed = sorted(key for key in wanted if kept.get(key) != wanted[key])
        raise InputError(
            f"{run} was started with other settings ({', '.join(changed)}). "
            "Resume with the same ones, or name another output."
        )
    with replacing_file(file) as aside:
        aside.write_text(json.dumps(wanted, indent=2) + "\n")


def _corpus(
    files: Sequence[str],
    teacher: Teacher,
    settings: SqueezeSettings,
    folder: Path,
    listener: Listener,
) -> Corpus:
    paths = [Path(file) for file in files]
    return tokenise_corpus(paths, teacher.tokenizer, settings.length, folder, listener.tokenising)


def _steps(
    settings: SqueezeSettings,
    run: Path,
    student: SqueezeBertModel,
    loss: DistillationLoss,
    training: _Sequences,
) -> int:
    """Steps that the budget buys; a budget in minutes is timed once and then kept for the run."""
    if settings.tokens is not None:
        return round(settings.tokens / (settings.batch_size * settings.length))
    assert settings.minutes is not None
    file = run / "steps.json"
    if not file.exists():
        batch = range(min(settings.batch_size, len(training)))
        ids = torch.stack([training[index]["input_ids"] for index in batch])
        seconds = []
        for _ in range(4):
            began = time.monotonic()
            loss(student, ids).backward()
            seconds.append(time.monotonic() - began)
        student.zero_grad()
        # The first step builds what later ones reuse; the optimiser adds some five percent.
        steps = max(1, int(settings.minutes * 60 / (1.05 * float(np.median(seconds[1:])))))
        with replacing_file(file) as aside:
            aside.write_text(json.dumps({"steps": steps}))
    return int(json.loads(file.read_text())["steps"])


def _write_result(
    result: SqueezeResult,
    settings: SqueezeSettings,
    student: SqueezeBertModel,
    teacher: Teacher,
    history: list[dict[str, float]],
    text: Corpus,
    start: Path,
) -> None:
    earlier = start / RECORD
    record = {
        "settings": asdict(settings),
        "text_tokens": text.tokens,
        "trained_tokens": result.tokens,
        "seconds": round(result.seconds, 1),
        "held_out_relative_error": {"start": result.start_errors, "end": result.errors},
        "earlier": json.loads(earlier.read_text()) if earlier.exists() else None,
    }
    with replacing_folder(result.output, marker="config.json") as folder:
        student.requires_grad_(True).save_pretrained(folder)
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=teacher.tokenizer,
            model_max_length=student.config.max_position_embeddings,
            **special_tokens(teacher),
        )
        tokenizer.save_pretrained(folder)
        (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n")
        write_curve(history, folder, settings.batch_size * settings.length)


def _spread(count: int, wanted: int) -> list[int]:
    """Up to ``wanted`` indices spread evenly over ``range(count)``."""
    return [
        int(index) for index in np.unique(np.linspace(0, count - 1, min(wanted, count)).round())
    ]
