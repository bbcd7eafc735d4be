"""Which module imports which, read from the sources."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
_SUFFIXES = (".py", ".pyi")  # of a compiled module there is only the stub


def modules() -> dict[str, Path]:
    """Every module of the package and of the benchmarks, by its full name."""
    found = {}
    for base, package in ((ROOT / "src", "squeezebert"), (ROOT, "benchmarks")):
        for file in (base / package).rglob("*"):
            if file.suffix in _SUFFIXES:
                parts = file.relative_to(base).with_suffix("").parts
                found[".".join(part for part in parts if part != "__init__")] = file
    return found


def imported_names(file: Path) -> Iterator[str]:
    """What a file imports anywhere in it, inside functions and for type checkers too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def import_graph(files: Mapping[str, Path]) -> dict[str, set[str]]:
    """For each module, the modules among ``files`` that it imports."""

    def module_of(name: str) -> str:
        """The module that holds a name, or that is called so."""
        return name if name in files else name.rpartition(".")[0]

    return {
        module: {module_of(name) for name in imported_names(file)} & files.keys()
        for module, file in files.items()
    }
