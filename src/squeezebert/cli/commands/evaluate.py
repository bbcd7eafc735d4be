"""``squeezebert evaluate``: scores a bundle or a checkpoint on labelled examples."""

import json
import math
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from squeezebert.cli.notes import note, note_namesakes
from squeezebert.cli.options import LabelColumn, LabelledExamples, PairColumn, TextColumn, Threads
from squeezebert.cli.tables import print_table

if TYPE_CHECKING:
    from squeezebert.evaluation import Evaluation


def evaluate(
    model: Annotated[
        str,
        typer.Option(
            help="Built-in model, bundle folder or checkpoint folder.", callback=note_namesakes
        ),
    ],
    data: Annotated[
        str, typer.Option(help="csv, tsv, jsonl or parquet file, or a hub dataset (validation).")
    ],
    task: Annotated[
        str | None, typer.Option(help="Which task to score, if the model has several.")
    ] = None,
    text_column: TextColumn = None,
    pair_column: PairColumn = None,
    label_column: LabelColumn = None,
    errors: Annotated[
        int,
        typer.Option(min=0, max=100, help="How many wrongly answered examples to show, up to 100."),
    ] = 0,
    learn_from: LabelledExamples = None,
    split: Annotated[
        str | None,
        typer.Option(help="Part of a hub dataset or of a file of intents.  [default: validation]"),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Folder for a report with tables, pictures and mistakes."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write all scores to this file.")
    ] = None,
    threads: Threads = None,
) -> None:
    """Score a model on labelled examples of its task."""
    from squeezebert.bundle import HeadSpec, Task
    from squeezebert.cli.predicting.asking import remark_on_language
    from squeezebert.data.columns import Columns
    from squeezebert.data.tasks import READERS, is_undivided
    from squeezebert.errors import InputError
    from squeezebert.evaluation import evaluate as score
    from squeezebert.evaluation.known import known_part
    from squeezebert.files import (
        replacing_file,
        replacing_folder,
        require_file,
        require_other,
        require_replaceable,
    )
    from squeezebert.pipelines.words.languages import LOOKED_AT
    from squeezebert.training.predictor import load_predictor

    if report is not None:
        from squeezebert.evaluation.report import REPORT, write_evaluation

        require_replaceable(report, REPORT)
    if json_file is not None:
        require_file(json_file)
        require_other(json_file, data, learn_from)
    predictor = reading = load_predictor(model, threads, task=task)
    kind = predictor.spec.task if learn_from is None else Task.CLASSIFICATION
    if split is not None and is_undivided(data, kind):
        raise InputError(f"{data} has no parts to choose from; leave out --split.")
    columns = Columns(text_column, pair_column, label_column)
    if learn_from is not None:
        from squeezebert.cli.predicting.embeddings import learn, part_among

        predictor, _ = learn(predictor, learn_from, columns, typer.echo)
    examples = READERS[kind](data, split or "validation", columns)
    for fact in examples.notes:
        typer.echo(fact)
    looked_at = [example.item for example in islice(examples, LOOKED_AT)]
    if remark := remark_on_language(model, reading, looked_at):
        note(remark)
    if learn_from is not None:
        known = part_among((example.item for example in examples), learn_from, columns)
        whose = "the examples"
    else:
        head = predictor.spec.name if isinstance(predictor.spec, HeadSpec) else ""
        known = known_part(_provenance(model), head, (example.item for example in examples))
        whose = "those that the model learnt from"
    if known:
        note(
            f"about {known:.0%} of these rows are among {whose}, so the scores flatter. Score it "
            "on others."
        )
    evaluation = score(predictor, examples, with_intervals=True)
    _show(evaluation)
    for mistake in evaluation.mistakes[:errors]:
        typer.echo(f"\n{mistake.number}: {mistake.text}")
        typer.echo(f"  expected   {mistake.expected}\n  predicted  {mistake.predicted}")
    if report is not None:
        with replacing_folder(report, REPORT) as folder:
            write_evaluation(evaluation, model, examples.name, folder)
    if json_file is not None:
        scores = {"model": model, "data": examples.name, **evaluation.as_json()}
        with replacing_file(json_file) as aside:
            aside.write_text(
                json.dumps(scores, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
                encoding="utf-8",
            )


def _provenance(model: str) -> Mapping[str, Any]:
    """What a bundle's manifest says of its making, or of a checkpoint's the report beside it."""
    from squeezebert.bundle import find_bundle, look_up
    from squeezebert.bundle.reading import read_manifest

    meaning = look_up(model)
    if meaning.kind != "checkpoint":
        return read_manifest(find_bundle(model)).provenance
    try:
        return {"training": json.loads((Path(model) / "report.json").read_text(encoding="utf-8"))}
    except (OSError, ValueError):  # none, as of a hub's model, or one of another program
        return {}


def _show(evaluation: "Evaluation") -> None:
    if evaluation.note:
        typer.echo(evaluation.note)
    width = max(10, *map(len, evaluation.metrics))
    for name, value in evaluation.metrics.items():
        shown = "undefined: all values are the same" if math.isnan(value) else f"{value:.4f}"
        if name in evaluation.intervals:
            low, high = evaluation.intervals[name]
            shown += f"  (95 %: {low:.4f} to {high:.4f})"
        typer.echo(f"{name:<{width}} {shown}")
    for name, value in evaluation.fitted.items():
        typer.echo(f"the best {name} for these examples is {value:.4f}")
    if evaluation.per_kind:
        names = list(evaluation.per_kind[0].metrics)
        typer.echo("")
        print_table(
            ("kind", *names, "examples"),
            [
                (
                    kind.kind,
                    *(f"{kind.metrics[name]:.4f}" for name in names),
                    f"{kind.examples:,}",
                )
                for kind in evaluation.per_kind
            ],
        )
        typer.echo("")
    if evaluation.per_class:
        typer.echo("")
        print_table(
            ("class", "precision", "recall", "f1", "examples"),
            [
                (
                    scores.label,
                    f"{scores.precision:.4f}",
                    f"{scores.recall:.4f}",
                    f"{scores.f1:.4f}",
                    f"{scores.support:,}",
                )
                for scores in evaluation.per_class
            ],
        )
        typer.echo("")
    typer.echo(
        f"{evaluation.examples:,} examples, {evaluation.truncated:,} truncated, "
        f"{evaluation.seconds:.2f} s, {evaluation.examples / evaluation.seconds:,.0f} a second"
    )
