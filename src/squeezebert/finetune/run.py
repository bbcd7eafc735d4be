"""One training with given settings, that can be stopped and resumed, and its result on disk."""

import shlex
import shutil
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from transformers import PreTrainedModel, set_seed

from squeezebert.data.columns import Columns
from squeezebert.errors import InputError
from squeezebert.evaluation import Evaluation, evaluate
from squeezebert.files import replacing_folder
from squeezebert.finetune.encoding import EncodedExamples
from squeezebert.finetune.progress import ShowProgress
from squeezebert.finetune.report import write_report
from squeezebert.finetune.settings import Decided
from squeezebert.finetune.start import load_to_finetune, save_tokenizer
from squeezebert.finetune.tasks import TrainingTask
from squeezebert.finetune.teacher import teacher_outputs
from squeezebert.finetune.trainer import FineTuneTrainer
from squeezebert.model import SqueezeBertPreTrainedModel
from squeezebert.model.checkpoint import Checkpoint, longest_input
from squeezebert.model.tasks import MODELS
from squeezebert.tokenizer import Tokenizer
from squeezebert.training.baseline import Baseline, most_frequent_answer
from squeezebert.training.checkpoints import MARKER, SealCheckpoints
from squeezebert.training.elapsed import Elapsed
from squeezebert.training.predictor import load_predictor, pipeline_of, without_progress_bars
from squeezebert.training.session import Session


@dataclass(frozen=True)
class FineTuned:
    """What came out.

    Attributes:
        evaluation: scores of the best checkpoint on the dev data.
        dev: name of the dev data, which may be a part that was held out.
        columns: of the dev data, those that can't be guessed.
        is_squeezebert: whether a bundle can be made of it; another encoder can teach one.
        baseline: what the most frequent answer scores on the dev data.
    """

    evaluation: Evaluation
    dev: str
    columns: Columns
    is_squeezebert: bool
    baseline: Baseline

    @property
    def has_learnt(self) -> bool:
        """Whether the model is better than the most frequent answer, by a standard error."""
        return self.baseline.is_beaten_by(self.evaluation)


@dataclass(frozen=True)
class Run:
    """A fine-tuning whose settings are still open.

    Attributes:
        checkpoint: the encoder to start from.
        teacher: a fine-tuned model to distil from, or None.
        train_name: where the training examples are from.
        task: the examples, and all that only their task knows.
        session: where its state and its result are.
    """

    checkpoint: str
    teacher: str | None
    train_name: str
    task: TrainingTask
    session: Session

    def facts(self, settings: Decided) -> dict[str, Any]:
        """All that decides what comes out, as JSON has it."""
        return {
            "task": self.task.name,
            "checkpoint": self.checkpoint,
            "teacher": self.teacher,
            **self.task.facts,
            "examples_sha256": self.task.digest,
            **asdict(settings),
        }

    def outcome(self, evaluation: Evaluation, is_squeezebert: bool) -> FineTuned:
        """What came out, with where the dev data is."""
        dev = self.task.dev
        baseline = most_frequent_answer(evaluation, dev)
        return FineTuned(evaluation, dev.name, dev.columns, is_squeezebert, baseline)

    def train(self, settings: Decided) -> "Trained":
        """Trains, and ends with the best model by the dev metric.

        Goes on from the last checkpoint of the session, if there is one.

        Raises:
            CheckpointError: the checkpoint can't be used.
            InputError: settings don't fit the checkpoint.
        """
        session, task, say = self.session, self.task, self.session.say
        resumed = session.last_checkpoint()
        elapsed = Elapsed(resumed)
        set_seed(settings.seed)
        with without_progress_bars():
            model, fresh = load_to_finetune(self.checkpoint, task.name, task.config)
        if fresh:
            say(f"Not in {self.checkpoint}, so learnt from scratch: {', '.join(fresh)}.")
        if settings.freeze_embeddings:
            model.get_input_embeddings().requires_grad_(False)
        if settings.max_length > longest_input(model):
            raise InputError(
                f"max_length {settings.max_length} is more than the {longest_input(model)} "
                f"tokens that {self.checkpoint} can read."
            )
        save_tokenizer(self.checkpoint, session.folder, settings.max_length)
        tokenizer_json = session.folder / "tokenizer.json"
        examples = task.encode(Tokenizer.from_file(tokenizer_json), settings.max_length)
        if examples.truncated:
            say(
                f"{examples.truncated:,} of {len(examples):,} training examples are longer than "
                f"{settings.max_length} tokens and are cut."
            )
        if self.teacher is not None:
            answers = teacher_outputs(self.teacher, task, examples, session.output.parent, say)
            examples.add("teacher", answers)
        spec = MODELS[task.name].spec(model.config, settings.max_length)
        pipeline = pipeline_of(Checkpoint(model, spec, tokenizer_json))
        trainer = FineTuneTrainer(model, task, examples, pipeline, session.checkpoints, settings)
        progress = ShowProgress(task.metric, say, lambda: trainer.baseline, lambda: trainer.words)
        trainer.add_callback(progress)
        trainer.add_callback(elapsed)
        trainer.add_callback(SealCheckpoints(session.keep))
        try:
            with without_progress_bars():
                trainer.train(resume_from_checkpoint=None if resumed is None else str(resumed))
        except KeyboardInterrupt:
            progress.stop()
            say("Stopped. Resumed, the same run goes on from where it last saved.")
            raise
        return Trained(self, settings, model, examples, trainer, elapsed)


@dataclass(frozen=True)
class Trained:
    """A model at the end of its training.

    Attributes:
        elapsed: since it began.
    """

    run: Run
    settings: Decided
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
        run, task, state = self.run, self.run.task, self.trainer.state
        with replacing_folder(run.session.output, MARKER) as folder, without_progress_bars():
            self.model.save_pretrained(folder)
            save_tokenizer(run.checkpoint, folder, self.settings.max_length)
            if task.held_out is not None:
                shutil.copy(task.held_out, folder)
            evaluation = evaluate(load_predictor(folder), task.dev, with_intervals=True)
            facts = {
                **run.facts(self.settings),
                "train": run.train_name,
                "dev": task.dev.name,
                "train_examples": len(self.examples),
                "train_examples_truncated": self.examples.truncated,
                "best_checkpoint_by": task.metric,
                "best_step": state.best_global_step,
                "steps": state.global_step,
                "minutes": round(self.elapsed.seconds / 60, 1),
                "command": shlex.join(["squeezebert", *sys.argv[1:]]),
                "versions": {
                    name: version(name) for name in ("squeezebert", "torch", "transformers")
                },
            }
            write_report(folder, evaluation, state.log_history, facts)
        return run.outcome(evaluation, isinstance(self.model, SqueezeBertPreTrainedModel))
