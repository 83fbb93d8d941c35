"""Signed heads: from time to time a line that says how long the ledger was and what its last row was.

They are written to a file of their own, which may lie on another disk or machine, and each line alone proves that the
ledger up to there must still be there, whole and unaltered. Signed with HMAC-SHA256 by the installation's key.
"""

from __future__ import annotations

import hmac
import json
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nemora.errors import LedgerError
from nemora.privacy.keys import derive

logger = logging.getLogger("nemora.ledger")

EVERY_ROWS = 1000
EVERY_MS = 3_600_000
_TAIL_BYTES = 512


@dataclass(frozen=True, slots=True)
class SignedHead:
    """One line: rows, the last row's mac, when, and the signature over these."""

    count: int
    last_mac: str
    time_ms: int
    signature: str

    def line(self) -> str:
        return f"{self.count} {self.last_mac} {self.time_ms} {self.signature}\n"


class Heads:
    """The file of signed heads. Thread-safe; several processes may append to it.

    A head that cannot be written is logged, and holds nothing up: the row itself is in the ledger.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self.path = path
        self._key = derive(key, "ledger-heads")
        self._lock = threading.Lock()
        self._last: tuple[int, int] | None = None

    def sign(self, count: int, last_mac: str, time_ms: int) -> SignedHead:
        """The head of a ledger with `count` rows, of which the last has `last_mac`."""
        canonical = json.dumps([count, last_mac, time_ms], separators=(",", ":")).encode("ascii")
        return SignedHead(count, last_mac, time_ms, hmac.digest(self._key, canonical, "sha256").hex())

    def offer(self, count: int, last_mac: str, time_ms: int) -> None:
        """Called for each row: writes a head when the last one is `EVERY_ROWS` rows or `EVERY_MS` milliseconds old."""
        with self._lock:
            try:
                if self._last is None:
                    self._last = self._read_last()
                if count - self._last[0] >= EVERY_ROWS or time_ms - self._last[1] >= EVERY_MS:
                    self._append(self.sign(count, last_mac, time_ms))
                    self._last = count, time_ms
            except (OSError, ValueError) as error:
                self._last = count, time_ms  # tried again later, not at each row
                logger.error("a signed head of the ledger could not be written (%s)", type(error).__name__)

    def problem(self, mac_of: Callable[[int], str | None], first: int, path: Path | None = None) -> tuple[int, str]:
        """Check each line of the file (or of a copy of it, at `path`) against the ledger's rows.

        Heads of fewer than `first` rows are checked by their signature alone: those rows are archived elsewhere.

        Returns:
            how many heads are sound, and what is wrong with the next one, or "".

        Raises:
            LedgerError: the file cannot be read.
        """
        file = path or self.path
        try:
            text = file.read_text(encoding="ascii")
        except FileNotFoundError:
            return 0, ""
        except (OSError, UnicodeDecodeError):
            raise LedgerError(f"The ledger's heads in {file} cannot be read.") from None
        lines = text.split("\n")
        if lines[-1]:  # the end of a line that was being written when the power failed
            lines[-1] = ""
        sound = 0
        for position, line in enumerate(lines, 1):
            if not line:
                continue
            head = self._parsed(line)
            if head is None:
                return sound, f"line {position} of {file.name} is not a head that this key signed"
            found = mac_of(head.count)
            if head.count >= first and found is None:
                return sound, f"row {head.count}, signed in line {position} of {file.name}, is missing"
            if head.count >= first and found != head.last_mac:
                return sound, f"row {head.count} is not the one that was signed in line {position} of {file.name}"
            sound += 1
        return sound, ""

    def _parsed(self, line: str) -> SignedHead | None:
        try:
            count, last_mac, time_ms, signature = line.split()
            head = self.sign(int(count), last_mac, int(time_ms))
        except ValueError:
            return None
        return head if hmac.compare_digest(head.signature.encode(), signature.encode()) else None

    def _read_last(self) -> tuple[int, int]:
        if not self.path.exists():
            return 0, 0
        with self.path.open("rb") as file:
            file.seek(max(0, self.path.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode("ascii").split("\n")
        head = next((found for line in reversed(lines) if line and (found := self._parsed(line))), None)
        return (head.count, head.time_ms) if head is not None else (0, 0)

    def _append(self, head: SignedHead) -> None:
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.write(file, head.line().encode("ascii"))
            os.fsync(file)
        finally:
            os.close(file)


def is_list_of_heads(path: Path) -> bool:
    """Whether a file holds signed heads, and not the one line of a `ledger.head`."""
    try:
        with path.open("rb") as file:
            return len(file.readline(_TAIL_BYTES).split()) == 4
    except OSError:
        raise LedgerError(f"{path} cannot be read; give a copy of ledger.head or of ledger.heads.") from None
