"""A client that costs little: HTTP/1.1 over asyncio, so that the server is what is measured."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Times:
    """What came of some requests.

    Attributes:
        answered: seconds of each that was answered with 200, in order of their end.
        statuses: how many had each status; 0 for a connection that broke off.
        seconds: that all of them took together.
        behind: seconds that this client was late with a request, at most. Where it is long, the
            client was the bound, and the times say nothing of the server.
    """

    answered: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0
    behind: float = 0.0

    def note(self, status: int, seconds: float) -> None:
        """One request."""
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status == 200:
            self.answered.append(seconds)

    def milliseconds(self, share: float) -> float:
        """A quantile of the answered ones."""
        ordered = sorted(self.answered) or [float("nan")]
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1e3

    def summary(self) -> dict[str, Any]:
        """For a report."""
        return {
            "requests_per_second": round(len(self.answered) / self.seconds, 1),
            "p50_ms": round(self.milliseconds(0.5), 2),
            "p99_ms": round(self.milliseconds(0.99), 2),
            "statuses": self.statuses,
        }


@dataclass
class Connection:
    """A connection that is kept, and opened again when it was closed.

    A server closes those that nobody has used for a while; as other clients do, this one looks
    before it sends.
    """

    port: int
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None

    async def post(self, path: str, body: bytes) -> int:
        """Sends a body, reads the answer, and returns its status; 0 if the connection broke."""
        try:
            if self.reader is not None and self.reader.at_eof():
                self.close()
            if self.writer is None or self.writer.is_closing():
                self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
            assert self.reader is not None
            head = (
                f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            self.writer.write(head.encode() + body)
            answer = (await self.reader.readuntil(b"\r\n\r\n")).lower()
            length = int(answer.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
            await self.reader.readexactly(length)
            if b"connection: close" in answer:
                self.close()
            return int(answer[9:12])
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            return 0

    def close(self) -> None:
        """Closes it."""
        if self.writer is not None:
            self.writer.close()
            self.writer = None


def bodies(texts: list[str], each: int, wrap: Callable[[list[str]], Any]) -> list[bytes]:
    """Bodies of requests of so many texts."""
    return [
        json.dumps(wrap(texts[start : start + each])).encode()
        for start in range(0, len(texts) - each + 1, each)
    ]


async def closed_loop(
    port: int, path: str, sent: list[bytes], clients: int, seconds: float
) -> Times:
    """So many clients, each of which sends when it has its answer."""
    times = Times()
    started = time.perf_counter()
    end = started + seconds

    async def client(number: int) -> None:
        connection = Connection(port)
        turn = number
        while (begun := time.perf_counter()) < end:
            status = await connection.post(path, sent[turn % len(sent)])
            times.note(status, time.perf_counter() - begun)
            turn += clients
        connection.close()

    await asyncio.gather(*map(client, range(clients)))
    times.seconds = time.perf_counter() - started
    return times


async def open_loop(
    port: int,
    path: str,
    sent: list[bytes],
    rate: float,
    seconds: float,
    gap: Callable[[float], float],
    every: Callable[[float], Awaitable[None]] | None = None,
) -> Times:
    """Requests that come when they come, whether or not others have been answered.

    Args:
        rate: requests a second.
        gap: draws the seconds until the next one, given their mean.
        every: is told the time once a second.
    """
    times = Times()
    idle: list[Connection] = []
    running: set[asyncio.Task[None]] = set()
    started = time.perf_counter()

    async def one(number: int, due: float) -> None:
        connection = idle.pop() if idle else Connection(port)
        status = await connection.post(path, sent[number % len(sent)])
        times.note(status, time.perf_counter() - due)  # since it was due: no omission
        idle.append(connection)

    number, due, told = 0, started, started
    while due < started + seconds:
        now = time.perf_counter()
        if due > now:
            await asyncio.sleep(due - now)
        times.behind = max(times.behind, now - due)
        task = asyncio.create_task(one(number, due))
        running.add(task)
        task.add_done_callback(running.discard)
        number += 1
        due += gap(1 / rate)
        if every is not None and due - told >= 1:
            told = due
            await every(due - started)
    await asyncio.gather(*running)
    times.seconds = time.perf_counter() - started
    for connection in idle:
        connection.close()
    return times


def exponential(random: Any) -> Callable[[float], float]:
    """Gaps of a Poisson process."""
    return lambda mean: float(random.expovariate(1 / mean))
