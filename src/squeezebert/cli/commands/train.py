"""``squeezebert train``: fine-tunes an encoder on labelled examples."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from squeezebert.bundle import Task
from squeezebert.cli.notes import note_namesakes
from squeezebert.cli.options import (
    Clean,
    LabelColumn,
    LabelsAre,
    PairColumn,
    Resume,
    TextColumn,
    say_what_numbers_are,
)
from squeezebert.cli.outputs import say_what_is_replaced
from squeezebert.finetune.settings import Settings

if TYPE_CHECKING:
    from squeezebert.finetune.run import FineTuned


DEFAULTS = Settings()
_CHOSEN = "Chosen for encoder and data if not given."


_IN_A_PLAN = (
    "train_data", "task", "dev_data", "text_column", "pair_column", "label_column", "problem_type",
    "label_names", "teacher", "answers", "unlabelled", "balance_classes", "search",
)  # fmt: skip


def train(
    context: typer.Context,
    checkpoint: Annotated[
        str,
        typer.Option(
            "--from",
            help="Encoder to start from: installed model, folder or hub id.",
            callback=note_namesakes,
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the result.")],
    train_data: Annotated[
        str | None,
        typer.Option("--train", help="csv, tsv, jsonl or parquet file, or a hub dataset."),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            help="In place of --train: a TOML file of several tasks, to be learnt at once by one "
            "encoder."
        ),
    ] = None,
    task: Annotated[Task, typer.Option(help="What to learn.")] = Task.CLASSIFICATION,
    dev_data: Annotated[
        str | None,
        typer.Option(
            "--dev",
            help="Labelled rows to choose the best checkpoint by.  [default: a tenth "
            "of --train, which is then not learnt]",
        ),
    ] = None,
    text_column: TextColumn = None,
    pair_column: PairColumn = None,
    label_column: LabelColumn = None,
    problem_type: LabelsAre = None,
    label_names: Annotated[
        str | None,
        typer.Option(help="Class names for the sorted labels, such as negative,positive."),
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(
            help="Fine-tuned checkpoint or bundle to distil from.", callback=note_namesakes
        ),
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option(
            help="File that keeps the teacher's answers. If it is there, they are taken from it, "
            "and only what is missing is asked of --teacher, which may be left out if nothing is."
        ),
    ] = None,
    unlabelled: Annotated[
        str | None,
        typer.Option(help="More texts, without labels: the teacher says what they are."),
    ] = None,
    temperature: Annotated[
        float, typer.Option(help="Softens the teacher's answers.")
    ] = DEFAULTS.temperature,
    alpha: Annotated[float, typer.Option(help="Weight of the teacher, 0..1.")] = DEFAULTS.alpha,
    epochs: Annotated[
        int | None, typer.Option(help=f"Passes over the training data. {_CHOSEN}")
    ] = DEFAULTS.epochs,
    learning_rate: Annotated[
        float | None, typer.Option(help=f"Peak learning rate. {_CHOSEN}")
    ] = DEFAULTS.learning_rate,
    batch_size: Annotated[
        int | None, typer.Option(help=f"Examples in a step. {_CHOSEN}")
    ] = DEFAULTS.batch_size,
    max_length: Annotated[
        int | None, typer.Option(help=f"Tokens an example is cut to. {_CHOSEN}")
    ] = DEFAULTS.max_length,
    seed: Annotated[int, typer.Option(help="The same seed gives the same run.")] = DEFAULTS.seed,
    freeze_embeddings: Annotated[
        bool | None,
        typer.Option(
            "--freeze-embeddings/--train-embeddings",
            help=f"Leave the word embeddings as they are, or train them too. {_CHOSEN}",
        ),
    ] = DEFAULTS.freeze_embeddings,
    balance_classes: Annotated[
        bool,
        typer.Option("--balance-classes", help="Weigh each class the same, however rare it is."),
    ] = DEFAULTS.balance_classes,
    patience: Annotated[
        int, typer.Option(help="Stop after so many evaluations (two an epoch) without a gain.")
    ] = DEFAULTS.patience,
    search: Annotated[
        int | None,
        typer.Option(
            help="Train this many times with settings around those given or chosen "
            "(learning rate, epochs, batch size, frozen embeddings), and keep the best."
        ),
    ] = None,
    resume: Resume = False,
    clean: Clean = False,
) -> None:
    """Fine-tune an encoder on labelled examples of a task."""
    from squeezebert.data.columns import Columns
    from squeezebert.data.formats import is_data_file
    from squeezebert.data.hub import split_names
    from squeezebert.data.tasks import READERS
    from squeezebert.data.tasks.classification import Table
    from squeezebert.data.unlabelled import read_unlabelled
    from squeezebert.errors import InputError
    from squeezebert.finetune.finetune import finetune
    from squeezebert.finetune.several.report import TASKS_FILE
    from squeezebert.training.checkpoints import MARKER

    if not resume:
        say_what_is_replaced(output, MARKER if plan is None else TASKS_FILE)
    settings = Settings(
        epochs=epochs,
        learning_rate=learning_rate,
        batch_size=batch_size,
        max_length=max_length,
        seed=seed,
        freeze_embeddings=freeze_embeddings,
        balance_classes=balance_classes,
        patience=patience,
        temperature=temperature,
        alpha=alpha,
    )
    if plan is not None:
        _refuse(context, _IN_A_PLAN, "each task has its own in the plan")
        _train_several(checkpoint, plan, output, settings, resume=resume, clean=clean)
        return
    if train_data is None:
        raise InputError("There is nothing to learn from.").giving(train="FILE")
    read, columns = READERS[task], Columns(text_column, pair_column, label_column)
    train_examples = read(train_data, "train", columns)
    if problem_type is not None:
        if task is not Task.CLASSIFICATION or not isinstance(train_examples, Table):
            raise InputError(f"--problem-type is for classification, and the task is {task}.")
        train_examples = train_examples.of_type(problem_type.problem_type)
    elif task is Task.CLASSIFICATION and isinstance(train_examples, Table):
        say_what_numbers_are(train_examples.check())
    if (
        dev_data is None
        and not is_data_file(Path(train_data))
        and "validation" in split_names(train_data)
    ):
        dev_data = train_data
        typer.echo(f"Using the validation split of {dev_data} as dev data.")
    dev_examples = None if dev_data is None else read(dev_data, "validation", columns)
    more = None
    if unlabelled is not None:
        more = read_unlabelled(unlabelled, task, columns, like=train_examples)
        for note in more.notes:
            typer.echo(note)
    done = finetune(
        checkpoint,
        train_examples,
        dev_examples,
        output,
        settings,
        task=task,
        teacher=teacher,
        answers=answers,
        unlabelled=() if more is None else more.items,
        label_names=None
        if label_names is None
        else [name.strip() for name in label_names.split(",")],
        trials=search,
        resume=resume,
        clean=clean,
        say=typer.echo,
    )
    evaluation = done.evaluation
    scores = ", ".join(f"{name} {value:.4f}" for name, value in evaluation.metrics.items())
    typer.echo(f"{output}: {scores} on {evaluation.examples:,} dev examples")
    if not done.has_learnt:
        baseline = done.baseline
        typer.echo(
            f"This model has learnt nothing: {baseline.answer} alone has {baseline.metric} "
            f"{baseline.score:.4f}. Give more rows, a higher --learning-rate or more --epochs, or "
            f"try --search. The report is in {output / 'report.md'}."
        )
        return
    next_step = _next_step(done, str(output), train_data)
    typer.echo(f"The report is in {output / 'report.md'}. What next:\n  {next_step}")


def _refuse(context: typer.Context, options: Sequence[str], why: str) -> None:
    """Raises InputError if one of the options was given."""
    from squeezebert.errors import InputError

    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        given = source is not None and source.name == "COMMANDLINE"
        if given and option.name in options:
            raise InputError(f"{option.opts[0]} and --plan don't go together: {why}.")


def _train_several(
    checkpoint: str, plan: Path, output: Path, settings: Settings, *, resume: bool, clean: bool
) -> None:
    """Trains on the tasks of a plan, and says how good each is."""
    from squeezebert.finetune.several.finetune import finetune_several
    from squeezebert.finetune.several.plan import read_plan

    done = finetune_several(
        checkpoint, read_plan(plan), output, settings, resume=resume, clean=clean, say=typer.echo
    )
    for name, result in done.results.items():
        evaluation, baseline = result.evaluation, result.baseline
        scores = ", ".join(f"{name} {value:.4f}" for name, value in evaluation.metrics.items())
        typer.echo(f"{output / name}: {scores} on {evaluation.examples:,} dev examples")
        if not result.has_learnt:
            typer.echo(
                f"{name} has learnt nothing: {baseline.answer} alone has "
                f"{baseline.metric} {baseline.score:.4f}. Give more rows, or a greater weight."
            )
    typer.echo(f"The report is in {output / 'report.md'}.")
    if done.is_squeezebert and all(result.has_learnt for result in done.results.values()):
        command = shlex.join(["squeezebert", "export", str(output), "-o", f"{output}-bundle"])
        typer.echo(f"What next:\n  {command}")


def _next_step(done: "FineTuned", output: str, train_data: str) -> str:
    """The command that makes a bundle of a model or, of another encoder, has it teach one."""
    if done.is_squeezebert:
        columns = (
            part
            for kind, name in asdict(done.columns).items()
            if name is not None
            for part in (f"--{kind}-column", name)
        )
        data = ["--data", done.dev, *columns]
        return shlex.join(["squeezebert", "export", output, *data, "-o", f"{output}-bundle"])
    given = shlex.join(["--train", train_data, "--teacher", output])
    task = done.evaluation.task
    return f"squeezebert train --task {task} --from SQUEEZEBERT {given} -o STUDENT"
