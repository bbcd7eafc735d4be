"""``squeezebert trim``: a checkpoint with the pieces that some texts need."""

from pathlib import Path
from typing import Annotated

import typer

from squeezebert.cli.notes import note_namesakes
from squeezebert.cli.outputs import claim_output


def trim(
    ctx: typer.Context,
    checkpoint: Annotated[
        str,
        typer.Argument(
            help="Folder of a checkpoint, or the name of a built-in one.", callback=note_namesakes
        ),
    ],
    text: Annotated[
        list[Path],
        typer.Option(
            "--text",
            help="Plain text whose pieces to keep, also .xz, .gz, .zst; give a text "
            "for each language.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the result.")],
    keep: Annotated[int | None, typer.Option(help="Pieces to keep.")] = None,
    coverage: Annotated[
        float | None,
        typer.Option(help="Share of each text's pieces to keep instead.  [default: 0.9999]"),
    ] = None,
) -> None:
    """Make a checkpoint's vocabulary as small as some languages need."""
    from functools import partial

    from squeezebert.cli.progress import progress
    from squeezebert.cli.tables import print_table
    from squeezebert.squeeze.trim import trim as run_trim
    from squeezebert.training.checkpoints import MARKER

    claim_output(ctx, output, MARKER)
    with progress() as show:
        result = run_trim(
            checkpoint,
            text,
            output,
            keep=keep,
            coverage=coverage,
            progress=partial(show, "reading"),
        )
    print_table(
        ("text", "pieces a word", "trimmed", "unknown", "trimmed"),
        [
            (
                row.name,
                *(f"{pieces / row.words:.3f}" for pieces in row.pieces),
                *(f"{unknown:,}" for unknown in row.unknown),
            )
            for row in result.texts
        ],
        to_stderr=True,
    )
    for note in result.notes:
        typer.echo(note, err=True)
    before, after = result.pieces
    typer.echo(f"{output}: {after:,} of {before:,} pieces")
