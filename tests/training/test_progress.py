"""What a training shows while it runs."""

import io
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from squeezebert.training.progress import ShowProgress, showing_progress


@pytest.mark.parametrize(
    ("limits", "place"), [({"max_steps": 60}, "step 20/60"), ({}, "epoch 0.4")]
)
def test_what_is_measured_is_told_with_the_last_loss(
    limits: dict[str, Any], place: str, tmp_path: Path
) -> None:
    arguments = TrainingArguments(output_dir=str(tmp_path), use_cpu=True, **limits)
    state, control = TrainerState(max_steps=60, global_step=20, epoch=0.4), TrainerControl()
    said: list[str] = []
    show = ShowProgress(said.append, lambda metrics: f"error {metrics['error']}")
    show.on_log(arguments, state, control, {"loss": 10.789})
    show.on_log(arguments, state, control, {"eval_error": 0.43})
    show.on_evaluate(arguments, state, control, {"eval_error": 0.43})
    assert said == [f"{place}: loss 10.7890, error 0.43"]


def test_the_time_left_is_that_of_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    said: list[str] = []
    show = ShowProgress(said.append, str, minutes=2)
    state: Any = SimpleNamespace(global_step=0, max_steps=200)
    nothing: Any = None
    show.on_train_begin(nothing, state, nothing)
    now, state.global_step = 130.0, 10
    show.on_step_end(nothing, state, nothing)
    now, state.global_step = 131.0, 100
    show.on_step_end(nothing, state, nothing)
    assert said == ["step 10/40, 1.5 min left", "step 100/200, 31 s left"]


def test_a_terminal_gets_a_bar_and_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    added: list[Any] = []
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt), showing_progress(added.append, said.append, str):
        [show] = added
        state: Any = SimpleNamespace(global_step=0, max_steps=200)
        show.on_train_begin(None, state, None)
        state.global_step = 50
        show.on_step_end(None, state, None)
        raise KeyboardInterrupt
    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    assert terminal.getvalue().count(hidden) == terminal.getvalue().count(shown) == 1
    assert "50/200" in terminal.getvalue()
    assert not said
