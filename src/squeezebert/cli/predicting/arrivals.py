"""Records as they come: what has arrived is answered before the rest is waited for."""

import threading
from collections.abc import Iterable, Iterator
from queue import Empty, Queue
from typing import TypeVar

_Record = TypeVar("_Record")
_WAITING = 1024  # records that are read ahead


def arrivals(records: Iterable[_Record], most: int) -> Iterator[list[_Record]]:
    """Yields what has arrived since the last time, at least one record and up to ``most``.

    Raises:
        Exception: what reading the records raised, after those that came before it.
    """
    queue: Queue[_Record | Exception] = Queue(_WAITING)

    def read() -> None:
        try:
            for record in records:
                queue.put(record)
        except Exception as error:
            queue.put(error)
        else:
            queue.put(StopIteration())

    threading.Thread(target=read, daemon=True).start()
    end: Exception | None = None
    while end is None:
        arrived: list[_Record] = []
        found: _Record | Exception = queue.get()
        try:
            while not isinstance(found, Exception):
                arrived.append(found)
                if len(arrived) == most:
                    break
                found = queue.get_nowait()
            else:
                end = found
        except Empty:
            pass
        if arrived:
            yield arrived
    if not isinstance(end, StopIteration):
        raise end
