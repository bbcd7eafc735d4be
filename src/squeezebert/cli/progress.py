"""How far long work is, on stderr."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Show = Callable[[str, float, float | None], None]
"""Told what is being done, how much of it is done, and how much there is, None if nobody knows."""


@contextmanager
def progress(*, shown: bool = True, one_bar: bool = False) -> Iterator[Show]:
    """Shows a bar with the time left for each thing that is being done, until it is done.

    Only a terminal gets bars; a log file would be full of them.

    Args:
        shown: whether to show anything.
        one_bar: show one bar for the whole, whatever is being done.

    Yields:
        what to tell.
    """
    if not (shown and sys.stderr.isatty()):
        yield lambda what, done, total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    bars = Progress(*columns, console=Console(stderr=True), transient=True)
    begun: dict[str, TaskID] = {}

    def show(what: str, done: float, total: float | None) -> None:
        bars.start()
        key = "" if one_bar else what
        if key not in begun:
            begun[key] = bars.add_task(what, total=total)
        bars.update(begun[key], description=what, completed=done, total=total)
        if done == total:
            bars.refresh()
        bars.update(begun[key], visible=done != total)
        if not any(task.visible for task in bars.tasks):
            bars.stop()  # what comes next may have a bar of its own

    try:
        yield show
    finally:
        bars.stop()
