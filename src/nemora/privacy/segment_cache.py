"""What was found in a piece of text, remembered by a keyed hash, so that a history is read once and not every turn."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from nemora.privacy.protocols import Match


class SegmentCache:
    """The most recently used `entries` pieces. Holds keyed digests and matches, never text. Not thread-safe."""

    def __init__(self, entries: int, key: bytes) -> None:
        self._entries = entries
        self._key = key[:64]
        self._found: OrderedDict[bytes, tuple[Match, ...]] = OrderedDict()

    def digest(self, *parts: str) -> bytes:
        """The keyed name of a piece of text in its context."""
        state = hashlib.blake2b(key=self._key, digest_size=16)
        for part in parts:
            data = part.encode("utf-8", "surrogatepass")
            state.update(len(data).to_bytes(8, "big"))
            state.update(data)
        return state.digest()

    def get(self, digest: bytes) -> tuple[Match, ...] | None:
        """What was found there, or None if it was not read yet (or has been forgotten)."""
        found = self._found.get(digest)
        if found is not None:
            self._found.move_to_end(digest)
        return found

    def put(self, digest: bytes, matches: tuple[Match, ...]) -> None:
        """Remember; the least recently used entry goes."""
        self._found[digest] = matches
        self._found.move_to_end(digest)
        while len(self._found) > self._entries:
            self._found.popitem(last=False)

    def __len__(self) -> int:
        return len(self._found)
