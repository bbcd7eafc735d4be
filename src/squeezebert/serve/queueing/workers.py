"""Who runs the pipelines: the event loop's own thread those of short requests, others the long.

To hand a short request to a thread and back costs more than its share of a pass: threads that are
woken take Python's lock from one another. So its pipeline runs where the request was read, in a
greenlet, which steps aside while the engine computes, as SQLAlchemy's asyncio extension does. A
long one would hold up the loop, and runs in a thread.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, Protocol, TypeAlias, TypeVar

from greenlet import getcurrent, greenlet

from squeezebert.runtime.processors import processors

_T = TypeVar("_T")
_Tell: TypeAlias = Callable[[Any, BaseException | None], object]  # a result, or an error

_THREADS = 64  # long requests in the hands of their pipelines; the others wait
_WAKING = 2  # hands whose threads are only about to run, or tokenise a long text
_MOST_HANDS = 8
_AT_ONCE = 8  # short requests that go on before the loop looks at its sockets


class Waiter(Protocol):
    """How some work waits for the engine."""

    def wait(self) -> None:
        """Returns when it has been woken."""

    def wake(self) -> None:
        """Lets it go on; from another thread."""


waiter: ContextVar[Waiter] = ContextVar("waiter")
"""That of the work that is done."""


class Hands:
    """How many threads run Python at once; those that wait for the engine don't count.

    Many would only take Python's lock from one another, and from the loop that reads and sends: the
    longer that waits for the lock, the longer requests wait unread, where no limit counts them.
    Those whose texts are computed come first, then the first to ask, so that nobody waits for more
    than those who were accepted before.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._lock = threading.Lock()
        self._ending: deque[threading.Lock] = deque()
        self._beginning: deque[threading.Lock] = deque()

    def take(self, *, ending: bool = False) -> None:
        """Waits for its turn to run."""
        with self._lock:
            if self._free:
                self._free -= 1
                return
            turn = threading.Lock()
            turn.acquire()
            (self._ending if ending else self._beginning).append(turn)
        turn.acquire()

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._ending) + len(self._beginning)

    def give(self) -> None:
        """Lets the next one run."""
        with self._lock:
            if waiting := self._ending or self._beginning:
                waiting.popleft().release()
            else:
                self._free += 1


class ThreadWaiter:
    """Waits as a thread, which lends its hand to another meanwhile."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._woken = threading.Event()

    def wait(self) -> None:
        """See `Waiter.wait`."""
        self._hands.give()
        try:
            self._woken.wait()
            self._woken.clear()
        finally:
            self._hands.take(ending=True)

    def wake(self) -> None:
        """See `Waiter.wake`."""
        self._woken.set()


class LoopWaiter:
    """Waits as a greenlet of the loop's thread, which goes on with other requests meanwhile.

    Args:
        loop: where it waits.
        woken: all that were woken there, in order. The loop lets a few go on, then sends, reads and
            accepts, and so on: uvloop takes one new connection at each of its turns, so that long
            turns would let clients wait unseen.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, woken: "deque[LoopWaiter]") -> None:
        self._loop = loop
        self._woken = woken
        self._greenlet: Any = None

    def wait(self) -> None:
        """See `Waiter.wait`."""
        self._greenlet = getcurrent()
        self._greenlet.parent.switch()

    def wake(self) -> None:
        """See `Waiter.wake`."""
        self._woken.append(self)
        if len(self._woken) == 1:  # else a call is due already
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._go_on)

    def _go_on(self) -> None:
        for _ in range(min(len(self._woken), _AT_ONCE)):
            self._woken.popleft()._greenlet.switch()
        if self._woken:
            self._loop.call_soon(self._go_on)


class Workers:
    """Runs the pipelines of requests."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="request")
        self._hands = Hands(min(processors() + _WAKING, _MOST_HANDS))
        self._woken: deque[LoopWaiter] = deque()

    def start(self, work: Callable[[], _T], *, brief: bool) -> "asyncio.Future[_T]":
        """Begins some work, and returns what will come of it.

        Args:
            work: finds in `waiter` how to wait for the engine.
            brief: whether the loop's thread does it.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()
        if brief:
            greenlet(_run).switch(work, LoopWaiter(loop, self._woken), partial(_settle, future))
        else:
            self._threads.submit(
                self._run_in_thread,
                work,
                lambda *ended: loop.call_soon_threadsafe(_settle, future, *ended),
            )
        return future

    def close(self) -> None:
        """Ends all threads; what has not begun never will."""
        self._threads.shutdown(cancel_futures=True)

    def _run_in_thread(self, work: Callable[[], _T], tell: _Tell) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._hands.take()
            try:
                _run(work, ThreadWaiter(self._hands), tell)
            finally:
                self._hands.give()


def _run(work: Callable[[], _T], how: Waiter, tell: _Tell) -> None:
    waiter.set(how)
    try:
        result = work()
    except BaseException as error:
        tell(None, error)
    else:
        tell(result, None)


def _settle(future: "asyncio.Future[Any]", result: Any, error: BaseException | None) -> None:
    if future.done():  # nobody waits any more
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
