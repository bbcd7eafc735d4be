"""Where pipelines run: short requests in the loop's thread, long ones in threads."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from squeezebert.serve.queueing.workers import Hands, Waiter, Workers, waiter


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = Workers()
    yield workers
    workers.close()


@pytest.mark.parametrize("brief", [True, False])
def test_work_steps_aside_while_it_waits(workers: Workers, brief: bool) -> None:
    """Forty wait at once, are woken from another thread, twice, and all come to their end."""
    waiting: list[Waiter] = []

    def work(number: int) -> int:
        for _ in range(2):
            how = waiter.get()
            waiting.append(how)
            how.wait()
        return number

    def wake(woken: list[Waiter]) -> None:
        for how in woken:
            how.wake()

    async def run() -> list[int]:
        futures = [workers.start(partial(work, n), brief=brief) for n in range(40)]
        for _ in range(2):
            while len(waiting) < 40:
                await asyncio.sleep(0.001)
            woken = waiting[:]
            waiting.clear()
            await asyncio.to_thread(wake, woken)
        return await asyncio.gather(*futures)

    assert asyncio.run(run()) == list(range(40))


def test_brief_work_runs_in_the_loops_thread_and_other_work_does_not(workers: Workers) -> None:
    async def run() -> list[bool]:
        futures = [workers.start(threading.get_ident, brief=brief) for brief in (True, False)]
        return [ident == threading.get_ident() for ident in await asyncio.gather(*futures)]

    assert asyncio.run(run()) == [True, False]


@pytest.mark.parametrize("brief", [True, False])
def test_an_error_is_that_of_its_work_alone(workers: Workers, brief: bool) -> None:
    def fail() -> None:
        raise ValueError("no")

    async def run() -> list[Any]:
        futures = [workers.start(work, brief=brief) for work in (fail, lambda: 7)]
        return await asyncio.gather(*futures, return_exceptions=True)

    error, result = asyncio.run(run())
    assert repr(error) == "ValueError('no')"
    assert result == 7


@pytest.mark.parametrize("brief", [True, False])
def test_who_gave_up_is_not_told(workers: Workers, brief: bool) -> None:
    """The work goes on to its end, and nothing is raised in the loop."""
    waiting: list[Waiter] = []
    ended: list[int] = []
    complaints: list[Any] = []

    def work() -> None:
        waiting.append(waiter.get())
        waiter.get().wait()
        ended.append(1)

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, it: complaints.append(it))
        future = workers.start(work, brief=brief)
        while not waiting:
            await asyncio.sleep(0.001)
        future.cancel()
        waiting[0].wake()
        while not ended:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)

    asyncio.run(run())
    assert complaints == []


def test_work_that_waits_when_the_loop_ends_is_let_go(workers: Workers) -> None:
    waiting: list[Waiter] = []

    def work() -> None:
        waiting.append(waiter.get())
        waiter.get().wait()

    async def run() -> None:
        workers.start(work, brief=True)

    asyncio.run(run())
    waiting[0].wake()  # raises nothing


def test_long_work_is_done_in_the_order_it_came(workers: Workers) -> None:
    """Of more than can run at once, none waits for those that came later."""
    ended: list[int] = []

    def work(number: int) -> None:
        how = waiter.get()
        threading.Thread(target=how.wake).start()
        how.wait()
        ended.append(number)

    async def run() -> None:
        await asyncio.gather(*(workers.start(partial(work, n), brief=False) for n in range(200)))

    asyncio.run(run())
    late = [place - number for place, number in enumerate(ended)]
    assert sorted(ended) == list(range(200))
    assert max(late) <= 64  # by as many as there are threads


def test_hands_go_to_who_ends_first_and_then_in_order() -> None:
    hands = Hands(1)
    hands.take()
    got: list[str] = []

    def take(name: str, ending: bool) -> None:
        hands.take(ending=ending)
        got.append(name)
        hands.give()

    with ThreadPoolExecutor(4) as threads:
        for number, (name, ending) in enumerate(
            [("first", False), ("second", False), ("ends", True), ("ends too", True)], 1
        ):
            threads.submit(take, name, ending)
            while hands.waiting < number:
                time.sleep(0.001)
        hands.give()
    assert got == ["ends", "ends too", "first", "second"]
    hands.take()  # it is free again
