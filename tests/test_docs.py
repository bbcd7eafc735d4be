"""The pages point to files that exist, and show commands that parse."""

import ast
import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from tests.commands import all_commands

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@pages
def test_links_lead_to_files(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    missing = [
        target for target in targets if "://" not in target and not (page.parent / target).exists()
    ]
    assert not missing


@pages
def test_commands_shown_are_commands_there_are(page: Path) -> None:
    """Their options exist and what is required is given; nothing is run."""
    commands = all_commands()
    for name, *arguments in shown_commands(page.read_text()):
        commands[name].make_context(name, arguments)


@pages
def test_make_targets_shown_are_targets_there_are(page: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    shown = re.findall(r"^(?:\w+=\S+ )?make ([a-z-]+)", page.read_text(), re.MULTILINE)
    shown += re.findall(r"`make ([a-z-]+)`", page.read_text())
    assert set(shown) <= set(targets)


@pages
def test_names_that_programs_import_are_names_there_are(page: Path) -> None:
    programs = re.findall(r"^```python.*\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    for program in programs:
        for statement in ast.walk(ast.parse(program)):
            if isinstance(statement, ast.ImportFrom) and "squeezebert" in str(statement.module):
                module = import_module(str(statement.module))
                missing = [each.name for each in statement.names if not hasattr(module, each.name)]
                assert not missing, f"{statement.module} has no {missing}"


def shown_commands(text: str) -> Iterator[list[str]]:
    """Words after ``squeezebert`` of each command in a code block, without optional [...]."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    for block in (block for language, block in blocks if language in ("", "sh", "bash")):
        for line in block.replace("\\\n", " ").splitlines():
            for command in line.split("|"):
                if shown := re.match(r"\s*(?:\$ )?squeezebert (.*)", command):
                    yield shlex.split(re.sub(r"\[.*?\]", "", shown[1]), comments=True)
