"""What a server signed of its thinking. Its API wants thinking blocks of an earlier turn back with their signatures.

A client's word is not taken for it: a signature is unreadable, so one that a client sends could hold anything, and
never leaves. The signatures that came from a server are kept here instead, and go back to that server only, with
thinking that was read like all else and is, as it is sent, letter by letter what the server said. Of the thinking
itself only a keyed hash is kept. Without its signature thinking is left out.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from nemora.core import Json

KEPT_CHARACTERS = 16_000_000
"""Of signatures; the turns that were asked for least recently go first."""


@dataclass(frozen=True, slots=True)
class SignedBlock:
    """A block of thinking of `length` characters with its signature; or, `hidden`, one that the server encrypted."""

    length: int
    signature: str
    hidden: bool = False


class SignedThinking:
    """The signed turns of one server, in memory only. Thread-safe.

    Args:
        most: characters of signatures that are kept.
    """

    def __init__(self, most: int = KEPT_CHARACTERS) -> None:
        self._most = most
        self._key = secrets.token_bytes(32)
        self._turns: OrderedDict[bytes, tuple[SignedBlock, ...]] = OrderedDict()
        self._characters = 0
        self._lock = threading.Lock()

    def remember(self, thinking: str, blocks: Sequence[SignedBlock]) -> None:
        """Keep the blocks of a turn whose whole thinking this is. A turn without any text of it is not known again."""
        if not thinking or not blocks:
            return
        with self._lock:
            self._drop(self._digest(thinking))
            self._turns[self._digest(thinking)] = tuple(blocks)
            self._characters += _size(blocks)
            while self._characters > self._most:
                self._drop(next(iter(self._turns)))

    def blocks(self, thinking: str | None) -> list[Json]:
        """The blocks of a turn with this thinking, as the server's API has them; none where it did not sign them."""
        if not thinking:
            return []
        with self._lock:
            digest = self._digest(thinking)
            found = self._turns.get(digest, ())
            if found:
                self._turns.move_to_end(digest)
        written: list[Json] = []
        start = 0
        for block in found:
            text, start = thinking[start : start + block.length], start + block.length
            if block.hidden:
                written.append({"type": "redacted_thinking", "data": block.signature})
            else:
                written.append({"type": "thinking", "thinking": text, "signature": block.signature})
        return written

    def _digest(self, thinking: str) -> bytes:
        return hashlib.blake2b(thinking.encode("utf-8", "surrogatepass"), key=self._key, digest_size=32).digest()

    def _drop(self, digest: bytes) -> None:
        self._characters -= _size(self._turns.pop(digest, ()))


def _size(blocks: Sequence[SignedBlock]) -> int:
    return sum(len(block.signature) for block in blocks)
