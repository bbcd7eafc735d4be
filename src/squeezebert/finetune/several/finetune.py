"""Fine-tuning one encoder for several tasks at once."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import set_seed

from squeezebert.errors import InputError
from squeezebert.evaluation import Evaluation, evaluate
from squeezebert.files import replacing_folder, require_replaceable
from squeezebert.finetune.defaults import choose
from squeezebert.finetune.encoding import Collator
from squeezebert.finetune.held_out import HoldOut
from squeezebert.finetune.run import (
    Ready,
    Result,
    course_of,
    make_ready,
    run_trainer,
    write_result,
)
from squeezebert.finetune.scoring import DevScores
from squeezebert.finetune.settings import Chosen, Decided, Settings
from squeezebert.finetune.several.mixing import PART, MixedCollator, MixedExamples
from squeezebert.finetune.several.model import SharedEncoder
from squeezebert.finetune.several.plan import PlannedTask
from squeezebert.finetune.several.report import TASKS_FILE, write_overview
from squeezebert.finetune.several.scores import SeveralScores, of_task
from squeezebert.finetune.start import shape_of
from squeezebert.finetune.tasks import TASKS, TrainingTask
from squeezebert.finetune.trainer import FineTuneTrainer
from squeezebert.model import SqueezeBertPreTrainedModel
from squeezebert.model.hub import require_model
from squeezebert.training.baseline import most_frequent_answer
from squeezebert.training.elapsed import Elapsed
from squeezebert.training.predictor import load_predictor
from squeezebert.training.processes import leader_first, led
from squeezebert.training.session import Session, open_session


@dataclass(frozen=True)
class SeveralFineTuned:
    """What came out.

    Attributes:
        results: by the name of the task.
        is_squeezebert: whether a bundle can be made of it.
    """

    results: Mapping[str, Result]
    is_squeezebert: bool


def finetune_several(
    checkpoint: str,
    planned: Sequence[PlannedTask],
    output: Path,
    settings: Settings,
    *,
    resume: bool = False,
    clean: bool = False,
    say: Callable[[str], None] = print,
) -> SeveralFineTuned:
    """Fine-tunes one encoder for several tasks, with a head for each.

    A batch is of one task. Each task passes over its examples as often as it would alone, times its
    weight, and its batches are spread evenly over the training. The best checkpoint is the one with
    the best mean of the tasks' dev metrics, of values the correlation.

    ``output`` appears, or is replaced, in one step when all is done. In it each task has a folder
    with a checkpoint and its report, and all encoders are the same. The state of the run is in
    ``<output>.run``, from where a stopped run can be resumed exactly. Of several processes, each
    learns a part of every batch, as in `finetune`.

    Args:
        checkpoint: the encoder to start from, as `finetune` takes it.
        planned: the tasks.
        resume: go on with the run that was stopped, if there is one.
        clean: remove the state of the run at its end.
        say: prints a line.

    Raises:
        CheckpointError: a checkpoint can't be used.
        DataError: the data can't be used.
        InputError: options don't fit the data, the checkpoint or the run to resume.
    """
    names = [each.name for each in planned]
    if len(set(names)) < len(names) or len(names) < 2:
        raise InputError("Several tasks are two or more, each with a name of its own.")
    require_replaceable(output, TASKS_FILE)
    for name in (checkpoint, *(each.source.teacher for each in planned)):
        if name is not None:
            require_model(name)
    with open_session(output, resume=resume, clean=clean, say=say, shared=True) as session:
        say = session.say
        parts = [_prepared(each, settings, session, output) for each in planned]
        run = _Run(checkpoint, parts, settings, session)
        say(run.table)
        session.claim(run.flat_facts, set(names))
        if session.finished:
            say(f"{output} is finished; nothing is left to do.")
            results = led(
                lambda: {
                    part.name: part.result(
                        evaluate(load_predictor(output / part.name), part.task.dev)
                    )
                    for part in parts
                }
            )
            return SeveralFineTuned(results, session.result["is_squeezebert"])
        done = run.train()
        session.finish({"is_squeezebert": done.is_squeezebert})
    return done


@dataclass(frozen=True)
class _Part:
    """A task with its examples read."""

    planned: PlannedTask
    task: TrainingTask

    @property
    def name(self) -> str:
        return self.planned.name

    def result(self, evaluation: Evaluation) -> Result:
        return Result(evaluation, most_frequent_answer(evaluation, self.task.dev))


def _prepared(planned: PlannedTask, settings: Settings, session: Session, output: Path) -> _Part:
    """Reads and checks a task's examples."""
    name, say = planned.name, session.say
    if planned.unlabelled and not planned.source.is_there:
        raise InputError(
            f"{name}: texts without labels are learnt from a teacher. Name one, or a file with its "
            "answers."
        )
    hold_out = HoldOut(settings.seed, session.folder / name, output / name)
    with leader_first():  # it writes what is held out
        task = TASKS[planned.task](planned.train, planned.dev, hold_out, planned.label_names)
    task = task.with_unlabelled(planned.unlabelled)
    say(f"{name}:")
    for note in (*planned.notes, *task.notes):
        say(note)
    if planned.balance_classes and not task.has_classes:
        raise InputError(f"{name}: balance_classes is for texts or pairs with one class each.")
    return _Part(planned, task)


@dataclass(frozen=True)
class _Run:
    """The training of all tasks."""

    checkpoint: str
    parts: Sequence[_Part]
    given: Settings
    session: Session

    @cached_property
    def chosen(self) -> list[Chosen]:
        """What would be chosen for each task alone."""
        shape = shape_of(self.checkpoint)
        return [choose(part.task.kind, part.task.size, *shape) for part in self.parts]

    @cached_property
    def settings(self) -> Decided:
        """The settings of all, with what is left open chosen.

        Epochs and batch size by the number of all examples; the rate is the geometric mean of the
        tasks'.
        """
        rows = sum(part.task.size for part in self.parts)
        of_all = choose(self.parts[0].task.kind, rows, *shape_of(self.checkpoint))
        rates = [math.log(chosen.learning_rate) for chosen in self.chosen]
        rate = float(f"{math.exp(sum(rates) / len(rates)):.2g}")
        longest = max(chosen.max_length for chosen in self.chosen)
        return self.given.decided(replace(of_all, learning_rate=rate, max_length=longest))

    @cached_property
    def passes(self) -> list[float]:
        """How often each task's examples are learnt in all."""
        return [
            part.planned.weight * (self.given.epochs or chosen.epochs)
            for part, chosen in zip(self.parts, self.chosen, strict=True)
        ]

    @cached_property
    def of_parts(self) -> list[Decided]:
        """The settings of each task."""
        return [
            replace(
                self.settings,
                max_length=part.planned.max_length or self.given.max_length or chosen.max_length,
                balance_classes=part.planned.balance_classes,
            )
            for part, chosen in zip(self.parts, self.chosen, strict=True)
        ]

    @property
    def table(self) -> str:
        """What is learnt, for the reader."""
        width = max(len("task"), *(len(part.name) for part in self.parts))
        lines = [f"{'task':<{width}} {'examples':>9} {'passes':>7} {'tokens':>7}"]
        lines += [
            f"{part.name:<{width}} {part.task.size:>9,} {passes:>7.3g} {settings.max_length:>7}"
            for part, passes, settings in zip(self.parts, self.passes, self.of_parts, strict=True)
        ]
        decided = self.settings
        lines.append(
            f"in {decided.epochs} epochs, learning rate {decided.learning_rate}, batches of "
            f"{decided.batch_size}, word embeddings "
            + ("stay" if decided.freeze_embeddings else "are trained")
        )
        return "\n".join(lines)

    @property
    def facts(self) -> dict[str, Any]:
        """All that decides what comes out, as JSON has it."""
        parts = zip(self.parts, self.passes, self.of_parts, strict=True)
        return {
            "checkpoint": self.checkpoint,
            **asdict(self.settings),
            "tasks": {
                part.name: {
                    "task": part.task.name,
                    "passes": passes,
                    "teacher": part.planned.source.teacher,
                    "answers": None
                    if part.planned.source.file is None
                    else str(part.planned.source.file),
                    **part.task.facts,
                    "examples_sha256": part.task.digest,
                    "max_length": settings.max_length,
                    "balance_classes": settings.balance_classes,
                }
                for part, passes, settings in parts
            },
        }

    @property
    def flat_facts(self) -> dict[str, Any]:
        """The same without tables in tables, so that what differs can be named in a few words."""
        facts = self.facts
        tasks = facts.pop("tasks")
        of_tasks = {f"{name}.{key}": each[key] for name, each in tasks.items() for key in each}
        return {**facts, "tasks": list(tasks), **of_tasks}

    def train(self) -> SeveralFineTuned:
        """Trains, and writes the best model by the mean of the dev metrics."""
        session, settings = self.session, self.settings
        resumed = session.last_checkpoint()
        elapsed = Elapsed(resumed)
        set_seed(settings.seed)
        ready = [
            make_ready(
                self.checkpoint,
                part.task,
                part.planned.source,
                decided,
                session.folder / part.name,
                session,
            )
            for part, decided in zip(self.parts, self.of_parts, strict=True)
        ]
        names = [part.name for part in self.parts]
        model = SharedEncoder({n: r.model for n, r in zip(names, ready, strict=True)})
        if settings.freeze_embeddings:
            ready[0].model.get_input_embeddings().requires_grad_(False)
        scores = SeveralScores(
            {p.name: DevScores(p.task, r.pipeline) for p, r in zip(self.parts, ready, strict=True)}
        )
        trainer = FineTuneTrainer(
            model,
            MixedExamples([r.examples for r in ready], [p / settings.epochs for p in self.passes]),
            MixedCollator(Collator.of(ready[0].model)),
            self._loss,
            scores,
            session.checkpoints,
            settings,
        )
        run_trainer(trainer, scores, resumed, elapsed, session)
        return led(lambda: self._save(ready, trainer, elapsed))

    def _loss(self, model: Any, batch: dict[str, Any], settings: Decided) -> Tensor:
        """The loss of a batch by its task."""
        place: int = batch.pop(PART)
        part = self.parts[place]
        return part.task.loss(partial(model, part.name), batch, self.of_parts[place])

    def _save(
        self, ready: Sequence[Ready], trainer: FineTuneTrainer, elapsed: Elapsed
    ) -> SeveralFineTuned:
        """Writes a folder for each task, and an overview."""
        facts, course = self.facts, course_of(trainer, elapsed)
        history = trainer.state.log_history
        results: dict[str, Result] = {}
        with replacing_folder(self.session.output, TASKS_FILE) as folder:
            for part, each in zip(self.parts, ready, strict=True):
                (folder / part.name).mkdir()
                evaluation = write_result(
                    folder / part.name,
                    each,
                    part.task,
                    self.checkpoint,
                    facts["tasks"][part.name]["max_length"],
                    {
                        **{name: value for name, value in facts.items() if name != "tasks"},
                        **facts["tasks"][part.name],
                        "learnt_with": [other.name for other in self.parts if other != part],
                        "train": part.planned.train.name,
                        "best_checkpoint_by": "the mean of all tasks' dev metrics",
                        **course,
                    },
                    [of_task(entry, part.name, "eval_") | entry for entry in history],
                )
                results[part.name] = part.result(evaluation)
            dev = {part.name: part.task for part in self.parts}
            write_overview(folder, dev, results, {**facts, **course}, history)
        is_squeezebert = isinstance(ready[0].model, SqueezeBertPreTrainedModel)
        return SeveralFineTuned(results, is_squeezebert)
