"""One error envelope for everything that goes wrong, `{"error": {"message", "type", "param", "code"}}`.

The outermost layer of the application: nothing passes it as an exception, so nothing is printed by the
layers around it. What is logged of an unexpected error is its class and where it was raised.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from types import TracebackType

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nemora.errors import BodyTooLarge, NemoraError, SlowRequest, Unauthorized

logger = logging.getLogger("nemora.server")

LINGER_SECONDS = 1.0
LINGER_BYTES = 8 * 1024 * 1024


def envelope(error: NemoraError) -> bytes:
    """The body of an error response."""
    return json.dumps({"error": error.public()}).encode("ascii")


class Errors:
    """Turns every exception into the envelope, and gives each response an `x-request-id`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False
        request_id = f"req_{secrets.token_hex(12)}"

        async def tracked(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self.app(scope, receive, tracked)
            return
        except NemoraError as raised:
            error = raised
        except asyncio.CancelledError:
            if started:
                raise
            error = NemoraError("The server is shutting down; ask again.")
            error.status, error.code = 503, "shutting_down"
        except Exception as raised:  # noqa: BLE001 - its message may hold content, so only its class is logged
            logger.error("%s: %s at %s", request_id, type(raised).__name__, _place(raised.__traceback__))
            error = NemoraError(f"The server failed; its log has the place under {request_id}.")
        if not started:
            await _respond(error, receive, tracked)


async def _respond(error: NemoraError, receive: Receive, send: Send) -> None:
    body = envelope(error)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if error.retry_after is not None:
        headers.append((b"retry-after", str(error.retry_after).encode()))
    if isinstance(error, Unauthorized):
        headers.append((b"www-authenticate", b"Bearer"))
    headers += getattr(error, "headers", [])
    unread = isinstance(error, BodyTooLarge | SlowRequest)
    if unread:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    if unread:
        await _linger(receive)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _linger(receive: Receive) -> None:
    """Read on a little before closing: a close with unread bytes resets the connection, and the answer is lost."""
    left = LINGER_BYTES
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while left > 0:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
                left -= len(message.get("body", b""))
    except TimeoutError:
        return


def _place(trace: TracebackType | None) -> str:
    place = "unknown"
    while trace is not None:
        place = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
