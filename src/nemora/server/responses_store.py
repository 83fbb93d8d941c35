"""The responses that clients may go on from: in memory only, bounded in number, bytes and time, each its tenant's."""

from __future__ import annotations

import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nemora.core import Json, Message

MOST = 1024
MOST_BYTES = 64 * 1024 * 1024
SECONDS = 24 * 3600.0
PER_MESSAGE = 1024
"""Bytes that a message takes beside its strings."""


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A response, and the conversation up to its end. The mappings and lists in it must not be changed."""

    response: Mapping[str, Json]
    items: tuple[dict[str, Json], ...]
    """All input items, those of the conversation before included."""
    messages: tuple[Message, ...]
    """The conversation with this answer, without instructions."""
    size: int
    """Bytes, those shared with other responses of the same conversation included."""

    def all_items(self) -> tuple[dict[str, Json], ...]:
        """The items of the conversation with those of this answer."""
        output = self.response["output"]
        assert isinstance(output, list)
        return (*self.items, *(item for item in output if isinstance(item, dict)))


class ResponseStore:
    """The most recently used responses. Safe to use from several threads.

    Args:
        most: how many responses.
        most_bytes: how much all together; each counts its whole conversation.
        seconds: how long after its last use one is kept. Looked at whenever the store is used.
        clock: seconds, for tests.
    """

    def __init__(
        self,
        *,
        most: int = MOST,
        most_bytes: int = MOST_BYTES,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._most_bytes, self._seconds = most, most_bytes, seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], tuple[float, StoredResponse]] = OrderedDict()
        self._bytes = 0

    def put(self, tenant: str, response_id: str, stored: StoredResponse) -> bool:
        """Keep a response; what was used longest ago makes room for it. False: it is larger than the store."""
        if stored.size > self._most_bytes or self._most < 1:
            return False
        with self._lock:
            self._drop((tenant, response_id))
            self._kept[tenant, response_id] = self._clock(), stored
            self._bytes += stored.size
            self._tidy()
        return True

    def get(self, tenant: str, response_id: str) -> StoredResponse | None:
        """A tenant's response, or None: another tenant's is none."""
        with self._lock:
            self._tidy()
            found = self._kept.get((tenant, response_id))
            if found is None:
                return None
            self._kept[tenant, response_id] = self._clock(), found[1]
            self._kept.move_to_end((tenant, response_id))
            return found[1]

    def delete(self, tenant: str, response_id: str) -> bool:
        """Drop a response. Whether there was one."""
        with self._lock:
            self._tidy()
            return self._drop((tenant, response_id))

    @property
    def size(self) -> int:
        """Bytes now kept."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._kept)

    def _tidy(self) -> None:
        expired = self._clock() - self._seconds
        while self._kept:
            oldest, (used, _) = next(iter(self._kept.items()))
            if used > expired and len(self._kept) <= self._most and self._bytes <= self._most_bytes:
                return
            self._drop(oldest)

    def _drop(self, key: tuple[str, str]) -> bool:
        found = self._kept.pop(key, None)
        if found is None:
            return False
        self._bytes -= found[1].size
        return True


def size_of(*values: Json) -> int:
    """Bytes that JSON values take in memory."""
    total = 0
    pending: list[Json] = list(values)
    while pending:
        value = pending.pop()
        total += sys.getsizeof(value)
        if isinstance(value, dict):
            total += sum(map(sys.getsizeof, value))
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
    return total
