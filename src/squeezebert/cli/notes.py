"""What there is to know beside the output."""

from pathlib import Path
from typing import TypeVar

import typer

Named = TypeVar("Named", str | None, list[str], list[str] | None)


def note(text: str) -> None:
    """Tells it on stderr."""
    typer.echo(f"note: {text}", err=True)


def note_namesakes(models: Named) -> Named:
    """Tells of each model's folder here with the name of an installed one, which comes first.

    The callback of an option or argument that takes a name or a folder.
    """
    from squeezebert.bundle.installed import look_up

    for model in [models] if isinstance(models, str) else models or ():
        here = Path(model)
        if not here.is_dir() or look_up(here).kind not in ("bundle", "checkpoint"):
            continue
        if look_up(model).path != here:
            note(f"{model} is the installed model of that name. The folder here is ./{model}")
    return models
