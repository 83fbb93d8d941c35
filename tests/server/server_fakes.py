"""A scripted local model, an inspection that knows one word, and a real server around them."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nemora.backends.base import Backend, Trust
from nemora.core import ChatRequest, Delta, StopReason, TextPart, Usage
from nemora.errors import LocalModelDown
from nemora.privacy.disclosures import Disclosures
from nemora.privacy.finding import Finding, Kind, Sensitivity
from nemora.privacy.ledger import Ledger, LedgerRow
from nemora.privacy.policy import Policy
from nemora.privacy.policy_file import PolicyFile
from nemora.privacy.taint import TaintStore
from nemora.server.api_keys import ApiKeys
from nemora.server.app import build_app
from nemora.server.gateway import Gateway
from nemora.server.listen import bind, http_server
from nemora.server.model_pull import ModelPulls
from nemora.settings import ServerSettings

SECRET = "hunter2-CANARY-7f3a"
KEY = bytes(range(32))


class ScriptedBackend:
    """Plays back deltas. `requests` holds what it was asked; `cancelled` counts iterators closed early."""

    def __init__(self, name: str = "here", model: str = "tiny", trust: Trust = "local") -> None:
        self.name, self.model, self.trust = name, model, trust
        self.up = True
        self.requests: list[ChatRequest] = []
        self.cancelled = threading.Semaphore(0)
        self.script: Callable[[ChatRequest], AsyncIterator[Delta]] = says("Hello", " you")

    def outbound(self, request: ChatRequest) -> bytes:
        return repr(request.messages).encode()

    def carries(self, _request: ChatRequest) -> bool:
        return True

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        self.requests.append(request)
        if not self.up:
            raise LocalModelDown("The local model has stopped.")
        whole = False
        try:
            async for delta in self.script(request):
                yield delta
            whole = True
        finally:
            if not whole:
                self.cancelled.release()

    async def ready(self) -> bool:
        return self.up

    async def close(self) -> None:
        return None


def says(*texts: str, usage: Usage | None = None) -> Callable[[ChatRequest], AsyncIterator[Delta]]:
    return plays(*(Delta(text=text) for text in texts), Delta(finish=StopReason.STOP, usage=usage or Usage(3, 2)))


def plays(*script: Delta | Exception) -> Callable[[ChatRequest], AsyncIterator[Delta]]:
    async def play(_request: ChatRequest) -> AsyncIterator[Delta]:
        for step in script:
            if isinstance(step, Exception):
                raise step
            yield step

    return play


async def talks_for_ever(_request: ChatRequest) -> AsyncIterator[Delta]:
    while True:
        yield Delta(text="word ")
        await asyncio.sleep(0.01)


async def thinks_for_ever(_request: ChatRequest) -> AsyncIterator[Delta]:
    await asyncio.sleep(3600)
    yield Delta(text="never")


@dataclass
class Inspection:
    findings: tuple[Finding, ...] = ()
    complete: bool = True
    weak: tuple[Finding, ...] = ()


@dataclass
class Classification:
    sensitivity: Sensitivity
    scores: dict[str, float] = field(default_factory=dict)


class FakeInspection:
    """Finds `SECRET` anywhere in a request. `breaks`: raises instead."""

    def __init__(self) -> None:
        self.breaks: Exception | None = None

    def inspect(self, request: ChatRequest, _rules: object = None) -> Inspection:
        if self.breaks is not None:
            raise self.breaks
        for index, message in enumerate(request.messages):
            if SECRET in message.text():
                return Inspection((Finding(Kind.PASSWORD, "fake", f"/messages/{index}/content", 0, 7, 1.0),))
        if SECRET in repr(request):
            return Inspection((Finding(Kind.PASSWORD, "fake", "/tools", 0, 7, 1.0),))
        return Inspection(complete=not any(_opaque(message.content) for message in request.messages))

    def close(self) -> None:
        return None


def _opaque(content: Any) -> bool:
    return isinstance(content, tuple) and not all(isinstance(part, TextPart) for part in content)


def fake_classify(_inspection: Any, _class_of: object = None) -> Classification:
    return Classification(Sensitivity.PUBLIC)


@dataclass
class Setup:
    """A gateway of fakes, and the URL where it is served."""

    gateway: Gateway
    local: ScriptedBackend
    cloud: ScriptedBackend
    inspection: FakeInspection
    ledger: Ledger
    taint: TaintStore
    url: str = ""
    host: tuple[str, int] = ("", 0)

    def rows(self) -> list[LedgerRow]:
        return self.ledger.rows()

    def completions(self, count: int = 1) -> list[LedgerRow]:
        """The ledger's completions, once there are `count`."""
        for _ in range(500):
            found = [row for row in self.rows() if row.kind == "completion"]
            if len(found) >= count:
                return found
            time.sleep(0.02)
        raise AssertionError(f"{len(found)} completions instead of {count}")


def setup(
    data: Path | None = None,
    *,
    with_cloud: bool = True,
    policy: Policy | PolicyFile | None = None,
    more: Sequence[Backend] = (),
    further_clouds: Sequence[ScriptedBackend] = (),
    clock: Callable[[], float] = time.time,
) -> Setup:
    """A gateway of fakes; its stores lie in `data`, or in memory."""
    local, cloud = ScriptedBackend(), ScriptedBackend("far", "big", "cloud")
    cloud.script = says("From afar")
    inspection = FakeInspection()
    ledger, taint = Ledger(data, KEY, clock=clock), TaintStore(data, KEY)
    gateway = Gateway(
        local=[local, *more],
        cloud=cloud if with_cloud else None,
        inspection=inspection,
        classify=fake_classify,
        policy=policy or Policy(),
        taint=taint,
        ledger=ledger,
        further_clouds=further_clouds,
        disclosures=Disclosures(data, KEY, clock=clock),
    )
    return Setup(gateway, local, cloud, inspection, ledger, taint)


@contextmanager
def served(
    what: Setup, *, keys: ApiKeys | None = None, pulls: ModelPulls | None = None, **settings: Any
) -> Iterator[Setup]:
    """`what` behind the real application, protocol and socket, in a thread."""
    server_settings = ServerSettings(port=0, **settings)
    listening = bind(server_settings)
    host, port = listening.getsockname()[:2]
    server = http_server(build_app(what.gateway, server_settings, bound=host, keys=keys, pulls=pulls))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
    thread.start()
    for _ in range(1000):
        if server.started:
            break
        time.sleep(0.01)
    what.url, what.host = f"http://{host}:{port}", (host, port)
    try:
        yield what
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def raw(what: Setup, data: bytes, *, seconds: float = 10.0) -> bytes:
    """Send bytes, return all that comes until the server closes or is silent for `seconds`."""
    with socket.create_connection(what.host, timeout=seconds) as connection:
        connection.sendall(data)
        answer = b""
        try:
            while piece := connection.recv(65536):
                answer += piece
        except TimeoutError:
            return answer
        return answer
