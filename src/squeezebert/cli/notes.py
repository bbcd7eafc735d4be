"""What there is to know beside the output."""

import typer


def note(text: str) -> None:
    """Tells it on stderr."""
    typer.echo(f"note: {text}", err=True)
