"""Opens files as bytes, whatever they are packed in: .gz, .xz, .bz2, .zst, .zip."""

import bz2
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import IO, Any, NamedTuple

from squeezebert.errors import DataError, MissingExtraError

_CHUNK = 1 << 16
_ZSTD_WINDOW = 1 << 31  # the largest there is; the library's own limit refuses zstd's long mode


class Unpacked(NamedTuple):
    """A file opened.

    Attributes:
        stream: its content, unpacked.
        position: how many bytes of the file on disk are read.
    """

    stream: io.BufferedReader
    position: Callable[[], int]


@contextmanager
def unpacked(path: Path) -> Iterator[Unpacked]:
    """Opens a file; the ending of its name says what it is packed in.

    Raises:
        DataError: there is no such file, it is damaged, or a .zip with none or several files or
            with a password.
        MissingExtraError: .zst without ``zstandard``.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file.")
    unpack = _UNPACKERS.get(path.suffix.lower(), _as_it_is)
    with path.open("rb") as raw:
        try:
            yield Unpacked(unpack(raw), raw.tell)
        except (EOFError, lzma.LZMAError, zlib.error, zipfile.BadZipFile, _ZstdError) as error:
            raise _damaged(path, error) from error
        except (RuntimeError, NotImplementedError) as error:  # zipfile's: password, exotic packing
            raise DataError(f"{path}: can't be unpacked: {error}. Unpack it first.") from error
        except OSError as error:
            if error.errno is not None:  # the file system's
                raise
            raise _damaged(path, error) from error


def extent(path: Path, most: int) -> tuple[int, int]:
    """How many bytes a file has when it is unpacked, and its longest line; both in bytes.

    Args:
        most: it is read no further when there are more.

    Raises:
        DataError: as `unpacked`.
    """
    whole = line = longest = 0
    with unpacked(path) as (stream, _):
        while whole <= most and (piece := stream.read(_CHUNK)):
            whole += len(piece)
            first, *others = map(len, re.split(rb"[\r\n]", piece))
            longest = max(longest, line + first, *others)
            line = others[-1] if others else line + first
    return whole, longest


def unpacked_name(path: Path) -> str:
    """What the file is called when it is unpacked; of a .zip that is the name of what it holds."""
    if path.suffix.lower() not in _UNPACKERS:
        return path.name
    if path.suffix.lower() == ".zip" and path.is_file():
        try:
            with zipfile.ZipFile(path) as archive:
                return PurePath(_only_member(archive, str(path))).name
        except zipfile.BadZipFile as error:
            raise _damaged(path, error) from error
    return path.stem


def _as_it_is(raw: io.BufferedReader) -> io.BufferedReader:
    return raw


def _buffered(opener: Callable[[Any], Any]) -> Callable[[io.BufferedReader], io.BufferedReader]:
    return lambda raw: io.BufferedReader(opener(raw), _CHUNK)


def _unzip(raw: io.BufferedReader) -> IO[bytes]:
    archive = zipfile.ZipFile(raw)
    return archive.open(_only_member(archive, raw.name))


def _only_member(archive: zipfile.ZipFile, name: str) -> str:
    members = [
        member
        for member in archive.namelist()
        # macOS adds hidden files of its own.
        if not member.endswith("/") and not member.startswith("__MACOSX/")
    ]
    if len(members) != 1:
        shown = f": {', '.join(members[:5])}" if members else ""
        raise DataError(f"{name}: holds {len(members)} files{shown}. Unpack the one to read.")
    return members[0]


class _ZstdError(Exception):
    """Stands for zstandard's own error, which can only be named where that is installed."""


class _ZstdReader(io.RawIOBase):
    """Frame after frame. The library's own reader takes a file cut in the middle for a whole one.

    Raises:
        _ZstdError: the file is cut or damaged.
    """

    def __init__(self, raw: io.BufferedReader) -> None:
        try:
            import zstandard
        except ModuleNotFoundError as error:
            raise MissingExtraError("Reading .zst text", "train", "zstandard") from error
        self._raw = raw
        self._library = zstandard
        self._frame: Any = None
        self._packed = b""
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready and (self._packed or self._refill()):
            self._unpack()
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def _refill(self) -> bool:
        self._packed = self._raw.read(_CHUNK)
        if not self._packed and self._frame is not None:
            raise _ZstdError("it ends in the middle")
        return bool(self._packed)

    def _unpack(self) -> None:
        if self._frame is None:
            decompressor = self._library.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
            self._frame = decompressor.decompressobj()
        try:
            self._ready = self._frame.decompress(self._packed)
        except self._library.ZstdError as error:
            raise _ZstdError(str(error)) from error
        self._packed = self._frame.unused_data
        if self._frame.eof:
            self._frame = None


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: damaged compressed file: {error}.")


_UNPACKERS: Mapping[str, Callable[[io.BufferedReader], io.BufferedReader]] = {
    ".gz": _buffered(gzip.open),
    ".xz": _buffered(lzma.open),
    ".bz2": _buffered(bz2.open),
    ".zst": _buffered(_ZstdReader),
    ".zip": _buffered(_unzip),
}

PACKINGS = tuple(_UNPACKERS)
"""Endings of packed files."""
