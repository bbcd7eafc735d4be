"""Fine-tuning an encoder for a task, with or without a teacher."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from squeezebert.bundle import Task
from squeezebert.data.tasks import Examples
from squeezebert.errors import InputError
from squeezebert.evaluation import evaluate
from squeezebert.files import require_replaceable
from squeezebert.finetune.answers import Source
from squeezebert.finetune.defaults import choose
from squeezebert.finetune.held_out import FILE, HoldOut
from squeezebert.finetune.run import FineTuned, Run
from squeezebert.finetune.search import search
from squeezebert.finetune.settings import Decided, Settings
from squeezebert.finetune.start import shape_of
from squeezebert.finetune.tasks import TASKS, TrainingTask
from squeezebert.model.hub import require_model
from squeezebert.tokenizer import Item
from squeezebert.training.checkpoints import MARKER
from squeezebert.training.predictor import load_predictor
from squeezebert.training.processes import leader_first, led
from squeezebert.training.session import open_session


def finetune(
    checkpoint: str,
    train: Examples,
    dev: Examples | None,
    output: Path,
    settings: Settings,
    *,
    task: str = Task.CLASSIFICATION,
    teacher: str | None = None,
    answers: Path | None = None,
    unlabelled: Sequence[Item] = (),
    label_names: list[str] | None = None,
    trials: int | None = None,
    resume: bool = False,
    clean: bool = False,
    say: Callable[[str], None] = print,
) -> FineTuned:
    """Fine-tunes an encoder and leaves the best checkpoint and a report in ``output``.

    ``output`` appears, or is replaced, in one step when all is done; of a search, whenever a trial
    is the best so far. The state of the run is in ``<output>.run``, from where a stopped run can be
    resumed exactly. Of several processes, as torchrun starts them, each learns a part of every
    batch, and one leads: it alone writes and speaks. A search, or a training for so many minutes,
    runs in one process.

    Args:
        checkpoint: the encoder to start from: an installed model's name, the folder of a checkpoint
            or bundle, or the id of a model on the Hugging Face hub.
        dev: measures progress and chooses the best checkpoint; None holds a tenth of ``train`` out.
        task: what the examples are for.
        teacher: a fine-tuned checkpoint or bundle for the same, to distil from.
        answers: file in which the teacher's answers are kept, and from which they are taken if it
            is there, without the teacher too; None for one beside the output.
        unlabelled: texts, or pairs where the task has pairs, to learn from by what the teacher says
            of them.
        label_names: class names in place of the values in the data.
        trials: search for the best settings around the given ones with so many trainings.
        resume: go on with the run that was stopped, if there is one.
        clean: remove the state of the run at its end.
        say: prints a line.

    Raises:
        CheckpointError: a checkpoint can't be used.
        DataError: the data can't be used.
        InputError: options don't fit the data, the checkpoint or the run to resume.
    """
    require_replaceable(output, MARKER)
    for name in (checkpoint, teacher):
        if name is not None:
            require_model(name)
    source = Source(teacher, answers)
    if unlabelled and not source.is_there:
        raise InputError(
            "Texts without labels are learnt from a teacher. Name one, or a file with its answers."
        )
    shared = trials is None and not settings.minutes  # clocks differ
    with open_session(output, resume=resume, clean=clean, say=say, shared=shared) as session:
        say = session.say
        hold_out = HoldOut(settings.seed, session.folder, output)
        with leader_first():  # it writes what is held out
            prepared = TASKS[task](train, dev, hold_out, label_names)
        prepared = prepared.with_unlabelled(unlabelled)
        for note in prepared.notes:
            say(note)
        if settings.balance_classes and not prepared.has_classes:
            raise InputError("balance_classes is for texts or pairs with one class each.")
        decided = decide(settings, checkpoint, prepared, say)
        run = Run(checkpoint, source, train.name, prepared, session)
        session.claim({**run.facts(decided), "search": trials is not None}, {FILE})
        if session.finished:
            say(f"{output} is finished; nothing is left to do.")
            evaluation = led(lambda: evaluate(load_predictor(output), prepared.dev))
            return run.outcome(evaluation, session.result["is_squeezebert"])
        if trials is None:
            done = run.train(decided).save()
        else:
            done = search(run, decided, trials, embeddings=settings.freeze_embeddings is None)
        session.finish({"is_squeezebert": done.is_squeezebert})
    return done


def decide(
    settings: Settings, checkpoint: str, task: TrainingTask, say: Callable[[str], None]
) -> Decided:
    """The settings with what is left open chosen, and said.

    Raises:
        CheckpointError: the checkpoint has no usable configuration.
    """
    shape = width, layers, *_ = shape_of(checkpoint)
    chosen = choose(task.kind, task.size, *shape)
    decided = settings.decided(chosen)
    opened = [name for name, value in asdict(chosen).items() if getattr(settings, name) is None]
    if opened:
        values = ", ".join(f"{name} {getattr(decided, name)}" for name in opened)
        say(
            f"Chosen for {task.size:,} examples of {task.kind} and an encoder of {layers} layers "
            f"of width {width}: {values}."
        )
    return decided
