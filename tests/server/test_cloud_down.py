"""The cloud is down: over real sockets, the local model answers only if the policy says so and no byte has left."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import socketserver
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx2
import pytest
from server_fakes import SECRET, Setup, served, setup

from nemora.backends.openai import OpenAIBackend
from nemora.core import ChatRequest, Delta, Message
from nemora.errors import BackendError, BackendUnreachable, LedgerError
from nemora.privacy.policy import parse_policy
from nemora.server.gateway import Gateway
from nemora.server.started import started
from nemora.settings import RemoteServer

LOCAL = '[cloud]\nwhen_down = "local"\n'
EVENTS = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
HALF = b'data: {"id": "c", "choices": [{"index": 0, "delta": {"content": "half"}}]}\n\n'
Script = Callable[[socket.socket], None]


@contextmanager
def cloud(script: Script | None) -> Iterator[tuple[int, bytearray]]:
    """A port where `script` is done to each connection after its request, and what came in. None: nobody listens."""
    received = bytearray()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            received.extend(_request(self.request))
            if script is not None:
                script(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        port = int(server.server_address[1])
        if script is None:
            server.server_close()
            yield port, received
            return
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield port, received
        finally:
            server.shutdown()
            thread.join()


def _request(connection: socket.socket) -> bytes:
    """A whole HTTP request, or the first bytes of what is none."""
    data = connection.recv(65536)
    while data.startswith(b"POST") and piece_is_missing(data) and (piece := connection.recv(65536)):
        data += piece
    return data


def piece_is_missing(data: bytes) -> bool:
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    return length is None or len(body) < int(length[1])


def world(port: int, policy: str, scheme: str = "http") -> Setup:
    remote = RemoteServer(name="far", base_url=f"{scheme}://127.0.0.1:{port}/v1", model="big", trust="cloud")
    far: Any = OpenAIBackend(remote)
    return setup(policy=parse_policy(policy), with_cloud=False, further_clouds=[far])


def ask(what: Setup, text: str = "hi", **fields: Any) -> httpx2.Response:
    body = {"model": "auto", "messages": [{"role": "user", "content": text}], **fields}
    return httpx2.post(what.url + "/v1/chat/completions", json=body, timeout=30)


def says(data: bytes) -> Script:
    return lambda connection: connection.sendall(data)


def silent(_connection: socket.socket) -> None:
    return None


UNREACHABLE = [("http", None), ("https", None), ("https", says(b"no TLS here")), ("https", silent)]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("scheme", "script"), UNREACHABLE)
def test_a_cloud_that_cannot_be_connected_to_is_stood_in_for(scheme: str, script: Script | None, stream: bool) -> None:
    with cloud(script) as (port, received), served(world(port, LOCAL, scheme)) as what:
        answer = ask(what, "a question in plain words", stream=stream)
        assert answer.status_code == 200 and "Hello" in answer.text
        assert answer.headers["x-nemora-route"] == "local" and answer.headers["x-nemora-reason"] == "cloud_down"
        assert b"plain words" not in received and len(what.local.requests) == 1
        far, near = what.completions(2)
        assert (far.destination, far.status, far.bytes_sent) == ("far", "upstream_unreachable", 0)
        assert (near.destination, near.status, near.bytes_sent) == ("local", "stop", 0)
        first, second = (row for row in what.rows() if row.kind == "decision")
        assert (first.route, second.route) == ("cloud", "local") and first.request_id == second.request_id
        assert json.loads(second.reasons or "") == ["cloud_down", "class:public"] and second.body_digest is None
        decided = httpx2.get(f"{what.url}/v1/nemora/decisions/{answer.headers['x-nemora-decision-id']}").json()
        assert decided["route"] == "local" and decided["reasons"][0]["code"] == "cloud_down"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "script",
    [
        silent,
        says(EVENTS),
        says(EVENTS + HALF),
        says(b"HTTP/1.1 503 Down\r\ncontent-length: 0\r\n\r\n"),
        says(b"HTTP/1.1 429 Busy\r\ncontent-length: 0\r\n\r\n"),
    ],
)
def test_after_a_byte_has_left_nobody_stands_in(script: Script, stream: bool) -> None:
    with cloud(script) as (port, received), served(world(port, LOCAL)) as what:
        answer = ask(what, "a question in plain words", stream=stream)
        assert answer.status_code >= 400 or '"error"' in answer.text
        assert answer.headers["x-nemora-route"] == "cloud" and "Hello" not in answer.text
        assert b"plain words" in received and what.local.requests == []
        (end,) = what.completions()
        assert end.destination == "far" and (end.bytes_sent or 0) > 0


@pytest.mark.parametrize(("policy", "model"), [("", "auto"), ("[cloud]\nwhen_down = 'error'", "auto"), (LOCAL, "big")])
def test_without_the_policys_word_or_with_the_clouds_model_named_it_is_an_error(policy: str, model: str) -> None:
    with cloud(None) as (port, _), served(world(port, policy)) as what:
        answer = ask(what, model=model)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "upstream_unreachable")
        assert what.local.requests == [] and what.completions()[0].status == "upstream_unreachable"


def test_a_local_model_that_is_down_is_never_stood_in_for() -> None:
    with cloud(says(EVENTS + HALF)) as (port, received), served(world(port, LOCAL)) as what:
        what.local.up = False
        for text, model in ((SECRET, "auto"), ("hi", "local")):
            assert ask(what, text, model=model).json()["error"]["code"] == "local_model_down"
        assert received == b""


def test_with_both_down_the_local_models_error_is_the_answer() -> None:
    with cloud(None) as (port, _), served(world(port, LOCAL)) as what:
        what.local.up = False
        answer = ask(what)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "local_model_down")
        assert [row.status for row in what.completions(2)] == ["upstream_unreachable", "local_model_down"]


def test_a_connection_that_was_kept_and_is_gone_is_made_anew_and_never_written_to_twice() -> None:
    body = HALF + b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
    whole = EVENTS[:-2] + b"content-length: %d\r\n\r\n" % len(body) + body
    with ExitStack() as up, ExitStack() as stack:
        port, received = up.enter_context(cloud(says(whole)))
        what = stack.enter_context(served(world(port, LOCAL)))
        assert "half" in ask(what, "the first").text and what.local.requests == []
        up.close()
        assert ask(what, "the second").headers["x-nemora-reason"] == "cloud_down"
        assert received.count(b"POST") == 1


def run(work: Any) -> Any:
    return asyncio.run(work)


def request() -> ChatRequest:
    return ChatRequest(model="auto", messages=(Message("user", "hi"),))


async def take(gateway: Gateway) -> tuple[bool, str]:
    answer = await gateway.answer(request())
    return answer.recorded, "".join([delta.text async for delta in answer.deltas])


def test_a_ledger_that_fails_in_between_does_not_keep_the_local_model_from_answering(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with cloud(None) as (port, _):
        what = world(port, LOCAL)
        record = what.ledger.record_decision

        def once(**values: Any) -> int:
            monkeypatch.setattr(what.ledger, "record_decision", broken)
            return record(**values)

        def broken(**_: Any) -> int:
            raise LedgerError("The disk is full.")

        monkeypatch.setattr(what.ledger, "record_decision", once)
        assert run(take(what.gateway)) == (False, "Hello you")


def test_what_a_redacted_request_would_not_have_shown_the_cloud_the_local_model_sees() -> None:
    from test_policy_in_force import MAIL, Mails

    with cloud(None) as (port, _):
        what = world(port, LOCAL + "[actions]\npersonal = 'redact'\n")
        what.gateway._inspection, what.gateway._placeholder_key = Mails(), bytes(32)

        async def go() -> str:
            answer = await what.gateway.answer(ChatRequest(model="auto", messages=(Message("user", MAIL),)))
            assert answer.redacted is None
            return "".join([delta.text async for delta in answer.deltas])

        assert run(go()) == "Hello you" and what.local.requests[0].messages[0].content == MAIL


def counted(*steps: Delta | Exception) -> tuple[AsyncGenerator[Delta, None], list[str]]:
    ended: list[str] = []

    async def play() -> AsyncGenerator[Delta, None]:
        try:
            for step in steps:
                if isinstance(step, Exception):
                    raise step
                yield step
        finally:
            ended.append("ended")

    return play(), ended


@pytest.mark.parametrize("many", [0, 1, 3])
def test_a_started_stream_gives_every_delta_once(many: int) -> None:
    deltas = [Delta(text=str(n)) for n in range(many)]

    async def go() -> list[Delta]:
        return [delta async for delta in await started(counted(*deltas)[0])]

    assert run(go()) == deltas


def test_a_started_stream_that_nobody_takes_is_closed_and_ends_its_source() -> None:
    stream, ended = counted(Delta(text="a"), Delta(text="b"))

    async def go() -> None:
        taken = await started(stream)
        assert ended == []
        await taken.aclose()
        assert ended == ["ended"] and [delta async for delta in taken] == []

    run(go())


def test_a_started_stream_keeps_its_error_unless_nothing_was_reached() -> None:
    async def go() -> None:
        failing = await started(counted(BackendError("It failed."))[0])
        with pytest.raises(BackendError):
            await anext(failing)
        with pytest.raises(BackendUnreachable):
            await started(counted(BackendUnreachable("Nobody."))[0])

    run(go())
