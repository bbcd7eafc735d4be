"""What goes wrong under load: nothing lost, nothing stuck, no unhandled exception.

    python -m benchmarks.serving.faults --seconds 10

Ends with 1 if any check fails.
"""

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from benchmarks.serving.client import Times, bodies, exponential, open_loop
from benchmarks.serving.processes import TEXTS, Process, ours

from squeezebert.bench.machine import machine, versions
from squeezebert.bundle import find_bundle

PATH = "/v1/models/sentiment/predict"
RATE = 40.0  # a load that the server carries, so that only the fault can cost answers

Trouble = Callable[[Process], Coroutine[Any, Any, None]]


def main() -> None:
    """Makes each fault under load, and prints JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10, help="of each fault")
    arguments = parser.parse_args()
    checks = {
        "clients leave": _clients_leave,
        "clients send a byte a second": _slow_senders,
        "clients read a byte a second": _slow_readers,
        "bodies of 100 MB": _large_bodies,
    }
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with ours("sentiment", log=log) as server:
            for name, trouble in checks.items():
                results[name] = _under_load(server, arguments.seconds, trouble)
            results["SIGTERM"] = _terminated(server, arguments.seconds)
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        results["unhandled exceptions"] = sum(line.get("error") == "fault" for line in lines)
        with ours("sentiment", log=Path("/dev/full")) as server:
            results["disk full for the log"] = _under_load(server, arguments.seconds, _nothing)
        results["bundle replaced"] = _replaced(Path(folder), arguments.seconds)
    faults = [name for name, result in results.items() if _is_fault(result)]
    report = {
        "argv": sys.argv,
        "machine": machine(),
        "versions": versions(),
        "results": results,
        "faults": faults,
    }
    print(json.dumps(report, indent=2))
    sys.exit(1 if faults else 0)


def _is_fault(result: Any) -> bool:
    if isinstance(result, int):
        return result > 0
    return bool(result.get("lost")) or bool(result.get("exit_status"))


def _load(port: int, seconds: float, random_state: int = 0) -> Coroutine[Any, Any, Times]:
    sent = bodies([f"{text} ({n})" for n in range(8) for text in TEXTS], 1, _items)
    gap = exponential(random.Random(random_state))
    return open_loop(port, PATH, sent, RATE, seconds, gap)


def _items(texts: list[str]) -> Any:
    return {"items": texts}


def _under_load(server: Process, seconds: float, trouble: Trouble) -> dict[str, Any]:
    """Trouble for as long as others are answered as ever."""

    async def run() -> Times:
        making = asyncio.create_task(trouble(server))
        times = await _load(server.port, seconds)
        making.cancel()
        await asyncio.gather(making, return_exceptions=True)
        return times

    times = asyncio.run(run())
    lost = sum(count for status, count in times.statuses.items() if status != 200)
    return times.summary() | {"lost": lost, "memory_mb": round(server.memory_mb, 1)}


async def _nothing(server: Process) -> None:
    pass


async def _clients_leave(server: Process) -> None:
    """Connections that send half a body, or all of it, and are closed at once."""
    body = json.dumps(_items(TEXTS * 16)).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: here\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    while True:
        for sent in (head, head + body[: len(body) // 2], head + body):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(sent)
            await writer.drain()
            writer.transport.abort()
        await asyncio.sleep(0.02)


async def _slow_senders(server: Process) -> None:
    async def one() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = f"POST {PATH} HTTP/1.1\r\nHost: here\r\nContent-Length: 1000\r\n\r\n"
        writer.write(head.encode())
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(1)

    await asyncio.gather(*(one() for _ in range(100)))


async def _slow_readers(server: Process) -> None:
    """A stream of answers that is read a byte a second, so that the server has to wait."""

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=64)
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: here\r\nContent-Type: application/x-ndjson\r\n"
            "Transfer-Encoding: chunked\r\n\r\n"
        )
        writer.write(head.encode())
        lines = b'"A gripping film."\n' * 100
        for _ in range(100):
            writer.write(b"%x\r\n%b\r\n" % (len(lines), lines))
        while True:
            await reader.readexactly(1)
            await asyncio.sleep(1)

    await asyncio.gather(*(one() for _ in range(8)))


async def _large_bodies(server: Process) -> None:
    """Half of them say how long they are, half come in pieces of unknown number."""
    piece = b" " * 65_536
    while True:
        for framing in (f"Content-Length: {100 << 20}", "Transfer-Encoding: chunked"):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(f"POST {PATH} HTTP/1.1\r\nHost: here\r\n{framing}\r\n\r\n".encode())
            try:
                for _ in range((100 << 20) // len(piece)):
                    chunked = b"%x\r\n%b\r\n" % (len(piece), piece)
                    writer.write(chunked if "chunked" in framing else piece)
                    await writer.drain()
            except OSError:  # refused, and closed
                pass
            writer.close()
        await asyncio.sleep(0.1)


def _terminated(server: Process, seconds: float) -> dict[str, Any]:
    """SIGTERM in the middle of a load: what was accepted is answered, the status is 0."""
    status: list[int] = []

    async def run() -> Times:
        async def terminate() -> None:
            await asyncio.sleep(seconds / 2)
            status.append(await asyncio.to_thread(server.terminate))

        stopping = asyncio.create_task(terminate())
        times = await _load(server.port, seconds)
        await stopping
        return times

    times = asyncio.run(run())
    # A connection that is refused, status 0, was not accepted: after the end there is no server.
    lost = sum(count for code, count in times.statuses.items() if code not in (0, 200))
    return times.summary() | {"lost": lost, "exit_status": status[0]}


def _replaced(folder: Path, seconds: float) -> dict[str, Any]:
    """A bundle that is replaced by another, and by a broken one, again and again."""
    source = find_bundle("sentiment")
    served = folder / "sentiment"
    _copied(source, served)

    async def replace(server: Process) -> None:
        turn = 0
        while True:
            new, old = folder / f"new-{turn}", folder / f"old-{turn}"
            await asyncio.to_thread(_copied, source, new)
            if turn % 2:
                (new / "bundle.json").write_text("{")
            served.rename(old)
            new.rename(served)
            await asyncio.to_thread(shutil.rmtree, old)
            turn += 1
            await asyncio.sleep(1.5)

    log = folder / "watch.log"
    with ours(str(served), "--watch", log=log) as server:
        found = _under_load(server, max(seconds, 6), replace)
        time.sleep(0.5)
    events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    return found | {
        "taken up": events.count("model_replaced"),
        "refused": events.count("model_kept"),
    }


def _copied(source: Path, folder: Path) -> None:
    """A whole bundle: also the parts that it shares with others."""
    shutil.copytree(source, folder)
    shared = source.parent / "shared"
    manifest = json.loads((source / "bundle.json").read_text())
    for name in manifest["files"]:
        if not (folder / name).exists():
            shutil.copy(shared / name, folder / name)


if __name__ == "__main__":
    main()
