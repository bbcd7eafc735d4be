"""The ``squeezebert`` command. Each command is one file that imports its room when it runs."""

import sys

import typer

from squeezebert.errors import SqueezeBertError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def main() -> None:
    """Runs the command line; a user's mistake prints one message and exits with 2."""
    try:
        app()
    except SqueezeBertError as error:
        typer.secho(f"error: {error}", err=True, fg=typer.colors.RED)
        sys.exit(2)
