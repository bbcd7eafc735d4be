"""The engine's turn: what is computed together, and who comes next.

While the engine computes, texts queue; the next pass takes what is queued up to a number of tokens,
and never waits for more. Whose sequence comes next is decided by weighted fair queueing (Demers,
Keshav and Shenker 1989, SIGCOMM): everyone gets the same share of tokens, so a long text lets short
ones pass, and many short ones don't starve it.

Requests run their pipelines, see `squeezebert.serve.queueing.workers`, over an engine that hands
batches to this queue. So tokenising and what comes after the encoder happen outside of the
engine's turn, and a result is that of the pipeline alone, because a sequence's hidden states don't
depend on what else is in a pass. NumPy's engine keeps to that but for the last bits, which BLAS
rounds by the size of its products; it computes each batch as it came, alone.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import TypeAlias

import numpy as np

from squeezebert.bundle.tensors import Floats
from squeezebert.runtime import Engine, NumpyEngine, PackedBatch
from squeezebert.serve.queueing.workers import Waiter, waiter
from squeezebert.serve.refusals import Gone, Unavailable

Observe: TypeAlias = Callable[[str, int, float], object]
"""Is told of every pass: the model's name, its tokens, its seconds."""


@dataclass(slots=True, eq=False)
class Ticket:
    """What one request has had of the engine.

    Attributes:
        given_up: whether nobody waits for it any more.
        tokens: that were computed for it.
        queue_seconds: that it waited for its turns.
        engine_seconds: of passes, by its share of their tokens.
    """

    given_up: bool = False
    tokens: int = 0
    queue_seconds: float = 0.0
    engine_seconds: float = 0.0


_current: ContextVar[Ticket] = ContextVar("ticket")


class QueuedEngine:
    """An engine whose batches wait for their turn; it may be called from many threads."""

    def __init__(self, turns: "Turns", name: str, engine: Engine) -> None:
        self._turns = turns
        self.name = name
        self.engine = engine
        self.mixes = not isinstance(engine, NumpyEngine)

    @property
    def hidden_size(self) -> int:
        return self.engine.hidden_size

    def encode(self, batch: PackedBatch) -> Floats:
        """See `squeezebert.runtime.Engine.encode`."""
        return self._turns.encode(self, batch)


@dataclass(slots=True, eq=False)
class _Job:
    """A batch on its way through the engine, sequence by sequence.

    Attributes:
        whole: whether its sequences are computed together, and with none of another job.
        taken: how many sequences have been taken, and of those, ``computed`` are done.
        since: when it began to wait for its next turn.
    """

    engine: QueuedEngine
    batch: PackedBatch
    ticket: Ticket
    waiter: Waiter
    ends: list[int]
    whole: bool
    taken: int = 0
    computed: int = 0
    since: float = 0.0
    hidden: Floats | None = None
    error: Exception | None = None

    @property
    def next_end(self) -> int:
        """Up to which sequence it is taken next."""
        return len(self.ends) - 1 if self.whole else self.taken + 1

    @property
    def next_length(self) -> int:
        return self.ends[self.next_end] - self.ends[self.taken]

    @property
    def all_taken(self) -> bool:
        return self.taken + 1 == len(self.ends)

    def fail(self, error: Exception) -> None:
        self.error = error
        self.waiter.wake()


@dataclass(frozen=True, slots=True)
class _Part:
    """Neighbouring sequences of a job."""

    job: _Job
    start: int
    end: int

    @property
    def tokens(self) -> slice:
        return slice(self.job.ends[self.start], self.job.ends[self.end])

    def batch(self) -> PackedBatch:
        batch, tokens = self.job.batch, self.tokens
        return PackedBatch(
            batch.input_ids[tokens],
            batch.token_type_ids[tokens],
            batch.cu_seqlens[self.start : self.end + 1] - tokens.start,
        )


class Turns:
    """One thread that computes for everyone.

    Args:
        pass_tokens: how many tokens a pass has at most, unless a single sequence has more.
        observe: is told of every pass.
    """

    def __init__(self, pass_tokens: int, observe: Observe) -> None:
        self._pass_tokens = pass_tokens
        self._observe = observe
        self._changed = threading.Condition()
        # By engine: its jobs with sequences left, by the clock at which their next one would be
        # done if everyone had the same share.
        self._queues: dict[QueuedEngine, list[tuple[int, int, _Job]]] = {}
        self._numbers = count()
        self._clock = 0  # tokens of everyone's share so far
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def engine(self, name: str, engine: Engine) -> QueuedEngine:
        """An engine that waits for its turn.

        Args:
            name: the model's, for whoever observes.
        """
        return QueuedEngine(self, name, engine)

    def charge(self, ticket: Ticket) -> None:
        """What this thread or greenlet encodes from now on is this ticket's."""
        _current.set(ticket)

    def encode(self, engine: QueuedEngine, batch: PackedBatch) -> Floats:
        """Waits for its turns and returns the hidden states.

        Raises:
            Gone: nobody waits for this any more.
            Unavailable: the server stops.
            Exception: what the engine raised.
        """
        ticket = _current.get()
        ends = batch.cu_seqlens.tolist()
        job = _Job(
            engine,
            batch,
            ticket,
            waiter.get(),
            ends,
            not engine.mixes,
            since=time.perf_counter(),
        )
        if job.all_taken:  # a batch of nothing
            return np.empty((0, engine.hidden_size), np.float32)
        with self._changed:
            if self._closed:
                raise Unavailable("The server is stopping. Send it to another one.")
            if ticket.given_up:
                raise Gone
            self._push(job, self._clock)
            self._changed.notify()
        job.waiter.wait()
        if job.error is not None:
            raise job.error
        assert job.hidden is not None  # it is done
        return job.hidden

    def close(self) -> None:
        """Ends the thread; what still waits is refused."""
        with self._changed:
            self._closed = True
            for queue in self._queues.values():
                for _, _, job in queue:
                    job.fail(Unavailable("The server is stopping. Send it to another one."))
            self._queues.clear()
            self._changed.notify()
        self._thread.join()

    def _push(self, job: _Job, clock: int) -> None:
        queue = self._queues.setdefault(job.engine, [])
        heappush(queue, (clock + job.next_length, next(self._numbers), job))

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._queues and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                parts = self._take()
            if parts:
                self._compute(parts)

    def _take(self) -> list[_Part]:
        """What the next pass computes: sequences of one engine, in order of fair shares."""
        engine = min(self._queues, key=lambda engine: self._queues[engine][0])
        queue = self._queues[engine]
        room = self._pass_tokens
        firsts: dict[_Job, int] = {}
        while queue:
            clock, _, job = queue[0]
            if job.error is None and job.ticket.given_up:
                job.fail(Gone())
            if job.error is not None:
                heappop(queue)
                continue
            length = job.next_length
            if firsts and (length > room or job.whole):
                break
            heappop(queue)
            room -= length
            self._clock = max(self._clock, clock)
            firsts.setdefault(job, job.taken)
            job.taken = job.next_end
            if not job.all_taken:
                self._push(job, clock)
        if not queue:
            del self._queues[engine]
        return [_Part(job, first, job.taken) for job, first in firsts.items()]

    def _compute(self, parts: Sequence[_Part]) -> None:
        started = time.perf_counter()
        try:
            batch = _joined(parts)
            hidden_TH = parts[0].job.engine.engine.encode(batch)
        except Exception as error:
            if len(parts) == 1:
                parts[0].job.fail(error)
                return
            for part in parts:  # whoever is to blame, the others get their answers
                self._compute([part])
            return
        ended = time.perf_counter()
        share = (ended - started) / len(batch.input_ids)
        first = 0
        for part in parts:
            tokens = part.tokens.stop - part.tokens.start
            ticket = part.job.ticket
            ticket.tokens += tokens
            ticket.queue_seconds += started - part.job.since
            ticket.engine_seconds += share * tokens
            part.job.since = ended
            _give(part, hidden_TH[first : first + tokens])
            first += tokens
        self._observe(parts[0].job.engine.name, len(batch.input_ids), ended - started)


def _joined(parts: Sequence[_Part]) -> PackedBatch:
    """One batch of all parts."""
    if len(parts) == 1:
        return parts[0].batch()
    batches = [part.batch() for part in parts]
    lengths = np.concatenate([batch.lengths for batch in batches])
    return PackedBatch(
        np.concatenate([batch.input_ids for batch in batches]),
        np.concatenate([batch.token_type_ids for batch in batches]),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32),
    )


def _give(part: _Part, hidden_TH: Floats) -> None:
    """Hands its hidden states to a job; the last ones wake who waits for it."""
    job = part.job
    if job.hidden is None and part.end - part.start == len(job.ends) - 1:
        job.hidden = hidden_TH
    else:
        if job.hidden is None:
            job.hidden = np.empty((len(job.batch.input_ids), hidden_TH.shape[1]), np.float32)
        job.hidden[part.tokens] = hidden_TH
    job.computed += part.end - part.start
    if job.computed == len(job.ends) - 1:
        job.waiter.wake()
