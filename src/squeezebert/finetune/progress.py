"""What a fine-tuning shows while it runs."""

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

from squeezebert.training.baseline import Baseline

_LINES = 20  # how many lines of progress a log file gets


class ShowProgress(TrainerCallback):
    """A bar with the time left on a terminal, lines with the time left elsewhere.

    Args:
        metric: the dev metric that selects the best checkpoint, as logged.
        say: prints a line.
        baseline: what the most frequent answer scores; asked for after an evaluation.
        words: the same of words and letters alone, None where they can't answer.
    """

    def __init__(
        self,
        metric: str,
        say: Callable[[str], None],
        baseline: Callable[[], Baseline | None],
        words: Callable[[], float | None],
    ) -> None:
        self._metric = metric
        self._baseline = baseline
        self._words = words
        self._say = say
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
            self._bar.update(self._task, completed=state.global_step)
        elif state.global_step % max(1, state.max_steps // _LINES) == 0:
            self._say(f"step {state.global_step:,}/{state.max_steps:,}, {self._left(state)} left")

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
        metrics = metrics or {}
        value = metrics[f"eval_{self._metric}"]
        self._say(
            f"epoch {state.epoch or 0:.1f}: loss {self._loss:.4f}, dev {self._metric} {value:.4f}"
            + self._distance(metrics)
        )

    def _distance(self, metrics: dict[str, float]) -> str:
        """How far the model is from one that has learnt nothing."""
        baseline = self._baseline()
        score = None if baseline is None else metrics.get(f"eval_{baseline.metric}")
        if baseline is None or score is None:
            return ""
        points = 100 * (score - baseline.score)
        name = "" if baseline.metric == self._metric else f"{baseline.metric} {score:.4f}, "
        words = self._words()
        too = "" if words is None else f", {100 * (score - words):+.1f} from TF-IDF"
        return f" ({name}{points:+.1f} points from the most frequent answer{too})"

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Gives the terminal back."""
        if self._bar is not None:
            self._bar.stop()

    def _left(self, state: TrainerState) -> str:
        done, left = state.global_step - self._start_step, state.max_steps - state.global_step
        return _time_left(self._start, done, left)


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
