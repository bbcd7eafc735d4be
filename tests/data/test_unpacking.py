"""Packed files read like those that are not, and damage is never silence."""

import bz2
import gzip
import io
import lzma
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from squeezebert.data.formats.unpacking import unpacked, unpacked_name
from squeezebert.errors import DataError

CONTENT = b"text,label\n" + random.Random(0).randbytes(300_000)


def zipped(content: bytes, *names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names or ("a.csv",):
            archive.writestr(name, content)
    return buffer.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
    ".zst": zstandard.compress,
    ".zip": zipped,
}


def read(path: Path) -> bytes:
    with unpacked(path) as (stream, _):
        return stream.read()


@pytest.mark.parametrize("ending", ["", *PACKERS])
def test_what_was_packed_comes_out(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.csv{ending}"
    path.write_bytes(PACKERS.get(ending, bytes)(CONTENT))
    assert read(path) == CONTENT
    assert unpacked_name(path) == "a.csv"
    with unpacked(path) as (stream, position):
        stream.read(200_000)
        assert 0 < position() <= path.stat().st_size


@pytest.mark.parametrize("ending", PACKERS)
@pytest.mark.parametrize("part", [0.5, 0.99])
def test_a_file_cut_anywhere_is_damaged(tmp_path: Path, ending: str, part: float) -> None:
    path = tmp_path / f"a.csv{ending}"
    packed = PACKERS[ending](CONTENT)
    path.write_bytes(packed[: int(len(packed) * part)])
    with pytest.raises(DataError, match="damaged compressed file"):
        read(path)


@pytest.mark.parametrize("ending", PACKERS)
def test_a_file_that_is_something_else_is_damaged(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.csv{ending}"
    path.write_bytes(CONTENT)
    with pytest.raises(DataError, match="damaged compressed file"):
        read(path)


def test_frames_of_zstandard_one_after_the_other_are_one_text(tmp_path: Path) -> None:
    path = tmp_path / "a.zst"
    path.write_bytes(zstandard.compress(CONTENT[:1000]) + zstandard.compress(CONTENT[1000:]))
    assert read(path) == CONTENT


def test_a_zip_holds_one_file(tmp_path: Path) -> None:
    path = tmp_path / "data.zip"
    path.write_bytes(zipped(b"x", "reviews.tsv", "__MACOSX/._reviews.tsv"))
    assert (read(path), unpacked_name(path)) == (b"x", "reviews.tsv")
    path.write_bytes(zipped(b"x", "a.csv", "b.csv"))
    with pytest.raises(DataError, match=r"holds 2 files: a\.csv, b\.csv\. Unpack the one"):
        read(path)
    path.write_bytes(zipped(b"x", "folder/"))
    with pytest.raises(DataError, match="holds 0 files"):
        read(path)


def test_a_zip_with_a_password_is_said(tmp_path: Path) -> None:
    packed = bytearray(zipped(b"x" * 100))
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # of a file, of the directory
        packed[packed.index(mark) + flags] |= 1
    (tmp_path / "a.zip").write_bytes(packed)
    with pytest.raises(DataError, match=r"can't be unpacked: .*password.* Unpack it first"):
        read(tmp_path / "a.zip")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: no such file"):
        read(tmp_path / "none.csv")
