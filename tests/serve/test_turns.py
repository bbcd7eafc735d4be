"""Who gets the engine when, and what a pass is made of."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from squeezebert.bundle import read_bundle
from squeezebert.bundle.tensors import Floats
from squeezebert.runtime import Engine, NativeEngine, PackedBatch
from squeezebert.serve.queueing.turns import Ticket, Turns
from squeezebert.serve.queueing.workers import Hands, ThreadWaiter, waiter
from squeezebert.serve.refusals import Gone, Unavailable


def batch(*lengths: int, first: int = 1) -> PackedBatch:
    """Sequences of these lengths; their tokens are all different."""
    rows = [[(first + place) % 19 for place in range(length)] for length in lengths]
    return PackedBatch.from_encodings((row, [0] * len(row)) for row in rows)


class GatedEngine:
    """Computes when it is let; a hidden state is its token's id. Notes the passes.

    It stands for a slow engine: what it computes is checked with the real one.
    """

    hidden_size = 1

    def __init__(self) -> None:
        self.passes: list[list[int]] = []
        self.begun = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.fails: Callable[[PackedBatch], bool] = lambda batch: False

    def encode(self, batch: PackedBatch) -> Floats:
        self.passes.append(batch.lengths.tolist())
        self.begun.release()
        self.go.acquire()
        if self.fails(batch):
            raise RuntimeError("the engine failed")
        return batch.input_ids[:, None].astype(np.float32)


@pytest.fixture
def seen() -> list[tuple[str, int]]:
    return []


@pytest.fixture
def turns(seen: list[tuple[str, int]]) -> Iterator[Turns]:
    turns = Turns(64, lambda name, tokens, seconds: seen.append((name, tokens)))
    yield turns
    turns.close()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(64) as threads:
        yield threads


def encode(turns: Turns, engine: Engine, asked: PackedBatch, ticket: Ticket | None = None) -> Any:
    return charged(turns, ticket or Ticket(), lambda: turns.engine("model", engine).encode(asked))


def charged(turns: Turns, ticket: Ticket, work: Callable[[], Any]) -> Any:
    """Does some work in this thread, as a request's."""
    waiter.set(ThreadWaiter(Hands(1000)))
    turns.charge(ticket)
    return work()


class Queue:
    """Fills the queue of an engine that is busy with a first batch."""

    def __init__(self, turns: Turns, threads: ThreadPoolExecutor) -> None:
        self.gated = GatedEngine()
        self.engine = turns.engine("model", self.gated)
        self._turns, self._threads = turns, threads
        self.first = self._submit(batch(3), Ticket())
        self.gated.begun.acquire()

    def add(self, asked: PackedBatch, ticket: Ticket | None = None) -> Any:
        """Queues a batch behind the pass that is on."""
        before = self._length()
        future = self._submit(asked, ticket or Ticket())
        while self._length() == before:
            time.sleep(0.001)
        return future

    def _submit(self, asked: PackedBatch, ticket: Ticket) -> Any:
        return self._threads.submit(charged, self._turns, ticket, lambda: self.engine.encode(asked))

    def _length(self) -> int:
        return len(self._turns._queues.get(self.engine, ()))

    def passes(self, number: int) -> list[list[int]]:
        """Ends the pass that is on and those after it, until so many more have begun."""
        before = len(self.gated.passes)
        for _ in range(number):
            self.gated.go.release()
            assert self.gated.begun.acquire(timeout=10)
        return self.gated.passes[before:]

    def open(self) -> None:
        """Lets all passes end from now on."""
        self.gated.go.release(10_000)


@pytest.fixture
def queue(turns: Turns, threads: ThreadPoolExecutor) -> Iterator[Queue]:
    queue = Queue(turns, threads)
    yield queue
    queue.open()


def test_what_queues_while_the_engine_computes_is_the_next_pass(
    queue: Queue, seen: list[tuple[str, int]]
) -> None:
    waiting = [queue.add(batch(length, first=length)) for length in (5, 7, 9)]
    assert queue.passes(1) == [[5, 7, 9]]
    queue.open()
    for length, future in zip((5, 7, 9), waiting, strict=True):
        expected = batch(length, first=length).input_ids
        assert future.result(10)[:, 0].tolist() == expected.tolist()
    assert queue.first.result(10).shape == (3, 1)
    assert seen == [("model", 3), ("model", 21)]


def test_a_pass_has_no_more_tokens_than_the_budget(queue: Queue) -> None:
    for _ in range(5):
        queue.add(batch(30))
    assert queue.passes(3) == [[30, 30], [30, 30], [30]]


def test_a_sequence_longer_than_the_budget_has_a_pass_of_its_own(queue: Queue) -> None:
    queue.add(batch(100))
    queue.add(batch(100))
    assert queue.passes(2) == [[100], [100]]


def test_a_short_text_passes_many_long_ones(queue: Queue) -> None:
    long = [queue.add(batch(*[60] * 8)) for _ in range(3)]
    short = queue.add(batch(4))
    assert queue.passes(1) == [[4, 60]]
    queue.passes(1)
    assert short.result(10).shape == (4, 1)
    assert not any(future.done() for future in long)
    queue.open()
    assert all(future.result(10).shape == (480, 1) for future in long)


def test_everyone_has_the_same_share_of_tokens(queue: Queue) -> None:
    queue.add(batch(*[60] * 4))
    queue.add(batch(*[20] * 12))
    lengths = [length for one in queue.passes(4) for length in one]
    of_each = [sum(length for length in lengths if length == size) for size in (20, 60)]
    assert of_each[0] == pytest.approx(of_each[1], abs=60)


def test_ever_more_short_texts_do_not_starve_a_long_one(queue: Queue) -> None:
    long = queue.add(batch(60))
    for _ in range(8):
        for _ in range(4):
            queue.add(batch(20))
        queue.passes(1)
    assert long.result(10).shape == (60, 1)


def test_when_a_pass_fails_only_who_is_to_blame_gets_the_error(queue: Queue) -> None:
    queue.gated.fails = lambda batch: 13 in batch.lengths
    good, bad, other = (queue.add(batch(length)) for length in (5, 13, 7))
    queue.passes(4)  # together, and then each alone
    queue.open()
    assert good.result(10).shape == (5, 1)
    assert other.result(10).shape == (7, 1)
    with pytest.raises(RuntimeError, match="the engine failed"):
        bad.result(10)


def test_after_a_failure_the_engine_computes_on(
    queue: Queue, turns: Turns, threads: ThreadPoolExecutor
) -> None:
    queue.gated.fails = lambda batch: 13 in batch.lengths
    bad = queue.add(batch(13, 13, 13, 13, 13, 13))
    queue.open()
    with pytest.raises(RuntimeError):
        bad.result(10)
    good = threads.submit(encode, turns, queue.gated, batch(5))
    assert good.result(10).shape == (5, 1)


def test_what_nobody_waits_for_is_not_computed(queue: Queue) -> None:
    ticket = Ticket()
    left = queue.add(batch(5), ticket)
    stays = queue.add(batch(7))
    ticket.given_up = True
    assert queue.passes(1) == [[7]]
    queue.open()
    with pytest.raises(Gone):
        left.result(10)
    assert stays.result(10).shape == (7, 1)
    assert ticket.tokens == 0


def test_a_ticket_tells_what_its_request_had(queue: Queue) -> None:
    ticket = Ticket()
    mine = queue.add(batch(5, 6), ticket)
    queue.add(batch(11))
    time.sleep(0.02)
    queue.open()
    mine.result(10)
    assert ticket.tokens == 11
    assert ticket.queue_seconds >= 0.02
    assert ticket.engine_seconds > 0


def test_closing_refuses_what_waits(threads: ThreadPoolExecutor) -> None:
    turns = Turns(64, lambda *seen: None)
    queue = Queue(turns, threads)
    waiting = queue.add(batch(5))
    closing = threads.submit(turns.close)
    with pytest.raises(Unavailable):
        waiting.result(10)
    queue.open()
    assert queue.first.result(10).shape == (3, 1)
    closing.result(10)
    with pytest.raises(Unavailable):
        encode(turns, queue.gated, batch(2))


def test_mixed_passes_have_the_bits_of_the_engine_alone(
    models: dict[str, Path], turns: Turns, threads: ThreadPoolExecutor
) -> None:
    bundle = read_bundle(models["sentiment"])
    engine = NativeEngine(bundle.manifest.architecture, bundle.tensors)
    random = np.random.default_rng(0)
    asked = [
        batch(*random.integers(1, 24, random.integers(1, 9)).tolist(), first=number)
        for number in range(200)
    ]
    queued = turns.engine("model", engine)

    def run(one: PackedBatch) -> Any:
        return charged(turns, Ticket(), lambda: queued.encode(one))

    for one, hidden in zip(asked, threads.map(run, asked), strict=True):
        assert hidden.tobytes() == engine.encode(one).tobytes()


def test_a_batch_of_nothing_has_no_states(turns: Turns) -> None:
    assert encode(turns, GatedEngine(), batch()).shape == (0, 1)
