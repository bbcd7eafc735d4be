"""Writing to disk: a reader sees the whole new file or folder, or the old one, never half."""

import glob
import math
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from squeezebert.errors import InputError

_ASIDE = ".tmp"
_BEGAN = time.time()  # what changed since then may be another process's, somewhere else


@contextmanager
def replacing_file(path: Path) -> Iterator[Path]:
    """Yields a path beside ``path`` to write to, renamed onto it on success, removed on failure.

    Raises:
        InputError: ``path`` is a folder, or nothing can be made there.
    """
    require_file(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    handle, name = tempfile.mkstemp(prefix=_prefix(path), suffix=_ASIDE, dir=path.parent)
    os.close(handle)
    aside = Path(name)
    try:
        yield aside
        aside.chmod(0o666 & ~_umask())
        sync(aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path, marker: str) -> Iterator[Path]:
    """Yields an empty folder beside ``path``, moved to ``path`` on success, removed on failure.

    An existing ``path`` is replaced only if it is empty or holds ``marker``, a file by which we
    know that it is ours to replace.

    Raises:
        InputError: ``path`` exists and is something else.
    """
    require_replaceable(path, marker)
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    aside = Path(tempfile.mkdtemp(prefix=_prefix(path), suffix=_ASIDE, dir=path.parent))
    try:
        yield aside
        aside.chmod(0o777 & ~_umask())
        for file in aside.rglob("*"):
            if file.is_file():
                sync(file)
        old = aside.with_suffix(".old")
        if path.exists():
            path.rename(old)
        aside.rename(path)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def require_file(path: Path) -> None:
    """Raises what `replacing_file` would, for a long job to hear at its start."""
    if path.is_dir():
        raise InputError(f"{path} is a folder. Name a file.")
    _require_place(path)


def _require_place(path: Path) -> None:
    """Raises InputError where no file or folder can be made."""
    place = next(parent for parent in path.absolute().parents if parent.exists())
    if not place.is_dir():
        raise InputError(f"{path} can't be made: {place} is a file. Name another output.")
    try:  # only trying tells: of root all permissions are granted, also where nothing can be made
        tempfile.TemporaryFile(dir=place).close()
    except OSError as error:
        raise InputError(
            f"{path} can't be made in {place}: {error.strerror}. Name another output."
        ) from error


def require_other(path: Path, *sources: str | Path | None) -> None:
    """Refuses an output that is one of the files it is made from, which it would replace.

    Raises:
        InputError: it is.
    """
    for source in sources:
        if source is not None and path.exists() and Path(source).exists() and path.samefile(source):
            raise InputError(f"{path} is read from, and would be replaced. Name another output.")


def require_replaceable(path: Path, marker: str) -> None:
    """Raises what `replacing_folder` would, for a long job to hear at its start."""
    if path.exists() and not (
        path.is_dir() and ((path / marker).exists() or not any(path.iterdir()))
    ):
        raise InputError(
            f"{path} exists and holds no {marker}, so it will not be replaced. "
            "Name another output folder or remove it."
        )
    if path.resolve() == Path.cwd():
        raise InputError(f"{path} is the folder that you are in. Name another output folder.")
    _require_place(path)


@contextmanager
def sole_writer(path: Path) -> Iterator[None]:
    """Lets no other process that asks for it make ``path`` meanwhile.

    The system frees the lock when a process ends, however it ends. Where nothing can be locked, the
    later process wins.

    Raises:
        InputError: another process makes it.
    """
    from filelock import FileLock, Timeout  # takes longer to import than all of this

    path = path.resolve()
    place = next(parent for parent in path.parents if parent.exists())
    lock = FileLock(place / f".{'-'.join(path.relative_to(place).parts)}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise InputError(
            f"Another process works at {path} right now. Wait for it, or name another output."
        ) from error
    except OSError:  # such as of a folder that is read-only: what is written will tell
        yield
        return
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes no file that is open
            Path(lock.lock_file).unlink()
        lock.release()


def _prefix(path: Path) -> str:
    """How what is written aside begins: what it is to become, and which process writes it."""
    return f".{path.name}.{os.getpid()}-"


def _remove_leftovers(path: Path) -> None:
    """Removes what processes that were killed while they wrote to ``path`` left beside it."""
    for aside in path.parent.glob(f".{glob.escape(path.name)}.*-*{_ASIDE}"):
        writer = aside.name.removeprefix(f".{path.name}.").partition("-")[0]
        if not writer.isdecimal() or _is_running(int(writer)) or _changed(aside) >= _BEGAN:
            continue
        if aside.is_dir():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    if os.name == "nt":  # no way to ask, without another package
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True


def _changed(aside: Path) -> float:
    """When it was written to last, in seconds of the system's clock."""
    try:
        return max(path.stat().st_mtime for path in (aside, *aside.rglob("*")))
    except FileNotFoundError:  # another process was faster
        return math.inf


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def sync(file: Path) -> None:
    """Returns when a file is on the disk, and a power cut can't harm it."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
