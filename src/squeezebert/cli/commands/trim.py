"""``squeezebert trim``: a checkpoint with the pieces that some texts need."""

from pathlib import Path
from typing import Annotated

import typer


def trim(
    checkpoint: Annotated[
        str, typer.Argument(help="Folder of a checkpoint, or the name of a built-in one.")
    ],
    text: Annotated[
        list[Path],
        typer.Option(
            "--text", help="Plain text to keep the pieces of, also .xz, .gz, .zst; one a language."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the result.")],
    keep: Annotated[int | None, typer.Option(help="Pieces to keep.")] = None,
    coverage: Annotated[
        float | None,
        typer.Option(help="Share of each text's pieces to keep instead. Default: 0.9999."),
    ] = None,
) -> None:
    """Make a checkpoint's vocabulary as small as some languages need."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Table

    from squeezebert.squeeze.trim import trim as run_trim

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        reading = progress.add_task("reading", total=None)
        result = run_trim(
            checkpoint,
            text,
            output,
            keep=keep,
            coverage=coverage,
            progress=lambda done, total: progress.update(reading, completed=done, total=total),
        )
    table = Table("text", "pieces a word", "trimmed", "unknown", "trimmed")
    for row in result.texts:
        table.add_row(
            row.name,
            *(f"{pieces / row.words:.3f}" for pieces in row.pieces),
            *(f"{unknown:,}" for unknown in row.unknown),
        )
    console.print(table)
    for note in result.notes:
        console.print(note)
    before, after = result.pieces
    typer.echo(f"{output}: {after:,} of {before:,} pieces")
