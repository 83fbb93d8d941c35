"""One error envelope for everything that goes wrong, `{"error": {"message", "type", "param", "code"}}`.

The outermost layer of the application: nothing passes it as an exception, so nothing is printed by the
layers around it. What is logged of an unexpected error is its class and where it was raised.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Callable, Mapping
from types import TracebackType

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nemora.errors import BodyTooLarge, NemoraError, ShuttingDown, SlowRequest, Unauthorized
from nemora.server.limits import ClientGone

logger = logging.getLogger("nemora.server")

LINGER_SECONDS = 1.0
LINGER_BYTES = 8 * 1024 * 1024


def envelope(error: NemoraError) -> bytes:
    """The body of an error response."""
    return json.dumps({"error": error.public()}).encode("ascii")


def unexpected(error: Exception) -> NemoraError:
    """What a client hears of a mistake of ours. Only class and place are logged: the text may hold content."""
    number = secrets.token_hex(4)
    logger.error("error %s: %s at %s", number, type(error).__name__, _place(error.__traceback__))
    return NemoraError(f"The server failed; its log has the place as error {number}.")


class Errors:
    """Turns every exception into the envelope, and gives each response an `x-request-id`."""

    def __init__(
        self, app: ASGIApp, shape: Callable[[Scope], Callable[[NemoraError], bytes]] = lambda _scope: envelope
    ) -> None:
        """`shape` says who writes the body of an error: some paths have a shape of their own."""
        self.app = app
        self._shape = shape

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False
        request_id = f"req_{secrets.token_hex(12)}"
        scope.setdefault("state", {})["request_id"] = request_id

        async def tracked(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                # Under two names: Anthropic's clients read the second.
                named = [(name, request_id.encode()) for name in (b"x-request-id", b"request-id")]
                message["headers"] = [*message.get("headers", ()), *named]
            await send(message)

        try:
            await self.app(scope, receive, tracked)
            return
        except ClientGone:
            return
        except NemoraError as raised:
            error = raised
        except asyncio.CancelledError:
            error = ShuttingDown("The server is shutting down; ask again.", retry_after=5)
        except Exception as raised:  # noqa: BLE001 - see `unexpected`
            error = unexpected(raised)
        if started:
            return
        error.request_id = request_id
        write = self._shape(scope)
        if isinstance(error, BodyTooLarge | SlowRequest):
            await _respond_unread(error_response(error, {"connection": "close"}, write=write), scope, receive, tracked)
        else:
            # Who asks again on a new connection may find another server.
            headers = {"connection": "close"} if isinstance(error, ShuttingDown) else {}
            await error_response(error, headers, write=write)(scope, receive, tracked)


def error_response(
    error: NemoraError, headers: Mapping[str, str] | None = None, *, write: Callable[[NemoraError], bytes] = envelope
) -> Response:
    """The error as a response in the shape that `write` gives it, with what the status asks for in its headers."""
    extra = dict(headers or {})
    if error.retry_after is not None:
        extra["retry-after"] = str(error.retry_after)
    if isinstance(error, Unauthorized):
        extra["www-authenticate"] = "Bearer"
    return Response(write(error), error.status, extra, media_type="application/json")


async def _respond_unread(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer while the rest of the body is still coming, and close.

    A close with unread bytes resets the connection and the answer is lost, so a little is read and dropped.
    """

    async def held_open(message: Message) -> None:
        await send({**message, "more_body": True} if message["type"] == "http.response.body" else message)

    await response(scope, receive, held_open)
    await _linger(receive)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _linger(receive: Receive) -> None:
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
