"""The lines of a text, whatever it is packed and encoded in."""

import codecs
import io
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from squeezebert.data.formats.unpacking import Unpacked, unpacked
from squeezebert.errors import DataError

Line = tuple[int, str]
"""A line's number, from 1, and the line with its ending."""

_HEAD = 1 << 16
_LINES_A_REPORT = 1000
# The longer marks first: that of UTF-32 begins like that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What languages of Western Europe don't have in Windows-1252, by what it is instead:
_NOT_WESTERN = re.compile(
    b"|".join(
        (
            # five letters beyond ASCII, or three as a word: a letter a byte, as Cyrillic and Greek
            rb"[\xc0-\xff]{5}|(?<![A-Za-z\x80-\xff])[\xc0-\xff]{3,4}(?![A-Za-z\x80-\xff])",
            # a small 3, 1 or an inverted question mark inside a word: Polish
            rb"[A-Za-z][\xb3\xb9\xbf][a-z]",
            # a low quote or a florin sign before each of two letters: Shift-JIS
            rb"\x82[\x9f-\xf1].{0,4}\x82[\x9f-\xf1]|(?:\x83[\x40-\x96]){2}",
            # six letters and signs in a row, or four pairs: EUC-KR, GBK
            rb"(?=[\xa1-\xfe]{6})[\xa1-\xfe]*?[\xc0-\xfe][\xa2-\xb6\xb8-\xbe]",
            rb"(?:[\xb0-\xf7][\xa1-\xbf] ?[\xa1-\xfe][\xa1-\xfe] ?){2}",
            # signs that stick to what follows, twice: Big5
            rb"(?:[\xa4-\xa6\xa9\xac-\xaf\xb1-\xb3\xb6\xb8\xb9\xbc-\xbe][\x41-\x5a\x61-\x7a\xa1-\xfe].*){2}",
            # a capital with a hook or dots inside a word of small letters: Mac Roman
            rb"[a-z][\x8a\x8e\x9f][a-z]",
        )
    )
)

# What begins so is no text, whatever its name says.
_NO_TEXT = {
    b"PK\x03\x04": "a spreadsheet or an archive. Save it as csv, or name an archive .zip",
    b"\xd0\xcf\x11\xe0": "a file of Excel or Word. Save it as csv or as text",
    b"%PDF": "a PDF. Save it as text",
    b"PAR1": "parquet. Name it .parquet",
    b"\x1f\x8b": "packed by gzip. Name it .gz behind its ending",
}


class Text:
    """The lines of one source; iterating reads it from the start.

    UTF-8, UTF-16 and UTF-32 are told apart by their first bytes. A text that is none of them is
    read as Windows-1252 if it looks like a language of Western Europe. Lines end with LF, CR LF
    or, where there is no LF, CR.

    Args:
        name: for messages.
        opened: opens the source.
    """

    def __init__(self, name: str, opened: Callable[[], AbstractContextManager[Unpacked]]) -> None:
        self.name = name
        self._opened = opened
        self._notes: dict[str, str] = {}

    @classmethod
    def of_file(cls, path: Path) -> "Text":
        """The text in a file, packed or not."""
        return cls(str(path), lambda: unpacked(path))

    @property
    def notes(self) -> tuple[str, ...]:
        """What was noticed in what has been read, ready to be shown."""
        return tuple(self._notes.values())

    def note(self, about: str, found: str) -> None:
        """Adds to the notes what is found first about something."""
        self._notes.setdefault(about, f"{self.name}: {found}")

    def __iter__(self) -> Iterator[Line]:
        return self.lines()

    def lines(self, advance: Callable[[int], object] | None = None) -> Iterator[Line]:
        """Yields the lines.

        Args:
            advance: told now and then how many bytes of the file are read.

        Raises:
            DataError: the source can't be unpacked, is in another encoding, mixes some, or holds
                NUL bytes.
        """
        with self._opened() as (stream, position):
            for number, line in self._decoded(stream):
                if "\0" in line:
                    raise DataError(
                        f"{self.name}, line {number}: holds a NUL byte. Remove it; a text has none."
                    )
                yield number, line
                if advance and number % _LINES_A_REPORT == 0:
                    advance(position())

    def look(self) -> Iterator[Line]:
        """Yields the first lines to someone who may stop at any."""
        return self.lines()

    def _decoded(self, stream: io.BufferedReader) -> Iterator[Line]:
        head = stream.peek(_HEAD)
        for mark, what in _NO_TEXT.items():
            if head.startswith(mark):
                raise DataError(f"{self.name}: this is {what}.")
        encoding = _encoding(head)
        start = head.decode(encoding or "latin-1", "ignore")
        ends_with_cr = "\r" in start and "\n" not in start
        if ends_with_cr:
            self.note("lines", "its lines end with CR, as on old Macs.")
        if not encoding and not ends_with_cr:
            yield from self._from_bytes(stream)
            return
        wide = io.TextIOWrapper(stream, encoding or "latin-1", newline="" if ends_with_cr else "\n")
        try:
            if encoding:
                self.note("encoding", f"read as {encoding[:6].upper()}.")
                yield from self._wide_lines(wide)
            else:
                yield from self._from_bytes(line.encode("latin-1") for line in wide)
        finally:
            wide.detach()  # else it would close the stream, with a warning

    def _wide_lines(self, lines: Iterable[str]) -> Iterator[Line]:
        number = 0
        try:
            for number, line in enumerate(lines, 1):
                yield number, line.removeprefix("\ufeff") if number == 1 else line
        except UnicodeDecodeError as error:
            raise DataError(
                f"{self.name}: not valid {error.encoding} after line {number}. Correct what "
                "wrote it."
            ) from error

    def _from_bytes(self, lines: Iterable[bytes]) -> Iterator[Line]:
        """UTF-8 until a line is not; then Windows-1252, unless a line says that it is UTF-8."""
        unicode = ""  # where we know from that it is UTF-8
        western = ""  # where we know from that it isn't
        for number, raw in enumerate(lines, 1):
            if number == 1 and raw.startswith(codecs.BOM_UTF8):
                unicode, raw = "the mark at its start", raw.removeprefix(codecs.BOM_UTF8)
            place = f"line {number}"
            if raw.isascii():
                yield number, raw.decode("ascii")
                continue
            try:
                line = raw.decode("utf-8")
                unicode = unicode or place
            except UnicodeDecodeError as error:
                western = western or place
                line = self._western(raw, raw[error.start], place)
            if unicode and western:
                raise DataError(
                    f"{self.name}: mixes encodings: {unicode} is UTF-8 and {western} is not. "
                    "Correct what wrote it."
                )
            yield number, line

    def _western(self, raw: bytes, byte: int, place: str) -> str:
        try:
            line = raw.decode("cp1252")
        except UnicodeDecodeError:
            line = ""
        if not line or _NOT_WESTERN.search(raw):
            raise DataError(
                f"{self.name}, {place}: byte {byte:#04x} is not UTF-8, and the text doesn't look "
                "like Windows-1252 either. Convert it from what it is (Cyrillic may be cp1251, "
                "languages of Central Europe cp1250, Greek cp1253, Japanese cp932, Korean euc-kr, "
                "Chinese gb18030 or big5), for example: iconv -f cp1251 -t utf-8 OLD > NEW."
            )
        self.note(
            "encoding",
            f"not UTF-8 ({place}), so it is read as Windows-1252, the encoding of Western Europe. "
            "If letters come out wrong, convert it from what it is to UTF-8.",
        )
        return line


class StreamedText(Text):
    """The lines of a stream such as stdin, which can be read once; its beginning may be looked at.

    Args:
        name: for messages.
        stream: gives its bytes as they come.
    """

    def __init__(self, name: str, stream: BinaryIO | io.RawIOBase) -> None:
        buffered = stream if isinstance(stream, io.BufferedReader) else _buffered(stream)
        super().__init__(name, lambda: nullcontext(Unpacked(buffered, lambda: 0)))
        self._rest = super().lines()
        self._looked_at: list[Line] = []

    def lines(self, advance: Callable[[int], object] | None = None) -> Iterator[Line]:
        """Yields the lines, also those looked at; what a caller before has read is gone."""
        looked_at, self._looked_at = self._looked_at, []
        return chain(looked_at, self._rest)

    def look(self) -> Iterator[Line]:
        """Yields the lines as they come; `lines` will give them too."""
        yield from self._looked_at
        for line in self._rest:
            self._looked_at.append(line)
            yield line


def text_lines(path: Path) -> Iterator[Line]:
    """Yields the lines of a file; errors are those of `Text.lines`."""
    return Text.of_file(path).lines()


def _buffered(stream: Any) -> io.BufferedReader:
    return io.BufferedReader(stream)


def _encoding(head: bytes) -> str | None:
    """Which encoding of more than a byte a character a text is in, if it is."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    sample = head[: len(head) // 2 * 2][:1024]
    zeros = (sample[::2].count(0), sample[1::2].count(0))
    if 10 * max(zeros) > 4 * len(sample) and min(zeros) == 0:  # over 80% of one half
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    return None
