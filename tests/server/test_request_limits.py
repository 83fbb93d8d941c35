"""Slow, huge and many: each is refused in time, by the envelope, and the server goes on."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator

import httpx2
import pytest
from server_fakes import Setup, raw, served, setup, talks_for_ever

from nemora.server.protocol import HttpProtocol

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
BODY = {"model": "local", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture(scope="module")
def server() -> Iterator[Setup]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HttpProtocol, "head_seconds", 0.5)
        with served(setup(), max_body_bytes=100_000, body_seconds=0.5, max_requests=3) as running:
            yield running


def refused(answer: bytes) -> tuple[int, str]:
    head, _, text = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), json.loads(text)["error"]["code"]


def test_a_body_that_is_announced_too_large_is_refused_before_it_is_read(server: Setup) -> None:
    assert refused(raw(server, HEAD + b"content-length: 1073741824\r\n\r\n{")) == (413, "body_too_large")
    assert refused(raw(server, HEAD + b"content-length: " + b"9" * 18 + b"\r\n\r\n{")) == (413, "body_too_large")


def test_a_gigabyte_is_not_read(server: Setup) -> None:
    sent = 0
    with socket.create_connection(server.host, timeout=20) as connection:
        connection.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        try:
            while sent < 2**30:
                connection.sendall(chunk)
                sent += len(chunk)
        except OSError:
            pass
        else:
            pytest.fail("a gigabyte was accepted")
    assert sent < 100 * 2**20


def test_a_client_that_sends_on_still_gets_the_refusal(server: Setup) -> None:
    body = b"x" * 5_000_000
    assert refused(raw(server, HEAD + f"content-length: {len(body)}\r\n\r\n".encode() + body)) == (
        413,
        "body_too_large",
    )


def test_half_a_body_is_refused_in_time(server: Setup) -> None:
    assert refused(raw(server, HEAD + b'content-length: 100\r\n\r\n{"model"')) == (408, "request_timeout")


def test_half_a_header_is_refused_in_time(server: Setup) -> None:
    assert refused(raw(server, b"GET /health/live HTTP/1.1\r\nhost: loc")) == (408, "request_timeout")
    assert raw(server, b"") == b""


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"y" * 200_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"y" * 600_000,
        b"GET /" + b"y" * 200_000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 40_000 + b"\r\n",
    ],
)
def test_huge_headers_are_refused(server: Setup, head: bytes) -> None:
    try:
        answer = raw(server, head)
    except ConnectionError:  # it closed while we were still sending
        return
    assert answer == b"" or refused(answer)[0] in (431, 400)


def test_length_and_chunks_together_are_refused(server: Setup) -> None:
    answer = raw(server, HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n")
    assert refused(answer)[0] == 400


def test_a_slow_second_request_on_a_connection_does_not_take_the_answer_of_the_first(server: Setup) -> None:
    body = json.dumps({**BODY, "stream": True}).encode()
    first = HEAD + f"content-length: {len(body)}\r\n\r\n".encode() + body
    for second in (b"GET /health/live HTTP/1.1\r\nhost: loc", b"garbage\r\n\r\n"):
        server.local.script = talks_for_ever
        with socket.create_connection(server.host, timeout=10) as connection:
            connection.sendall(first)
            answer = connection.recv(65536)
            connection.sendall(second)
            for _ in range(1000):  # words come every 10 ms; it is closed at the deadline of the second's headers
                if not (piece := connection.recv(65536)):
                    break
                answer += piece
            else:
                pytest.fail("the connection was not closed")
        assert b" 408 " not in answer and b" 400 " not in answer and answer.count(b"HTTP/1.1") == 1
        assert server.local.cancelled.acquire(timeout=10)


def test_a_broken_chunk_is_refused(server: Setup) -> None:
    assert refused(raw(server, HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n"))[0] == 400


def test_too_many_requests_at_once_are_told_to_come_back(server: Setup) -> None:
    server.local.script = talks_for_ever
    url = server.url + "/v1/chat/completions"
    held = threading.Barrier(4)
    leave = threading.Event()

    def hold() -> None:
        with httpx2.stream("POST", url, json={**BODY, "stream": True}) as response:
            pieces = response.iter_text()  # held: the connection closes with it
            next(pieces)
            held.wait(10)
            leave.wait(20)

    threads = [threading.Thread(target=hold) for _ in range(3)]
    for thread in threads:
        thread.start()
    held.wait(10)
    response = httpx2.post(url, json=BODY)
    assert response.status_code == 429 and response.headers["retry-after"] == "1"
    assert response.json()["error"]["code"] == "overloaded"
    assert httpx2.get(server.url + "/health/live").status_code == 200
    leave.set()
    for thread in threads:
        thread.join(10)
    for _ in range(3):
        assert server.local.cancelled.acquire(timeout=10)
    for _ in range(200):  # the places are free again
        if httpx2.get(server.url + "/v1/models").status_code == 200:
            return
        time.sleep(0.02)
    pytest.fail("the places were not given back")


def test_a_large_body_within_the_limit_is_answered_on_a_reused_connection(server: Setup) -> None:
    from server_fakes import says

    server.local.script = says("ok")
    big = {"model": "local", "messages": [{"role": "user", "content": "word " * 15_000}]}
    with httpx2.Client() as client:
        for _ in range(3):
            assert client.post(server.url + "/v1/chat/completions", json=big).status_code == 200
