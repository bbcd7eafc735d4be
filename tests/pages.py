"""Does what a page tells its reader: writes its files, runs its commands, compares the output.

In a page a code block with a ``title`` is a file of that name. One marked ``sh`` holds commands,
one marked ``python`` a program, and one marked ``text`` what the commands before it print at a
terminal. Figures may differ, as they do from machine to machine, and ``...`` stands for anything.
"""

import os
import pty
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_BLOCK = re.compile(r"^( *)```(\w+)(.*)\n((?:.*\n)*?)\1```$", re.MULTILINE)
_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")


class Block(NamedTuple):
    """A code block of a page.

    Attributes:
        language: as the page names it.
        title: the name of the file that it holds, if it is one.
    """

    language: str
    title: str | None
    text: str


def blocks(page: str) -> Iterator[Block]:
    """The code blocks of a page, in order."""
    for indent, language, rest, text in _BLOCK.findall(page):
        title = re.search(r'title="([^"]+)"', rest)
        lines = (line.removeprefix(indent) for line in text.splitlines(keepends=True))
        yield Block(language, title and title[1], "".join(lines))


def follow(page: Path, folder: Path, until: str = "", **environment: str) -> int:
    """Does in ``folder`` what a page says, and returns how many blocks of commands it ran.

    Args:
        page: Markdown.
        folder: where to begin; a block begins where the one before it ended.
        until: a line of the page at which to stop; by default, its end.
        environment: variables for the commands.

    Raises:
        AssertionError: a command failed, or printed something else than the page shows.
    """
    text = page.read_text(encoding="utf-8")
    if until:
        text, found, _ = text.partition(f"\n{until}\n")
        assert found, f"{page} has no line {until!r}"
    printed = ""
    count = 0
    for block in blocks(text):
        if block.title is not None:
            file = folder / block.title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
        elif block.language == "sh":
            printed, folder = run(block.text, folder, **environment)
            count += 1
        elif block.language == "python":
            run(f"python - <<'END'\n{block.text}\nEND", folder, **environment)
        elif block.language == "text":
            assert_shown(block.text, printed)
    return count


def run(commands: str, folder: Path, **environment: str) -> tuple[str, Path]:
    """Runs commands of the shell at a terminal.

    Returns:
        what they print there, and the folder in which they end.
    """
    ours, theirs = pty.openpty()
    ends_in, written = os.pipe()
    variables = os.environ | {"NO_COLOR": "1", "COLUMNS": "100", "TERM": "dumb"} | environment
    with subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", f"trap 'pwd >&{written}' EXIT\n{commands}"],
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        pass_fds=[written],
    ) as process:
        os.close(theirs)
        os.close(written)
        printed = b""
        while True:
            try:
                chunk = os.read(ours, 1 << 16)
            except OSError:  # how the end of a terminal shows on Linux
                break
            if not chunk:
                break
            printed += chunk
        assert process.stderr is not None
        said = process.stderr.read().decode()
    os.close(ours)
    text = printed.decode().replace("\r\n", "\n")
    assert process.returncode == 0, f"{commands}\n{text}\n{said}"
    with os.fdopen(ends_in, encoding="utf-8") as stream:
        return text, Path(stream.read().rstrip("\n"))


def assert_shown(expected: str, printed: str) -> None:
    """That what was printed is what the page shows, but for its figures."""
    pattern = ".*".join(map(re.escape, _without_figures(expected).split("...")))
    assert re.fullmatch(pattern, _without_figures(printed), re.DOTALL), f"{expected}\n{printed}"


def _without_figures(text: str) -> str:
    """The text with each number, and the spaces that align it, as one mark."""
    lines = (re.sub(r" +", " ", _FIGURE.sub("#", line)).strip() for line in text.splitlines())
    return "\n".join(lines).strip()
