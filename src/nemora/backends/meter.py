"""Counts the plaintext bytes that are handed to each server, above TLS, and holds a request to what was decided.

A request's body was built, its length and digest written into the ledger, and only then is it sent. If a backend built
another body, or a library wrote more than that, by a retry, a second body or a proxy's greeting, it would be seen here:
the write is refused.
"""

from __future__ import annotations

import hashlib
import ssl
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import httpcore2
import httpx2

from nemora.core import Delta

HEAD_END = b"\r\n\r\n"
MAX_HEAD_BYTES = 16 * 1024


class TooMuchSent(Exception):
    """More bytes than were decided, or others, were about to be written."""


@dataclass(slots=True)
class Count:
    """Bytes handed to one server: HTTP heads and bodies apart."""

    requests: int = 0
    heads: int = 0
    bodies: int = 0


@dataclass(slots=True)
class _Tally:
    """One request on its way. `body` is what was decided; the head ends with an empty line."""

    server: str
    body: int
    head_done: bool = False
    head_seen: int = 0
    body_seen: int = 0
    tail: bytes = b""

    def take(self, data: bytes) -> tuple[int, int]:
        """Bytes of head and body in `data`, which is about to be written."""
        if self.head_done:
            head, body = 0, len(data)
        else:
            at = (self.tail + data).find(HEAD_END)
            head = len(data) if at < 0 else at + len(HEAD_END) - len(self.tail)
            self.head_done, self.tail = at >= 0, (self.tail + data)[-3:]
            body = len(data) - head
        self.head_seen += head
        self.body_seen += body
        if self.head_seen > MAX_HEAD_BYTES or self.body_seen > self.body:
            raise TooMuchSent
        return head, body


class Meter:
    """Totals by server. Thread-safe."""

    def __init__(self) -> None:
        self._counts: dict[str, Count] = {}
        self._lock = threading.Lock()

    def add(self, server: str, *, requests: int = 0, heads: int = 0, bodies: int = 0) -> None:
        with self._lock:
            count = self._counts.setdefault(server, Count())
            count.requests += requests
            count.heads += heads
            count.bodies += bodies

    def counts(self) -> dict[str, Count]:
        """What was handed to each server since the process began."""
        with self._lock:
            return {server: replace(count) for server, count in self._counts.items()}


METER = Meter()
_tally: ContextVar[_Tally | None] = ContextVar("tally", default=None)


@contextmanager
def metered(server: str, body: bytes) -> Iterator[Callable[[], int]]:
    """What is written within belongs to one request to `server` with this body.

    What it gives says how many bytes were written so far, head and body together. Raises `TooMuchSent` if the decision
    in force was made on another body.
    """
    sending = _sending.get()
    if sending is not None:
        sending.expect(body)
    METER.add(server, requests=1)
    tally = _Tally(server, len(body))
    token = _tally.set(tally)
    try:
        yield lambda: tally.head_seen + tally.body_seen
    finally:
        _tally.reset(token)


@dataclass(slots=True)
class Sending:
    """What one decision lets out: this body to `server` and to no other; None sets no limit."""

    server: str
    most: int | None
    digest: bytes | None
    bodies: int = 0
    """Bytes of bodies that were written."""
    refused: bool = False
    """More, or something for another server, was about to be written, and was not."""

    @classmethod
    def of(cls, server: str, body: bytes | None) -> Sending:
        return cls(server, None, None) if body is None else cls(server, len(body), hashlib.sha256(body).digest())

    def expect(self, body: bytes) -> None:
        """Raises `TooMuchSent` if the decision was made on another body."""
        if self.digest is not None and hashlib.sha256(body).digest() != self.digest:
            self.refused = True
            raise TooMuchSent

    def allow(self, server: str, head: int, body: int) -> None:
        """Count a write. Raises `TooMuchSent` before it, if the decision does not cover it."""
        over = self.most is not None and self.bodies + body > self.most
        if over or (server != self.server and head + body > 0):
            self.refused = True
            raise TooMuchSent
        self.bodies += body


_sending: ContextVar[Sending | None] = ContextVar("sending", default=None)


async def held_to(sending: Sending, stream: AsyncIterator[Delta]) -> AsyncGenerator[Delta]:
    """`stream`, where whatever is written while it works counts against `sending`, whoever writes it."""
    try:
        while True:
            token = _sending.set(sending)
            try:
                delta = await anext(stream)
            except StopAsyncIteration:
                return
            finally:
                _sending.reset(token)
            yield delta
    finally:
        await stream.aclose()  # type: ignore[attr-defined]


class MeteredTransport(httpx2.AsyncHTTPTransport):
    """A transport whose connections count what is written to them. HTTP/1.1, no proxy, no second try."""

    def __init__(self, limits: httpx2.Limits) -> None:
        super().__init__(trust_env=False, limits=limits)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=httpx2.create_ssl_context(trust_env=False),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Network(httpcore2.AnyIOBackend()),
        )


class _Network(httpcore2.AsyncNetworkBackend):
    def __init__(self, inner: httpcore2.AsyncNetworkBackend) -> None:
        self._inner = inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        return _Stream(await self._inner.connect_tcp(host, port, timeout, local_address, socket_options))

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class _Stream(httpcore2.AsyncNetworkStream):
    def __init__(self, inner: httpcore2.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        return await self._inner.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        tally = _tally.get()
        if tally is None:
            raise TooMuchSent  # nobody decided on this
        head, body = tally.take(bytes(buffer))
        sending = _sending.get()
        if sending is not None:
            sending.allow(tally.server, head, body)
        METER.add(tally.server, heads=head, bodies=body)
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore2.AsyncNetworkStream:
        return _Stream(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
