"""Documents inside requests are read in a child of their own, with a deadline and a memory limit.

What was read is put beside the bytes it was read from, and is inspected with the rest of the request. The bytes
themselves are never changed: what was read is what is sent. What fails here stays unread.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import hashlib
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from nemora.core import ChatRequest, Message, OpaquePart, Passage, ReadDocument
from nemora.errors import WorkerFailed
from nemora.server.declared import agrees
from nemora.settings import Settings
from nemora.worker import Worker

BYTES_PER_SECOND = 100_000
MOST = 64
"""Documents of one request that are read."""
CHARACTERS = 1_000_000
"""Of one document. Reading them for what they hold takes longer than reading the document."""
MEMORY_BYTES = 3 * 1024**3
KEPT_CHARACTERS = 16_000_000
"""Text of documents that is kept in memory, so that one that comes with every turn is read once."""
KEPT_DOCUMENTS = 1_000
_WHERE = re.compile(r"[a-z_]{1,20}(?:/(?:[a-z_]{1,20}|\d{1,7}))*", re.ASCII)
_CODE = re.compile(r"[a-z_]{1,20}", re.ASCII)

logger = logging.getLogger("nemora.server")


class DocumentReader:
    """Reads the documents of requests. The child is started by the first of them.

    Args:
        key: names what was read, in memory; derived from the installation's key, or of this run.
    """

    def __init__(self, settings: Settings, key: bytes) -> None:
        self._seconds = settings.inspection.document_seconds
        self._kept = _Kept(key)
        options = {"characters": CHARACTERS, "bytes": settings.server.max_body_bytes}
        self._worker = Worker("nemora.server.documents:reader_job", options, memory_bytes=MEMORY_BYTES)
        # One at a time, on a thread of its own: a slow document must not hold up requests that have none.
        self._thread = ThreadPoolExecutor(1, "documents")

    async def read(self, request: ChatRequest) -> ChatRequest:
        """`request` with what its documents hold, as far as that could be read. Never raises for what it holds."""
        if not request.opaque_parts():
            return request
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self.read_now, request)
        except Exception as error:  # noqa: BLE001 - whatever fails here, the documents count as unread
            logger.error("documents could not be read (%s) and count as sensitive", type(error).__name__)
            return request

    def read_now(self, request: ChatRequest) -> ChatRequest:
        """The same, blocking."""
        turn = _Turn(self._seconds)
        return dataclasses.replace(request, messages=tuple(self._message(m, turn) for m in request.messages))

    def close(self) -> None:
        """Stop the child."""
        self._worker.close()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _message(self, message: Message, turn: _Turn) -> Message:
        if not isinstance(message.content, tuple):
            return message
        read = tuple(self._part(p, turn) if isinstance(p, OpaquePart) else p for p in message.content)
        return dataclasses.replace(message, content=read)

    def _part(self, part: OpaquePart, turn: _Turn) -> OpaquePart:
        inline = part.inline()
        data = inline.data() if inline is not None else None
        if inline is None or data is None:
            return dataclasses.replace(part, read=None)
        digest = self._kept.digest(data)
        document = self._kept.get(digest)
        if document is None and turn.may_read(len(data)):
            document = self._read(data, turn.left())
            if document is not None:
                self._kept.put(digest, document)
        if document is not None and not agrees(part, inline, document.kind):
            document = dataclasses.replace(document, complete=False, unread=(*document.unread, "declared_otherwise"))
        return dataclasses.replace(part, read=document)

    def _read(self, data: bytes, seconds: float) -> ReadDocument | None:
        try:
            return _from_json(self._worker.call({"data": base64.b64encode(data).decode("ascii")}, seconds))
        except WorkerFailed as error:
            logger.error("a document could not be read and counts as sensitive: %s", error.message)
            return None


class _Turn:
    """The time that the documents of one request have together."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._documents = 0

    def may_read(self, size: int) -> bool:
        """Whether one more is read, which adds time for its size."""
        self._documents += 1
        self._end += size / BYTES_PER_SECOND
        return self._documents <= MOST and self.left() > 0

    def left(self) -> float:
        return self._end - time.monotonic()


class _Kept:
    """What documents hold, by a keyed hash of their bytes, in memory only. For one thread."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._documents: OrderedDict[bytes, ReadDocument] = OrderedDict()
        self._characters = 0

    def digest(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, key=self._key[:64], digest_size=32).digest()

    def get(self, digest: bytes) -> ReadDocument | None:
        document = self._documents.get(digest)
        if document is not None:
            self._documents.move_to_end(digest)
        return document

    def put(self, digest: bytes, document: ReadDocument) -> None:
        self._documents[digest] = document
        self._characters += _size(document)
        while self._characters > KEPT_CHARACTERS or len(self._documents) > KEPT_DOCUMENTS:
            _, dropped = self._documents.popitem(last=False)
            self._characters -= _size(dropped)


def reader_job(options: dict[str, Any]) -> Callable[[Any], Any]:
    """Runs in the child: one document after the other."""
    from nemora.documents.limits import Limits
    from nemora.documents.read import read_document

    limits = Limits(input_bytes=options["bytes"], characters=options["characters"])

    def read(call: dict[str, str]) -> dict[str, Any]:
        found = read_document(base64.b64decode(call["data"]), limits)
        return {
            "kind": found.kind,
            "passages": [[p.where, p.text, p.label] for p in found.passages],
            "complete": found.complete,
            "unread": list(found.unread),
        }

    return read


def _from_json(reply: dict[str, Any]) -> ReadDocument:
    """What the child read. Places and codes are printed and recorded, so they are held to words and numbers.

    Raises:
        WorkerFailed: they are not.
    """
    passages = tuple(Passage(*passage) for passage in reply["passages"])
    codes = (reply["kind"], *reply["unread"])
    if not all(_WHERE.fullmatch(p.where) for p in passages) or not all(_CODE.fullmatch(code) for code in codes):
        raise WorkerFailed("A worker process gave a place that is not of words and numbers.")
    return ReadDocument(reply["kind"], passages, reply["complete"] is True and not reply["unread"], tuple(codes[1:]))


def _size(document: ReadDocument) -> int:
    return sum(len(p.text) + len(p.label) + len(p.where) for p in document.passages)
