"""What a name or a path means: installed models, folders, shapes.

Models come in distributions. One registers its package under the entry point group
``squeezebert.models``; the package holds bundles in ``bundles/NAME`` and general checkpoints in
``checkpoints/NAME``. The built-in models are found in this way too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, TypeAlias

from squeezebert.bundle.costs import is_shape
from squeezebert.bundle.manifest import MANIFEST
from squeezebert.errors import InputError

GROUP = "squeezebert.models"
SHAPE = "shape:"
CHECKPOINT_FILES = ("config.json", "compact.safetensors")

_ELSEWHERE = {
    "./models/base": ("base", "embed-base", "sentiment-base"),
    "./models/polyglot": ("embed-multi", "ner-multi", "polyglot", "sentiment-multi"),
}
"""Models of distributions that this project keeps beside the main one, by folder."""

Kind: TypeAlias = Literal["shape", "bundle", "checkpoint", "path", "unknown"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a name or path means.

    Attributes:
        kind: "shape" for ``shape:NAME``; "bundle" or "checkpoint" for an installed model or a
            folder that holds one; "path" for anything else that exists; "unknown" for the rest,
            which may be the id of a model on a hub.
        name: as it was given; of a shape, without ``shape:``.
        path: of what there is on disk; None for a shape and for what is unknown.
    """

    kind: Kind
    name: str
    path: Path | None = None


def look_up(name_or_path: str | Path) -> Meaning:
    """What a name or path means: the one place where that is decided.

    1. ``shape:NAME`` is a shape.
    2. A name of an installed bundle is that bundle; else, of an installed checkpoint, that.
    3. Everything else is a path, if it exists.

    So a name comes before a folder of that name; ``./NAME`` is the folder.
    """
    name = str(name_or_path)
    if name.startswith(SHAPE):
        return Meaning("shape", name.removeprefix(SHAPE))
    if not isinstance(name_or_path, Path):
        if bundle := installed_bundles().get(name):
            return Meaning("bundle", name, bundle)
        if checkpoint := installed_checkpoints().get(name):
            return Meaning("checkpoint", name, checkpoint)
    path = Path(name_or_path)
    if (path / MANIFEST).is_file():
        return Meaning("bundle", name, path)
    if any((path / file).is_file() for file in CHECKPOINT_FILES):
        return Meaning("checkpoint", name, path)
    if path.exists():
        return Meaning("path", name, path)
    return Meaning("unknown", name)


def unmistakable(folder: Path) -> str:
    """How to write a folder where names are looked up: ``./NAME`` if a model has its name."""
    name = str(folder)
    taken = name in installed_bundles() or name in installed_checkpoints()
    return f"./{name}" if taken else name


def find_bundle(name_or_path: str | Path) -> Path:
    """The folder of an installed bundle, else of what is at a path; see `look_up`.

    Raises:
        InputError: neither an installed bundle nor an existing path.
    """
    if not isinstance(name_or_path, str | Path):
        raise InputError(
            f"There is no model {name_or_path!r}. Give a name ({_known()}) or the path of a bundle "
            "folder."
        )
    meaning = look_up(name_or_path)
    if meaning.kind == "checkpoint" and meaning.name in installed_checkpoints():
        raise InputError(
            f"{meaning.name!r} is a general checkpoint, from which models are trained; it answers "
            f"nothing itself. Give a model ({_known()}) or the path of a bundle folder."
        )
    if meaning.path is not None:
        return meaning.path
    shape = f" For the shape, write {SHAPE}{meaning.name}." if is_shape(meaning.name) else ""
    if remedy := how_to_install(meaning.name):
        raise InputError(f"{remedy}.{shape}" if shape else remedy)
    if shape:
        raise InputError(f"There is no model {meaning.name!r}.{shape}")
    near = get_close_matches(meaning.name, installed_bundles(), n=3)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    raise InputError(
        f"There is no model {meaning.name!r}.{hint} "
        f"Give an installed model ({_known()}) or the path of a bundle folder."
    )


def how_to_install(name: str) -> str | None:
    """What to say of a model that this project has and this installation lacks; None of others."""
    for folder, names in not_installed().items():
        if name in names:
            return (
                f"The model {name!r} is not installed. In a clone of the project, this installs "
                f"it: pip install {folder}"
            )
    return None


def not_installed() -> dict[str, tuple[str, ...]]:
    """The models that this project has and this installation lacks, by what to give pip."""
    here = {**installed_checkpoints(), **installed_bundles()}
    missing = {
        folder: tuple(name for name in names if name not in here)
        for folder, names in _ELSEWHERE.items()
    }
    return {folder: names for folder, names in missing.items() if names}


def name_of(name_or_path: str | Path) -> str:
    """What a bundle is called: an installed one by its name, another by its folder's."""
    name = str(name_or_path)
    if not isinstance(name_or_path, Path) and name in installed_bundles():
        return name
    return Path(name_or_path).resolve().name


def installed_bundles() -> dict[str, Path]:
    """The folders of the installed bundles by name, in order of name."""
    return _named("bundles", (MANIFEST,))


def installed_checkpoints() -> dict[str, Path]:
    """The folders of the installed general checkpoints by name, in order of name."""
    return _named("checkpoints", CHECKPOINT_FILES)


def _named(folder: str, markers: tuple[str, ...]) -> dict[str, Path]:
    found = {
        file.parent.name: file.parent
        for package in _packages()
        for marker in markers
        for file in (package / folder).glob(f"*/{marker}")
    }
    return dict(sorted(found.items()))


@cache
def _packages() -> tuple[Path, ...]:
    """The folders of the packages that hold models, each found without importing it.

    This one comes first, also where it runs without its metadata, as in a frozen application.
    """
    return tuple(dict.fromkeys((Path(__file__).parent.parent, *_folders())))


def _folders() -> Iterator[Path]:
    for point in entry_points(group=GROUP):
        try:
            spec = find_spec(point.value)
        except (ImportError, ValueError):  # a distribution that is half removed
            continue
        if spec is not None:
            yield from map(Path, spec.submodule_search_locations or ())


def _known() -> str:
    return ", ".join(installed_bundles()) or "there is none"
