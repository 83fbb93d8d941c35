"""How much and how long: bodies, their arrival, requests at once, and clients that leave."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from nemora.errors import BodyTooLarge, Overloaded, RequestError, SlowRequest

T = TypeVar("T")


class Concurrency:
    """At most `limit` requests at once; more are told to come back. Health checks and metrics always pass."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self._limit = limit
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/health/") or scope["path"] == "/metrics":
            await self.app(scope, receive, send)
            return
        if self._running >= self._limit:
            raise Overloaded(
                f"The server already answers {self._limit} requests, its limit; ask again shortly.", retry_after=1
            )
        self._running += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._running -= 1


class ClientGone(Exception):
    """The client closed the connection; nobody is left to answer."""


async def read_body(scope: Scope, receive: Receive, *, max_bytes: int, seconds: float) -> bytes:
    """The whole request body.

    Raises:
        BodyTooLarge: announced or found larger than `max_bytes`; the rest is not read.
        SlowRequest: not complete after `seconds`.
        ClientGone: the connection was closed before the end.
    """
    announced = Headers(scope=scope).get("content-length", "0")
    if not announced.isascii() or not announced.isdigit():
        raise RequestError("The Content-Length header is not a number.")
    if len(announced) > 18 or int(announced) > max_bytes:
        raise _too_large(max_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                body += message.get("body", b"")
                if len(body) > max_bytes:
                    raise _too_large(max_bytes)
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise SlowRequest(f"The body did not arrive within {seconds:g} seconds; send it faster or smaller.") from None


def _too_large(max_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is larger than {max_bytes} bytes, the limit that server.max_body_bytes sets.")


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled when the client disconnects.

    Raises:
        ClientGone: it did.
    """
    task = asyncio.ensure_future(work)
    watch = asyncio.ensure_future(_disconnected(receive))
    both: set[asyncio.Future[Any]] = {task, watch}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGone
        return task.result()
    finally:
        for each in both:
            each.cancel()
        await asyncio.wait(both)
        for each in both:
            if not each.cancelled():
                each.exception()  # has been raised above, or nobody is left to hear of it


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
