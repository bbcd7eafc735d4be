"""``squeezebert evaluate``: scores a bundle or a checkpoint on labelled texts."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from squeezebert.evaluation import Evaluation


def evaluate(
    model: Annotated[str, typer.Option(help="Built-in model, bundle folder or checkpoint folder.")],
    data: Annotated[
        str, typer.Option(help="csv, tsv, jsonl or parquet file, or a hub dataset (validation).")
    ],
    text_column: Annotated[str | None, typer.Option(help="Default: guessed, and said.")] = None,
    pair_column: Annotated[str | None, typer.Option(help="Second text, if in pairs.")] = None,
    label_column: Annotated[str | None, typer.Option(help="Default: guessed, and said.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write all scores to this file.")
    ] = None,
) -> None:
    """Score a model on labelled texts or pairs."""
    from squeezebert.data.classification import read_classification
    from squeezebert.evaluation import evaluate as score
    from squeezebert.evaluation import load_predictor
    from squeezebert.files import replacing_file

    table = read_classification(
        data,
        split="validation",
        text_column=text_column,
        pair_column=pair_column,
        label_column=label_column,
    )
    if table.guessed:
        typer.echo(f"{table.name}: guessed {', '.join(table.guessed)}.")
    evaluation = score(load_predictor(model), table)
    _show(evaluation)
    if json_file is not None:
        scores = {"model": model, "data": table.name, **evaluation.as_json()}
        with replacing_file(json_file) as aside:
            aside.write_text(
                json.dumps(scores, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
                encoding="utf-8",
            )


def _show(evaluation: "Evaluation") -> None:
    if evaluation.note:
        typer.echo(evaluation.note)
    for name, value in evaluation.metrics.items():
        shown = "undefined: all values are the same" if math.isnan(value) else f"{value:.4f}"
        typer.echo(f"{name:<10} {shown}")
    if evaluation.per_class:
        width = max(len("class"), *(len(scores.label) for scores in evaluation.per_class))
        typer.echo(f"\n{'class':<{width}} precision    recall        f1  examples")
        for scores in evaluation.per_class:
            typer.echo(
                f"{scores.label:<{width}} {scores.precision:>9.4f} {scores.recall:>9.4f} "
                f"{scores.f1:>9.4f} {scores.support:>9,}"
            )
        typer.echo("")
    typer.echo(
        f"{evaluation.examples:,} examples, {evaluation.truncated:,} truncated, "
        f"{evaluation.seconds:.2f} s, {evaluation.examples / evaluation.seconds:,.0f} a second"
    )
