"""uvicorn's HTTP/1.1 protocol with what it lacks: a limit and a deadline for headers, and our error envelope."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from nemora.errors import NemoraError, RequestError, SlowRequest
from nemora.server.envelope import envelope

MAX_HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 15.0
REASONS = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large"}


class HttpProtocol(HttpToolsProtocol):
    """One connection. A head (request line and headers) is read within `head_seconds` and `max_head_bytes`."""

    head_seconds = HEAD_SECONDS
    max_head_bytes = MAX_HEAD_BYTES

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = True
        self._head_bytes = 0
        self._parsed_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            if self._head_timer is None:
                self._await_head()
            self._head_bytes += len(data)
        super().data_received(data)
        # A header that has not ended yet is still inside the parser, so the bytes are counted here as well.
        if self._in_head and self._head_bytes > self.max_head_bytes:
            self._refuse(_head_too_large())

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._parsed_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self._parsed_bytes += len(name) + len(value) + 4
        if self._parsed_bytes + len(self.url) > self.max_head_bytes:
            raise ValueError  # ends the parse; `send_400_response` answers
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head = True
        self._head_bytes = 0

    def send_400_response(self, msg: str) -> None:
        too_large = self._parsed_bytes + len(self.url or b"") > self.max_head_bytes
        self._refuse(_head_too_large() if too_large else RequestError("The request is not valid HTTP/1.1."))

    def _unsupported_upgrade_warning(self) -> None:
        """An upgrade is ignored, as HTTP allows, and needs no log line."""

    def _await_head(self) -> None:
        self._stop_timer()
        self._head_timer = self.loop.call_later(self.head_seconds, self._head_is_late)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._head_bytes == 0:
            self.transport.close()
        else:
            self._refuse(SlowRequest(f"The headers did not arrive within {self.head_seconds:g} seconds."))

    def _refuse(self, error: NemoraError) -> None:
        self._stop_timer()
        if self.transport.is_closing():
            return
        cycle = self.cycle
        busy = cycle is not None and not cycle.response_complete and (self._in_head or cycle.response_started)
        if not busy:  # never inside or in place of the answer to another request
            body = envelope(error)
            head = f"HTTP/1.1 {error.status} {REASONS[error.status]}\r\ncontent-type: application/json\r\n"
            self.transport.write(f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
        self.transport.close()


def _head_too_large() -> RequestError:
    error = RequestError(f"The request line and headers are larger than {MAX_HEAD_BYTES} bytes; send fewer.")
    error.status, error.code = 431, "headers_too_large"
    return error
