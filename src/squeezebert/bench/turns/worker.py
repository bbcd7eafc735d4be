"""The process of one contender: loads it and does what it is asked, a line of JSON at a time.

    python -m squeezebert.bench.turns.worker < requests > replies

The first line describes the contender (`Spec`). Each later one asks for one thing:

    {"prepare": [[length, ...], ...]}        -> {"settings": text}
    {"run": {"seconds": s, "least": n, "warm": n}} -> {"seconds": [...], "processor_seconds": s}
    {"memory": true}                         -> {"peak_megabytes": m}

What fails is answered with {"error": text}, and the process goes on.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from squeezebert.bench.contenders.contract import Spec, open_contender
from squeezebert.bench.turns.lifetime import end_with_parent


def main() -> None:
    """Serves until the requests end."""
    end_with_parent()
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints does not mix with the replies
    try:
        worker = _Worker(Spec(**json.loads(sys.stdin.readline())))
        replies.write(json.dumps({"loaded": True}) + "\n")
    except Exception as error:  # whatever a library raises is an answer about that library
        replies.write(json.dumps({"error": f"{type(error).__name__}: {error}"}) + "\n")
        return
    for line in sys.stdin:
        try:
            reply = worker.answer(json.loads(line))
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(reply) + "\n")


class _Worker:
    def __init__(self, spec: Spec) -> None:
        self._contender = open_contender(spec)
        self._run: Callable[[], Any] | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if "prepare" in request:
            self._run = None  # frees what the last workload needed
            run = self._contender.prepare(request["prepare"])
            run()
            self._run = run
            return {"settings": self._contender.settings}
        if "run" in request:
            return self._time(**request["run"])
        return {"peak_megabytes": peak_megabytes()}

    def _time(self, seconds: float, least: int, warm: int) -> dict[str, Any]:
        """Runs at least ``least`` times and for ``seconds``, after ``warm`` uncounted times."""
        run = self._run
        if run is None:
            raise RuntimeError("nothing is prepared")
        for _ in range(warm):
            run()
        durations: list[float] = []
        processor = time.process_time()
        end = time.perf_counter() + seconds
        while len(durations) < least or time.perf_counter() < end:
            start = time.perf_counter()
            run()
            durations.append(time.perf_counter() - start)
        return {"seconds": durations, "processor_seconds": time.process_time() - processor}


def peak_megabytes() -> float:
    """Most memory that this process ever held.

    Not ``ru_maxrss``: that counts what the parent held when it started this process.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes on macOS


if __name__ == "__main__":
    main()
