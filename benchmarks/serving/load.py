"""Requests a second and their times, beside other servers, in one run.

    python -m benchmarks.serving.load --seconds 10 --peers PYTHON --encoder FOLDER

Every server has the machine for itself in its turn. Without --peers we are alone.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from benchmarks.serving.client import Times, bodies, closed_loop, exponential, open_loop
from benchmarks.serving.processes import TEXTS, Process, free_port, ours, running

import squeezebert
from squeezebert.bench.machine import machine, versions

CLIENTS = (1, 8, 64)
SLOWEST_MS = 50.0


@dataclass(frozen=True)
class Path:
    """A path of a server, and how texts are sent there."""

    server: str
    task: str
    path: str
    wrap: Callable[[list[str]], Any]


def main() -> None:
    """Measures all servers and prints JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement")
    parser.add_argument("--peers", help="a Python that has infinity-emb and transformers")
    parser.add_argument("--encoder", help="their checkpoint, the folder of all-MiniLM-L6-v2")
    arguments = parser.parse_args()
    results = []
    for context, paths in _servers(arguments):
        with context as server:
            for path in paths:
                results.append(_measured(server, path, arguments.seconds))
                print(json.dumps(results[-1]), file=sys.stderr)
    report = {
        "argv": sys.argv,
        "machine": machine(),
        "versions": versions(),
        "results": results,
        "floors": _floors(results),
    }
    print(json.dumps(report, indent=2))


def _servers(
    arguments: argparse.Namespace,
) -> Iterator[tuple[AbstractContextManager[Process], list[Path]]]:
    def items(texts: list[str]) -> Any:
        return {"items": texts}

    names = {"classification": "sentiment", "entities": "ner", "embedding": "embed"}
    yield (
        ours(),
        [
            Path("squeezebert", task, f"/v1/models/{name}/predict", items)
            for task, name in names.items()
            if task != "embedding"
        ]
        + [
            Path(
                "squeezebert",
                "embedding",
                "/v1/embeddings",
                lambda texts: {
                    "model": "embed",
                    "input": texts,
                    "encoding_format": "base64",
                },
            )
        ],
    )
    if arguments.peers and arguments.encoder:
        offline = {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}
        port = free_port()
        command = [arguments.peers, "-m", "benchmarks.serving.peer", str(port), arguments.encoder]
        yield (
            running(command, port, "/health", offline),
            [
                Path("FastAPI + transformers", "classification", "/classify", items),
                Path("FastAPI + transformers", "entities", "/tag", items),
            ],
        )
        port = free_port()
        program = "from infinity_emb.cli import cli; cli()"
        command = [arguments.peers, "-c", program, "v2", "--port", str(port), "--device", "cpu"]
        command += ["--model-id", arguments.encoder, "--served-model-name", "embed"]
        command += ["--engine", "torch", "--no-bettertransformer", "--host", "127.0.0.1"]
        yield (
            running(command, port, "/health", offline),
            [
                Path(
                    "infinity-emb",
                    "embedding",
                    "/embeddings",
                    lambda texts: {"model": "embed", "input": texts},
                )
            ],
        )


def _measured(server: Process, path: Path, seconds: float) -> dict[str, Any]:
    texts = [f"{text} ({number})" for number in range(64) for text in TEXTS]
    short, many = (bodies(texts, each, path.wrap) for each in (1, 16))

    def closed(sent: list[bytes], clients: int) -> Times:
        return asyncio.run(closed_loop(server.port, path.path, sent, clients, seconds))

    closed(short, 8)  # warms it up
    found: dict[str, Any] = {"server": path.server, "task": path.task}
    for clients in CLIENTS:
        before = server.cpu_seconds
        times = closed(short, clients)
        used = server.cpu_seconds - before
        found[f"clients_{clients}"] = times.summary() | {
            "cpu_ms_a_request": round(used * 1e3 / max(len(times.answered), 1), 2)
        }
    sixteen = closed(many, 8)
    found["requests_of_16"] = sixteen.summary() | {
        "texts_per_second": round(16 * len(sixteen.answered) / sixteen.seconds, 1)
    }
    best = max(found[f"clients_{clients}"]["requests_per_second"] for clients in CLIENTS)
    found["at_p99_of_50_ms"] = _rate(server, path, short, best, seconds)
    found["memory_mb"] = round(server.memory_mb, 1)
    if path.server == "squeezebert":
        found["in_process"] = _in_process(path.task, texts)
    return found


def _rate(
    server: Process, path: Path, sent: list[bytes], highest: float, seconds: float
) -> dict[str, Any]:
    """The highest rate of arrivals at which 99 of 100 are answered in 50 ms, by bisection."""
    gap = exponential(random.Random(0))
    low, high, found = 0.0, highest, {}
    for _ in range(5):
        rate = (low + high) / 2
        times = asyncio.run(open_loop(server.port, path.path, sent, rate, seconds, gap))
        whole = set(times.statuses) == {200}
        if whole and times.milliseconds(0.99) <= SLOWEST_MS:
            low, found = rate, times.summary()
        else:
            high = rate
    return found


def _in_process(task: str, texts: list[str]) -> dict[str, float]:
    """What the pipeline does without a server."""
    names = {"classification": "sentiment", "entities": "ner", "embedding": "embed"}
    pipeline = squeezebert.load(names[task])
    pipeline(texts[:16])
    singles = []
    for text in texts[:200]:
        started = time.perf_counter()
        pipeline([text])
        singles.append(time.perf_counter() - started)
    started = time.perf_counter()
    for start in range(0, len(texts), 16):
        pipeline(texts[start : start + 16])
    seconds = time.perf_counter() - started
    return {
        "p50_ms": round(statistics.median(singles) * 1e3, 2),
        "texts_per_second": round(len(texts) / seconds, 1),
    }


def _floors(results: list[dict[str, Any]]) -> dict[str, Any]:
    """What was asked for, and what came of it."""
    floors: dict[str, Any] = {}
    by_server = {(each["server"], each["task"]): each for each in results}
    for (server, task), mine in by_server.items():
        if server != "squeezebert":
            continue
        peers = [
            each["at_p99_of_50_ms"].get("requests_per_second", 0.0)
            for (other, of), each in by_server.items()
            if of == task and other != server
        ]
        alone = mine["in_process"]
        rate = mine["at_p99_of_50_ms"].get("requests_per_second", 0.0)
        floors[task] = {
            "times_best_peer (5)": round(rate / max(peers), 2) if any(peers) else None,
            "share_of_pipeline_at_16 (0.65)": round(
                mine["requests_of_16"]["texts_per_second"] / alone["texts_per_second"], 3
            ),
            "requests_per_second (700)": max(
                mine[f"clients_{clients}"]["requests_per_second"] for clients in CLIENTS
            ),
            "ms_over_pipeline_at_p50 (1.5)": round(
                mine["clients_1"]["p50_ms"] - alone["p50_ms"], 2
            ),
        }
    return floors


if __name__ == "__main__":
    main()
