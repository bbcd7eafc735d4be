"""Every tutorial does what it says, in a minute or a few."""

import os
import sys
from pathlib import Path

import pytest
from tests.imports import ROOT
from tests.pages import follow

from squeezebert.bundle import installed_checkpoints
from squeezebert.model.compact import unpack

PAGES = ROOT / "docs" / "tutorials"


@pytest.fixture
def command_path() -> str:
    """PATH with the programs of this environment before all others."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.stem)
def test_a_tutorial_does_what_it_says(page: Path, tmp_path: Path, command_path: str) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    if page.stem == "hub":  # a folder of that name stands for the hub's model
        unpack(installed_checkpoints()["mini"], tmp_path / "squeezebert" / "squeezebert-uncased")
    assert follow(page, tmp_path, PATH=command_path) > 1
