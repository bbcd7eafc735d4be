"""Servers as processes of their own, and what they use."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TEXTS = [
    "A gripping, beautifully shot film.",
    "The plot never finds its feet, and neither did I.",
    "Ada Lovelace met Charles Babbage at a party in London in 1833.",
    "How do I reset my password? The link in the mail has expired.",
    "The match went to penalties after extra time.",
    "Delivery took three weeks, but the shoes fit.",
    "Berlin and Paris signed the agreement on Tuesday, Reuters reported.",
    "I would like to cancel my order and get my money back, please.",
]


@dataclass
class Process:
    """A server that runs.

    Attributes:
        port: where it listens.
    """

    port: int
    process: subprocess.Popen[bytes]

    @property
    def memory_mb(self) -> float:
        """What it holds of its own, without what it shares with files."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        return sum(int(fields[name].split()[0]) for name in ("RssAnon", "RssShmem")) / 1024

    @property
    def cpu_seconds(self) -> float:
        """Processor time so far."""
        words = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def get(self, path: str) -> str:
        """What a path says."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            text: str = answer.read().decode()
            return text

    def post(self, path: str, body: Any) -> Any:
        """The answer to a body."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    def terminate(self) -> int:
        """Sends SIGTERM and returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@contextmanager
def running(
    command: Sequence[str],
    port: int,
    health: str,
    environment: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> Iterator[Process]:
    """Runs a server until the block ends; it is ready when its path of health answers."""
    stdout = log.open("wb") if log is not None else subprocess.DEVNULL
    process = subprocess.Popen(command, env=os.environ | dict(environment or {}), stdout=stdout)
    server = Process(port, process)
    try:
        until = time.monotonic() + 300
        while True:
            try:
                server.get(health)
                break
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"{command[0]} did not start") from None
                time.sleep(0.2)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


def ours(*options: str, port: int | None = None, log: Path | None = None) -> Any:
    """Our server, with all models loaded."""
    chosen = free_port() if port is None else port
    program = "from squeezebert.cli import main; main()"
    command = [sys.executable, "-c", program, "serve", "--port", str(chosen), "--preload"]
    return running([*command, *options], chosen, "/health/ready", log=log)
