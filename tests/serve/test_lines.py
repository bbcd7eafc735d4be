"""JSON lines both ways."""

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.serve.conftest import Running, Serving
from tests.serve.test_native import as_json

from squeezebert.pipelines import Pipeline

PATH = "/v1/models/sentiment/predict"
LINES = {"Content-Type": "application/x-ndjson"}


def test_each_line_is_answered_in_order(
    client: httpx.Client, pipelines: dict[str, Pipeline]
) -> None:
    items = [*["a good film", ["a film", "bad"], "good " * 40] * 50]
    body = "\n".join(map(json.dumps, items)) + "\n\n"
    response = client.post(PATH, content=body, headers=LINES)
    assert response.headers["content-type"] == "application/x-ndjson"
    expected: list[Any] = [tuple(item) if isinstance(item, list) else item for item in items]
    found = [json.loads(line) for line in response.text.splitlines()]
    assert found == as_json(pipelines["sentiment"](expected))


def test_a_line_that_cannot_be_used_is_answered_by_an_error_and_the_others_go_on(
    client: httpx.Client,
) -> None:
    lines = ['{"text": "a film"}', "{", '["a", " "]', "3", '"bad"', '"' + "a" * 1_000_001 + '"']
    response = client.post(PATH, content="\n".join(lines), headers=LINES)
    found = [json.loads(line) for line in response.text.splitlines()]
    assert [each.get("error_type") for each in found] == [
        None, "bad_request", "unusable", "unusable", None, "too_large",
    ]  # fmt: skip
    assert found[2]["error"] == "the second text of the pair is empty."
    assert found[3]["error"].startswith("The line must be a text, [text, text], or an object of ")
    assert [each["item"] for each in found if "item" in each] == [1, 2, 3, 5]


def test_a_line_of_no_end_ends_the_stream(serving: Serving) -> None:
    from squeezebert.serve import Limits

    with serving(limits=Limits(body_bytes=1000)) as server:
        body = '"a film"\n"' + "a" * 2000
        response = server.client.post(PATH, content=body, headers=LINES)
        found = [json.loads(line) for line in response.text.splitlines()]
        assert found[-1]["error_type"] == "too_large"


@pytest.fixture
def connection(running: Running) -> Iterator[socket.socket]:
    host, port = running.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        yield connection


def begin(connection: socket.socket) -> None:
    connection.sendall(
        f"POST {PATH} HTTP/1.1\r\nHost: here\r\nContent-Type: application/x-ndjson\r\n"
        "Transfer-Encoding: chunked\r\n\r\n".encode()
    )


def send(connection: socket.socket, data: bytes) -> None:
    connection.sendall(b"%x\r\n%b\r\n" % (len(data), data))


def test_answers_come_while_the_body_is_still_being_sent(connection: socket.socket) -> None:
    begin(connection)
    answers = connection.makefile("rb")
    for number in range(3):
        send(connection, b'"a good film"\n"bad"\n')
        if number == 0:
            assert answers.readline().startswith(b"HTTP/1.1 200")
            while answers.readline() != b"\r\n":
                pass
        chunk = answers.read(int(answers.readline(), 16))
        assert chunk.count(b"\n") == 2
        assert answers.readline() == b"\r\n"
    connection.sendall(b"0\r\n\r\n")
    assert answers.readline() == b"0\r\n"


def test_a_client_that_does_not_read_is_read_from_no_more(
    running: Running, connection: socket.socket
) -> None:
    """So memory stays as it is, however much it would send."""
    begin(connection)
    connection.settimeout(1)
    sent = 0
    with pytest.raises(TimeoutError):
        while sent < 64 << 20:
            send(connection, b'"a"\n' * 1000)
            sent += 4000
    assert sent < 32 << 20
    assert running.client.get("/health/ready").status_code == 200


def test_a_stream_has_one_place_and_frees_it(serving: Serving) -> None:
    from squeezebert.serve import Limits

    with serving(limits=Limits(waiting=1)) as server:
        host, port = server.address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            begin(connection)
            send(connection, b'"a"\n')
            connection.recv(100)
            other = server.client.post(PATH, json={"items": ["a"]})
            assert other.status_code == 429
        until = time.monotonic() + 10
        while server.server.service.waiting and time.monotonic() < until:
            time.sleep(0.01)
        assert server.client.post(PATH, json={"items": ["a"]}).status_code == 200
