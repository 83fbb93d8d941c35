"""Both ways to an answer say the same, end whole, and cancel what is not wanted any more."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "server"))  # where the fakes of a gateway are

from server_fakes import SECRET, Setup, plays, served, setup, talks_for_ever

from nemora.cli.ask import _answer
from nemora.cli.asking import Door, GatewayDoor, ServerDoor, _key, open_door
from nemora.core import ChatRequest, Delta, Message
from nemora.errors import BackendError, NemoraError, PrivacyRefused, UsageError
from nemora.privacy.finding import Sensitivity
from nemora.privacy.policy import Action, Policy
from nemora.server.api_keys import ApiKeys
from nemora.settings import ServerSettings, Settings, load_settings


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """An answer in this process quietens the logs of the whole process; other tests read them."""
    logs = [logging.getLogger(name) for name in ("nemora", "uvicorn", "asyncio")]
    before = [(log, log.handlers, log.propagate, log.level) for log in logs]
    yield
    for log, handlers, propagate, level in before:
        log.handlers, log.propagate = handlers, propagate
        log.setLevel(level)


def request(text: str, model: str = "auto") -> ChatRequest:
    return ChatRequest(model=model, messages=(Message("user", text),), stream=True)


@contextmanager
def in_process(what: Setup, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    monkeypatch.setattr("nemora.server.run.build_gateway", lambda *_, **__: what.gateway)
    monkeypatch.setattr("nemora.cli.asking.guard_network", lambda **_: None)  # it would hold for all other tests
    with closing(GatewayDoor(load_settings(None, {"HOME": "/nowhere"}))) as door:
        yield door


@contextmanager
def over_http(what: Setup, _monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    with served(what) as running, closing(ServerDoor(running.url, None)) as door:
        yield door


WAYS = pytest.mark.parametrize("way", [in_process, over_http])


@WAYS
@pytest.mark.parametrize("with_cloud", [True, False])
def test_both_ways_say_where_and_why(way: Any, with_cloud: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    what = setup(with_cloud=with_cloud)
    with way(what, monkeypatch) as door:
        free, text = door.answer(request("hello"))
        assert "".join(text) == ("From afar" if with_cloud else "Hello you")
        kept, text = door.answer(request(SECRET))
        assert "".join(text) == "Hello you"
    assert free.line() == (
        "[cloud: big] nothing sensitive was found"
        if with_cloud
        else "[local: tiny] no cloud is configured; this request would have been allowed to leave"
    )
    assert kept.line().startswith("[local: tiny] it holds ") and kept.line().endswith("; this request may not leave")
    assert len(what.cloud.requests) == with_cloud


@WAYS
def test_a_refusal_is_an_error_without_content(way: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with way(setup(), monkeypatch) as door, pytest.raises(NemoraError, match="may not go") as refused:
        door.answer(request(SECRET, "big"))
    assert SECRET not in refused.value.message


@WAYS
def test_where_the_policy_asks_a_reason_lets_the_request_out_and_none_does_not(
    way: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    actions = {Sensitivity.PUBLIC: Action.ASK} | dict.fromkeys(list(Sensitivity)[1:], Action.LOCAL)
    what = setup(policy=Policy(actions=actions))
    with way(what, monkeypatch) as door:
        with pytest.raises(PrivacyRefused, match="--reason with one of false_alarm"):
            _answer(door, request("hello"), None)
        with pytest.raises(NemoraError, match="must be one of"):
            _answer(door, request("hello"), "no_reason")
        assert what.cloud.requests == []
        notice, text = _answer(door, request("hello"), "needed_now")
        assert (
            "".join(text) == "From afar"
            and notice.line() == "[cloud: big] the user let it out, with the reason needed_now"
        )
        kept, text = _answer(door, request(SECRET), "needed_now")
        assert kept.route == "local" and "".join(text) == "Hello you"
    assert len(what.cloud.requests) == 1


@WAYS
@pytest.mark.parametrize("script", [plays(Delta(text="half")), plays(Delta(text="half"), BackendError("It failed."))])
def test_an_answer_that_breaks_off_is_an_error(way: Any, script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    what = setup(with_cloud=False)
    what.local.script = script
    with way(what, monkeypatch) as door:
        _, pieces = door.answer(request("hello"))
        said: list[str] = []
        with pytest.raises(BackendError):
            said.extend(pieces)


@WAYS
def test_closing_the_answer_cancels_the_work(way: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    what = setup(with_cloud=False)
    what.local.script = talks_for_ever
    with way(what, monkeypatch) as door:
        _, pieces = door.answer(request("hello"))
        assert any(piece == "word " for piece in pieces)
        pieces.close()
        assert what.local.cancelled.acquire(timeout=10)


def test_ctrl_c_in_the_middle_of_an_answer_cancels_it_and_nothing_else_is_raised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    what = setup(with_cloud=False)
    what.local.script = talks_for_ever
    with in_process(what, monkeypatch) as door:
        _, pieces = door.answer(request("hello"))
        next(pieces)
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            for _ in pieces:
                pass
        assert what.local.cancelled.acquire(timeout=10)
        what.local.script = plays(*[Delta(text="x")])
        assert door.answer(request("again"))[0].route == "local"  # the door still opens


@contextmanager
def stranger(replies: Sequence[tuple[str, int, dict[str, str], bytes]]) -> Iterator[int]:
    """Another program's HTTP server: path, status, headers and body of what it answers. Yields its port."""
    table = {path: rest for path, *rest in replies}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", "0")))
            status, headers, body = table.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_: Any) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


OURS = {"x-request-id": "req_1"}
ROUTED = {"x-nemora-route": "local", "x-nemora-reason": "no_cloud", "x-nemora-decision": "cloud"}


def _args(tmp_path: Path, port: int, **flags: str | None) -> argparse.Namespace:
    config = tmp_path / "nemora.toml"
    config.write_text(f"[server]\nport = {port}\n")
    cloud = dict.fromkeys(("cloud_url", "cloud_model", "cloud_key_env"))
    return argparse.Namespace(config=config, **{**cloud, **flags})


@pytest.mark.parametrize(
    "reply",
    [
        (200, OURS, b'{"status": "ok"}'),
        (200, {}, b'{"status": "live"}'),
        (503, OURS, b'{"status": "live"}'),
        (200, OURS, b"<html>"),
        (200, OURS, b"\xff"),
    ],
)
def test_another_program_at_the_address_is_not_asked(
    reply: tuple[int, dict[str, str], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nemora.server.run.build_gateway", lambda *_, **__: setup().gateway)
    with stranger([("/health/live", *reply)]) as port, closing(open_door(_args(tmp_path, port))) as door:
        assert isinstance(door, GatewayDoor)


def test_the_running_server_is_asked_unless_flags_name_a_cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nemora.server.run.build_gateway", lambda *_, **__: setup().gateway)
    cloud = {"cloud_url": "http://127.0.0.1:9/v1", "cloud_model": "big"}
    with served(setup()) as running:
        with closing(open_door(_args(tmp_path, running.host[1]))) as door:
            assert isinstance(door, ServerDoor)
        with closing(open_door(_args(tmp_path, running.host[1], **cloud))) as door:
            assert isinstance(door, GatewayDoor)


def test_a_key_of_the_environment_opens_the_running_server_and_is_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = ApiKeys(tmp_path / "data")
    secret = keys.add("one")
    with served(setup(), keys=keys) as running:
        monkeypatch.setenv("NEMORA_API_KEY", secret)
        args = _args(tmp_path, running.host[1])
        assert secret not in repr(load_settings(args.config))
        with closing(open_door(args)) as door:
            assert "".join(door.answer(request("hello"))[1])
        for given in ("", "nemora-other"):
            monkeypatch.setenv("NEMORA_API_KEY", given)
            with closing(open_door(args)) as door, pytest.raises(NemoraError, match="NEMORA_API_KEY") as refused:
                door.answer(request("hello"))
            assert "other" not in refused.value.message
        monkeypatch.setenv("NEMORA_API_KEY", "two words")
        with pytest.raises(UsageError, match="NEMORA_API_KEY") as refused:
            open_door(args)
        assert "words" not in refused.value.message


def test_the_key_of_who_asks_goes_before_the_owners() -> None:
    both = Settings(paths=load_settings(None, {"HOME": "/nowhere"}).paths, server=ServerSettings(api_key="owners"))
    assert _key(both) == "owners"
    assert _key(dataclasses.replace(both, client_key="mine")) == "mine"


def test_with_nothing_at_the_address_the_answer_comes_from_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nemora.server.run.build_gateway", lambda *_, **__: setup().gateway)
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
    with closing(open_door(_args(tmp_path, port))) as door:
        assert isinstance(door, GatewayDoor)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b"data: {}\n\ndata: [DONE]\n\n"),  # no route: nobody has decided anything
        (ROUTED, b""),
        (ROUTED, b"data: [DONE]\n\n"),
        (ROUTED, b"data: []\n\ndata: [DONE]\n\n"),
        (ROUTED, b"data: {\n\n"),
        (ROUTED, b'data: {"model": "m", "choices": []}\n\n'),
    ],
)
def test_a_stream_that_is_not_a_whole_answer_is_an_error(headers: dict[str, str], body: bytes) -> None:
    with stranger([("/v1/chat/completions", 200, headers, body)]) as port:
        door = ServerDoor(f"http://127.0.0.1:{port}", None)
        with closing(door), pytest.raises(BackendError):
            list(door.answer(request("hello"))[1])
