"""The import contracts are the ones that docs/architecture.md states, and cover every room.

That the code keeps them is checked by `lint-imports`, a part of `make test`.
"""

import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def contracts() -> dict[str, Any]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {
        contract["type"]: contract for contract in settings["tool"]["importlinter"]["contracts"]
    }


def test_the_two_contracts_are_there(contracts: dict[str, Any]) -> None:
    assert contracts.keys() == {"layers", "forbidden"}
    assert set(contracts["forbidden"]["forbidden_modules"]) == {"torch", "transformers"}
    light = [name.removeprefix("squeezebert.") for name in contracts["forbidden"]["source_modules"]]
    assert sorted(light) == ["bundle", "pipelines", "runtime", "tokenizer"]


def test_every_room_has_its_layer(contracts: dict[str, Any]) -> None:
    layers = [
        room.strip().removeprefix("squeezebert.")
        for layer in contracts["layers"]["layers"]
        for room in layer.split("|")
    ]
    package = ROOT / "src" / "squeezebert"
    rooms = {path.parent.name for path in package.glob("*/__init__.py")}
    rooms |= {path.stem for path in package.glob("*.py")} - {"__init__"}
    assert sorted(layers) == sorted(rooms)


def test_the_page_on_architecture_states_the_layers(contracts: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    stated = "\n".join(contracts["layers"]["layers"]).replace("squeezebert.", "")
    assert f"```\n{stated}\n```" in page
