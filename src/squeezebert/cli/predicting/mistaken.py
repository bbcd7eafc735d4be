"""Texts that look like something else: the name of a model, or a file."""

import shlex
from collections.abc import Collection
from pathlib import Path

from squeezebert.bundle.installed import installed_bundles, look_up
from squeezebert.cli.notes import note
from squeezebert.cli.predicting.request import Request


def note_names(asked: Request) -> None:
    """Tells of texts that are also a model's name or a file's, and how to ask those."""
    installed = installed_bundles() if asked.texts else ()
    for text in dict.fromkeys(asked.texts or ()):
        if (instead := _meant(text, installed)) is not None:
            note(f"{text!r} is answered as a text. {instead}")


def _meant(text: str, installed: Collection[str]) -> str | None:
    try:
        is_file = Path(text).is_file()
        is_model = text in installed or look_up(Path(text)).kind == "bundle"
    except (OSError, ValueError):  # too long for a name, or with a character that none has
        return None
    if is_file:
        return f"To ask about what the file holds: --file {shlex.quote(text)}"
    if is_model and text.strip(". "):
        return f"To ask the model of that name: --model {shlex.quote(text)}"
    return None
