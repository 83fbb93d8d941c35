"""Plays a cloud in a thread: keeps every byte that its sockets receive, and answers by a script."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Chunks = list[dict[str, Any]]
"""The `delta` of each event."""


@dataclass
class TalkingCloud:
    """`received` is all that any client sent; `bodies` the requests in it; `script` makes the deltas of an answer."""

    received: bytearray = field(default_factory=bytearray)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    script: Callable[[dict[str, Any]], Chunks] = lambda _body: [{"content": "Fine."}]
    streams: bool = True
    url: str = ""


def letters(text: str, size: int = 1) -> Chunks:
    """A text in pieces."""
    return [{"content": text[at : at + size]} for at in range(0, len(text), size)]


def calls(name: str, arguments: str, index: int = 0, size: int = 1) -> Chunks:
    """A tool call whose arguments come in pieces."""
    head = {"index": index, "id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": ""}}
    pieces = [arguments[at : at + size] for at in range(0, len(arguments), size)]
    return [
        {"tool_calls": [head]},
        *({"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in pieces),
    ]


@contextmanager
def talking_cloud() -> Iterator[TalkingCloud]:
    cloud = TalkingCloud()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while line := self._kept(self.rfile.readline()):
                length = 0
                while (line := self._kept(self.rfile.readline())).strip():
                    name, _, value = line.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                body = json.loads(self._kept(self.rfile.read(length)))
                cloud.bodies.append(body)
                self.wfile.write(_answer(cloud.script(body), streams=cloud.streams))

        def _kept(self, data: bytes) -> bytes:
            cloud.received += data
            return data

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        cloud.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        try:
            yield cloud
        finally:
            server.shutdown()
            thread.join()


def _answer(deltas: Chunks, *, streams: bool) -> bytes:
    base = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "far-model"}
    if not streams:
        text = "".join(delta.get("content") or "" for delta in deltas)
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return _response("application/json", json.dumps({**base, "object": "chat.completion", "choices": [choice]}))
    finish = "tool_calls" if any("tool_calls" in delta for delta in deltas) else "stop"
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": finish})
    events = "".join(f"data: {json.dumps({**base, 'choices': [choice]})}\n\n" for choice in choices)
    return _response("text/event-stream", f"{events}data: [DONE]\n\n")


def _response(kind: str, body: str) -> bytes:
    data = body.encode()
    return f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\n\r\n".encode() + data
