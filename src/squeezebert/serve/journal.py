"""The log: one JSON object a line. It holds no texts and no keys.

A thread writes, so that a slow disk or a blocked pipe holds nobody up. What can't be written is
counted, and the server goes on.
"""

import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

_KEPT = 10_000  # lines that may wait for a slow disk
_GATHER_SECONDS = 0.05  # so that the thread is not woken for every line


class Journal:
    """Writes lines to a file descriptor.

    Args:
        descriptor: where to; it stays open.
        lost: is told how many lines could not be written.
    """

    def __init__(self, descriptor: int, lost: Callable[[int], object]) -> None:
        self._descriptor = descriptor
        self._lost = lost
        self._lines: deque[dict[str, Any]] = deque()
        self._wake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def write(self, event: str, **fields: Any) -> None:
        """Adds a line, with the time in front."""
        if len(self._lines) >= _KEPT:
            self._lost(1)
            return
        self._lines.append({"time": time.time(), "event": event} | fields)
        if not self._wake.is_set():
            self._wake.set()

    def close(self) -> None:
        """Writes what is left, for a second at most: a blocked pipe must not hold up the end."""
        self._closed = True
        self._wake.set()
        self._thread.join(timeout=1)

    def _run(self) -> None:
        while not (self._closed and not self._lines):
            self._wake.wait()
            if not self._closed:
                time.sleep(_GATHER_SECONDS)
            self._wake.clear()
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if not lines:
                continue
            try:
                self._write_all("".join(map(_line, lines)).encode())
            except OSError:  # full, closed, or a reader that left
                self._lost(len(lines))

    def _write_all(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]


def _line(fields: dict[str, Any]) -> str:
    moment = datetime.fromtimestamp(fields["time"], UTC).isoformat(timespec="milliseconds")
    return json.dumps(fields | {"time": moment}, ensure_ascii=True) + "\n"
