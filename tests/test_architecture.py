"""docs/architecture.md draws the house as it is, and no import goes round in a circle.

That the code keeps the import contracts is checked by `lint-imports`, a part of `make test`.
"""

import ast
import re
import tomllib
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
from tests.imports import ROOT, import_graph, modules

ROOMS = "One direction of imports"


@pytest.fixture
def contracts() -> dict[str, Any]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {
        contract["name"]: contract for contract in settings["tool"]["importlinter"]["contracts"]
    }


def test_what_runs_bundles_or_learns_from_files_is_light(contracts: dict[str, Any]) -> None:
    contract = contracts["What runs bundles needs no torch"]
    assert set(contract["forbidden_modules"]) == {"torch", "transformers"}
    light = [name.removeprefix("squeezebert.") for name in contract["source_modules"]]
    assert sorted(light) == [
        "bundle",
        "evaluation",
        "learn",
        "pipelines",
        "runtime",
        "scale",
        "serve",
        "tokenizer",
        "tokens",
        "vocabulary",
    ]


def test_every_room_has_its_layer(contracts: dict[str, Any]) -> None:
    layers = [
        room.strip().removeprefix("squeezebert.")
        for layer in contracts[ROOMS]["layers"]
        for room in layer.split("|")
    ]
    package = ROOT / "src" / "squeezebert"
    rooms = {path.parent.name for path in package.glob("*/__init__.py")}
    rooms |= {path.stem for path in package.glob("*.py")} - {"__init__"}
    assert sorted(layers) == sorted(rooms)


def test_the_page_on_architecture_states_the_layers(contracts: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    stated = "\n".join(contracts[ROOMS]["layers"]).replace("squeezebert.", "")
    assert f"```\n{stated}\n```" in page


def test_no_room_has_more_than_fifteen_modules() -> None:
    package = ROOT / "src" / "squeezebert"
    folders = {file.parent for file in package.rglob("*.py")}
    crowded = {folder.name for folder in folders if len(list(folder.glob("*.py"))) > 15}
    assert not crowded


def test_only_the_command_line_knows_its_options() -> None:
    """Elsewhere an option is a whole string: an argument of another process."""
    package = ROOT / "src" / "squeezebert"
    named = [
        f"{file.relative_to(package)}, line {text.lineno}: {option}"
        for file in package.rglob("*.py")
        if file.relative_to(package).parts[0] != "cli"
        for text in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(text, ast.Constant) and isinstance(text.value, str)
        for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", text.value)
        if option != text.value
    ]
    assert not named


def test_the_page_draws_the_tree_that_is_there() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    tree = re.search(r"^## Rooms\n+```\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert tree is not None
    drawn = re.findall(r"^(  )?(\S+)  +\S", tree[1], re.MULTILINE)
    rooms = {name.rstrip("/") for indent, name in drawn if indent}
    houses = {name.rstrip("/") for indent, name in drawn if not indent} | {"src"}
    package = ROOT / "src" / "squeezebert"
    sources = {path for path in package.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert rooms == {path.name for path in sources} - {"__pycache__"}
    ignored = {line.rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines()}
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "."}
    assert houses == folders - ignored


def test_no_module_imports_itself_through_others() -> None:
    """Neither in the package nor in the benchmarks, nor when a function runs."""
    try:
        TopologicalSorter(import_graph(modules())).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_a_circle_of_imports_would_be_found(tmp_path: Path) -> None:
    sources = {
        "house.a": "def late():\n    from house import b",
        "house.b": "import house.c",
        "house.c": "from house.a import late",
    }
    files = {name: tmp_path / name for name in sources}
    for name, source in sources.items():
        files[name].write_text(source)
    graph = import_graph(files)
    assert graph == {"house.a": {"house.b"}, "house.b": {"house.c"}, "house.c": {"house.a"}}
    with pytest.raises(CycleError):
        TopologicalSorter(graph).prepare()
