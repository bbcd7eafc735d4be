"""Bars at a terminal."""

import io
import sys

import pytest

from squeezebert.cli.progress import progress

HIDDEN, SHOWN = "\x1b[?25l", "\x1b[?25h"  # the cursor


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def at_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    return terminal


def test_between_two_things_the_terminal_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_terminal(monkeypatch)
    with progress() as show:
        assert terminal.getvalue() == ""
        for what in ("reading", "fitting"):
            show(what, 1, 2)
            assert terminal.getvalue().count(HIDDEN) > terminal.getvalue().count(SHOWN)
            show(what, 2, 2)
            assert terminal.getvalue().count(HIDDEN) == terminal.getvalue().count(SHOWN)
            assert f"{what} " in terminal.getvalue()
    assert "2/2" in terminal.getvalue()


def test_an_interrupted_bar_gives_the_terminal_back(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_terminal(monkeypatch)
    with pytest.raises(KeyboardInterrupt), progress() as show:
        show("reading", 1, None)
        raise KeyboardInterrupt
    assert terminal.getvalue().count(HIDDEN) == terminal.getvalue().count(SHOWN) == 1


def test_what_is_no_terminal_gets_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as show:
        show("reading", 1, 2)
        show("reading", 2, 2)
    assert capsys.readouterr() == ("", "")
