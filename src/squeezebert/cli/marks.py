"""Colour for what was found in a text, and long texts shortened, for a reader at a terminal."""

import os

import typer

from squeezebert.tokenizer import Item

_COLOURS = (
    typer.colors.CYAN, typer.colors.YELLOW, typer.colors.GREEN, typer.colors.MAGENTA,
    typer.colors.BLUE,
)  # fmt: skip
_SHOWN = 100  # characters of an item
_AROUND = 60  # characters on either side of what was found


def marked(text: str, kind: str = "") -> str:
    """The text in bold, in the colour of its kind."""
    colour = _COLOURS[sum(kind.encode()) % len(_COLOURS)]
    return text if _plain() else typer.style(text, fg=colour, bold=True)


def faint(text: str) -> str:
    """The text so that it stands back."""
    return text if _plain() else typer.style(text, dim=True)


def in_one_line(item: Item) -> str:
    """The beginning of an item's texts."""
    shown = one_line(item if isinstance(item, str) else " | ".join(item)).strip()
    return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"


def in_context(text: str, start: int, end: int) -> str:
    """What stands from ``start`` to ``end``, marked among its neighbours."""
    first, last = max(0, start - _AROUND), end + _AROUND
    before, after = one_line(text[first:start]), one_line(text[end:last])
    if first > 0:
        before = "…" + before
    if last < len(text):
        after += "…"
    return before.lstrip() + marked(one_line(text[start:end])) + after.rstrip()


def one_line(text: str) -> str:
    """The text with a space in place of each line break or tab, so that offsets stay."""
    return text.translate(_BREAKS)


_BREAKS = {ord(character): " " for character in "\t\n\v\f\r\x85\u2028\u2029"}


def _plain() -> bool:
    """Whether the user asked for no colours, see https://no-color.org."""
    return bool(os.environ.get("NO_COLOR"))
