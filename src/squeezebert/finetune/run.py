"""One training with given settings, that can be stopped and resumed, and its result on disk."""

import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, set_seed

from squeezebert.data.columns import Columns
from squeezebert.errors import InputError
from squeezebert.evaluation import Evaluation, evaluate
from squeezebert.evaluation.known import Sketch
from squeezebert.files import replacing_folder
from squeezebert.finetune.answers import Source, taught
from squeezebert.finetune.encoding import Collator, EncodedExamples
from squeezebert.finetune.report import write_report
from squeezebert.finetune.scoring import DevScores, Scores
from squeezebert.finetune.settings import Decided
from squeezebert.finetune.start import load_to_finetune, save_tokenizer
from squeezebert.finetune.tasks import TrainingTask
from squeezebert.finetune.trainer import FineTuneTrainer
from squeezebert.model import SqueezeBertPreTrainedModel
from squeezebert.model.checkpoint import Checkpoint, longest_input
from squeezebert.model.roles import require_pieces, tokenizer_of
from squeezebert.model.tasks import MODELS
from squeezebert.pipelines import Pipeline
from squeezebert.tokenizer import Tokenizer
from squeezebert.training.baseline import Baseline, most_frequent_answer
from squeezebert.training.checkpoints import MARKER, SealCheckpoints
from squeezebert.training.elapsed import Elapsed
from squeezebert.training.predictor import load_predictor, pipeline_of, without_progress_bars
from squeezebert.training.processes import leader_first, leads, led, wait
from squeezebert.training.progress import showing_progress
from squeezebert.training.session import Session

STOPPED = "Stopped. Resumed, the same run goes on from where it last saved."
"""What is said where a training is interrupted."""


@dataclass(frozen=True)
class Result:
    """How good a model is.

    Attributes:
        evaluation: scores of the best checkpoint on the dev data.
        baseline: what the most frequent answer scores there.
    """

    evaluation: Evaluation
    baseline: Baseline

    @property
    def has_learnt(self) -> bool:
        """Whether the model is better than the most frequent answer, by a standard error."""
        return self.baseline.is_beaten_by(self.evaluation)


@dataclass(frozen=True)
class FineTuned(Result):
    """What came out.

    Attributes:
        dev: name of the dev data, which may be a part that was held out.
        columns: of the dev data, those that can't be guessed.
        is_squeezebert: whether a bundle can be made of it; another encoder can teach one.
    """

    dev: str
    columns: Columns
    is_squeezebert: bool


@dataclass(frozen=True)
class Run:
    """A fine-tuning whose settings are still open.

    Attributes:
        checkpoint: the encoder to start from.
        source: of a teacher's answers to distil from, if there are some.
        train_name: where the training examples are from.
        task: the examples, and all that only their task knows.
        session: where its state and its result are.
    """

    checkpoint: str
    source: Source
    train_name: str
    task: TrainingTask
    session: Session

    def facts(self, settings: Decided) -> dict[str, Any]:
        """All that decides what comes out, as JSON has it."""
        return {
            "task": self.task.name,
            "checkpoint": self.checkpoint,
            "teacher": self.source.teacher,
            "answers": None if self.source.file is None else str(self.source.file),
            **self.task.facts,
            "examples_sha256": self.task.digest,
            **asdict(settings),
        }

    def outcome(self, evaluation: Evaluation, is_squeezebert: bool) -> FineTuned:
        """What came out, with where the dev data is."""
        dev = self.task.dev
        baseline = most_frequent_answer(evaluation, dev)
        return FineTuned(evaluation, baseline, dev.name, dev.columns, is_squeezebert)

    def train(self, settings: Decided) -> "Trained":
        """Trains, and ends with the best model by the dev metric.

        Goes on from the last checkpoint of the session, if there is one.

        Raises:
            CheckpointError: the checkpoint can't be used.
            InputError: settings don't fit the checkpoint.
        """
        session, task = self.session, self.task
        resumed = session.last_checkpoint()
        elapsed = Elapsed(resumed)
        set_seed(settings.seed)
        ready = make_ready(self.checkpoint, task, self.source, settings, session.folder, session)
        if settings.freeze_embeddings:
            ready.model.get_input_embeddings().requires_grad_(False)
        scores = DevScores(task, ready.pipeline)
        collate = Collator.of(ready.model)
        trainer = FineTuneTrainer(
            ready.model, ready.examples, collate, task.loss, scores, session.checkpoints, settings
        )
        run_trainer(trainer, scores, resumed, elapsed, session)
        return Trained(self, settings, ready, trainer, elapsed)


@dataclass(frozen=True)
class Ready:
    """A model, ready to be trained.

    Attributes:
        pipeline: over the model.
    """

    model: PreTrainedModel
    examples: EncodedExamples
    pipeline: Pipeline


def make_ready(
    checkpoint: str,
    task: TrainingTask,
    source: Source,
    settings: Decided,
    folder: Path,
    session: Session,
) -> Ready:
    """Loads the encoder to start from with a head for a task, and encodes the task's examples.

    Args:
        source: of a teacher's answers, if there are some.
        folder: where the tokenizer's files go.

    Raises:
        CheckpointError: the checkpoint can't be used.
        InputError: settings or teacher don't fit the checkpoint.
    """
    say = session.say
    with without_progress_bars():
        model, fresh = load_to_finetune(checkpoint, task.name, task.config)
    if fresh:
        say(f"Not in {checkpoint}, so learnt from scratch: {', '.join(fresh)}.")
    if settings.max_length > longest_input(model):
        raise InputError(
            f"max_length {settings.max_length} is more than the {longest_input(model)} "
            f"tokens that {checkpoint} can read."
        )
    if leads():
        save_tokenizer(checkpoint, folder, settings.max_length)
    wait()
    tokenizer, special = tokenizer_of(folder)
    require_pieces(tokenizer, special, checkpoint, model.config.pad_token_id)
    tokenizer_json = folder / "tokenizer.json"
    examples = task.encode(Tokenizer.from_file(tokenizer_json), settings.max_length)
    if examples.truncated:
        say(
            f"{examples.truncated:,} of {len(examples):,} training examples are longer than "
            f"{settings.max_length} tokens and are cut."
        )
    if source.is_there:
        with leader_first():  # the others find its answers kept
            answers = taught(source, task, examples, session.output.parent, say)
        examples.add("teacher", answers)
    spec = MODELS[task.name].spec(model.config, settings.max_length)
    return Ready(model, examples, pipeline_of(Checkpoint(model, spec, tokenizer_json)))


def run_trainer(
    trainer: FineTuneTrainer,
    scores: Scores,
    resumed: Path | None,
    elapsed: Elapsed,
    session: Session,
) -> None:
    """Trains from the beginning or from a checkpoint, and shows how far it is."""
    trainer.add_callback(elapsed)
    trainer.add_callback(SealCheckpoints(session.keep))

    def line(metrics: dict[str, float]) -> str:
        return f"dev {scores.line(metrics)}"

    try:
        with (
            without_progress_bars(),
            showing_progress(trainer.add_callback, session.say, line, trainer.minutes),
        ):
            trainer.train(resume_from_checkpoint=None if resumed is None else str(resumed))
    except KeyboardInterrupt:
        session.say(STOPPED)
        raise


@dataclass(frozen=True)
class Trained:
    """A model at the end of its training.

    Attributes:
        elapsed: since it began.
    """

    run: Run
    settings: Decided
    ready: Ready
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
        return led(self._save)

    def _save(self) -> FineTuned:
        run = self.run
        facts = {
            **run.facts(self.settings),
            "train": run.train_name,
            "best_checkpoint_by": run.task.metric,
            **course_of(self.trainer, self.elapsed),
        }
        with replacing_folder(run.session.output, MARKER) as folder:
            evaluation = write_result(
                folder,
                self.ready,
                run.task,
                run.checkpoint,
                self.settings.max_length,
                facts,
                self.trainer.state.log_history,
            )
        is_squeezebert = isinstance(self.ready.model, SqueezeBertPreTrainedModel)
        return run.outcome(evaluation, is_squeezebert)


def course_of(trainer: FineTuneTrainer, elapsed: Elapsed) -> dict[str, Any]:
    """What a report says of how a training went, as JSON has it."""
    return {
        "best_step": trainer.state.best_global_step,
        "steps": trainer.state.global_step,
        "minutes": round(elapsed.seconds / 60, 1),
        "command": shlex.join(["squeezebert", *sys.argv[1:]]),
        "versions": {name: version(name) for name in ("squeezebert", "torch", "transformers")},
    }


def write_result(
    folder: Path,
    ready: Ready,
    task: TrainingTask,
    checkpoint: str,
    max_length: int,
    facts: Mapping[str, Any],
    history: Sequence[Mapping[str, float]],
) -> Evaluation:
    """Writes a trained model and its report to a folder, and scores it from there.

    Args:
        checkpoint: that it started from, for the tokenizer's files.
        max_length: tokens that it reads at once.
        facts: what the report says besides what is known here.
        history: the trainer's log, with the task's own metrics.
    """
    with without_progress_bars():
        ready.model.save_pretrained(folder)
        save_tokenizer(checkpoint, folder, max_length)
        if task.held_out is not None:
            shutil.copy(task.held_out, folder)
        evaluation = evaluate(load_predictor(folder), task.dev, with_intervals=True)
        known = {
            "dev": task.dev.name,
            "train_examples": len(ready.examples),
            "train_examples_truncated": ready.examples.truncated,
            "train_examples_without_labels": len(task.unlabelled),
        }
        learnt = Sketch()
        learnt.add(task.rows)
        write_report(folder, evaluation, history, {**facts, **known}, learnt)
    return evaluation
