"""A client of the boundary campaign: asks the application here, or a server behind a socket, and may leave."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp

JSON_HEADERS = {"host": "127.0.0.1:8484", "content-type": "application/json"}


@dataclass
class Gone:
    """When a client hangs up: before its body is whole, after some seconds, or after some pieces of the answer."""

    in_body: bool = False
    seconds: float | None = None
    pieces: int | None = None


@dataclass
class Reply:
    """What a client got. `whole`: to its end."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    whole: bool = False

    def code(self) -> str:
        """The error's code, "" where there is none."""
        error = self._json().get("error")
        return str(error.get("code")) if isinstance(error, dict) else ""

    def token(self) -> str:
        error = self._json().get("error")
        override = error.get("override") if isinstance(error, dict) else None
        return str(override["token"]) if isinstance(override, dict) else ""

    def text(self) -> str:
        """What the assistant said, of a whole or a streamed answer."""
        if not self.headers.get("content-type", "").startswith("text/event-stream"):
            choices = self._json().get("choices")
            return str(choices[0]["message"]["content"] or "") if choices else ""
        said = ""
        for line in self.body.decode("utf-8", "replace").splitlines():
            if line.startswith("data: {"):
                choices = json.loads(line[6:]).get("choices") or []
                said += "".join(choice["delta"].get("content") or "" for choice in choices)
        return said

    def failed_in_stream(self) -> bool:
        return b'data: {"error"' in self.body

    def _json(self) -> dict[str, Any]:
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


async def call(
    app: ASGIApp, method: str, path: str, body: bytes = b"",
    headers: Mapping[str, str] | None = None, gone: Gone | None = None,
) -> Reply:  # fmt: skip
    """Ask an application in this process."""
    reply, left, gone = Reply(), asyncio.Event(), gone or Gone()
    given = {**JSON_HEADERS, "content-length": str(len(body)), **(headers or {})}
    incoming: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]
    if gone.in_body:
        incoming = [{"type": "http.request", "body": body[: len(body) // 2], "more_body": True}]
        left.set()

    async def receive() -> dict[str, Any]:
        if incoming:
            return incoming.pop(0)
        await left.wait()
        return {"type": "http.disconnect"}

    pieces = 0

    async def send(message: Any) -> None:
        nonlocal pieces
        if message["type"] == "http.response.start":
            reply.status = message["status"]
            reply.headers = {
                name.decode("latin-1").lower(): value.decode("latin-1") for name, value in message["headers"]
            }
        else:
            reply.body += message.get("body", b"")
            reply.whole = not message.get("more_body", False)
            pieces += 1
            if gone.pieces is not None and pieces >= gone.pieces:
                left.set()
                await asyncio.sleep(0)

    name, _, query = path.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": name, "raw_path": name.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(key.encode(), value.encode("latin-1")) for key, value in given.items()],
        "client": ("127.0.0.1", 40000), "server": ("127.0.0.1", 8484),
    }  # fmt: skip
    timer = None if gone.seconds is None else asyncio.get_running_loop().call_later(gone.seconds, left.set)
    try:
        await app(scope, receive, send)
    finally:
        if timer is not None:
            timer.cancel()
    return reply


async def call_socket(
    port: int, method: str, path: str, body: bytes = b"",
    headers: Mapping[str, str] | None = None, gone: Gone | None = None,
) -> Reply:  # fmt: skip
    """Ask a server behind a socket. A connection that breaks is a reply that is not whole."""
    reply, gone = Reply(), gone or Gone()
    given = {**JSON_HEADERS, "content-length": str(len(body)), "connection": "close", **(headers or {})}
    given["host"] = given["host"].replace(":8484", f":{port}")
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{key}: {value}\r\n" for key, value in given.items()) + "\r\n"
    with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        async with asyncio.timeout(60 if gone.seconds is None else gone.seconds * 10):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(head.encode("latin-1") + (body[: len(body) // 2] if gone.in_body else body))
                await writer.drain()
                received, pieces = b"", 0
                while not gone.in_body and (piece := await reader.read(65536)):
                    received, pieces = received + piece, pieces + 1
                    if gone.pieces is not None and pieces >= gone.pieces:
                        break
                _parsed(reply, received)
            finally:
                writer.transport.abort()
    return reply


def _parsed(reply: Reply, received: bytes) -> None:
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    if not first.startswith("HTTP/1.1 "):
        return
    reply.status = int(first.split()[1])
    reply.headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    if reply.headers.get("transfer-encoding") == "chunked":
        while body:
            size, _, rest = body.partition(b"\r\n")
            count = int(size or b"0", 16)
            reply.body, body = reply.body + rest[:count], rest[count + 2 :]
            if count == 0:
                reply.whole = True
                break
    else:
        reply.body = body
        reply.whole = len(body) == int(reply.headers.get("content-length", -1))
