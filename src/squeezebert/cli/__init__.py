"""The ``squeezebert`` command. Each command is one file that imports its room when it runs."""

import io
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from squeezebert import __version__
from squeezebert.cli.commands import (
    bench,
    combine,
    evaluate,
    export,
    info,
    learn,
    models,
    predict,
    probe,
    serve,
    train,
)
from squeezebert.cli.commands.encoders import adapt, compact, pretrain, squeeze, trim
from squeezebert.cli.groups import FIRST_STEPS, Command, CommandGroups
from squeezebert.cli.missing import missing_extra
from squeezebert.errors import QualityGateError, SqueezeBertError

app = typer.Typer(
    cls=CommandGroups,
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_GROUPS = {
    "Use": (predict.predict, models.models, serve.serve),
    "Make": (
        learn.learn,
        train.train,
        squeeze.squeeze,
        adapt.adapt,
        pretrain.pretrain,
        trim.trim,
        compact.compact,
        export.export,
        combine.combine,
    ),
    "Measure": (evaluate.evaluate, probe.probe, info.info, bench.bench),
}
for _heading, _commands in _GROUPS.items():
    for _command in _commands:
        app.command(_command.__name__, cls=Command, rich_help_panel=_heading)(_command)


def main() -> None:
    """Runs the command line.

    A user's mistake, a missing extra, an error of the file system or too little memory prints one
    message and exits with 2, as wrong usage does; a model that is no good exits with 3, Ctrl-C
    with 130, SIGTERM with 143, a closed output pipe with 1. Anything else is a fault of ours and
    keeps its traceback.
    """
    # The NumPy engine's products are small: threads gain them little, and threads that wait for a
    # busy core cost a hundredfold. Read when NumPy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    signal.signal(signal.SIGTERM, _stop)
    if os.environ.get("RANK", "0") != "0":  # of several processes, the first speaks for all
        sys.stdout = None
    if sys.stdout is None:  # as in a service that was started without one
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 -- till the end
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8")  # as files are written and read
    try:
        app()
    except QualityGateError as error:
        _fail(error.told(_option), status=3)
    except SqueezeBertError as error:
        _fail(error.told(_option))
    except ModuleNotFoundError as error:
        extra = missing_extra(error, feature="squeezebert " + " ".join(sys.argv[1:2]))
        if extra is None:
            raise
        _fail(str(extra))
    except OSError as error:
        where = f": {error.filename}" if error.filename is not None else ""
        _fail(f"{error.strerror or error}{where}")
    except MemoryError as error:
        what = f" ({error})" if str(error) else ""
        _fail(f"There is not enough memory{what}. Give a smaller model, or less at once.")
    finally:
        _flush()


def _stop(signal_number: int, frame: object) -> None:
    """Ends by an exception, so that nothing half-written stays."""
    sys.exit(128 + signal_number)


def _option(argument: str, value: str) -> str:
    name = f"--{argument.replace('_', '-')}"
    return name if value == "True" else f"{name} {value}"


def _fail(message: str, status: int = 2) -> None:
    typer.secho(f"error: {message}", err=True, fg=typer.colors.RED)
    sys.exit(status)


def _flush() -> None:
    """Empties stdout now, so that a reader who left early leaves no complaint at shutdown."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"squeezebert {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    ctx: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Text understanding, small and fast enough to run anywhere."""
    if ctx.invoked_subcommand is None:
        typer.echo(FIRST_STEPS)
