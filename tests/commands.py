"""The commands that there are."""

from typing import Any

from typer.core import TyperGroup
from typer.main import get_command

from squeezebert.cli import app


def all_commands() -> dict[str, Any]:
    """Every command of the shell by its name."""
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    return dict(group.commands)
