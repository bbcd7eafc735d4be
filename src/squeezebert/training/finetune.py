"""Fine-tuning an encoder for a task, with or without a teacher."""

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

from squeezebert.data.tasks import Examples
from squeezebert.errors import InputError
from squeezebert.evaluation import Evaluation, evaluate, load_predictor
from squeezebert.evaluation.predictor import pipeline_of, without_progress_bars
from squeezebert.files import replacing_file, replacing_folder, require_replaceable
from squeezebert.model import SqueezeBertPreTrainedModel
from squeezebert.model.checkpoint import Checkpoint, longest_input
from squeezebert.model.tasks import MODELS
from squeezebert.tokenizer import Tokenizer
from squeezebert.training.checkpoints import last_complete_checkpoint
from squeezebert.training.encoding import EncodedExamples
from squeezebert.training.finetune_trainer import FineTuneTrainer
from squeezebert.training.held_out import HoldOut
from squeezebert.training.progress import ShowProgress, progress_bar
from squeezebert.training.report import write_report
from squeezebert.training.settings import Settings
from squeezebert.training.start import load_to_finetune, save_tokenizer
from squeezebert.training.tasks import TASKS, Task

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
    train: Examples,
    dev: Examples | None,
    output: Path,
    settings: Settings,
    *,
    task: str = "classification",
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
        task: what the examples are for.
        teacher: a fine-tuned checkpoint or bundle for the same, to distil from.
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

    learnt = TASKS[task](train, dev, HoldOut(settings.seed, state, output), label_names)
    for note in learnt.notes:
        say(note)
    run = {
        "task": task,
        "checkpoint": checkpoint,
        "teacher": teacher,
        **learnt.facts,
        "examples_sha256": learnt.digest,
        **asdict(settings),
    }
    resumed = _resumed_checkpoint(state, run, resume, say)

    set_seed(settings.seed)
    with without_progress_bars():
        model, fresh = load_to_finetune(checkpoint, task, learnt.config)
    if fresh:
        say(f"Not in {checkpoint}, so learnt from scratch: {', '.join(fresh)}.")
    if settings.freeze_embeddings:
        model.get_input_embeddings().requires_grad_(False)
    if settings.max_length > longest_input(model):
        raise InputError(
            f"--max-length {settings.max_length} is more than the {longest_input(model)} tokens "
            f"that {checkpoint} can read."
        )
    save_tokenizer(checkpoint, state, settings.max_length)
    tokenizer_json = state / "tokenizer.json"
    examples = learnt.encode(Tokenizer.from_file(tokenizer_json), settings.max_length)
    if examples.truncated:
        say(
            f"{examples.truncated:,} of {len(examples):,} training examples are longer than "
            f"{settings.max_length} tokens and are cut (--max-length)."
        )
    if teacher is not None:
        examples.add("teacher", _taught(teacher, learnt, examples, output.parent, say))

    spec = MODELS[task].spec(model.config, settings.max_length)
    pipeline = pipeline_of(Checkpoint(model, spec, tokenizer_json))
    trainer = FineTuneTrainer(model, learnt, examples, pipeline, state, settings)
    progress = ShowProgress(learnt.metric, say)
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
        save_tokenizer(checkpoint, folder, settings.max_length)
        if learnt.held_out is not None:
            shutil.copy(learnt.held_out, folder)
        evaluation = evaluate(load_predictor(folder), learnt.dev)
        facts = {
            **run,
            "train": train.name,
            "dev": learnt.dev.name,
            "train_examples": len(examples),
            "train_examples_truncated": examples.truncated,
            "best_checkpoint_by": learnt.metric,
            "best_step": trainer.state.best_global_step,
            "steps": trainer.state.global_step,
            "minutes": round((time.monotonic() - start) / 60, 1),
            "command": shlex.join(["squeezebert", *sys.argv[1:]]),
            "versions": {name: version(name) for name in ("squeezebert", "torch", "transformers")},
        }
        if isinstance(model, SqueezeBertPreTrainedModel):
            next_step = _ship_command(output, learnt.dev)
        else:
            given = shlex.join(["--train", train.name, "--teacher", str(output)])
            next_step = f"squeezebert train --task {task} --from SQUEEZEBERT {given} -o STUDENT"
        write_report(folder, evaluation, trainer.state.log_history, facts, next_step)
    shutil.rmtree(state)
    return FineTuned(evaluation, next_step)


def _ship_command(output: Path, dev: Examples) -> str:
    data = ["--data", dev.name, *dev.options]
    return shlex.join(["squeezebert", "export", str(output), *data, "-o", f"{output}-bundle"])


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


def _taught(teacher: str, task: Task, examples: EncodedExamples, folder: Path, say: Say) -> Tensor:
    """What the teacher says of the training examples, kept for further students in ``folder``."""
    key = f"{_identity(teacher)} {task.digest} {examples.digest}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    cache = folder / ".teacher-logits" / f"{digest[:16]}.safetensors"
    predictor = load_predictor(teacher)
    task.check_teacher(predictor)
    if cache.exists():
        say(f"The teacher's logits are known from an earlier run: {cache}")
        return load_file(cache)["logits"]
    say(f"Asking the teacher about {len(examples):,} examples, once.")
    with progress_bar(Console(stderr=True)) as bar:
        asked = bar.add_task("teacher", total=len(examples))
        logits = task.teach(predictor, examples, lambda more: bar.advance(asked, more))
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
