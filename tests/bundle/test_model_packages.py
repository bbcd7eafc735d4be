"""The distributions of models in `models/`: built, installed, found."""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.imports import ROOT

from squeezebert.bundle.installed import _ELSEWHERE, GROUP

FOLDERS = sorted(file.parent for file in (ROOT / "models").glob("*/pyproject.toml"))

BUILD = "import setuptools.build_meta as backend, sys; backend.build_wheel(sys.argv[1])"
FIND = """
from squeezebert.bundle.installed import installed_bundles, installed_checkpoints
print(installed_bundles()["tiny"], installed_checkpoints()["tiny-encoder"])
"""


def test_each_folder_is_told_of_when_its_models_are_missing() -> None:
    assert {f"./models/{folder.name}" for folder in FOLDERS} == _ELSEWHERE.keys()
    for folder, names in _ELSEWHERE.items():
        page = (ROOT / folder / "README.md").read_text(encoding="utf-8")
        assert all(f"`{name}`" in page for name in names)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.name))
def test_a_wheel_brings_models_that_are_found_by_their_names(
    folder: Path, tmp_path: Path, make_bundle: Callable[..., Path]
) -> None:
    project = tmp_path / "project"
    shutil.copytree(folder, project, ignore=shutil.ignore_patterns("bundles", "checkpoints"))
    [(_, package)] = tomllib.loads((project / "pyproject.toml").read_text())["project"][
        "entry-points"
    ][GROUP].items()
    bundle = make_bundle(project / package / "bundles" / "tiny", card="A card.")
    [table] = bundle.glob("embeddings-*")
    shared = bundle.parent / "shared"
    shared.mkdir()
    table.rename(shared / table.name)
    encoder = project / package / "checkpoints" / "tiny-encoder"
    encoder.mkdir(parents=True)
    (encoder / "compact.safetensors").write_bytes(b"weights")

    def python(code: str, *arguments: str, **variables: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=project,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    python(BUILD, str(tmp_path))
    [wheel] = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)  # as pip does
    shutil.rmtree(project / package)
    paths = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH"))))
    found = python(FIND, PYTHONPATH=paths).split()
    here = site / package
    assert found == [str(here / "bundles" / "tiny"), str(here / "checkpoints" / "tiny-encoder")]
    names = {file.relative_to(here).as_posix() for file in here.rglob("*") if file.is_file()}
    assert {f"bundles/shared/{table.name}", "bundles/tiny/README.md"} <= names
