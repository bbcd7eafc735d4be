"""Servers of tiny models, in threads of the test's process, at free ports."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import BundleMaker

import squeezebert
from squeezebert.bundle import Architecture
from squeezebert.pipelines import Pipeline
from squeezebert.serve import Server, Settings


@dataclass
class Running:
    """A server that runs.

    Attributes:
        client: sends to it.
        log: of JSON lines; whole when the server has stopped.
    """

    server: Server
    address: str
    client: httpx.Client
    log: Path

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


Serving = Callable[..., AbstractContextManager[Running]]


@pytest.fixture(scope="session")
def models(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_architecture: Architecture,
    make_bundle: BundleMaker,
) -> dict[str, Path]:
    """A tiny bundle of each kind, by name; the one for entities runs on NumPy's engine."""
    folder = tmp_path_factory.mktemp("models")
    kinds: dict[str, dict[str, Any]] = {
        "sentiment": {},
        "nli": {"labels": ("contradiction", "entailment"), "entailment": "entailment"},
        "embed": {"task": "embedding", "labels": (), "problem_type": None},
        "ner": {"task": "entities", "labels": ("O", "B-PER", "I-PER"), "problem_type": None,
                "architecture": tiny_architecture},
        "qa": {
            "task": "question-answering", "labels": (), "problem_type": None, "max_length": 24,
        },
    }  # fmt: skip
    wide = replace(tiny_architecture, hidden_size=32)  # which the native engine takes
    return {
        name: make_bundle(folder / name, **{"architecture": wide} | fields)
        for name, fields in kinds.items()
    }


@pytest.fixture(scope="session")
def pipelines(models: dict[str, Path]) -> dict[str, Pipeline]:
    """The same models in this process, without a server."""
    return {name: squeezebert.load(path) for name, path in models.items()}


@pytest.fixture(scope="session")
def serving(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Serving:
    """Runs a server; keyword arguments are those of its settings."""

    @contextmanager
    def run(**settings: Any) -> Iterator[Running]:
        log = tmp_path_factory.mktemp("log") / "log.jsonl"
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT)
        address: list[str] = []
        listening = threading.Event()

        def started(where: str) -> None:
            address.append(where)
            listening.set()

        given: dict[str, Any] = {"sources": models, "port": 0, "grace_seconds": 2} | settings
        server = Server(Settings(**given), started, log=descriptor)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            assert listening.wait(30)
            with httpx.Client(base_url=address[0], timeout=30) as client:
                yield Running(server, address[0], client, log)
        finally:
            server.stop()
            thread.join(30)
            os.close(descriptor)
        assert not thread.is_alive()

    return run


@pytest.fixture(scope="module")
def running(serving: Serving) -> Iterator[Running]:
    """A server of all tiny models."""
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def client(running: Running) -> httpx.Client:
    return running.client
