"""Small pieces of remote files, read into memory: a whole small file, or a range of a large one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Self, TypeVar

import httpx2

from nemora.weights.fetch_part import SourceFailed, WrongBytes
from nemora.weights.sources_http import (
    MAX_WAIT_SECONDS,
    TRIES_WITHOUT_PROGRESS,
    Interrupted,
    begins_at,
    new_client,
    open_response,
    refuse_compressed,
)

T = TypeVar("T")
MAX_SECONDS = 300.0
"""For one piece; a server that drips bytes is left then."""


class Reader:
    """Reads from one host and where it redirects to. A context manager. `token` goes to the asked origin only."""

    def __init__(self, token: str | None = None, *, read_seconds: float = 30.0, pause_seconds: float = 1.0) -> None:
        self._token, self._pause_seconds = token, pause_seconds
        self._client = new_client(read_seconds)
        self.bytes_read = 0
        """Of bodies, in all."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def whole(self, url: str, most: int) -> bytes:
        """The file at `url`, which must not have more than `most` bytes.

        Raises:
            SourceFailed: it has more, or cannot be read.
        """
        return self._tried(lambda: self._whole(url, most))

    def range(self, url: str, start: int, stop: int, size: int) -> bytes:
        """Bytes `start` to `stop` of the file at `url`, which has `size` bytes.

        From a server that knows no ranges no more is read than the bytes up to `stop`.

        Raises:
            SourceFailed: they cannot be read, or the file has another size.
        """
        assert 0 <= start <= stop <= size
        return self._tried(lambda: self._range(url, start, stop, size)) if start < stop else b""

    def _whole(self, url: str, most: int) -> bytes:
        with open_response(self._client, url, {}, self._token) as response:
            refuse_compressed(response)
            body = self._body(response, most + 1)
        if len(body) > most:
            raise SourceFailed(f"it serves more than {most:,} bytes")
        return body

    def _range(self, url: str, start: int, stop: int, size: int) -> bytes:
        with open_response(self._client, url, {"Range": f"bytes={start}-{stop - 1}"}, self._token) as response:
            refuse_compressed(response)
            partial = response.status_code == 206
            if partial and not begins_at(response, start, size):
                raise WrongBytes("it answered with a range of another file than the one asked for")
            if not partial and response.headers.get("Content-Length", str(size)) != str(size):
                raise WrongBytes(f"it serves a file of another size than {size:,} bytes")
            skipped = 0 if partial else start
            body = self._body(response, stop - start + skipped)[skipped:]
        if len(body) < stop - start:
            raise Interrupted("the connection ended early")
        return body

    def _body(self, response: httpx2.Response, most: int) -> bytes:
        """The first bytes of a body, at most `most`; the rest is not read."""
        body, until = bytearray(), time.monotonic() + MAX_SECONDS
        try:
            for chunk in response.iter_raw():
                self.bytes_read += len(chunk)
                body += chunk
                if len(body) >= most:
                    break
                if time.monotonic() > until:
                    raise SourceFailed(f"it took more than {MAX_SECONDS:.0f} seconds")
        except (httpx2.TransportError, httpx2.StreamError) as error:
            raise Interrupted(f"the connection broke ({type(error).__name__})") from None
        return bytes(body[:most])

    def _tried(self, read: Callable[[], T]) -> T:
        for attempt in range(TRIES_WITHOUT_PROGRESS):
            try:
                return read()
            except Interrupted as stop:
                last = stop
                if attempt + 1 < TRIES_WITHOUT_PROGRESS:
                    wait = self._pause_seconds * 2**attempt if stop.wait is None else stop.wait
                    time.sleep(min(wait, MAX_WAIT_SECONDS))
        raise SourceFailed(str(last))
