"""Twice what a server can carry: everything answered or refused, nothing hung, memory flat.

    python -m benchmarks.serving.overload --minutes 10

Ends with 1 if a request hung, the answered ones took longer than the queue allows, much less was
carried than without the overload, memory grew, or this program fell behind its own plan.
"""

import argparse
import asyncio
import json
import random
import sys
from typing import Any

from benchmarks.serving.client import bodies, closed_loop, exponential, open_loop
from benchmarks.serving.processes import TEXTS, ours

from squeezebert.bench.machine import machine, versions

PATH = "/v1/models/sentiment/predict"
GROWN_MB = 10.0
BEHIND_SECONDS = 1.0
LEAST_CARRIED = 0.6  # of the rate without overload: to refuse takes some of the time


def main() -> None:
    """Measures what it can carry, sends twice as much, and prints JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--times", type=float, default=2, help="what it can carry")
    parser.add_argument("--waiting", type=int, default=64, help="the server's --max-waiting")
    arguments = parser.parse_args()
    sent = bodies([f"{text} ({n})" for n in range(64) for text in TEXTS], 1, _items)
    with ours("sentiment", "--max-waiting", str(arguments.waiting)) as server:
        carried = asyncio.run(closed_loop(server.port, PATH, sent, 32, 5))
        rate = len(carried.answered) / carried.seconds
        memory: list[float] = []

        async def every(seconds: float) -> None:
            memory.append(server.memory_mb)

        gap = exponential(random.Random(0))
        seconds = arguments.minutes * 60
        sending = open_loop(server.port, PATH, sent, arguments.times * rate, seconds, gap, every)
        times = asyncio.run(sending)
        status = server.terminate()
    first = memory[min(60, len(memory) // 2) :]
    carried_still = len(times.answered) / times.seconds
    # By Little's law, who is accepted last of so many waits for this long on average; and as much
    # again for a machine that jitters. At the rate of this run: the one before is of another time.
    bound = 2e3 * arguments.waiting / carried_still + 200
    report: dict[str, Any] = {
        "argv": sys.argv,
        "machine": machine(),
        "versions": versions(),
        "carried_per_second": round(rate, 1),
        "carried_in_overload": round(carried_still / rate, 3),
        "sent_per_second": round(sum(times.statuses.values()) / times.seconds, 1),
        **times.summary(),
        "p99_bound_ms": round(bound, 1),
        "client_behind_seconds": round(times.behind, 2),
        "memory_mb": {
            "after_the_first_minute": round(first[0], 1),
            "at_the_end": round(first[-1], 1),
            "at_most": round(max(first), 1),
        },
        "exit_status": status,
    }
    faults = {
        "lost": times.statuses.get(0, 0),
        "neither answered nor refused": sum(
            count for code, count in times.statuses.items() if code not in (200, 429)
        ),
        "carried less": int(carried_still < LEAST_CARRIED * rate),
        "late": int(times.milliseconds(0.99) > bound),
        "client behind": int(times.behind > BEHIND_SECONDS),
        "memory grew": int(max(first) - first[0] > GROWN_MB),
        "exit status": status,
    }
    report["faults"] = {name: count for name, count in faults.items() if count}
    print(json.dumps(report, indent=2))
    sys.exit(1 if report["faults"] else 0)


def _items(texts: list[str]) -> Any:
    return {"items": texts}


if __name__ == "__main__":
    main()
