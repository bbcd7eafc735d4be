"""What a training shows while it runs."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from squeezebert.training.processes import leads

_LINES = 20  # how many lines of progress a log file gets


class ShowProgress(TrainerCallback):
    """A bar with the time left on a terminal, lines with the time left elsewhere.

    Args:
        say: prints a line.
        line: what to say of the metrics of an evaluation.
        minutes: after which it stops, however many steps it has done; 0 for none.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        line: Callable[[dict[str, float]], str],
        minutes: float = 0.0,
    ) -> None:
        self._say = say
        self._line = line
        self._seconds = 60 * minutes
        self._loss = float("nan")
        self._bar: Progress | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._start, self._start_step = time.monotonic(), state.global_step
        console = Console(stderr=True)
        if console.is_terminal:
            self._bar = progress_bar(console)
            self._bar.start()
            self._say = self._bar.console.print
            self._task = self._bar.add_task("training", total=state.max_steps)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        if self._bar is not None:
            total = self._expected(state)
            self._bar.update(self._task, completed=state.global_step, total=total)
        elif state.global_step % max(1, state.max_steps // _LINES) == 0:
            done, total = state.global_step, self._expected(state)
            left = _time_left(self._start, done - self._start_step, total - done)
            self._say(f"step {done:,}/{total:,}, {left} left")

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        self._loss = (logs or {}).get("loss", self._loss)

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        found = {name.removeprefix("eval_"): value for name, value in (metrics or {}).items()}
        by_steps = f"step {state.global_step:,}/{state.max_steps:,}"
        place = by_steps if args.max_steps > 0 else f"epoch {state.epoch or 0:.1f}"
        self._say(f"{place}: loss {self._loss:.4f}, {self._line(found)}")

    def stop(self) -> None:
        """Gives the terminal back."""
        if self._bar is not None:
            self._bar.stop()

    def _expected(self, state: TrainerState) -> int:
        """How many steps there will be: all, or as many as the time is enough for."""
        if not self._seconds:
            return state.max_steps
        done = state.global_step - self._start_step
        in_time = self._start_step + int(done * self._seconds / (time.monotonic() - self._start))
        return min(state.max_steps, max(state.global_step, in_time))


@contextmanager
def showing_progress(
    add_callback: Callable[[TrainerCallback], object],
    say: Callable[[str], None],
    line: Callable[[dict[str, float]], str],
    minutes: float = 0.0,
) -> Iterator[None]:
    """Shows how far a trainer is that trains meanwhile; of several processes, the leading one does.

    Args:
        add_callback: has the trainer tell of its steps.
        say, line, minutes: as of `ShowProgress`.
    """
    progress = ShowProgress(say, line, minutes)
    if leads():
        add_callback(progress)
    try:
        yield
    finally:
        progress.stop()


@contextmanager
def progress(what: str, total: int, say: Callable[[str], None]) -> Iterator[Callable[[int], None]]:
    """Shows how far something is, as `ShowProgress` does.

    Yields:
        a function to be told how many more are done.
    """
    console = Console(stderr=True)
    if console.is_terminal:
        with progress_bar(console) as bar:
            task = bar.add_task(what, total=total)
            yield lambda more: bar.advance(task, more)
        return
    start, done = time.monotonic(), 0

    def advance(more: int) -> None:
        nonlocal done
        said = done * _LINES // total
        done += more
        if done * _LINES // total > said:
            say(f"{what} {done:,}/{total:,}, {_time_left(start, done, total - done)} left")

    yield advance


def _time_left(start: float, done: int, left: int) -> str:
    seconds = (time.monotonic() - start) / done * left
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"


def progress_bar(console: Console) -> Progress:
    """A bar with steps done, time elapsed and time left."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
    )
