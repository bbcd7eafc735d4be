"""Texts that look like something else: the name of a model, or a file."""

import shlex
from pathlib import Path

from squeezebert.bundle.installed import look_up
from squeezebert.cli.notes import note
from squeezebert.cli.predicting.request import Request


def note_names(asked: Request) -> None:
    """Tells of texts that are also a model's name or a file's, and how to ask those."""
    for text in dict.fromkeys(asked.texts or ()):
        if (instead := _meant(text)) is not None:
            note(f"{text!r} is answered as a text. {instead}")


def _meant(text: str) -> str | None:
    try:
        is_model = look_up(text).kind in ("bundle", "checkpoint")
        is_file = Path(text).is_file()
    except (OSError, ValueError):  # too long for a name, or with a character that none has
        return None
    if is_model:
        return f"To ask the model of that name: --model {shlex.quote(text)}"
    return f"To ask about what the file holds: --file {shlex.quote(text)}" if is_file else None
