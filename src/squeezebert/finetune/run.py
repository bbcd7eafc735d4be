"""One training with given settings, that can be stopped and resumed, and its result on disk."""

import json
import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, set_seed

from squeezebert.data.columns import Columns
from squeezebert.errors import InputError
from squeezebert.evaluation import Evaluation, evaluate
from squeezebert.files import replacing_file, replacing_folder
from squeezebert.finetune.encoding import EncodedExamples
from squeezebert.finetune.progress import ShowProgress
from squeezebert.finetune.report import write_report
from squeezebert.finetune.settings import Settings
from squeezebert.finetune.start import load_to_finetune, save_tokenizer
from squeezebert.finetune.tasks import Task
from squeezebert.finetune.teacher import taught
from squeezebert.finetune.trainer import FineTuneTrainer
from squeezebert.model import SqueezeBertPreTrainedModel
from squeezebert.model.checkpoint import Checkpoint, longest_input
from squeezebert.model.tasks import MODELS
from squeezebert.tokenizer import Tokenizer
from squeezebert.training.checkpoints import MARKER, last_complete_checkpoint
from squeezebert.training.elapsed import Elapsed
from squeezebert.training.predictor import load_predictor, pipeline_of, without_progress_bars


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


@dataclass(frozen=True)
class Run:
    """A fine-tuning whose settings are still open.

    Attributes:
        checkpoint: the encoder to start from.
        teacher: a fine-tuned model to distil from, or None.
        train_name: where the training examples are from.
        learnt: the examples, and all that only their task knows.
        state: the folder from which a stopped training can go on.
        output: the folder for the result.
        say: prints a line.
    """

    checkpoint: str
    teacher: str | None
    train_name: str
    learnt: Task
    state: Path
    output: Path
    say: Callable[[str], None]

    def facts(self, settings: Settings) -> dict[str, Any]:
        """All that decides what comes out, as JSON has it."""
        return {
            "task": self.learnt.name,
            "checkpoint": self.checkpoint,
            "teacher": self.teacher,
            **self.learnt.facts,
            "examples_sha256": self.learnt.digest,
            **asdict(settings),
        }

    def train(self, settings: Settings, *, resume: bool) -> "Trained":
        """Trains, and ends with the best model by the dev metric.

        Args:
            resume: go on with the training that was stopped, if there is one.

        Raises:
            CheckpointError: the checkpoint can't be used.
            InputError: settings don't fit the checkpoint or the training to resume.
        """
        resumed = self._resumed_checkpoint(settings, resume)
        elapsed = Elapsed(resumed)
        set_seed(settings.seed)
        learnt = self.learnt
        with without_progress_bars():
            model, fresh = load_to_finetune(self.checkpoint, learnt.name, learnt.config)
        if fresh:
            self.say(f"Not in {self.checkpoint}, so learnt from scratch: {', '.join(fresh)}.")
        if settings.freeze_embeddings:
            model.get_input_embeddings().requires_grad_(False)
        if settings.max_length > longest_input(model):
            raise InputError(
                f"--max-length {settings.max_length} is more than the {longest_input(model)} "
                f"tokens that {self.checkpoint} can read."
            )
        save_tokenizer(self.checkpoint, self.state, settings.max_length)
        tokenizer_json = self.state / "tokenizer.json"
        examples = learnt.encode(Tokenizer.from_file(tokenizer_json), settings.max_length)
        if examples.truncated:
            self.say(
                f"{examples.truncated:,} of {len(examples):,} training examples are longer than "
                f"{settings.max_length} tokens and are cut (--max-length)."
            )
        if self.teacher is not None:
            answers = taught(self.teacher, learnt, examples, self.output.parent, self.say)
            examples.add("teacher", answers)
        spec = MODELS[learnt.name].spec(model.config, settings.max_length)
        pipeline = pipeline_of(Checkpoint(model, spec, tokenizer_json))
        trainer = FineTuneTrainer(model, learnt, examples, pipeline, self.state, settings)
        progress = ShowProgress(learnt.metric, self.say)
        trainer.add_callback(progress)
        trainer.add_callback(elapsed)
        try:
            with without_progress_bars():
                trainer.train(resume_from_checkpoint=None if resumed is None else str(resumed))
        except KeyboardInterrupt:
            progress.stop()
            self.say("Stopped. The same command with --resume goes on from where it last saved.")
            raise
        return Trained(self, settings, model, examples, trainer, elapsed)

    def forget_checkpoints(self) -> None:
        """Leaves nothing in the state that a training could go on from."""
        for checkpoint in self.state.glob("checkpoint-*"):
            shutil.rmtree(checkpoint)

    def _resumed_checkpoint(self, settings: Settings, resume: bool) -> Path | None:
        """The checkpoint to go on from; without one, the state is made ready for a new training."""
        stored, facts = self.state / "run.json", self.facts(settings)
        last = last_complete_checkpoint(self.state)
        if resume and last is not None:
            before = json.loads(stored.read_text(encoding="utf-8"))
            check_unchanged(before, facts, f"The stopped run in {self.state}")
            self.say(f"Going on from {last}.")
            return last
        if resume:
            self.say("There is no stopped run to go on from, so this one starts at the beginning.")
        self.forget_checkpoints()
        with replacing_file(stored) as aside:
            aside.write_text(json.dumps(facts, indent=2), encoding="utf-8")
        return None


@dataclass(frozen=True)
class Trained:
    """A model at the end of its training.

    Attributes:
        elapsed: since it began.
    """

    run: Run
    settings: Settings
    model: PreTrainedModel
    examples: EncodedExamples
    trainer: FineTuneTrainer
    elapsed: Elapsed

    @property
    def score(self) -> float:
        """The dev metric of the task, at its best."""
        best = self.trainer.state.best_metric
        assert best is not None  # the dev data was scored at the end of an epoch
        return best

    def save(self) -> FineTuned:
        """Scores the model and writes it with its report to the output, in place of what is there.

        Raises:
            InputError: there is something else than a checkpoint.
        """
        run, learnt, state = self.run, self.run.learnt, self.trainer.state
        with replacing_folder(run.output, MARKER) as folder, without_progress_bars():
            self.model.save_pretrained(folder)
            save_tokenizer(run.checkpoint, folder, self.settings.max_length)
            if learnt.held_out is not None:
                shutil.copy(learnt.held_out, folder)
            evaluation = evaluate(load_predictor(folder), learnt.dev, with_intervals=True)
            facts = {
                **run.facts(self.settings),
                "train": run.train_name,
                "dev": learnt.dev.name,
                "train_examples": len(self.examples),
                "train_examples_truncated": self.examples.truncated,
                "best_checkpoint_by": learnt.metric,
                "best_step": state.best_global_step,
                "steps": state.global_step,
                "minutes": round(self.elapsed.seconds / 60, 1),
                "command": shlex.join(["squeezebert", *sys.argv[1:]]),
                "versions": {
                    name: version(name) for name in ("squeezebert", "torch", "transformers")
                },
            }
            next_step = self._next_step()
            write_report(folder, evaluation, state.log_history, facts, next_step)
        return FineTuned(evaluation, next_step)

    def _next_step(self) -> str:
        run, output = self.run, str(self.run.output)
        if isinstance(self.model, SqueezeBertPreTrainedModel):
            data = ["--data", run.learnt.dev.name, *_naming(run.learnt.dev.columns)]
            return shlex.join(["squeezebert", "export", output, *data, "-o", f"{output}-bundle"])
        given = shlex.join(["--train", run.train_name, "--teacher", output])
        return f"squeezebert train --task {run.learnt.name} --from SQUEEZEBERT {given} -o STUDENT"


def _naming(columns: Columns) -> list[str]:
    """The options that name these columns."""
    return [
        part
        for kind, name in asdict(columns).items()
        if name is not None
        for part in (f"--{kind}-column", name)
    ]


def check_unchanged(before: dict[str, Any], now: dict[str, Any], what: str) -> None:
    """Raises InputError, naming the differences, if what was stopped is not what is resumed."""
    changed = [key for key in now if now[key] != before.get(key)]
    if changed:
        raise InputError(
            f"{what} had other settings: "
            + "; ".join(f"{key} was {before.get(key)}, is {now[key]}" for key in changed)
            + ". Give the same ones, or start anew without --resume."
        )
