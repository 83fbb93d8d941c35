"""Server-sent events from bytes, however they are cut. WHATWG HTML, section 9.2.6, the `data` field only."""

from __future__ import annotations

import re

from nemora.errors import BackendError

MAX_LINE_BYTES = 4 * 1024 * 1024
_LINE_END = re.compile(rb"\r\n|\r|\n")


class EventDecoder:
    """Feed it bytes, get the data of each event that they complete. `lines` counts complete lines, comments too."""

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self.lines = 0
        self._limit = max_line_bytes
        self._tail = bytearray()
        self._after_return = False
        self._data: list[bytes] = []
        self._data_bytes = 0

    def feed(self, piece: bytes) -> list[str]:
        """Events completed by `piece`.

        Raises:
            BackendError: a line or an event is too large, or is not UTF-8.
        """
        if self._after_return and piece.startswith(b"\n"):
            piece, self._after_return = piece[1:], False
        if not piece:
            return []
        self._after_return = piece.endswith(b"\r")
        *lines, rest = _LINE_END.split(piece)
        events: list[str] = []
        for line in lines:
            whole = bytes(self._tail) + line
            self._tail.clear()
            event = self._line(whole)
            if event is not None:
                events.append(event)
        self._tail += rest
        self._check(len(self._tail))
        return events

    def finish(self) -> list[str]:
        """The event that the end of the stream completes: some servers leave out the last blank line."""
        events = [self._line(bytes(self._tail)), self._line(b"")] if self._tail else [self._line(b"")]
        self._tail.clear()
        return [event for event in events if event is not None]

    def _line(self, line: bytes) -> str | None:
        if self.lines == 0:
            line = line.removeprefix(b"\xef\xbb\xbf")
        self.lines += 1
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
            self._data_bytes += len(value)
            self._check(self._data_bytes)
        return None

    def _dispatch(self) -> str | None:
        if not self._data:
            return None
        data = b"\n".join(self._data)
        self._data.clear()
        self._data_bytes = 0
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            raise BackendError("The remote server's stream is not valid UTF-8; check what runs there.") from None

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise BackendError(f"The remote server sent an event of more than {self._limit} bytes; it was cut off.")
