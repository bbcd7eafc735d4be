"""Fine-tuning an encoder for classification or regression, with or without a teacher."""

import hashlib
import json
import shlex
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import set_seed

from squeezebert.data.classification import Table
from squeezebert.errors import InputError
from squeezebert.evaluation import Evaluation, evaluate, load_predictor
from squeezebert.evaluation.predictor import without_progress_bars
from squeezebert.files import replacing_file, replacing_folder, require_replaceable
from squeezebert.model import SqueezeBertPreTrainedModel
from squeezebert.tokenizer import Tokenizer
from squeezebert.training.checkpoints import last_complete_checkpoint
from squeezebert.training.distil import check_teacher, teacher_logits
from squeezebert.training.encoding import EncodedExamples
from squeezebert.training.finetune_trainer import FineTuneTrainer
from squeezebert.training.progress import ShowProgress, progress_bar
from squeezebert.training.report import write_report
from squeezebert.training.settings import Settings
from squeezebert.training.start import load_to_finetune, longest_input, save_tokenizer
from squeezebert.training.task import HELD_OUT, Part, Task, prepare_task

_MARKER = "config.json"
Say = Callable[[str], None]


@dataclass(frozen=True)
class FineTuned:
    """What came out.

    Attributes:
        evaluation: scores of the best checkpoint on the dev data.
        next_step: the command that makes a bundle of it; of another encoder than SqueezeBERT, the
            one that makes it a teacher.
    """

    evaluation: Evaluation
    next_step: str


def finetune(
    checkpoint: str,
    train: Table,
    dev: Table | None,
    output: Path,
    settings: Settings,
    *,
    teacher: str | None = None,
    label_names: list[str] | None = None,
    resume: bool = False,
    say: Say = print,
) -> FineTuned:
    """Fine-tunes an encoder and leaves the best checkpoint and a report in ``output``.

    ``output`` appears, or is replaced, in one step when all is done. Until then the state of the
    run is in a hidden folder beside it, from where a stopped run can be resumed exactly.

    Args:
        checkpoint: the encoder to start from, a Hugging Face folder or hub id.
        dev: measures progress and chooses the best checkpoint; None holds a tenth of ``train`` out.
        teacher: a fine-tuned checkpoint or bundle with the same labels, to distil from.
        label_names: class names in place of the values in the data.
        resume: go on with the run that was stopped, if there is one.
        say: prints a line.

    Raises:
        CheckpointError: a checkpoint can't be used.
        DataError: the data can't be used.
        InputError: options don't fit the data, the checkpoint or the run to resume.
    """
    start = time.monotonic()
    require_replaceable(output, _MARKER)
    state = output.with_name(f".{output.name}.training")
    state.mkdir(parents=True, exist_ok=True)

    task = prepare_task(train, dev, label_names, settings.seed, state, output)
    for note in task.notes:
        say(note)
    if not task.labels.is_regression:
        say(_class_table(task))
    run = {
        "checkpoint": checkpoint,
        "teacher": teacher,
        "labels": list(task.labels.names),
        "examples_sha256": task.digest,
        **asdict(settings),
    }
    resumed = _resumed_checkpoint(state, run, resume, say)

    set_seed(settings.seed)
    with without_progress_bars():
        model, fresh = load_to_finetune(checkpoint, task.labels)
    if fresh:
        say(f"Not in {checkpoint}, so learnt from scratch: {', '.join(fresh)}.")
    if settings.freeze_embeddings:
        model.get_input_embeddings().requires_grad_(False)
    if settings.max_length > longest_input(model):
        raise InputError(
            f"--max-length {settings.max_length} is more than the {longest_input(model)} tokens "
            f"that {checkpoint} can read."
        )
    save_tokenizer(checkpoint, state)
    tokenizer = Tokenizer.from_file(state / "tokenizer.json")
    train_examples = _encode(task.train, "training", tokenizer, settings.max_length, say)
    dev_examples = _encode(task.dev, "dev", tokenizer, settings.max_length, say)
    if teacher is not None:
        train_examples.teacher_logits = _cached_teacher_logits(teacher, task, output.parent, say)

    metric = "rmse" if task.labels.is_regression else "accuracy"
    if task.imbalanced:
        metric = "macro_f1"
    trainer = FineTuneTrainer(model, train_examples, dev_examples, metric, state, settings)
    progress = ShowProgress(metric, say)
    trainer.add_callback(progress)
    try:
        with without_progress_bars():
            trainer.train(resume_from_checkpoint=None if resumed is None else str(resumed))
    except KeyboardInterrupt:
        progress.stop()
        say("Stopped. The same command with --resume goes on from the last evaluation.")
        raise

    with replacing_folder(output, _MARKER) as folder, without_progress_bars():
        model.save_pretrained(folder)
        save_tokenizer(checkpoint, folder)
        if dev is None:
            shutil.copy(state / HELD_OUT, folder / HELD_OUT)
        evaluation = evaluate(
            load_predictor(folder), task.dev_table, known_labels=task.labels.values
        )
        facts = {
            **run,
            "train": train.name,
            "dev": task.dev_table.name,
            "train_examples": len(train_examples),
            "train_examples_truncated": train_examples.truncated,
            "class_counts": task.train.counts,
            "best_checkpoint_by": metric,
            "best_step": trainer.state.best_global_step,
            "steps": trainer.state.global_step,
            "minutes": round((time.monotonic() - start) / 60, 1),
            "command": shlex.join(["squeezebert", *sys.argv[1:]]),
            "versions": {name: version(name) for name in ("squeezebert", "torch", "transformers")},
        }
        if isinstance(model, SqueezeBertPreTrainedModel):
            next_step = _ship_command(output, task.dev_table)
        else:
            given = shlex.join(["--train", train.name, "--teacher", str(output)])
            next_step = f"squeezebert train --from SQUEEZEBERT {given} -o STUDENT"
        write_report(folder, evaluation, trainer.state.log_history, facts, next_step)
    shutil.rmtree(state)
    return FineTuned(evaluation, next_step)


def _ship_command(output: Path, dev: Table) -> str:
    named = (("text", dev.text), ("pair", dev.pair), ("label", dev.label))
    columns = [
        part
        for kind, column in named
        if column is not None and f"{kind} {column!r}" not in dev.guessed
        for part in (f"--{kind}-column", column)
    ]
    data = ["--data", dev.name, *columns]
    return shlex.join(["squeezebert", "export", str(output), *data, "-o", f"{output}-bundle"])


def _encode(
    part: Part, name: str, tokenizer: Tokenizer, max_length: int, say: Say
) -> EncodedExamples:
    examples = EncodedExamples(part.items, part.targets, tokenizer, max_length)
    if examples.truncated:
        say(
            f"{examples.truncated:,} of {len(examples):,} {name} examples are longer than "
            f"{max_length} tokens and are cut (--max-length)."
        )
    return examples


def _resumed_checkpoint(state: Path, run: dict[str, Any], resume: bool, say: Say) -> Path | None:
    """The checkpoint to go on from; without one, the state is made ready for a new run."""
    stored = state / "run.json"
    last = last_complete_checkpoint(state)
    if resume and last is not None:
        before = json.loads(stored.read_text(encoding="utf-8"))
        changed = [key for key in run if run[key] != before.get(key)]
        if changed:
            raise InputError(
                f"The stopped run in {state} had other settings: "
                + "; ".join(f"{key} was {before.get(key)}, is {run[key]}" for key in changed)
                + ". Give the same ones, or start anew without --resume."
            )
        say(f"Going on from {last}.")
        return last
    if resume:
        say("There is no stopped run to go on from, so this one starts at the beginning.")
    elif last is not None:
        say("A stopped run with this output is given up; --resume would have gone on with it.")
    for checkpoint in state.glob("checkpoint-*"):
        shutil.rmtree(checkpoint)
    with replacing_file(stored) as aside:
        aside.write_text(json.dumps(run, indent=2), encoding="utf-8")
    return None


def _cached_teacher_logits(teacher: str, task: Task, folder: Path, say: Say) -> Tensor:
    """The teacher's logits on the training examples, kept for further students in ``folder``."""
    digest = hashlib.sha256(f"{_identity(teacher)} {task.digest}".encode()).hexdigest()
    cache = folder / ".teacher-logits" / f"{digest[:16]}.safetensors"
    predictor = load_predictor(teacher)
    check_teacher(predictor, task.labels)
    if cache.exists():
        say(f"The teacher's logits are known from an earlier run: {cache}")
        return load_file(cache)["logits"]
    say(f"Asking the teacher about {len(task.train.items):,} examples, once.")
    with progress_bar(Console(stderr=True)) as bar:
        asked = bar.add_task("teacher", total=len(task.train.items))
        logits = teacher_logits(
            predictor, task.train.items, task.labels, lambda items: bar.advance(asked, items)
        )
    with replacing_file(cache) as aside:
        save_file({"logits": logits}, aside)
    return logits


def _identity(teacher: str) -> str:
    """Changes when the teacher does: a digest of its files; for a built-in one, its name."""
    folder = Path(teacher)
    if not folder.is_dir():
        return f"{teacher} {version('squeezebert')}"
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.suffix in {".json", ".safetensors", ".bin", ".gz"}:
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()


def _class_table(task: Task) -> str:
    width = max(len(name) for name in task.labels.names)
    lines = [f"{'class':<{width}} {'train':>9} {'dev':>9}"]
    for name in task.labels.names:
        lines.append(f"{name:<{width}} {task.train.counts[name]:>9,} {task.dev.counts[name]:>9,}")
    return "\n".join(lines)
