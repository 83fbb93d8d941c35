"""The responses that clients may go on from: in memory only, bounded in number, bytes and time, each its tenant's.

The bounds are a tenant's own, so that nobody's use drops what is another's.
"""

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
    """The most recently used responses of each tenant. Safe to use from several threads.

    Args:
        most: how many responses of a tenant.
        most_bytes: how much of a tenant's all together; each counts its whole conversation.
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
        self._tenants: dict[str, _Kept] = {}

    def put(self, tenant: str, response_id: str, stored: StoredResponse) -> bool:
        """Keep a response; what its tenant used longest ago makes room for it. False: it is larger than a tenant's
        room."""
        if stored.size > self._most_bytes or self._most < 1:
            return False
        with self._lock:
            self._tidy()
            kept = self._tenants.setdefault(tenant, _Kept())
            kept.put(response_id, self._clock(), stored)
            kept.fit(self._most, self._most_bytes)
        return True

    def get(self, tenant: str, response_id: str) -> StoredResponse | None:
        """A tenant's response, or None: another tenant's is none."""
        with self._lock:
            self._tidy()
            kept = self._tenants.get(tenant)
            found = kept.drop(response_id) if kept is not None else None
            if kept is None or found is None:
                return None
            kept.put(response_id, self._clock(), found)
            return found

    def delete(self, tenant: str, response_id: str) -> bool:
        """Drop a response. Whether there was one."""
        with self._lock:
            self._tidy()
            kept = self._tenants.get(tenant)
            return kept is not None and kept.drop(response_id) is not None

    @property
    def size(self) -> int:
        """Bytes now kept, of all tenants."""
        with self._lock:
            return sum(kept.bytes for kept in self._tenants.values())

    def __len__(self) -> int:
        with self._lock:
            return sum(len(kept.responses) for kept in self._tenants.values())

    def _tidy(self) -> None:
        """Drop what has expired of every tenant, and tenants of whom nothing is left."""
        expired = self._clock() - self._seconds
        for tenant, kept in list(self._tenants.items()):
            kept.expire(expired)
            if not kept.responses:
                del self._tenants[tenant]


class _Kept:
    """One tenant's responses, by when they were used, the latest last."""

    def __init__(self) -> None:
        self.responses: OrderedDict[str, tuple[float, StoredResponse]] = OrderedDict()
        self.bytes = 0

    def put(self, response_id: str, now: float, stored: StoredResponse) -> None:
        self.drop(response_id)
        self.responses[response_id] = now, stored
        self.bytes += stored.size

    def drop(self, response_id: str) -> StoredResponse | None:
        _, found = self.responses.pop(response_id, (0.0, None))
        self.bytes -= found.size if found is not None else 0
        return found

    def fit(self, most: int, most_bytes: int) -> None:
        while len(self.responses) > most or self.bytes > most_bytes:
            self.drop(next(iter(self.responses)))

    def expire(self, before: float) -> None:
        while self.responses:
            oldest, (used, _) = next(iter(self.responses.items()))
            if used > before:
                return
            self.drop(oldest)


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
