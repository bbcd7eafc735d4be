"""The process: how it starts, how it ends, and that nothing it accepted is lost."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.test_cli import TRAIN_PACKAGES

BODY = json.dumps({"items": ["a good film and a bad plot"] * 8})


@contextmanager
def process(*arguments: str, **environment: str) -> Iterator[tuple[Any, str]]:
    """Runs the command without torch and its like; yields it and its port."""
    script = f"""
import sys
sys.modules.update(dict.fromkeys({TRAIN_PACKAGES}))  # None: importing it fails
sys.argv = ["squeezebert", "serve", "--port", "0", *{list(arguments)}]
from squeezebert.cli import main
main()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    ) as running:
        try:
            line = running.stderr.readline()  # type: ignore[union-attr]
            assert " at http://127.0.0.1:" in line, line
            yield running, line.strip().rpartition(":")[2]
        finally:
            running.kill()


def drained(stream: Any) -> list[str]:
    """Reads a stream in a thread, so that the process never waits for its log to be read."""
    lines: list[str] = []
    threading.Thread(target=lambda: lines.extend(stream), daemon=True).start()
    return lines


def test_sigterm_under_load_loses_nothing(models: dict[str, Path]) -> None:
    with process(str(models["sentiment"]), "--preload", "--grace", "20") as (running, port):
        lines = drained(running.stdout)
        answered, lost = [0], []

        def client() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=30)
            while True:
                try:
                    connection.connect()
                except ConnectionRefusedError:  # never accepted
                    return
                try:
                    connection.request("POST", "/v1/models/sentiment/predict", BODY)
                    response = connection.getresponse()
                    body = response.read()
                except (ConnectionError, http.client.HTTPException) as error:
                    lost.append(repr(error))
                    return
                if response.status != 200:
                    lost.append(body.decode())
                answered[0] += 1
                connection.close()

        clients = [threading.Thread(target=client) for _ in range(16)]
        for each in clients:
            each.start()
        time.sleep(1)
        before = answered[0]
        running.send_signal(signal.SIGTERM)
        for each in clients:
            each.join(60)
        assert running.wait(30) == 0
        assert before > 0
        assert lost == []
        assert answered[0] > before
        assert running.stderr.read() == ""
    requests = [json.loads(line) for line in lines]
    assert {line["status"] for line in requests} == {200}
    assert len(requests) == answered[0]


def test_ctrl_c_ends_it_too(models: dict[str, Path]) -> None:
    with process(str(models["ner"]), "--grace", "1") as (running, _):
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 0
        assert running.stderr.read() == ""


def test_grace_bounds_how_long_a_slow_client_is_waited_for(models: dict[str, Path]) -> None:
    with process(str(models["sentiment"]), "--grace", "2") as (running, port):
        connection = http.client.HTTPConnection("127.0.0.1", int(port))
        connection.putrequest("POST", "/v1/models/sentiment/predict")
        connection.putheader("Content-Length", "100")
        connection.endheaders()
        connection.send(b"{")
        time.sleep(0.3)
        started = time.monotonic()
        running.send_signal(signal.SIGTERM)
        assert running.wait(25) == 0
        assert time.monotonic() - started < 15  # else it would wait 30 s for the body
        connection.close()


def test_the_key_can_come_from_the_environment(models: dict[str, Path]) -> None:
    with process(str(models["ner"]), SQUEEZEBERT_API_KEY="secret") as (_, port):
        connection = http.client.HTTPConnection("127.0.0.1", int(port))
        connection.request("GET", "/v1/models")
        assert connection.getresponse().status == 401
        connection.close()
        connection.request("GET", "/v1/models", headers={"Authorization": "Bearer secret"})
        assert connection.getresponse().status == 200
        connection.close()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothing"], "There is no model 'nothing'"),
        (["--uds", "/nowhere/socket"], "/nowhere is no folder"),
        (["--api-key", " "], "The key is empty"),
        (["--default", "none"], "default model 'none' is not served"),
    ],
)
def test_a_wrong_start_is_one_line_and_status_2(arguments: list[str], says: str) -> None:
    script = f"""
import sys
sys.argv = ["squeezebert", "serve", "--port", "0", *{arguments}]
from squeezebert.cli import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_address_that_is_taken_is_one_line_and_status_2(models: dict[str, Path]) -> None:
    with process(str(models["ner"])) as (_, port):
        script = f"""
import sys
sys.argv = ["squeezebert", "serve", "--port", "{port}", {str(models["ner"])!r}]
from squeezebert.cli import main
main()
"""
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 2
    assert "already in use. Name another port" in done.stderr
    assert done.stderr.count("\n") == 1
