"""What there is to know beside the output."""

from pathlib import Path

import typer


def note(text: str) -> None:
    """Tells it on stderr."""
    typer.echo(f"note: {text}", err=True)


def note_namesake(model: str) -> None:
    """Tells of a model's folder here with the name of an installed model, which comes first."""
    folder = Path(model)
    if not folder.is_dir():
        return
    from squeezebert.bundle.installed import look_up, unmistakable

    is_model = look_up(folder).kind in ("bundle", "checkpoint")
    if is_model and (other := unmistakable(folder)) != model:
        note(f"{model} is the installed model of that name. The model in this folder is {other}")
