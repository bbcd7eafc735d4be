"""Every public name has a place in the reference, and a docstring."""

from collections.abc import Iterator
from functools import cache

import griffe
import pytest
from tests.imports import ROOT
from tests.test_public_names import PUBLIC

PAGES = ROOT / "docs" / "reference"
ENCODER = "squeezebert.model.encoder.SqueezeBertModel.forward"
MODULES = sorted(PUBLIC.keys() - {"squeezebert"})


@cache
def package() -> griffe.Object:
    found = griffe.load("squeezebert", search_paths=[ROOT / "src"], docstring_parser="google")
    assert isinstance(found, griffe.Object)
    return found


def public_objects(module: str) -> Iterator[griffe.Object]:
    """Classes and functions of a module, with the classes' own public methods and properties."""
    members = package()[module.removeprefix("squeezebert.")].members
    for name in PUBLIC[module].split():
        found = members[name]
        target = found.final_target if isinstance(found, griffe.Alias) else found
        if target.is_module:  # a function that is called as its module is
            target = target[name]
        assert isinstance(target, griffe.Object)
        yield target
        if target.is_class:
            for member in target.members.values():
                if member.is_public and not isinstance(member, griffe.Alias):
                    yield member


def documented(target: griffe.Object, kind: griffe.DocstringSectionKind) -> set[str]:
    """What a section of a docstring names."""
    if target.docstring is None:
        return set()
    return {
        entry.name
        for section in target.docstring.parsed
        if section.kind is kind
        for entry in section.value
    }


@pytest.mark.parametrize("module", MODULES)
def test_every_public_module_has_its_page(module: str) -> None:
    page = PAGES / f"{module.rpartition('.')[2]}.md"
    assert f"::: {module}\n" in page.read_text(encoding="utf-8")


def test_the_first_page_names_what_the_package_offers() -> None:
    page = (PAGES / "index.md").read_text(encoding="utf-8")
    missing = [name for name in PUBLIC["squeezebert"].split() if f"`{name}`" not in page]
    assert not missing


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_documented(module: str) -> None:
    bare = [
        target.path
        for target in public_objects(module)
        if target.docstring is None and not is_described_by_its_class(target)
    ]
    assert not bare


@pytest.mark.parametrize("module", MODULES)
def test_a_function_of_several_parameters_documents_each(module: str) -> None:
    """The models' heads only those that the encoder does not have."""
    bare = []
    for target in public_objects(module):
        if not isinstance(target, griffe.Function) or target.name.startswith("__"):
            continue
        given = {parameter.name for parameter in target.parameters} - {"self", "cls"}
        if target.name == "forward" and target.path != ENCODER:
            given -= {parameter.name for parameter in griffe_function(ENCODER).parameters}
        missing = given - documented(target, griffe.DocstringSectionKind.parameters)
        if missing and len(given) > 1:
            bare.append(f"{target.path}: {', '.join(sorted(missing))}")
    assert not bare


def griffe_function(path: str) -> griffe.Function:
    found = package()[path.removeprefix("squeezebert.")]
    assert isinstance(found, griffe.Function)
    return found


def is_described_by_its_class(target: griffe.Object) -> bool:
    """Whether a class says what this member of it is, or need not.

    A field stands among the Attributes and an argument of ``__init__`` among the Args of its class;
    what a class derives from is documented there, such as the submodules of a torch module.
    """
    owner = target.parent
    if not isinstance(owner, griffe.Class):
        return False
    if target.name.startswith("__") or (target.is_attribute and "dataclass" not in owner.labels):
        return True
    return target.name in documented(owner, griffe.DocstringSectionKind.attributes)
