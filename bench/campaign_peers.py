"""The far sides of the boundary campaign: servers in a thread of their own that keep every byte, and fail by order.

Each is of OpenAI's or of Anthropic's kind. `elsewhere` is a host that nobody configured: redirects point at it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
FAULTS = (
    "slow", "reset_before_answer", "reset_in_head", "reset_mid_stream", "silent", "silent_mid_stream", "http_429",
    "http_500", "http_503", "http_400_echo", "http_500_echo", "redirect_302", "redirect_307", "redirect_308",
    "not_json", "cut_event", "no_finish", "html", "compressed", "garbage", "error_event_echo", "whole",
)  # fmt: skip
REFUSED = "refused"
READ_SECONDS = 0.25


@dataclass
class Recorder:
    """One server. `raw` is all that arrived; `requests` its whole requests, each a head and a body."""

    name: str
    api: str
    fault: str = ""
    elsewhere: str = ""
    url: str = ""
    port: int = 0
    raw: bytearray = field(default_factory=bytearray)
    requests: list[tuple[bytes, bytes]] = field(default_factory=list)
    opening: Callable[[], str] = lambda: "From afar:"
    """How its answers begin."""
    played: Counter[str] = field(default_factory=Counter)
    """Faults that befell a request."""
    handlers: set[asyncio.Task[None]] = field(default_factory=set)
    server: asyncio.Server | None = None
    closed_port: socket.socket | None = None

    async def listen(self) -> None:
        if self.closed_port is not None:
            self.closed_port.close()
            self.closed_port = None
        self.server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"

    async def refuse(self) -> None:
        """From now on connections are refused; the port stays taken."""
        if self.server is None:
            return
        await self.end(0.0)
        self.closed_port = socket.socket()
        self.closed_port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.closed_port.bind(("127.0.0.1", self.port))

    async def end(self, seconds: float) -> None:
        """Stop listening; what is on its way may end within `seconds`."""
        if self.server is not None:
            self.server.close()
            self.server = None
        if self.closed_port is not None:
            self.closed_port.close()
            self.closed_port = None
        if self.handlers and seconds:
            await asyncio.wait(self.handlers, timeout=seconds)
        for task in list(self.handlers):
            task.cancel()
        if self.handlers:
            await asyncio.wait(self.handlers)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.handlers.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._one(reader, writer):
                    pass
        finally:
            self.handlers.discard(task)
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; whether the connection may be used again."""
        received = b""
        fault = self.fault
        while b"\r\n\r\n" not in received:
            received += await self._piece(reader)
        head, _, body = received.partition(b"\r\n\r\n")
        length = _length(head)
        self.played[fault or "none"] += 1
        if fault == "reset_in_head":
            return False
        while len(body) < length:
            body += await self._piece(reader)
        self.requests.append((head, body))
        return await self._answer(fault, body, reader, writer)

    async def _piece(self, reader: asyncio.StreamReader) -> bytes:
        piece = await reader.read(65536)
        if not piece:
            raise ConnectionResetError
        self.raw += piece
        return piece

    async def _answer(
        self, fault: str, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        if fault == "reset_before_answer":
            return False
        if fault == "silent":
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._piece(reader), 20 * READ_SECONDS)
            return False
        if (whole := refusal(fault, body, self.elsewhere)) is not None:
            writer.write(whole)
            await writer.drain()
            return fault.startswith("http")
        said = f"{self.opening()} {last_text(body)}"
        if fault == "whole" and self.api == "openai":
            choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
            writer.write(response("200 OK", "application/json", json.dumps({"choices": [choice]}).encode()))
            await writer.drain()
            return True
        events = spoiled(fault, anthropic_events(said) if self.api == "anthropic" else openai_events(said), body)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        for event in events[:2]:
            writer.write(event)
            await writer.drain()
            await asyncio.sleep(0.004 if fault == "slow" else 0)
        if fault == "reset_mid_stream":
            return False
        if fault == "silent_mid_stream":
            await asyncio.sleep(2 * READ_SECONDS)
            return False
        for event in events[2:]:
            writer.write(event)
            await asyncio.sleep(0.004 if fault == "slow" else 0)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        return False


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def response(status: str, kind: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def refusal(fault: str, body: bytes, elsewhere: str) -> bytes | None:
    """The answer that is none."""
    echo = json.dumps({"error": {"message": body.decode("utf-8", "replace")}}).encode()
    kinds = {
        "http_429": ("429 Too Many Requests", b"{}", "retry-after: 1"),
        "http_500": ("500 Broken", b"{}", "retry-after: 2"),
        "http_503": ("503 Busy", b"{}", "retry-after: 0"),
        "http_400_echo": ("400 Bad Request", echo, "x-echo: yes"),
        "http_500_echo": ("500 Broken", echo, "x-echo: yes"),
        "redirect_302": ("302 Found", b"", f"location: {elsewhere}"),
        "redirect_307": ("307 Temporary Redirect", b"", f"location: {elsewhere}"),
        "redirect_308": ("308 Permanent Redirect", b"", f"location: {elsewhere}"),
        "compressed": ("200 OK", b"\x1f\x8b\x08", "content-encoding: gzip"),
    }
    if fault in kinds:
        status, said, header = kinds[fault]
        return response(status, "application/json", said, header)
    if fault == "html":
        return response("200 OK", "text/html", b"<html>" + echo + b"</html>")
    return b"\x00\xff not http\r\n\r\n" if fault == "garbage" else None


def spoiled(fault: str, events: list[bytes], body: bytes) -> list[bytes]:
    """The events of an answer, with their fault."""
    if fault == "not_json":
        return [events[0], b"data: {broken\n\n", *events[1:]]
    if fault == "cut_event":
        return [events[0], events[1][: len(events[1]) // 2]]
    if fault == "no_finish":
        return events[:1]
    if fault == "error_event_echo":
        echo = {"type": "error", "error": {"type": "api_error", "message": body.decode("utf-8", "replace")}}
        return [events[0], b"data: " + json.dumps(echo).encode() + b"\n\n"]
    return events


def last_text(body: bytes) -> str:
    """What the last message of a request says, as far as it is text."""
    try:
        content = json.loads(body)["messages"][-1]["content"]
    except (ValueError, KeyError, IndexError, TypeError):
        return ""
    if isinstance(content, str):
        return content[:300]
    texts = [part.get("text") for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    return " ".join(text for text in texts if isinstance(text, str))[:300]


def openai_events(said: str) -> list[bytes]:
    middle = len(said) // 2
    choices: list[dict[str, Any]] = [
        {"index": 0, "delta": {"content": said[:middle]}},
        {"index": 0, "delta": {"content": said[middle:]}},
        {"index": 0, "delta": {}, "finish_reason": "stop"},
    ]
    return [*(b"data: " + json.dumps({"choices": [c]}).encode() + b"\n\n" for c in choices), b"data: [DONE]\n\n"]


def anthropic_events(said: str) -> list[bytes]:
    middle = len(said) // 2
    delta = {"type": "text_delta", "text": said[middle:]}
    events: list[dict[str, Any]] = [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": said[:middle]}},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"type": "message_stop"},
    ]
    return [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]


class Peers:
    """The thread in which the recorders live."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="peers", daemon=True)
        self._thread.start()

    async def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a recorder's coroutine where it lives."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def open(self, name: str, api: str, elsewhere: str = "") -> Recorder:
        recorder = Recorder(name, api, elsewhere=elsewhere)
        await self.do(recorder.listen())
        return recorder

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
