"""The import contracts are the ones that docs/architecture.md states, and cover every room.

That the code keeps them is checked by `lint-imports`, a part of `make test`.
"""

import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
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
        "tokenizer",
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
