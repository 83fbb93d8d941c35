"""Files over HTTP, from the Hugging Face hub or any address: resumes by range, follows redirects, keeps tokens home."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from nemora.weights.fetch_part import PartFile, SourceFailed, WrongBytes
from nemora.weights.progress import Progress

MAX_REDIRECTS = 8
MAX_TRIES = 50
TRIES_WITHOUT_PROGRESS = 3
MAX_WAIT_SECONDS = 30.0
_CHUNK = 1 << 18
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
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
    timeout = httpx2.Timeout(read_seconds, connect=10.0)
    furthest, idle = -1, 0
    resumed_from = 0
    with httpx2.Client(timeout=timeout, headers={"Accept-Encoding": "identity", "User-Agent": "nemora"}) as client:
        etag = part.resume(url)
        part.need_room()
        resumed_from = part.size
        for _ in range(MAX_TRIES):
            try:
                etag = _transfer(client, url, part, progress, etag, token)
                part.commit()
                return
            except WrongBytes:
                if not resumed_from:
                    raise
                # What an earlier run left may have been of another version of the file: once more, from the start.
                resumed_from, etag = 0, None
                part.restart(url, None)
            except Interrupted as stop:
                idle = 0 if part.size > furthest else idle + 1
                furthest = max(furthest, part.size)
                if idle >= TRIES_WITHOUT_PROGRESS:
                    raise SourceFailed(str(stop)) from None
                time.sleep(min(stop.wait if stop.wait is not None else pause_seconds * 2**idle, MAX_WAIT_SECONDS))
    raise SourceFailed(f"the connection broke {MAX_TRIES} times")


def _transfer(
    client: httpx2.Client, url: str, part: PartFile, progress: Progress, etag: str | None, token: str | None
) -> str | None:
    """One attempt: the rest of the file, or all of it. Returns the entity tag of what was written."""
    if part.size == part.file.size:
        return etag
    headers = {}
    if part.size:
        headers["Range"] = f"bytes={part.size}-"
        if etag is not None:
            headers["If-Range"] = etag
    with _open(client, url, headers, token) as response:
        etag = _place(response, url, part, etag)
        try:
            for chunk in response.iter_raw(_CHUNK):
                part.write(chunk)
                progress.advance(part.size)
        except (httpx2.TransportError, httpx2.StreamError) as error:
            raise Interrupted(f"the connection broke ({type(error).__name__})") from None
    if part.size < part.file.size and "Content-Length" not in response.headers:
        raise Interrupted("the connection ended early")
    return etag


def _place(response: httpx2.Response, url: str, part: PartFile, etag: str | None) -> str | None:
    """Set `part` to where the body of `response` belongs, after checking that it is the file that was asked for."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise SourceFailed("it serves the file compressed, against the request")
    if response.status_code == 206:
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != part.size or match[2] not in ("*", str(part.file.size)):
            part.restart(url, None)
            raise Interrupted("it answered with another range than the one asked for")
        return etag
    length = response.headers.get("Content-Length", "")
    if length.isdigit() and int(length) != part.file.size:
        part.discard()
        raise WrongBytes(f"it serves {int(length):,} bytes, the file has {part.file.size:,}")
    tag = response.headers.get("ETag", "")
    strong = tag if re.fullmatch(r'"[\x21\x23-\x7e]*"', tag) else None
    part.restart(url, strong)
    return strong


@contextmanager
def _open(client: httpx2.Client, url: str, headers: dict[str, str], token: str | None) -> Iterator[httpx2.Response]:
    """The streaming response of `url` after redirects, its status 200 or 206."""
    try:
        home = current = httpx2.URL(url)
        for _ in range(MAX_REDIRECTS):
            sent = dict(headers)
            if token is not None and _origin(current) == _origin(home):
                sent["Authorization"] = f"Bearer {token}"
            with client.stream("GET", current, headers=sent) as response:
                if response.is_redirect:
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
        raise SourceFailed(f"it refuses access (HTTP {status}); a gated model needs a token")
    if status in _RETRIED:
        after = response.headers.get("Retry-After", "")
        raise Interrupted(f"it is unavailable (HTTP {status})", float(after) if after.isdigit() else None)
    raise SourceFailed(f"HTTP {status}")
