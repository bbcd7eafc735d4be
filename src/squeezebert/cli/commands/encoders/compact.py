"""``squeezebert compact``: a general checkpoint in a third of its size."""

from pathlib import Path
from typing import Annotated

import typer

from squeezebert.cli.options import LayerBits, OfWords
from squeezebert.cli.outputs import claim_output


def compact(
    ctx: typer.Context,
    checkpoint: Annotated[Path, typer.Argument(help="Folder of a checkpoint without a task.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the result.")],
    word_bits: OfWords = None,
    layer_bits: Annotated[
        LayerBits,
        typer.Option(
            help="Bits of a value in the layers' matrices: 8 makes them smaller by half, and is "
            "what a bundle has."
        ),
    ] = LayerBits.SIXTEEN,
) -> None:
    """Store a checkpoint to fine-tune from with quantised word embeddings and float16 layers."""
    from squeezebert.bundle.installed import unmistakable
    from squeezebert.model.compact import write_compact
    from squeezebert.training.checkpoints import MARKER

    claim_output(ctx, output, MARKER)
    size = write_compact(
        checkpoint,
        output,
        None if word_bits is None else word_bits.as_number,
        layer_bits.as_number,
    )
    typer.echo(f"{output}: {size / 1e6:.2f} MB")
    typer.echo(
        f"Fine-tune it: squeezebert train --from {unmistakable(output)} --train YOUR.csv -o MODEL"
    )
