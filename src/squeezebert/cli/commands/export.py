"""``squeezebert export``: a checkpoint in, a quality-gated int8 bundle out."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypedDict

import typer

from squeezebert.bundle.manifest import MANIFEST
from squeezebert.bundle.tolerance import TOLERANCE
from squeezebert.cli.options import (
    LabelColumn,
    OfWords,
    PairColumn,
    TextColumn,
)
from squeezebert.cli.outputs import claim_output
from squeezebert.errors import CheckpointError, InputError

if TYPE_CHECKING:
    from squeezebert.export import Export


class Options(TypedDict):
    """What `export_checkpoint` takes for one task or several alike."""

    tolerance: float
    entailment: str | None
    word_bits: Literal[4, 8] | None
    languages: Sequence[str]
    untrained: bool


def export(
    ctx: typer.Context,
    checkpoint: Annotated[
        Path,
        typer.Argument(help="Folder of a fine-tuned SqueezeBERT, or of one with several tasks."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the bundle.")],
    data: Annotated[
        str | None,
        typer.Option(
            help="Labelled examples on which to compare model and bundle: a data file "
            "or hub dataset. With several tasks, each has the dev data of its training."
        ),
    ] = None,
    tolerance: Annotated[
        float, typer.Option(help="Points (of 100) that the bundle may lose.")
    ] = TOLERANCE,
    text_column: TextColumn = None,
    pair_column: PairColumn = None,
    label_column: LabelColumn = None,
    entailment: Annotated[
        str | None,
        typer.Option(
            help="The label that means entailment, for a model of natural language inference."
        ),
    ] = None,
    max_length: Annotated[
        int | None,
        typer.Option(help="Tokens to read at once, if fewer than the model was trained with."),
    ] = None,
    word_bits: OfWords = None,
    language: Annotated[
        list[str] | None,
        typer.Option(help="A language that the bundle is for, such as de; may be given again."),
    ] = None,
    card: Annotated[
        Path | None,
        typer.Option(help="Markdown about data, licence and limits, to put into the model card."),
    ] = None,
    untrained: Annotated[
        bool,
        typer.Option(
            "--untrained",
            help="Export the model even if it is no better than the most frequent answer.",
        ),
    ] = False,
) -> None:
    """Quantise a fine-tuned model to int8 and write it as a bundle, if it stays as good."""
    if not checkpoint.exists():  # before the imports, which take seconds
        raise CheckpointError(
            f"There is no checkpoint folder {checkpoint}. Give the folder that "
            "`squeezebert train` wrote."
        )
    claim_output(ctx, output, MANIFEST)
    from squeezebert.finetune.several.report import TASKS_FILE

    options = Options(
        tolerance=tolerance,
        entailment=entailment,
        word_bits=None if word_bits is None else word_bits.as_number,
        languages=language or (),
        untrained=untrained,
    )
    if (checkpoint / TASKS_FILE).exists():
        given = {
            "--data": data,
            "--text-column": text_column,
            "--pair-column": pair_column,
            "--label-column": label_column,
            "--max-length": max_length,
            "--card": card,
        }
        if unfit := [option for option, value in given.items() if value is not None]:
            raise InputError(f"{checkpoint} has several tasks, and {unfit[0]} is for one.")
        _export_several(checkpoint, output, options)
        return
    if data is None:
        raise InputError("On what are model and bundle compared?").giving(data="FILE")
    from squeezebert.bundle.installed import unmistakable
    from squeezebert.cli.tasks import RENDERINGS
    from squeezebert.data.columns import Columns
    from squeezebert.data.tasks import READERS
    from squeezebert.export import export_checkpoint
    from squeezebert.model.checkpoint import task_of

    columns = Columns(text_column, pair_column, label_column)
    examples = READERS[task_of(checkpoint)](data, "validation", columns)
    for note in examples.notes:
        typer.echo(note)
    done = export_checkpoint(
        checkpoint,
        examples,
        output,
        card=card,
        max_length=max_length,
        **options,
    )
    _tell(done)
    typer.echo(f"{output}: {done.bytes / 1e6:.2f} MB")
    example = RENDERINGS[done.spec.task].example_for(done.spec)
    typer.echo(f"Try it: squeezebert predict --model {unmistakable(output)} {example}")


def _export_several(folder: Path, output: Path, options: Options) -> None:
    """One bundle of all tasks in a folder."""
    from squeezebert.bundle.installed import unmistakable
    from squeezebert.export import export_several

    def tell(name: str, done: "Export") -> None:
        typer.echo(f"{name}:")
        _tell(done)

    manifest = export_several(folder, output, exported=tell, **options)
    size = sum(file.stat().st_size for file in output.iterdir())
    typer.echo(f"{output}: {size / 1e6:.2f} MB with the tasks {', '.join(manifest.names)}")
    typer.echo(f'Try it: squeezebert predict --model {unmistakable(output)} "Some text."')


def _tell(done: "Export") -> None:
    """What an export measured and fitted."""
    scores = done.comparison
    typer.echo(
        f"{scores.metric} on {scores.examples:,} examples of {scores.data}: "
        f"checkpoint {100 * scores.checkpoint:.2f}, bundle {100 * scores.bundle:.2f}"
    )
    if len(scores.instruction_sets) > 1:
        each = ", ".join(f"{n} {100 * score:.2f}" for n, score in scores.instruction_sets.items())
        typer.echo(f"by instruction set: {each}")
    if done.calibration_errors is not None:
        before, after = done.calibration_errors
        worse = "" if after <= before else "; it got worse, so probabilities say less than before"
        typer.echo(
            f"calibration error {before:.4f}, with temperature {done.spec.temperature:.3f} "
            f"{after:.4f}{worse}"
        )
    if done.spec.threshold is not None:
        several = done.spec.problem_type == "multi_label_classification"
        what = "a label is given where it" if several else "out of scope where no label"
        typer.echo(f"{what} reaches {done.spec.threshold:.3f}")
    if done.spec.null_threshold is not None:
        typer.echo(f"no answer where its margin is above {done.spec.null_threshold:.3f}")
    typer.echo(f"engine and torch differ by {done.difference:.1e} on the same weights")
