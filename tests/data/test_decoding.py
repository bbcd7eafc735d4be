"""Texts in every encoding are read as what they are, and a guess is said."""

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squeezebert.data.formats.decoding import StreamedText, Text
from squeezebert.errors import DataError

LINES = ["“Café” ... 5 €", "", "naïve"]


def text_of(tmp_path: Path, content: bytes) -> Text:
    path = tmp_path / "t.txt"
    path.write_bytes(content)
    return Text.of_file(path)


def lines_of(text: Text) -> list[str]:
    return [line.rstrip("\r\n") for _, line in text]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("encoding", "noted"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", "read as UTF-16"),
        ("utf-16-le", "read as UTF-16"),
        ("utf-16-be", "read as UTF-16"),
        ("utf-32", "read as UTF-32"),
        ("cp1252", "not UTF-8 (line 1), so it is read as Windows-1252"),
    ],
)
def test_every_encoding_and_line_end_gives_the_same_lines(
    tmp_path: Path, encoding: str, noted: str, end: str
) -> None:
    # Without a mark, what tells UTF-16 is that most characters are ASCII.
    lines = [*LINES, *["plain words"] * 9] if encoding.startswith("utf-16-") else LINES
    text = text_of(tmp_path, "".join(line + end for line in lines).encode(encoding))
    assert lines_of(text) == lines
    assert lines_of(text) == lines, "it can be read again"
    notes = " ".join(text.notes)
    assert noted in notes
    assert ("end with CR" in notes) == (end == "\r")
    assert len(text.notes) == bool(noted) + (end == "\r"), "each is said once"


@pytest.mark.parametrize(
    "line",
    [
        "Straße größer über Äpfel “Zitat” «so» ‚Öl‘ und ‚Äther‘",  # noqa: RUF001
        "L'été, à Noël déjà vu, créée: 100 €… ©2020 ±3° ½",
        "¿Dónde está? ¡Qué año! 1ª nº2, informações, opções e ações",
        "hyvää päivää, tänään lähtö",
        "col·lecció, perché così, e il rìo natìo",
    ],
)
def test_languages_of_western_europe_are_known_in_windows_1252(tmp_path: Path, line: str) -> None:
    assert lines_of(text_of(tmp_path, f"{line}\n".encode("cp1252"))) == [line]


def test_what_says_that_it_is_windows_1252_may_come_late(tmp_path: Path) -> None:
    text = text_of(tmp_path, b"plain\n" * 70_000 + b"caf\xe9\n")
    assert not text.notes
    assert lines_of(text)[-1] == "café"
    assert "not UTF-8 (line 70001)" in " ".join(text.notes)


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0")), min_size=1))
def test_any_utf_8_is_read_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    text = text_of(tmp_path_factory.mktemp("utf8"), "".join(f"{x}\n" for x in lines).encode())
    first = lines[0].removeprefix("\ufeff")
    assert lines_of(text) == [first, *lines[1:]]
    assert not text.notes


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Привет\n".encode("cp1251"), "line 1: byte 0xcf is not UTF-8, and .* iconv -f cp1251"),
        ("było dobrze\n".encode("cp1250"), "line 1: byte 0xb3 is not UTF-8, and"),
        ("Вот был\n".encode("cp1251"), "line 1: byte 0xc2 is not UTF-8, and"),
        ("とても良い\n".encode("shift_jis"), "line 1: byte 0x82 is not UTF-8, and"),
        ("カメラ\n".encode("shift_jis"), "line 1: byte 0x83 is not UTF-8, and"),
        ("配達が遅い\n".encode("shift_jis"), "line 1: byte 0x94 is not UTF-8, and"),
        ("배송이 늦었습니다\n".encode("euc_kr"), "byte 0xb9 is not UTF-8, and .* Korean euc-kr"),
        ("结账失败\n".encode("gb18030"), "line 1: byte 0xbd is not UTF-8, and"),
        ("這家飯店非常好\n".encode("big5"), "line 1: byte 0xb3 is not UTF-8, and"),
        ("schön für größe\n".encode("mac_roman"), "line 1: byte 0x9a is not UTF-8, and"),
        (b"a\n\x81\n", "line 2: byte 0x81 is not UTF-8, and"),
        ("café\n".encode() + b"caf\xe9\n", "mixes encodings: line 1 is UTF-8 and line 2 is not"),
        (b"caf\xe9\n" + "café\n".encode(), "mixes encodings: line 2 is UTF-8 and line 1 is not"),
        (b"\xef\xbb\xbfa\ncaf\xe9\n", "mixes encodings: the mark at its start is UTF-8 and line 2"),
        ("a\nb\n".encode("utf-16") + b"\0", "not valid utf-16-le"),
        (b"a\nb\0\n", "line 2: holds a NUL byte"),
        (b"PK\x03\x04\x14\0\6\0", "this is a spreadsheet or an archive. Save it as csv"),
        (b"PAR1\x15\x04", "this is parquet. Name it .parquet"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        lines_of(text_of(tmp_path, content))


def test_a_stream_can_be_looked_at_and_then_read_whole() -> None:
    stream = StreamedText("stdin", io.BytesIO(b"one\ntwo\nthree\n"))
    assert next(stream.look()) == (1, "one\n")
    assert [line for _, line in stream.look()][:2] == ["one\n", "two\n"]
    assert lines_of(stream) == ["one", "two", "three"]
    assert lines_of(stream) == [], "what was read is gone"


class Slow(io.RawIOBase):
    """Gives a line when asked, and counts how often it was."""

    def __init__(self, lines: list[bytes]) -> None:
        self.lines, self.asked = lines, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.asked += 1
        line = self.lines.pop(0) if self.lines else b""
        buffer[: len(line)] = line
        return len(line)


def test_a_stream_is_read_no_further_than_asked() -> None:
    slow = Slow([b"one\n", b"two\n", b"three\n"])
    lines = StreamedText("stdin", slow).lines()
    assert next(lines) == (1, "one\n")
    assert slow.asked == 1
