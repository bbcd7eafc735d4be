"""Which files are read, which file each becomes, and which of those are there already."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from glob import has_magic
from itertools import takewhile
from pathlib import Path
from typing import Any

from squeezebert.data.formats import KINDS, file_kind
from squeezebert.data.formats.unpacking import unpacked_name
from squeezebert.errors import InputError
from squeezebert.files import replacing_file

# Readers of whole folders, such as Spark, DuckDB and pyarrow, pass over names that begin so.
_ASKED = "_asked.json"
UNFINISHED = "_unfinished"
"""The folder of files that are being written."""

_ENDINGS = {".parquet": ".parquet", ".csv": ".csv", ".tsv": ".csv"}


@dataclass(frozen=True, slots=True)
class Job:
    """A file to answer.

    Attributes:
        source: is read.
        target: is written, whole or not at all.
    """

    source: Path
    target: Path

    @property
    def finished(self) -> bool:
        """Whether the target is there, and no older than the source."""
        try:
            return self.target.stat().st_mtime >= self.source.stat().st_mtime
        except FileNotFoundError:
            return False


def jobs_of(pattern: str, folder: Path) -> list[Job]:
    """A job for each file that a pattern matches, the largest first.

    So the last ones to end are small, and no worker waits long for another.

    Args:
        pattern: a file's path, or one with ``*``, ``?``, ``[...]``, and ``**`` for any folders.
        folder: where results go: under the path that a file has below the first wildcard, as
            parquet or csv if it is, else as JSON lines.

    Raises:
        InputError: no file matches, one is of an unknown kind or lies in ``folder``, or two would
            become the same.
    """
    base, sources = _matching(pattern)
    if not sources:
        raise InputError(f"No file matches {pattern!r}. Quote a pattern, or the shell reads it.")
    jobs: dict[Path, Job] = {}
    for source in sources:
        if file_kind(source) not in KINDS:
            raise InputError(
                f"{source}: unknown kind of data file. Name a pattern of files that end in "
                f"{', '.join(KINDS)}."
            )
        if source.resolve().is_relative_to(folder.resolve()):
            raise InputError(
                f"{source} lies in the output folder {folder}. Name another folder for the output."
            )
        target = folder / source.relative_to(base).parent / _name(source)
        if target in jobs:
            raise InputError(
                f"{jobs[target].source} and {source} would both become {target}. "
                "Rename one of them."
            )
        jobs[target] = Job(source.resolve(), target.resolve())
    return sorted(jobs.values(), key=lambda job: -job.source.stat().st_size)


def claim_folder(folder: Path, asked: Mapping[str, Any]) -> None:
    """Makes a folder that of the answers to something; another run of the same may go on there.

    Args:
        folder: new, empty, or of an earlier run.
        asked: all that the answers depend on, but for the files; of JSON's types.

    Raises:
        InputError: the folder holds something else.
    """
    marker = folder / _ASKED
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        with replacing_file(marker) as aside:
            aside.write_text(json.dumps(asked, indent=2) + "\n", encoding="utf-8")
        return
    if not marker.is_file():
        raise InputError(
            f"{folder} is no empty folder, and holds no {_ASKED} of an earlier run. Name another "
            "output folder."
        )
    differing = _differing(json.loads(marker.read_text(encoding="utf-8")), asked)
    if differing:
        raise InputError(
            f"{folder} holds the answers of a run with another {' and '.join(differing)}. Name "
            "another output folder, or remove it."
        )


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def _matching(pattern: str) -> tuple[Path, list[Path]]:
    """The folder of a pattern before its first wildcard, and the files that match."""
    path = Path(pattern)
    if path.is_file():
        return path.parent, [path]
    fixed = list(takewhile(lambda part: not has_magic(part), path.parent.parts))
    base = Path(*fixed)
    found = base.glob(str(path.relative_to(base)))
    return base, sorted(each for each in found if each.is_file() and each.name[0] != ".")


def _name(source: Path) -> str:
    plain = Path(unpacked_name(source)).name
    kind = file_kind(source)
    return re.sub(f"{re.escape(kind)}$", "", plain, flags=re.IGNORECASE) + _ENDINGS.get(
        kind, ".jsonl"
    )
