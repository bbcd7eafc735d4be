"""For those who run a server: health, metrics, the log, keys and limits."""

import base64
import json
import math
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.serve.conftest import Running, Serving

from squeezebert.bundle.tensors import Floats
from squeezebert.runtime import PackedBatch
from squeezebert.serve import Limits
from squeezebert.serve.journal import Journal

PATH = "/v1/models/sentiment/predict"


def metrics(client: httpx.Client) -> dict[tuple[str, str], float]:
    """Values by name and model."""
    text = client.get("/metrics").text
    return {
        (sample.name, sample.labels.get("model", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "le" not in sample.labels and sample.labels.get("status", "200") == "200"
    }


def test_metrics_count_what_was_done(serving: Serving) -> None:
    with serving() as server:
        before = metrics(server.client)
        for _ in range(3):
            server.client.post(PATH, json={"items": ["a good film", "bad"]})
        after = metrics(server.client)
        lines, kind = '"a good film"\n' * 150, {"Content-Type": "application/x-ndjson"}
        server.client.post(PATH, content=lines, headers=kind)
        counted = ("squeezebert_items_total", "sentiment")
        assert metrics(server.client)[counted] == after[counted] + 150

    def grown(name: str) -> float:
        key = (f"squeezebert_{name}", "sentiment")
        return after[key] - before.get(key, 0)

    assert grown("requests_total") == 3
    assert grown("items_total") == 6
    assert grown("request_tokens_sum") == 3 * (5 + 3)
    assert grown("batch_tokens_sum") == 3 * (5 + 3)
    for name in ("queue_seconds", "engine_seconds", "request_seconds"):
        assert grown(f"{name}_count") == 3
        assert 0 <= grown(f"{name}_sum") < 10
    assert after["squeezebert_estimated_joules_total", ""] > 0
    assert after["squeezebert_waiting_requests", ""] == 0


def test_joules_are_labelled_as_an_estimate(client: httpx.Client) -> None:
    text = client.get("/metrics").text
    [line] = re.findall("# HELP squeezebert_estimated_joules_total (.*)", text)
    assert "estimate, not a measurement" in line


def test_a_request_has_one_line_in_the_log_without_its_texts(serving: Serving) -> None:
    with serving() as server:
        headers = {"X-Request-ID": "mine-1"}
        server.client.post(PATH, json={"items": ["good", "good " * 40]}, headers=headers)
        server.client.post(PATH, json={"items": [["a", ""]]}, headers={"X-Request-ID": "bad id"})
        server.client.get("/health/live")
    first, second, third = server.lines()
    assert first["id"] == "mine-1"
    assert (first["status"], first["model"], first["items"], first["cut"]) == (
        200,
        "sentiment",
        2,
        1,
    )
    assert first["tokens"] == 3 + 12
    assert first["milliseconds"] > first["engine_milliseconds"] > 0
    assert first["error"] is None
    assert re.fullmatch("[0-9a-f]{32}", second["id"])
    assert (second["status"], second["error"]) == (422, "unusable")
    assert (third["path"], third["model"]) == ("/health/live", None)
    assert "good" not in server.log.read_text()


def test_a_clock_that_jumps_changes_nothing(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes time is measured by a clock that doesn't jump; the other is for the log alone."""
    now = time.time()
    with serving() as server:
        for jump in (3600, -3600, 86_400):
            monkeypatch.setattr(time, "time", lambda jump=jump: now + jump)
            assert server.client.post(PATH, json={"items": ["a good film"]}).status_code == 200
    lines = [line for line in server.lines() if line["event"] == "request"]
    assert len(lines) == 3
    assert all(0 < line["milliseconds"] < 30_000 for line in lines)


def test_a_full_disk_costs_log_lines_and_nothing_else(serving: Serving) -> None:
    lost: list[int] = []
    full = os.open("/dev/full", os.O_WRONLY)
    journal = Journal(full, lost.append)
    for number in range(5):
        journal.write("request", number=number)
    journal.close()
    os.close(full)
    assert sum(lost) == 5


def test_a_reader_that_stops_reading_the_log_costs_lines_and_holds_nobody_up() -> None:
    lost: list[int] = []
    reading, writing = os.pipe()
    journal = Journal(writing, lost.append)
    started = time.monotonic()
    for number in range(25_000):
        journal.write("request", number=number, filler="x" * 100)
    journal.close()
    assert time.monotonic() - started < 10
    assert sum(lost) > 0
    os.close(reading)
    os.close(writing)


def test_health_tells_whether_to_send_requests(serving: Serving) -> None:
    with serving(preload=True) as server:
        assert server.client.get("/health/live").json() == {"status": "live"}
        assert server.client.get("/health/ready").json() == {"status": "ready"}
        server.server.stop()
        time.sleep(0.3)
        ready = server.client.get("/health/ready")
        assert ready.status_code == 503
        assert ready.headers["connection"] == "close"
        assert server.client.get("/v2/health/ready").status_code == 503
        assert server.client.get("/health/live").status_code == 200
        # What still comes is answered.
        assert server.client.post(PATH, json={"items": ["a"]}).status_code == 200


KEY = "a key, with ümlaut"


@pytest.fixture(scope="module")
def locked(serving: Serving) -> Iterator[httpx.Client]:
    with serving(api_key=KEY) as server:
        yield server.client


def bearer(key: str) -> dict[bytes, bytes]:
    return {b"Authorization": b"Bearer " + key.encode()}


def basic(password: str) -> dict[bytes, bytes]:
    return {b"Authorization": b"Basic " + base64.b64encode(f"anyone:{password}".encode())}


@pytest.mark.parametrize("headers", [bearer(KEY), basic(KEY)], ids=["bearer", "basic"])
def test_with_the_key_all_is_answered(locked: httpx.Client, headers: Any) -> None:
    for path in ("/v1/models", "/metrics", "/openapi.json"):
        assert locked.get(path, headers=headers).status_code == 200
    assert locked.post(PATH, json={"items": ["a"]}, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, bearer("wrong"), bearer(KEY + "x"), basic("x"), basic(""), {"Authorization": "Basic %"}],
    ids=["none", "wrong", "longer", "password", "empty", "damaged"],
)
def test_without_the_key_nothing_but_health_is(locked: httpx.Client, headers: Any) -> None:
    for path in ("/v1/models", "/metrics", "/openapi.json", "/", "/nowhere", "/health/livex"):
        refused = locked.get(path, headers=headers)
        assert refused.status_code == 401, path
        assert refused.json()["error_type"] == "unauthorized"
        assert "www-authenticate" in refused.headers
    for path in ("/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"):
        assert locked.get(path, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/v1/models/none", 404, "not_found"),
        ("GET", PATH, 405, "method_not_allowed"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
        ("POST", "/v1/models/none/predict", 422, "unusable"),
    ],
)
def test_errors_have_one_shape(
    client: httpx.Client, method: str, path: str, status: int, kind: str
) -> None:
    response = client.request(method, path, json={} if method == "POST" else None)
    assert response.status_code == status
    refusal = response.json()
    assert set(refusal) == {"error", "error_type", "item", "request_id"}
    assert refusal["error_type"] == kind
    assert refusal["error"].endswith(".")
    if status == 405:
        assert response.headers["allow"] in ("GET", "POST")


def test_limits_are_told(serving: Serving) -> None:
    limits = Limits(body_bytes=2000, items=3, text_characters=100)
    with serving(limits=limits) as server:

        def ask(items: list[str]) -> httpx.Response:
            return server.client.post(PATH, json={"items": items})

        assert ask(["a"] * 3).status_code == 200
        for items, says in (
            (["a"] * 4, "at most 3"),
            (["a", "a" * 101], "at most 100"),
            (["a" * 3000], "2000 bytes"),
        ):
            refused = ask(items)
            assert refused.status_code == 413
            assert says in refused.json()["error"]
        assert ask(["a", "a" * 101]).json()["item"] == 1
        pairs = server.client.post(PATH, json={"items": [["a", "b"], ["c", "d" * 101]]})
        assert pairs.json()["item"] == 1


def test_a_body_of_unknown_length_is_cut_off_at_the_limit(serving: Serving) -> None:
    def body() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 1000

    with serving(limits=Limits(body_bytes=2000)) as server:
        refused = server.client.post(PATH, content=body())
        assert refused.status_code == 413


class SlowEngine:
    """Computes when it is let, or fails; stands for an engine that is busy."""

    hidden_size = 32

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.go = threading.Event()
        self.begun = threading.Event()
        self.result: Any = None

    def encode(self, batch: PackedBatch) -> Floats:
        self.begun.set()
        self.go.wait(20)
        if isinstance(self.result, Exception):
            raise self.result
        hidden: Floats = self.inner.encode(batch)
        return hidden if self.result is None else np.full_like(hidden, self.result)


@pytest.fixture
def slow(serving: Serving) -> Iterator[tuple[Running, SlowEngine]]:
    with serving(limits=Limits(waiting=2, answer_seconds=5)) as server:
        registry = server.server.registry
        pipeline: Any = registry.pipeline(registry.find("sentiment"))
        queued = pipeline._head._engine
        slow = SlowEngine(queued.engine)
        queued.engine = slow
        yield server, slow
        slow.go.set()


def ask(server: Running) -> httpx.Response:
    return httpx.post(f"{server.address}{PATH}", json={"items": ["a good film"]}, timeout=30)


def test_past_the_limit_requests_are_refused_at_once(
    slow: tuple[Running, SlowEngine],
) -> None:
    server, engine = slow
    with ThreadPoolExecutor(2) as threads:
        accepted = [threads.submit(ask, server) for _ in range(2)]
        while server.server.service.waiting < 2:
            time.sleep(0.01)
        started = time.monotonic()
        refused = ask(server)
        assert time.monotonic() - started < 2
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "1"
        # Other paths are answered meanwhile.
        assert server.client.get("/health/ready").status_code == 200
        engine.go.set()
        assert [each.result().status_code for each in accepted] == [200, 200]
    assert ask(server).status_code == 200


def test_what_is_refused_is_refused_before_its_body_is_read(
    slow: tuple[Running, SlowEngine],
) -> None:
    """So that a refusal costs little, and those who were accepted don't wait for it."""
    server, engine = slow
    host, port = server.address.removeprefix("http://").split(":")
    body = json.dumps({"items": ["a good film"]}).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: here\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with ThreadPoolExecutor(2) as threads:
        accepted = [threads.submit(ask, server) for _ in range(2)]
        while server.server.service.waiting < 2:
            time.sleep(0.01)
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(head)
            assert connection.recv(12) == b"HTTP/1.1 429"
            engine.go.set()
            assert [each.result().status_code for each in accepted] == [200, 200]
            # The connection goes on: the body that comes now is the refused request's.
            connection.sendall(body + head + body)
            answers = b""
            while b"HTTP/1.1 200" not in answers:
                piece = connection.recv(1 << 16)
                assert piece
                answers += piece


def test_a_client_that_leaves_frees_its_place(slow: tuple[Running, SlowEngine]) -> None:
    server, engine = slow
    host, port = server.address.removeprefix("http://").split(":")
    body = json.dumps({"items": ["a good film"]}).encode()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(ask, server)
        assert engine.begun.wait(10)
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(
                b"POST %b HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n%b"
                % (PATH.encode(), len(body), body)
            )
            while server.server.service.waiting < 2:
                time.sleep(0.01)
        while server.server.service.waiting > 1:
            time.sleep(0.01)
        second = ThreadPoolExecutor(1).submit(ask, server)
        engine.go.set()
        assert first.result().status_code == 200
        assert second.result().status_code == 200
    until = time.monotonic() + 5
    while not any(line["status"] == 499 for line in server.lines()):
        assert time.monotonic() < until
        time.sleep(0.05)
    [gone] = [line for line in server.lines() if line["status"] == 499]
    assert gone["tokens"] == 0


def test_without_an_answer_in_time_there_is_an_error(
    slow: tuple[Running, SlowEngine],
) -> None:
    server, engine = slow
    refused = ask(server)
    assert refused.status_code == 503
    assert "no answer in 5 s" in refused.json()["error"]
    engine.go.set()
    assert ask(server).status_code == 200


def test_an_engine_that_raises_is_an_error_whose_reason_only_the_log_has(
    slow: tuple[Running, SlowEngine],
) -> None:
    server, engine = slow
    engine.go.set()
    engine.result = RuntimeError("secret detail")
    refused = ask(server)
    assert refused.status_code == 503
    assert refused.json()["error_type"] == "fault"
    assert "secret" not in refused.text
    assert "Traceback" not in refused.text
    time.sleep(0.3)
    [line] = [line for line in server.lines() if line["error"] == "fault"]
    assert line["id"] == refused.json()["request_id"]
    assert "secret detail" in line["fault"]
    engine.result = None
    assert ask(server).status_code == 200


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_are_not_finite_are_never_sent(
    slow: tuple[Running, SlowEngine], value: float
) -> None:
    server, engine = slow
    engine.go.set()
    engine.result = value
    with np.errstate(all="ignore"):
        refused = ask(server)
    assert refused.status_code == 422
    assert refused.json()["item"] == 0
    assert "not a finite number" in refused.json()["error"]


def test_a_socket_file_is_listened_at(serving: Serving, tmp_path: Path) -> None:
    path = tmp_path / "socket"

    def get() -> httpx.Response:
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client:
            return client.get("http://here/health/ready")

    with serving(uds=path) as server:
        assert server.address == f"unix:{path}"
        assert get().status_code == 200


def test_a_body_that_does_not_arrive_is_given_up(serving: Serving) -> None:
    with serving(limits=Limits(body_seconds=0.5)) as server:
        host, port = server.address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            head = f"POST {PATH} HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\n"
            connection.sendall(head.encode() + b'{"items"')
            answer = connection.recv(4096)
            assert answer.startswith(b"HTTP/1.1 400")
            assert b"did not arrive" in answer


@pytest.mark.parametrize(
    ("content", "headers", "status", "message"),
    [
        (b"", {}, 400, "The body is empty. Send JSON."),
        (b"x", {"Content-Encoding": "gzip"}, 415, "Content-Encoding: gzip"),
        (b"{}", {"Inference-Header-Content-Length": "9" * 5000}, 400, "is no length of the JSON"),
    ],
)
def test_a_body_that_cannot_be_read_is_told_why(
    serving: Serving, content: bytes, headers: dict[str, str], status: int, message: str
) -> None:
    kserve = "Inference-Header-Content-Length" in headers
    path = "/v2/models/sentiment/infer" if kserve else "/v1/models/sentiment/predict"
    with serving() as server:
        answer = server.client.post(path, content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert message in answer.json()["error"]


def test_json_lines_are_endless_for_predictions_alone(serving: Serving) -> None:
    """Else a body of any length would be held in memory."""
    lines = {"Content-Type": "application/x-ndjson"}
    with serving(limits=Limits(body_bytes=1000)) as server:
        answer = server.client.post("/embed", content=b"x" * 2000, headers=lines)
    assert answer.status_code == 413


def test_what_can_be_got_can_be_asked_for_without_its_body(serving: Serving) -> None:
    with serving() as server:
        for path in ("/health/live", "/v1/models", "/openapi.json"):
            answer = server.client.head(path)
            assert (answer.status_code, answer.content) == (200, b"")
        assert server.client.head("/v1/models/sentiment/predict").status_code == 405
