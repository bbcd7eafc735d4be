"""``squeezebert learn``: from labelled rows to a bundle, in a minute and without torch."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from squeezebert.cli.notes import note_namesakes
from squeezebert.cli.options import (
    LabelColumn,
    LabelsAre,
    PairColumn,
    TextColumn,
    say_what_numbers_are,
)
from squeezebert.cli.outputs import claim_output
from squeezebert.errors import InputError

if TYPE_CHECKING:
    from squeezebert.data.columns import Columns
    from squeezebert.data.tasks.classification import Table
    from squeezebert.evaluation import Evaluation
    from squeezebert.learn import LearntModel
    from squeezebert.learn.learning import Learnt
    from squeezebert.learn.work import Work

_MINUTES = 10.0  # of fine-tuning
_BY_CHANCE = 1.5  # rows: what was fine-tuned has seen fewer, and must be ahead by more


class Task(StrEnum):
    """What can be asked for; `train` is for those that need an encoder of their own."""

    CLASSIFICATION = "classification"
    ENTITIES = "entities"
    QUESTION_ANSWERING = "question-answering"


def learn(
    ctx: typer.Context,
    file: Annotated[
        str, typer.Argument(help="Labelled rows: csv, tsv, jsonl or parquet, or a hub dataset.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the bundle.")],
    task: Annotated[Task, typer.Option(help="What to learn.")] = Task.CLASSIFICATION,
    encoder: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Built-in model or bundle whose vectors to learn from, and from which fine-tuning "
            "starts.  [default: embed, or what does better on these texts; fine-tuning: mini, of "
            "pairs nli]",
            callback=note_namesakes,
        ),
    ] = None,
    text_column: TextColumn = None,
    pair_column: PairColumn = None,
    label_column: LabelColumn = None,
    problem_type: LabelsAre = None,
    best: Annotated[
        bool,
        typer.Option(
            "--best", help="Fine-tune an encoder too, and keep what is better on rows held out."
        ),
    ] = False,
    minutes: Annotated[
        float | None,
        typer.Option(min=0, help="How long to fine-tune at most; 0 sets no limit.  [default: 10]"),
    ] = None,
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

    Entities and answers to questions are learnt by fine-tuning alone, which takes longer.

    Exits with 3, and writes nothing, if the answers are no better than always giving the most
    frequent one.
    """
    from squeezebert.bundle.installed import look_up, unmistakable
    from squeezebert.bundle.manifest import MANIFEST
    from squeezebert.data.columns import Columns
    from squeezebert.data.tasks.classification import read_classification
    from squeezebert.errors import QualityGateError
    from squeezebert.learn import NothingLearntError

    if minutes is not None and not best and task is Task.CLASSIFICATION:
        raise InputError("--minutes is for fine-tuning. Add --best.")
    is_checkpoint = encoder is not None and look_up(encoder).kind == "checkpoint"
    if is_checkpoint and not best and task is Task.CLASSIFICATION:
        raise InputError(
            f"{encoder} is a checkpoint, which has to be fine-tuned: add --best. To learn in "
            "seconds, leave out --from, or name a bundle such as embed."
        )
    claim_output(ctx, output, MANIFEST)
    limit = _MINUTES if minutes is None else minutes
    try:
        if task is not Task.CLASSIFICATION:
            if problem_type is not None:
                raise InputError(f"--problem-type is for classification, and the task is {task}.")
            columns = Columns(text_column, pair_column, label_column)
            _fine_tune(task, file, columns, encoder, limit, output, anyway=anyway)
            return
        if best:
            import squeezebert.cli.best  # noqa: F401 -- what it needs may be missing: say so first
        table = read_classification(
            file, text_column=text_column, pair_column=pair_column, label_column=label_column
        )
        if problem_type is not None:
            table = table.of_type(problem_type.problem_type)
        for note in table.notes:
            typer.echo(note)
        if problem_type is None:
            say_what_numbers_are(table.check())
        if best:
            _learn_best(table, encoder, limit, output, shared=shared, anyway=anyway)
        else:
            _learn(table, encoder, output, shared=shared, anyway=anyway)
    except NothingLearntError as error:
        raise QualityGateError(f"{error}\nNothing was written.") from error
    except QualityGateError as error:
        if "untrained" in error.arguments:  # what it is called there
            error.giving(anyway="True")
        raise
    size = sum(each.stat().st_size for each in output.iterdir())
    pair = "" if table.pair is None else "--pair 'Another text.' "
    typer.echo(
        f"{output}: {size / 1e6:.1f} MB. What it is worth, and what to do next: "
        f"{output / 'report.html'}\n"
        f"Try it:\n  squeezebert predict --model {unmistakable(output)} {pair}'A text of yours.'"
    )


def _learn(
    table: "Table", encoder: str | None, output: Path, *, shared: bool, anyway: bool
) -> None:
    from squeezebert.learn import NothingLearntError
    from squeezebert.learn.report import write_report
    from squeezebert.learn.saving import REPORT

    model = _learnt(table, encoder)
    _show(model.learnt, model.work)
    if not (anyway or model.learnt.knows_something):
        raise NothingLearntError(model)
    model.save(output, shared=shared)
    write_report(output / REPORT, model.learnt, model.work, table)


def _learn_best(
    table: "Table",
    encoder: str | None,
    minutes: float,
    output: Path,
    *,
    shared: bool,
    anyway: bool,
) -> None:
    """Learns, fine-tunes beside it, and writes what is better on the same rows held out."""
    from squeezebert.cli import best
    from squeezebert.errors import QualityGateError
    from squeezebert.export import export_checkpoint
    from squeezebert.learn import NothingLearntError
    from squeezebert.learn.report import write_report
    from squeezebert.learn.saving import REPORT
    from squeezebert.learn.work import Work

    model = _learnt(table, best.vectors_of(encoder))
    learnt = model.learnt.on_one_part()
    work = Work()
    start = encoder or (best.START if table.pair is None else best.START_OF_PAIRS)
    _tell_of_start(start)
    with best.folder_beside(output) as folder:
        with work.counting():
            checkpoint, held_out, fine_tuned = best.fine_tune_beside(
                learnt, table, start, minutes, folder, typer.echo
            )
        work += model.work
        _show(learnt, work, fine_tuned)
        metric = learnt.baseline.metric
        compared: Evaluation | None = fine_tuned
        ahead = fine_tuned.metrics[metric] - learnt.learnt.evaluation.metrics[metric]
        is_better = ahead * fine_tuned.examples > _BY_CHANCE
        if is_better:
            try:
                export_checkpoint(checkpoint, held_out, output, untrained=anyway)
                typer.echo(
                    "What was fine-tuned is kept. It has not learnt from the "
                    f"{fine_tuned.examples:,} rows held out."
                )
            except QualityGateError as error:  # what it says in integers is not what was scored
                typer.echo(f"What was fine-tuned can't be kept. {error.giving()}")
                is_better, compared = False, None
        if not is_better:
            if not (anyway or model.learnt.knows_something):
                raise NothingLearntError(model)
            near = ahead > 0 and compared is not None
            why = ", as it has seen all rows, and one more or less is chance" if near else ""
            typer.echo(f"What was learnt without fine-tuning is kept{why}.")
            model.save(output, shared=shared)
    write_report(output / REPORT, learnt, work, table, compared)


def _fine_tune(
    task: Task,
    file: str,
    columns: "Columns",
    encoder: str | None,
    minutes: float,
    output: Path,
    *,
    anyway: bool,
) -> None:
    """Learns what has no other way."""
    from squeezebert.cli import best
    from squeezebert.data.tasks import READERS
    from squeezebert.export import export_checkpoint
    from squeezebert.learn.work import Work

    examples = READERS[task](file, "train", columns)
    for note in examples.notes:
        typer.echo(note)
    work = Work()
    start = encoder or best.START
    _tell_of_start(start)
    with best.folder_beside(output) as folder:
        with work.counting():
            checkpoint, done = best.fine_tune(task, examples, start, minutes, folder, typer.echo)
        baseline = done.baseline
        typer.echo(
            f"{baseline.metric} on {done.evaluation.examples:,} examples, learnt from the others:\n"
            f"  {baseline.way:<32} {100 * baseline.score:6.1f}\n"
            f"  {'fine-tuned':<32} {100 * done.evaluation.metrics[baseline.metric]:6.1f}"
        )
        _show_work(work)
        held_out = best.held_out_of(checkpoint, task, done)
        export_checkpoint(checkpoint, held_out, output, untrained=anyway)
        best.copy_report(checkpoint, output)
    size = sum(each.stat().st_size for each in output.iterdir())
    typer.echo(f"{output}: {size / 1e6:.1f} MB. What it is worth: {output / 'report.md'}")


def _tell_of_start(start: str) -> None:
    """Says so if fine-tuning starts from a bundle that was trained for a task."""
    from squeezebert.cli import best
    from squeezebert.learn.encoders import taught_by_labels

    bundle = best.bundle_of(start)
    if bundle is not None and (remark := taught_by_labels(bundle)) is not None:
        typer.echo(remark, err=True)


def _learnt(table: "Table", encoder: str | None) -> "LearntModel":
    from squeezebert.cli.progress import progress
    from squeezebert.learn import learn as learn_from
    from squeezebert.learn.encoders import DEFAULT, candidates, times_the_arithmetic

    with progress() as show:
        model = learn_from(table, encoder, anyway=True, progress=show)
    others = [] if encoder is not None else candidates()[1:]
    if others and model.encoder.name == DEFAULT:
        typer.echo(f"{' and '.join(others)} did not do clearly better than {DEFAULT} here.")
    elif others:
        times = times_the_arithmetic(model.encoder)
        typer.echo(
            f"The vectors of {model.encoder.name} suit these texts better than {DEFAULT}'s, at "
            f"{times:.1f} times the arithmetic. To stay with {DEFAULT}: --from {DEFAULT}"
        )
    return model


def _show(learnt: "Learnt", work: "Work", fine_tuned: "Evaluation | None" = None) -> None:
    """The same rows for every learning."""
    from squeezebert.learn.remarks import remarks
    from squeezebert.learn.report import rows_of

    metric, rows = rows_of(learnt, fine_tuned)
    typer.echo(f"{metric} on {learnt.way}:")
    for row in rows:
        shown = f"  {row.name:<32} {100 * row.score:6.1f}"
        if row.interval is not None:
            low, high = (100 * each for each in row.interval)
            shown += f"  (95 %: {low:.1f} to {high:.1f})"
        typer.echo(shown)
    for line in remarks(learnt):
        typer.echo(line, err=line in learnt.about_encoder)
    _show_work(work)


def _show_work(work: "Work") -> None:
    typer.echo(
        f"{work.seconds:.1f} s, {work.core_seconds:.1f} core-seconds, {work.joules:,.0f} J "
        f"({work.how})"
    )
