"""The folder that a command writes: whose it is, and what becomes of what is there."""

from pathlib import Path

import typer


def claim_output(ctx: typer.Context, output: Path, marker: str) -> None:
    """Keeps other commands from a folder until this one ends, and says what will be replaced.

    Args:
        ctx: of the command.
        output: the folder to write.
        marker: the file by which the folder is known as ours.

    Raises:
        InputError: another command writes it right now, or it holds something that is not ours.
    """
    from squeezebert.files import require_replaceable, sole_writer

    require_replaceable(output, marker)
    ctx.with_resource(sole_writer(output))
    say_what_is_replaced(output, marker)


def say_what_is_replaced(output: Path, marker: str) -> None:
    """Says that what an earlier run wrote will be replaced, if there is such.

    Args:
        output: the folder to write.
        marker: the file by which the folder is known as ours.
    """
    if (output / marker).exists():
        typer.echo(f"{output} is there, and will be replaced at the end.")
