"""What every remote server has in common: one address, fixed headers, a bounded answer, and bytes that are counted.

Headers are all set here. Proxies and certificates from the environment, cookies and redirects are not followed: each
could carry a request somewhere else. Nothing is retried. No message repeats what the server said, for it may echo the
request.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

import httpx2

from nemora.backends.base import Trust
from nemora.backends.meter import MeteredTransport, TooMuchSent, metered
from nemora.backends.sse import EventDecoder
from nemora.core import ChatRequest, Delta
from nemora.errors import (
    BackendError,
    BackendRefused,
    BackendTimeout,
    BackendUnreachable,
    NemoraError,
    SettingsError,
    UnsupportedField,
)

MAX_ANSWER_BYTES = 256 * 1024 * 1024
AFTER_FINISH_SECONDS = 5.0
REFUSALS = {
    400: "did not accept the request; a field or the prompt's length may not suit its model",
    401: "refused its API key; check the variable that api_key_env names",
    403: "refused access; check the key's rights",
    404: "knows no such model or path; check model and base_url",
    413: "found the request too large",
    429: "is over its rate limit; wait and ask again",
}


class Reader(Protocol):
    """Reads one answer; see `openai_answer.AnswerReader`."""

    @property
    def finished(self) -> bool: ...
    def event(self, data: str) -> list[Delta]: ...
    def whole(self, data: bytes) -> list[Delta]: ...
    def end(self, *, complete: bool) -> Delta: ...


class Remote(Protocol):
    """What is configured about a remote server; `settings.RemoteServer` is one."""

    @property
    def name(self) -> str: ...
    @property
    def base_url(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def trust(self) -> Trust: ...
    @property
    def api_key(self) -> str | None: ...
    @property
    def pinned(self) -> tuple[str, ...]: ...
    @property
    def connect_seconds(self) -> float: ...
    @property
    def read_seconds(self) -> float: ...


class RemoteBackend(ABC):
    """A remote server behind the `Backend` protocol. A subclass says what is sent, and how the answer is read.

    Raises:
        SettingsError: `trust` is local, and the address is neither loopback nor pinned.
    """

    path = ""
    """Where requests go, below the base URL."""

    def __init__(self, remote: Remote) -> None:
        self.name = remote.name
        self.model = remote.model
        self.trust: Trust = remote.trust
        self._read_seconds = remote.read_seconds
        url = urlsplit(remote.base_url)
        self._host_header = url.netloc
        self._tls_name = url.hostname or ""
        host = _this_side(remote) if remote.trust == "local" else (url.hostname or "")
        self._address = (host, url.port or (443 if url.scheme == "https" else 80))
        bracketed = f"[{host}]" if ":" in host else host
        self._url = urlunsplit((url.scheme, f"{bracketed}:{self._address[1]}", f"{url.path}{self.path}", "", ""))
        self._headers = {
            "host": self._host_header,
            "accept": "text/event-stream",
            "accept-encoding": "identity",
            "content-type": "application/json",
            "user-agent": "nemora",
        }
        self._headers |= self.own_headers(remote.api_key)
        self._client = httpx2.AsyncClient(
            transport=MeteredTransport(limits=httpx2.Limits(max_connections=256, max_keepalive_connections=16)),
            trust_env=False,
            follow_redirects=False,
            cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
            timeout=httpx2.Timeout(remote.read_seconds, connect=remote.connect_seconds, pool=remote.connect_seconds),
        )

    @abstractmethod
    def own_headers(self, api_key: str | None) -> dict[str, str]:
        """The headers that this API needs beside those that every request has; the key stands in one of them."""

    @abstractmethod
    def outbound(self, request: ChatRequest) -> bytes:
        """The body that `stream` sends for `request`, byte for byte."""

    def carries(self, request: ChatRequest) -> bool:
        """Whether it can be sent the parts of `request` that are not text."""
        return True

    @abstractmethod
    def reader(self, request: ChatRequest) -> Reader:
        """What reads the answer to `request`."""

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        """See `Backend`. Raises `BackendError` and its kinds, and `UnsupportedField` for a raw text or questions."""
        if request.raw:  # it would be sent as a chat, which is another question
            raise UnsupportedField("Only a model that runs in this server continues a text; use the chat endpoints.")
        if request.questions:
            raise UnsupportedField("Questions need a model that Nemora runs itself.", param="/questions")
        reader = self.reader(request)
        body = await asyncio.to_thread(self.outbound, request)
        post = self._client.build_request(
            "POST",
            self._url,
            headers=self._headers,
            content=body,
            extensions={"sni_hostname": self._tls_name},
        )
        try:
            with metered(self.name, body) as written:
                response = await self._client.send(post, stream=True)
        except TooMuchSent:
            raise BackendError(f"Other than the decided bytes were about to go to {self.name!r}; cut off.") from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise self._failure(error, untouched=written() == 0) from None
        try:
            self._check(response)
            async with aclosing(self._deltas(response, reader)) as deltas:
                async for delta in deltas:
                    yield delta
        except httpx2.HTTPError as error:
            raise self._failure(error) from None
        finally:
            await response.aclose()

    async def ready(self) -> bool:
        """A local server must accept a connection; a cloud is assumed to be there, since asking would be traffic."""
        if self.trust == "cloud":
            return True
        try:
            async with asyncio.timeout(2.0):
                _, writer = await asyncio.open_connection(*self._address)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True

    async def close(self) -> None:
        await self._client.aclose()

    async def _deltas(self, response: httpx2.Response, reader: Reader) -> AsyncGenerator[Delta, None]:
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "application/json":
            body = bytearray()
            async for piece in self._pieces(response):
                body += piece
            for delta in reader.whole(bytes(body)):
                yield delta
            return
        decoder = EventDecoder()
        async with aclosing(self._pieces(response, decoder, reader)) as pieces:
            async for piece in pieces:
                for event in decoder.feed(piece):
                    if event.strip() == "[DONE]":
                        yield reader.end(complete=True)
                        return
                    for delta in reader.event(event):
                        yield delta
        for event in decoder.finish():
            if event.strip() == "[DONE]":
                break
            for delta in reader.event(event):
                yield delta
        yield reader.end(complete=False)

    async def _pieces(
        self, response: httpx2.Response, decoder: EventDecoder | None = None, reader: Reader | None = None
    ) -> AsyncGenerator[bytes, None]:
        """The answer's bytes, within limits of size and of silence. Bytes that complete no line are silence."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._read_seconds
        size = lines = 0
        async with aclosing(response.aiter_raw()) as raw:
            while True:
                after_finish = reader is not None and reader.finished
                until = min(deadline, clock() + AFTER_FINISH_SECONDS) if after_finish else deadline
                try:
                    async with asyncio.timeout_at(until):
                        piece = await anext(raw)
                except StopAsyncIteration:
                    return
                except TimeoutError:
                    if after_finish:  # the answer is whole; a server that keeps the line open is no error
                        return
                    raise self._late() from None
                size += len(piece)
                if size > MAX_ANSWER_BYTES:
                    raise BackendError(f"The server {self.name!r} sent more than {MAX_ANSWER_BYTES} bytes; cut off.")
                yield piece
                if decoder is None or decoder.lines > lines:
                    deadline = clock() + self._read_seconds
                    lines = decoder.lines if decoder is not None else 0

    def _check(self, response: httpx2.Response) -> None:
        status = response.status_code
        if 400 <= status < 500:
            why = REFUSALS.get(status, "refused the request")
            refused = BackendRefused(f"The server {self.name!r} {why} (HTTP {status}).", status=status)
            after = response.headers.get("retry-after", "")
            refused.retry_after = int(after) if re.fullmatch(r"\d{1,5}", after) else None
            raise refused
        if status >= 500:
            raise BackendError(f"The server {self.name!r} failed (HTTP {status}); ask again later.")
        if status != 200:
            raise BackendError(
                f"The server {self.name!r} answered HTTP {status} instead of 200; redirects are not followed, "
                "write the final address as base_url."
            )
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise BackendError(f"The server {self.name!r} compressed its answer though it was asked not to.")

    def _failure(self, error: Exception, *, untouched: bool = False) -> NemoraError:
        """`untouched`: no byte of the request was written. Only then a server counts as not reached."""
        if untouched and isinstance(error, httpx2.ConnectTimeout | httpx2.ConnectError | httpx2.PoolTimeout):
            return BackendUnreachable(f"The server {self.name!r} cannot be reached; check that it runs, and base_url.")
        if isinstance(error, httpx2.TimeoutException):
            return self._late()
        return BackendError(f"The connection to the server {self.name!r} broke ({type(error).__name__}); ask again.")

    def _late(self) -> BackendTimeout:
        return BackendTimeout(f"The server {self.name!r} was silent for {self._read_seconds:g} seconds; ask again.")


def _this_side(remote: Remote) -> str:
    """The literal address of a server that is trusted as local: a name could come to mean another machine."""
    host = urlsplit(remote.base_url).hostname or ""
    if host == "localhost":
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is None or not (address.is_loopback or str(address) in remote.pinned):
        raise SettingsError(
            f'The server {remote.name!r} has trust = "local", so its address must be loopback or listed under pinned.'
        )
    return str(address)
