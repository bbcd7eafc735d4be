"""``squeezebert learn``: from labelled rows to a bundle, in a minute and without torch."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from squeezebert.cli.options import LabelColumn, PairColumn, TextColumn
from squeezebert.errors import InputError

if TYPE_CHECKING:
    from squeezebert.learn import LearntModel


class Task(StrEnum):
    """What can be asked for; `train` is for those that need an encoder of their own."""

    CLASSIFICATION = "classification"
    ENTITIES = "entities"
    QUESTION_ANSWERING = "question-answering"


def learn(
    file: Annotated[
        str, typer.Argument(help="Labelled rows: csv, tsv, jsonl or parquet, or a hub dataset.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the bundle.")],
    task: Annotated[Task, typer.Option(help="What to learn.")] = Task.CLASSIFICATION,
    encoder: Annotated[
        str, typer.Option("--from", help="Built-in model or bundle whose vectors to learn from.")
    ] = "embed",
    text_column: TextColumn = None,
    pair_column: PairColumn = None,
    label_column: LabelColumn = None,
    shared: Annotated[
        bool,
        typer.Option(
            "--shared",
            help="Write no encoder but use the installed model's: a bundle of a few 100 kB.",
        ),
    ] = False,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Write the bundle even if nothing was learnt."),
    ] = False,
) -> None:
    """Learn to label texts, or pairs of texts, from labelled ones: a bundle in a minute.

    Exits with 3, and writes nothing, if the answers are no better than always giving the most
    frequent one.
    """
    from squeezebert.bundle.manifest import MANIFEST
    from squeezebert.cli.progress import progress
    from squeezebert.data.tasks.classification import read_classification
    from squeezebert.files import require_replaceable
    from squeezebert.learn import NothingLearntError
    from squeezebert.learn import learn as learn_from
    from squeezebert.learn.report import write_report
    from squeezebert.learn.saving import REPORT

    if task is not Task.CLASSIFICATION:
        raise InputError(
            f"Learning {task} needs an encoder that is trained with it. Run: squeezebert train "
            f"--task {task} --from mini --train {file} -o checkpoint, with the extra `train`."
        )
    require_replaceable(output, MANIFEST)
    table = read_classification(
        file, text_column=text_column, pair_column=pair_column, label_column=label_column
    )
    for note in table.notes:
        typer.echo(note)
    try:
        with progress() as show:
            model = learn_from(table, encoder, anyway=anyway, progress=show)
    except NothingLearntError as error:
        _show(error.model)
        typer.secho(f"error: {error}\nNothing was written.", err=True, fg=typer.colors.RED)
        raise typer.Exit(3) from error
    _show(model)
    model.save(output, shared=shared)
    write_report(output / REPORT, model.learnt, model.work, table)
    size = sum(each.stat().st_size for each in output.iterdir())
    typer.echo(
        f"{output}: {size / 1e6:.1f} MB. What it is worth, and what to do next: {output / REPORT}\n"
        f"Try it:\n  squeezebert predict --model {output} 'A text of yours.'"
    )


def _show(model: "LearntModel") -> None:
    """The same rows for every learning."""
    from squeezebert.learn.report import rows_of

    metric, rows = rows_of(model.learnt)
    typer.echo(f"{metric} on {model.learnt.way}:")
    for row in rows:
        shown = f"  {row.name:<32} {100 * row.score:6.1f}"
        if row.interval is not None:
            low, high = (100 * each for each in row.interval)
            shown += f"  (95 %: {low:.1f} to {high:.1f})"
        typer.echo(shown)
    work = model.work
    typer.echo(
        f"{work.seconds:.1f} s, {work.core_seconds:.1f} core-seconds, {work.joules:,.0f} J "
        f"({work.how})"
    )
