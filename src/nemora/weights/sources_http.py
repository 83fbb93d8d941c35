"""Files over HTTP, from the Hugging Face hub or any address: resumes by range, follows redirects, keeps tokens home."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from nemora.weights.fetch_part import AccessRefused, PartFile, SourceFailed, WrongBytes
from nemora.weights.progress import Progress

MAX_REDIRECTS = 8
MAX_TRIES = 50
TRIES_WITHOUT_PROGRESS = 3
MAX_WAIT_SECONDS = 30.0
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-[0-9]{1,19}/([0-9]{1,19}|\*)")
_NUMBER = re.compile("[0-9]{1,19}")
_STRONG_TAG = re.compile(r'"[\x21\x23-\x7e]*"')
_RETRIED = {408, 425, 429, 500, 502, 503, 504}


class Interrupted(Exception):
    """The transfer stopped on the way; trying again may go on from there."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


def download(
    url: str,
    part: PartFile,
    progress: Progress,
    *,
    token: str | None = None,
    read_seconds: float = 30.0,
    pause_seconds: float = 1.0,
) -> None:
    """Fetch `url` into `part`. `token` is sent to the origin of `url` only.

    An interrupted transfer goes on where it stopped, as long as tries bring bytes.

    Raises:
        SourceFailed: the address cannot serve the file.
        FetchError: the disk is full or cannot be written.
    """
    with new_client(read_seconds) as client:
        part.resume(url)
        part.need_room()
        furthest, idle = part.size, 0
        for _ in range(MAX_TRIES):
            begun_at = part.size
            try:
                _transfer(client, url, part, progress, token)
                part.commit()
                return
            except WrongBytes:
                if begun_at == 0:
                    raise
                part.restart(url, None)  # what came earlier may have been of another version: anew
            except Interrupted as stop:
                idle = 0 if part.size > furthest else idle + 1
                furthest = max(furthest, part.size)
                if idle >= TRIES_WITHOUT_PROGRESS:
                    raise SourceFailed(str(stop)) from None
                wait = pause_seconds * 2**idle if stop.wait is None else stop.wait
                time.sleep(min(wait, MAX_WAIT_SECONDS))
    raise SourceFailed(f"the connection broke {MAX_TRIES} times")


def new_client(read_seconds: float) -> httpx2.Client:
    """A client that asks for files as they are, and leaves redirects to `open_response`."""
    timeout = httpx2.Timeout(read_seconds, connect=10.0)
    return httpx2.Client(timeout=timeout, headers={"Accept-Encoding": "identity", "User-Agent": "nemora"})


def _transfer(client: httpx2.Client, url: str, part: PartFile, progress: Progress, token: str | None) -> None:
    """One attempt: the rest of the file, or all of it."""
    if part.size == part.file.size:
        return
    headers = {}
    if part.size:
        headers["Range"] = f"bytes={part.size}-"
        if part.etag is not None:
            headers["If-Range"] = part.etag
    with open_response(client, url, headers, token) as response:
        _place(response, url, part)
        try:
            for chunk in response.iter_raw():  # as it comes: a broken connection loses nothing
                part.write(chunk)
                progress.advance(part.size)
        except (httpx2.TransportError, httpx2.StreamError) as error:
            raise Interrupted(f"the connection broke ({type(error).__name__})") from None
    if part.size < part.file.size:
        raise Interrupted("the connection ended early")


def _place(response: httpx2.Response, url: str, part: PartFile) -> None:
    """Set `part` to where the body of `response` belongs, after checking that it is the file that was asked for."""
    refuse_compressed(response)
    if response.status_code == 206:
        if not begins_at(response, part.size, part.file.size):
            part.restart(url, None)
            raise Interrupted("it answered with another range than the one asked for")
        return
    length = response.headers.get("Content-Length", "")
    if _NUMBER.fullmatch(length) and int(length) != part.file.size:
        part.discard()
        raise WrongBytes(f"it serves {int(length):,} bytes, the file has {part.file.size:,}")
    tag = response.headers.get("ETag", "")
    part.restart(url, tag if _STRONG_TAG.fullmatch(tag) else None)


def refuse_compressed(response: httpx2.Response) -> None:
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise SourceFailed("it serves the file compressed, against the request")


def begins_at(response: httpx2.Response, start: int, size: int) -> bool:
    """Whether a 206 answer says that it begins at byte `start` of a file of `size` bytes."""
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return match is not None and int(match[1]) == start and match[2] in ("*", str(size))


@contextmanager
def open_response(
    client: httpx2.Client, url: str, headers: dict[str, str], token: str | None
) -> Iterator[httpx2.Response]:
    """The streaming response of `url` after redirects, its status 200 or 206. `token` is sent to its origin only."""
    try:
        home = current = httpx2.URL(url)
        for _ in range(MAX_REDIRECTS):
            sent = dict(headers)
            if token is not None and _origin(current) == _origin(home):
                sent["Authorization"] = f"Bearer {token}"
            with client.stream("GET", current, headers=sent) as response:
                if response.has_redirect_location:
                    current = _next(current, response.headers["Location"])
                    continue
                _check_status(response)
                yield response
                return
    except httpx2.InvalidURL:
        raise SourceFailed("its address is not a valid URL") from None
    except (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError):
        raise SourceFailed("its address is not an http or https one") from None
    except httpx2.TimeoutException:
        raise Interrupted("it does not answer in time") from None
    except httpx2.TransportError as error:
        raise Interrupted(f"no connection ({type(error).__name__})") from None
    raise SourceFailed("it redirects without end")


def _next(current: httpx2.URL, location: str) -> httpx2.URL:
    target = current.join(location)
    if target.scheme not in ("http", "https") or (current.scheme == "https" and target.scheme == "http"):
        raise SourceFailed("it redirects from https to something weaker")
    return target


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _check_status(response: httpx2.Response) -> None:
    status = response.status_code
    if status in (200, 206):
        return
    if status == 416:  # what we have is not a beginning of what is there
        raise WrongBytes("it has no such range")
    if status in (401, 403):
        raise AccessRefused(f"it refuses access (HTTP {status}); a gated model needs a token")
    if status in _RETRIED:
        after = response.headers.get("Retry-After", "")
        raise Interrupted(f"it is unavailable (HTTP {status})", float(after) if _NUMBER.fullmatch(after) else None)
    raise SourceFailed(f"HTTP {status}")
