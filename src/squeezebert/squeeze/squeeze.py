"""Turns a BERT-family teacher into a SqueezeBERT of the same width and depth, from plain text.

The student starts from the teacher's weights (:mod:`squeezebert.squeeze.closed_form`) and is then
distilled: its hidden states, above all the last ones, are drawn to the teacher's. The embeddings
are the teacher's and stay frozen, so that models squeezed from one teacher share them.
"""

import copy
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import AutoConfig, PreTrainedTokenizerFast, set_seed

from squeezebert.data.corpus import Corpus, Progress, tokenise_corpus
from squeezebert.data.raw_text import check_text
from squeezebert.errors import InputError
from squeezebert.files import replacing_folder, require_replaceable
from squeezebert.model import SqueezeBertModel
from squeezebert.model.checkpoint import longest_input
from squeezebert.model.hub import require_model
from squeezebert.squeeze.budget import steps_of
from squeezebert.squeeze.closed_form import Report
from squeezebert.squeeze.curve import write_curve
from squeezebert.squeeze.segments import LOST
from squeezebert.squeeze.settings import SqueezeSettings
from squeezebert.squeeze.student import (
    RECORD,
    earlier_record,
    first_student,
    student_config,
)
from squeezebert.squeeze.teacher import Teacher
from squeezebert.squeeze.trainer import Sequences, SqueezeTrainer
from squeezebert.training.checkpoints import MARKER, is_whole, seal
from squeezebert.training.predictor import without_progress_bars
from squeezebert.training.processes import leader_first, leads
from squeezebert.training.resuming import train_on
from squeezebert.training.session import Session, open_session

CALIBRATION_TOKENS = 1 << 17
HELD_OUT_SEQUENCES = 256
_TEXTS = ("text", "held-out")  # the shards of both, which know what they were made from


@dataclass(frozen=True)
class SqueezeResult:
    """What a squeeze came to."""

    output: Path
    tokens: int
    seconds: float
    """Time in training; of a resumed run that of all its sessions, each up to its last save."""
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
    settings: SqueezeSettings,
    output: Path,
    *,
    resume: bool = False,
    clean: bool = False,
    listener: Listener | None = None,
    say: Callable[[str], None] = print,
) -> SqueezeResult:
    """Squeezes a teacher and writes the student's checkpoint.

    Shards, the start and the trainer's checkpoints are kept in ``<output>.run``, from where a
    stopped run goes on with ``resume`` and ends with the weights it would have had.

    Args:
        output: The student's folder, written whole at the end: Hugging Face checkpoint, tokenizer,
            ``squeeze.json``, loss curve as ``curve.csv`` and ``curve.png``.
        resume: Go on with the run that was stopped, if there is one.
        clean: Remove the state of the run at its end.
        say: Prints a line.

    Raises:
        InputError: Settings don't fit together or the teacher, ``output`` holds something else than
            a checkpoint, or a resumed run was started with other settings.
        CheckpointError: The teacher or the state of the run can't be used.
        DataError: The text can't be used.
    """
    settings.check()
    require_replaceable(output, MARKER)
    require_model(settings.teacher)
    teacher = Teacher(settings.teacher)
    # Hear of a shape or a length that can't be before reading text.
    student_config(teacher, settings)
    if settings.length > (longest := longest_input(teacher.model)):
        raise InputError(
            f"length {settings.length} is more than the {longest} tokens that "
            f"{settings.teacher} can read."
        )
    check_text(settings.text, teacher.tokenizer)
    with (
        without_progress_bars(),
        open_session(output, resume=resume, clean=clean, say=say, shared=True) as session,
    ):
        say = session.say
        session.claim(asdict(settings), _TEXTS)
        if session.finished:
            say(f"{output} is finished; nothing is left to do.")
            return SqueezeResult(output, **session.result)
        result = _squeeze(settings, teacher, session, listener or Listener(), say)
        session.finish({key: value for key, value in asdict(result).items() if key != "output"})
    return result


def _squeeze(
    settings: SqueezeSettings,
    teacher: Teacher,
    session: Session,
    listener: Listener,
    say: Callable[[str], None],
) -> SqueezeResult:
    """Reads, fits the start, trains and writes, each unless an earlier session has done it."""
    training, measured, text = _sequences(settings, teacher, session, listener, say)
    set_seed(settings.seed)
    start = session.folder / "start"

    def calibration_ids() -> Tensor:
        chosen = spread(len(training), CALIBRATION_TOKENS // settings.length)
        return torch.stack([training[index]["input_ids"] for index in chosen])

    with leader_first():
        if not is_whole(start):
            first = first_student(teacher, settings, calibration_ids, listener.fitting)
            shutil.rmtree(start, ignore_errors=True)  # a damaged one
            with replacing_folder(start, MARKER) as aside:
                first.save_pretrained(aside)
                if earlier := earlier_record(settings):
                    (aside / RECORD).write_text(earlier)
                seal(aside)
            session.keep()
    # With its configuration: the library would warn of any mixer but one.
    student = SqueezeBertModel.from_pretrained(start, config=AutoConfig.from_pretrained(start))
    student.embeddings.requires_grad_(False)
    student.pooler.requires_grad_(False)

    def trainer_of(student: SqueezeBertModel, folder: Path, steps: int) -> SqueezeTrainer:
        return SqueezeTrainer(student, teacher, training, measured, settings, folder, steps)

    steps = steps_of(settings, session, lambda *rest: trainer_of(copy.deepcopy(student), *rest))
    # A trainer sets the seed, so this one draws the same numbers whether steps were timed or not.
    trainer = trainer_of(student, session.checkpoints, steps)
    start_errors = trainer.held_out_errors()
    if start_errors[-1] >= LOST:
        trainer.in_segments = True
        say("The start is far from the teacher, so layers learn a few at a time at first.")
    seconds = train_on(trainer, session, steps)
    result = SqueezeResult(
        output=session.output,
        tokens=steps * settings.batch_size * settings.length,
        seconds=seconds,
        start_errors=start_errors,
        errors=trainer.held_out_errors(),
    )
    if leads():
        _write_result(result, settings, student, teacher, trainer.state.log_history, text, start)
    return result


def _sequences(
    settings: SqueezeSettings,
    teacher: Teacher,
    session: Session,
    listener: Listener,
    say: Callable[[str], None],
) -> tuple[Sequences, Sequences, Corpus]:
    """What is learnt from, what the error is measured on, and the text behind the former."""

    def corpus(name: str, files: Sequence[str]) -> Corpus:
        paths = [Path(file) for file in files]
        folder = session.folder / name
        with leader_first():
            made = tokenise_corpus(
                paths, teacher.tokenizer, settings.length, folder, listener.tokenising
            )
        for note in made.notes:
            say(note)
        return made

    text = corpus("text", settings.text)
    if settings.held_out:
        held_out = corpus("held-out", settings.held_out)
        training = Sequences(text, range(len(text)))
        measured = Sequences(held_out, spread(len(held_out), HELD_OUT_SEQUENCES))
    else:
        kept = min(HELD_OUT_SEQUENCES, max(1, len(text) // 20))
        training = Sequences(text, range(len(text) - kept))
        measured = Sequences(text, range(len(text) - kept, len(text)))
    if not training:
        raise InputError("The text fills one sequence only; give more of it.")
    return training, measured, text


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
    with replacing_folder(result.output, MARKER) as folder:
        student.requires_grad_(True).save_pretrained(folder)
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=teacher.tokenizer,
            model_max_length=student.config.max_position_embeddings,
            **teacher.special_tokens,
        )
        tokenizer.save_pretrained(folder)
        (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n")
        write_curve(history, folder, settings.batch_size * settings.length)


def spread(count: int, wanted: int) -> list[int]:
    """Up to ``wanted`` indices spread evenly over ``range(count)``."""
    return [
        int(index) for index in np.unique(np.linspace(0, count - 1, min(wanted, count)).round())
    ]
