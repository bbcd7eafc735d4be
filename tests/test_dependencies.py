"""Every package that is imported is declared, and has a tested version."""

import re
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions
from typing import Any

import pytest
from tests.imports import ROOT, imported_names, modules

from squeezebert.cli.missing import EXTRA_OF

OURS = {"squeezebert", "benchmarks"}
PEERS = {"setfit"}  # to measure against; the benchmark says how to install it


@cache
def project() -> dict[str, Any]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found: dict[str, Any] = settings["project"]
    return found


def names(requirements: list[str]) -> set[str]:
    """The packages of a list of requirements, as package indexes spell them."""
    return {
        re.sub(r"[-_.]+", "-", name[0]).lower()
        for name in (re.match(r"[\w.-]+", line) for line in requirements)
        if name is not None
    }


def with_extras(extra: str) -> set[str]:
    """What an extra installs by name, with the extras that it includes."""
    found = set()
    for requirement in project()["optional-dependencies"][extra]:
        if included := re.match(r"squeezebert\[(.*)\]", requirement):
            for other in included[1].split(","):
                found |= with_extras(other)
        else:
            found |= names([requirement])
    return found


@cache
def installed() -> Mapping[str, list[str]]:
    return packages_distributions()


def distributions(package: str) -> set[str]:
    """What installs a package: pip's names, such as scikit-learn for sklearn."""
    return names(installed().get(package, [package]))


@cache
def imported(by: str) -> frozenset[str]:
    """Packages of others that any of our modules imports whose name begins so."""
    files = [file for module, file in modules().items() if module.startswith(by)]
    packages = {name.partition(".")[0] for file in files for name in imported_names(file)}
    return frozenset(packages - OURS - sys.stdlib_module_names)


@pytest.mark.parametrize("package", sorted(imported(by="") - PEERS))
def test_what_is_imported_is_declared(package: str) -> None:
    declared = names(project()["dependencies"]) | with_extras("dev")
    assert distributions(package) & declared


@pytest.mark.parametrize("package", sorted(EXTRA_OF))
def test_an_extra_said_to_bring_a_package_brings_it(package: str) -> None:
    assert distributions(package) & with_extras(EXTRA_OF[package])


def test_a_package_of_an_extra_is_known_to_the_command_line() -> None:
    """So that a command without it names the extra instead of failing with a traceback."""
    core = names(project()["dependencies"])
    extras = {name for name in imported(by="squeezebert") if not distributions(name) & core}
    assert extras <= EXTRA_OF.keys()


def test_every_declared_package_has_its_tested_version() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = names([line for line in lines if not line.startswith("#")])
    assert names(project()["dependencies"]) | with_extras("dev") <= pinned
