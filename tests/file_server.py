"""A small HTTP server on a real socket that serves one file, well or badly."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Behaviour:
    """What the server does. `cut` ends each answer after that many body bytes; `answers` are statuses to give first."""

    content: bytes
    ranges: bool = True
    etag: str | None = '"v1"'
    cut: int | None = None
    cuts_left: int = 1_000_000
    answers: list[int] = field(default_factory=list)
    redirect_to: str | None = None
    send_length: bool = True
    stall: bool = False
    encoding: str | None = None
    wrong_range: bool = False
    seen: list[dict[str, str]] = field(default_factory=list)
    sent: int = 0


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        b = self.server.behaviour
        b.seen.append({name.lower(): value for name, value in self.headers.items()} | {"path": self.path})
        if b.redirect_to is not None:
            self._head(302, {"Location": b.redirect_to, "Content-Length": "0"})
            return
        if b.answers:
            self._head(b.answers.pop(0), {"Content-Length": "0", "Retry-After": "0"})
            return
        start = self._start()
        if start > len(b.content):
            self._head(416, {"Content-Length": "0"})
            return
        body = b.content[start:]
        headers = {"ETag": b.etag} if b.etag else {}
        if b.send_length:
            headers["Content-Length"] = str(len(body))
        if b.encoding:
            headers["Content-Encoding"] = b.encoding
        if start:
            shown = start + 1 if b.wrong_range else start
            headers["Content-Range"] = f"bytes {shown}-{len(b.content) - 1}/{len(b.content)}"
        self._head(206 if start else 200, headers)
        self._body(body)

    def _start(self) -> int:
        b, match = self.server.behaviour, re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if match is None or not b.ranges:
            return 0
        condition = self.headers.get("If-Range")
        return int(match[1]) if condition is None or condition == b.etag else 0

    def _body(self, body: bytes) -> None:
        b = self.server.behaviour
        if b.cut is not None and b.cuts_left > 0:
            b.cuts_left -= 1
            body = body[: b.cut]
        self.wfile.write(body)
        b.sent += len(body)
        self.wfile.flush()
        if b.stall:
            self.server.stopping.wait(30)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def log_message(self, *_: object) -> None: ...


class _Server(ThreadingHTTPServer):
    behaviour: Behaviour
    stopping: threading.Event
    daemon_threads = True

    def handle_error(self, *_: object) -> None: ...


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[str]:
    """Serve until the block ends; yields the base address."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.behaviour, server.stopping = behaviour, threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


def unused_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
