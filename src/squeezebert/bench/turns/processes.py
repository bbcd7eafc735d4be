"""Contenders in processes of their own, of which only one runs at a time once they are loaded."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any

import psutil

from squeezebert.bench.contenders.contract import Spec, environment
from squeezebert.bench.workload import Workload


class ContenderError(Exception):
    """A contender can't do what it was asked; the message is its library's."""


class ContenderProcess:
    """A contender in its own process, suspended whenever it is not asked for something.

    Thread pools of several libraries spin for a while after each run, waiting for the next; a
    suspended process can't take a core from the one whose turn it is. Only while they load,
    contenders run side by side: `load` waits for what began with the process.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.name = spec.name
        self.settings = ""
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 -- closed by `close`
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "squeezebert.bench.turns.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=environment(spec.threads, spec.environment),
        )
        self.pid = self._process.pid
        self._handle = psutil.Process(self.pid)
        self._send(asdict(spec))

    def load(self) -> None:
        """Waits until it can be asked for something.

        Raises:
            ContenderError: it can't be loaded.
        """
        self._reply()

    def prepare(self, workload: Workload) -> None:
        """Makes it ready for a workload and runs that once, uncounted.

        Raises:
            ContenderError: it can't.
        """
        self.settings = self._ask({"prepare": workload})["settings"]

    def run(self, seconds: float, least: int, warm: int = 0) -> tuple[list[float], float]:
        """Runs the workload at least ``least`` times and for ``seconds``.

        Returns:
            the seconds of each run, and the processor seconds of all of them over all cores.

        Raises:
            ContenderError: it can't.
        """
        reply = self._ask({"run": {"seconds": seconds, "least": least, "warm": warm}})
        return reply["seconds"], reply["processor_seconds"]

    def peak_megabytes(self) -> float:
        """Most memory that the process ever held."""
        peak: float = self._ask({"memory": True})["peak_megabytes"]
        return peak

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            if pipe is not None:
                with suppress(BrokenPipeError):  # a request that it did not live to read
                    pipe.close()

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        with suppress(psutil.NoSuchProcess):  # it has ended, and its reply says so
            self._handle.resume()
        self._send(request)
        return self._reply()

    def _send(self, request: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # as above
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()

    def _reply(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            last = self._errors.read().strip().splitlines()[-1:]
            status = self._process.wait()
            raise ContenderError(f"its process ended with status {status}. {' '.join(last)}")
        self._handle.suspend()
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise ContenderError(reply["error"])
        return reply


@contextmanager
def contenders(
    specs: Sequence[Spec],
) -> Iterator[tuple[list[ContenderProcess], tuple[str, ...]]]:
    """Starts contenders, and ends them with the block.

    Yields:
        those that could be loaded, and why others could not.
    """
    started: list[ContenderProcess] = []
    loaded, problems = [], []
    try:
        for spec in specs:
            started.append(ContenderProcess(spec))
        for process in started:
            try:
                process.load()
                loaded.append(process)
            except ContenderError as error:
                problems.append(f"{process.name}: {error}")
                process.close()
        yield loaded, tuple(problems)
    finally:
        for process in started:
            process.close()
