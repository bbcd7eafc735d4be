"""The bundles that come with the package, and finding a bundle by name or path."""

from difflib import get_close_matches
from pathlib import Path

from squeezebert.bundle.manifest import MANIFEST
from squeezebert.errors import InputError

FOLDER = Path(__file__).parent.parent / "bundles"


def builtin_bundles() -> dict[str, Path]:
    """The folders of the built-in bundles by name, in order of name."""
    return {file.parent.name: file.parent for file in sorted(FOLDER.glob(f"*/{MANIFEST}"))}


def find_bundle(name_or_path: str | Path) -> Path:
    """The folder of a built-in bundle, else of the bundle at a path.

    Raises:
        InputError: neither a built-in bundle nor an existing path.
    """
    builtin = builtin_bundles()
    if name_or_path in builtin:
        return builtin[str(name_or_path)]
    path = Path(name_or_path)
    if path.exists():
        return path
    near = get_close_matches(str(name_or_path), builtin, n=3)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    known = ", ".join(builtin) or "none"
    raise InputError(
        f"There is no model {str(name_or_path)!r}.{hint} "
        f"Give a built-in model (there are: {known}) or the path of a bundle folder."
    )
