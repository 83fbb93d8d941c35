"""Once sensitive, a conversation stays sensitive. It is known by its messages, not by an id that a client sends.

Clients trim, reorder and rewrite history, so each message stands for itself: a keyed hash of its text without
whitespace. When a request is above public, its messages from the first sensitive one on are remembered with the
class, and so is the answer to it. A later request that holds any of them inherits at least that class.

What must not tie unrelated conversations together carries no taint:
  - system and developer text, which every conversation of an application shares;
  - texts shorter than `MIN_CHARS`, and `MIN_CHARS_HARMLESS` for user and tool text in which nothing was found
    ("please continue with the next step", the output of a common command);
  - text without a finding of its own that was part of a public request before: it may have left already.

Of a document in which something was found each sentence is remembered in the same way, so that a later message that
quotes one inherits the class as well.

No content is stored: hashes, classes and times.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import threading
import time
import unicodedata
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nemora.core import Message, OpaquePart, ReadDocument
from nemora.errors import LedgerError
from nemora.privacy.database import Database
from nemora.privacy.decide import Decision
from nemora.privacy.finding import Finding, Sensitivity
from nemora.privacy.keys import TAINT_FILE, derive
from nemora.privacy.quotes import sentences

MIN_CHARS = 24
MIN_CHARS_HARMLESS = 64
DEFAULT_DAYS = 30
MAX_TAINTED = 1_000_000
MAX_PUBLIC = 200_000
MAX_PENDING = 100_000
MAX_QUOTES = 5_000
"""Sentences of one request's documents that are remembered."""

_DAY_SECONDS = 86_400
_TOUCH_SECONDS = 3_600
"""How stale "last seen" may become before a lookup writes it: not every turn of a conversation costs a write."""
_TIDY_SECONDS = 300

SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (hash BLOB PRIMARY KEY, class INTEGER NOT NULL, last_seen INTEGER NOT NULL)
    STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_age ON messages (class, last_seen)
"""
_EVERYWHERE = {"incomplete", "unknown_class", "classifier"}
"""Reasons that do not say which message is the sensitive one."""
_PLACE = re.compile(r"/messages/(\d+)(?:/content/(\d+))?(?:/|$)", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Unit:
    """One text that can carry taint: a message's content or reasoning, or the arguments of one of its calls."""

    message: int
    document: int
    """The index of the part that is a document; -1 for what stands in the message itself."""
    hash: bytes
    chars: int
    answer: bool
    """Whether a model wrote it for the user to read."""

    @property
    def place(self) -> tuple[int, int]:
        return self.message, self.document

    def may_carry(self, found: bool) -> bool:
        """Whether it is long enough; `found`: something was found in its message, or in its document."""
        return self.chars >= (MIN_CHARS if found or self.answer else MIN_CHARS_HARMLESS)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the store knows of a text. `stale`: its time should be renewed."""

    sensitivity: Sensitivity
    stale: bool


class TaintStore:
    """What was sensitive before. Thread-safe; several processes may have it open.

    Making one opens nothing. Every call raises `LedgerError` when the store cannot be used; the caller must then send
    nothing to the cloud. What could not be written is kept in memory and written by the next call.

    Args:
        data_dir: folder of the store; None keeps it in memory.
        key: the installation's key (`keys.load_key`).
        days: a message is forgotten this long after it was last seen.
        clock: seconds since 1970, for tests.
    """

    def __init__(
        self,
        data_dir: Path | None,
        key: bytes,
        *,
        days: int = DEFAULT_DAYS,
        max_tainted: int = MAX_TAINTED,
        max_public: int = MAX_PUBLIC,
        busy_seconds: float = 5.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._key = derive(key, "taint")
        self._any_quote = self._hash("", b"any quote")  # there as long as any sentence of a document is
        self._seconds = days * _DAY_SECONDS
        self._max_tainted, self._max_public = max_tainted, max_public
        self._clock = clock
        self._pending: dict[bytes, Sensitivity] = {}
        self._pending_lock = threading.Lock()
        self._overflown = False
        self._tidied = 0.0
        path = None if data_dir is None else data_dir / TAINT_FILE
        self._database = Database(path, noun="taint store", schema=SCHEMA, busy_seconds=busy_seconds)

    @classmethod
    def open(cls, data_dir: Path, key: bytes, *, days: int = DEFAULT_DAYS) -> TaintStore:
        """The store in `data_dir`."""
        return cls(data_dir, key, days=days)

    @classmethod
    def in_memory(cls, key: bytes) -> TaintStore:
        """A store that is gone with the process."""
        return cls(None, key)

    def keep(self, days: int) -> None:
        """Forget a message so many days after it was last seen, from now on: the policy has changed."""
        self._seconds = days * _DAY_SECONDS

    def lookup(self, messages: Sequence[Message]) -> Sensitivity:
        """The highest class with which any of a request's messages was remembered. Raises `LedgerError`."""
        self._flush()
        hashes = [unit.hash for unit in self._units(messages)]
        quotes: dict[bytes, _Seen] = {}
        with self._database.read() as connection:
            known = self._known(connection, [*hashes, self._any_quote])
            if any_quote := known.pop(self._any_quote, None):
                quotes = self._known(connection, self._quotes(text for m in messages for text, _, _ in _texts(m)))
        tainted = {h: seen for h, seen in (known | quotes).items() if seen.sensitivity > Sensitivity.PUBLIC}
        if any(seen.stale for seen in tainted.values()):
            again = tainted if any_quote is None else {**tainted, self._any_quote: any_quote}
            with self._database.write() as connection:
                self._store(connection, {h: seen.sensitivity for h, seen in again.items()}, again)
        return max((seen.sensitivity for seen in tainted.values()), default=Sensitivity.PUBLIC)

    def remember(self, messages: Sequence[Message], decision: Decision) -> None:
        """Remember the messages of a decided request, public or not, before it is answered. Raises `LedgerError`.

        The sensitive part begins at the first message that holds a counted finding or was tainted before. A finding
        outside the messages (a tool, a field), or a class that no finding explains, makes all messages sensitive.
        """
        units = self._units(messages)
        holders = {_place_of(finding, messages) for finding in decision.counted}
        whole = (-1, -1) in holders or any(r.partition(":")[0] in _EVERYWHERE for r in decision.reasons)
        sensitivity = decision.sensitivity
        is_public = sensitivity is Sensitivity.PUBLIC
        marked = set() if is_public else {u.hash for u in units if u.may_carry(whole or u.place in holders)}
        quotes = self._quotes(_documents(messages, None if whole or is_public else holders))[:MAX_QUOTES]
        tainting = () if is_public else (*marked, *quotes)
        with self._or_pending(dict.fromkeys(tainting, sensitivity)), self._writing() as connection:
            known = self._known(connection, [*(unit.hash for unit in units), *quotes, self._any_quote])
            if is_public:
                self._store(connection, dict.fromkeys((*(unit.hash for unit in units), *quotes), sensitivity), known)
                return
            tainted = [u.message for u in units if u.hash in known and known[u.hash].sensitivity > Sensitivity.PUBLIC]
            first = 0 if whole else min([*(message for message, _ in holders), *tainted], default=0)
            chosen = [unit for unit in units if unit.hash in marked and unit.message >= first]
            kept = {u.hash: sensitivity for u in chosen if u.place in holders or not _is_public(known.get(u.hash))}
            kept |= {quote: sensitivity for quote in quotes if not _is_public(known.get(quote))}
            self._store(connection, {**kept, self._any_quote: sensitivity} if quotes else kept, known)

    def mark_answer(self, answer: Message, sensitivity: Sensitivity) -> None:
        """Remember the local answer to a request above public, whole or as far as it came. Raises `LedgerError`."""
        if sensitivity is Sensitivity.PUBLIC:
            return
        marked = {unit.hash: sensitivity for unit in self._units((answer,)) if unit.may_carry(False)}
        with self._or_pending(marked), self._writing() as connection:
            known = self._known(connection, list(marked))
            self._store(connection, {h: c for h, c in marked.items() if not _is_public(known.get(h))}, known)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _units(self, messages: Sequence[Message]) -> list[_Unit]:
        return [
            _Unit(index, document, self._hash(bare), len(bare), answer)
            for index, message in enumerate(messages)
            for text, answer, document in _texts(message)
            if len(bare := _bare(text)) >= MIN_CHARS
        ]

    def _quotes(self, texts: Iterable[str]) -> list[bytes]:
        """The hashes of the texts' sentences, which are not those of whole texts."""
        return list(dict.fromkeys(self._hash(bare, b"quote") for text in texts for bare in sentences(text)))

    def _hash(self, bare: str, person: bytes = b"") -> bytes:
        data = bare.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, key=self._key, digest_size=16, person=person).digest()

    def _known(self, connection: sqlite3.Connection, hashes: Sequence[bytes]) -> dict[bytes, _Seen]:
        """What is remembered of `hashes` and has not expired."""
        now = int(self._clock())
        known = {}
        for start in range(0, len(hashes), 500):
            part = hashes[start : start + 500]
            found = connection.execute(
                "SELECT hash, class, last_seen FROM messages WHERE last_seen >= ? AND hash IN"  # noqa: S608 - marks only
                f" ({','.join('?' * len(part))})",
                (now - self._seconds, *part),
            )
            for digest, value, last_seen in found:
                known[digest] = _Seen(Sensitivity(value), now - last_seen > _TOUCH_SECONDS)
        return known

    def _store(
        self, connection: sqlite3.Connection, classes: Mapping[bytes, Sensitivity], known: Mapping[bytes, _Seen]
    ) -> None:
        """Write what is new, higher or stale; a class never falls before it expires."""
        now = int(self._clock())
        rows = [
            (digest, int(sensitivity), now, now - self._seconds)
            for digest, sensitivity in classes.items()
            if digest not in known or known[digest].stale or known[digest].sensitivity < sensitivity
        ]
        connection.executemany(
            "INSERT INTO messages VALUES (?1, ?2, ?3) ON CONFLICT (hash) DO UPDATE SET last_seen = ?3,"
            " class = iif(last_seen < ?4, ?2, max(class, ?2))",
            rows,
        )
        if now - self._tidied > _TIDY_SECONDS:
            self._tidied = now
            self._tidy(connection, now)

    def _tidy(self, connection: sqlite3.Connection, now: int) -> None:
        connection.execute("DELETE FROM messages WHERE last_seen < ?", (now - self._seconds,))
        for which, bound in (("class > 0", self._max_tainted), ("class = 0", self._max_public)):
            connection.execute(
                f"DELETE FROM messages WHERE hash IN (SELECT hash FROM messages WHERE {which}"  # noqa: S608 - fixed
                " ORDER BY last_seen DESC LIMIT -1 OFFSET ?)",
                (bound,),
            )

    @contextmanager
    def _or_pending(self, marked: Mapping[bytes, Sensitivity]) -> Iterator[None]:
        """Keep in memory what could not be written, so that it still counts when the store works again."""
        try:
            yield
        except LedgerError:
            with self._pending_lock:
                for digest, sensitivity in marked.items():
                    self._pending[digest] = max(sensitivity, self._pending.get(digest, Sensitivity.PUBLIC))
                self._overflown = self._overflown or len(self._pending) > MAX_PENDING
                if self._overflown:
                    self._pending.clear()
            raise

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        self._flush()
        with self._database.write() as connection:
            yield connection

    def _flush(self) -> None:
        if self._overflown:
            raise LedgerError("The taint store could not be written for too long; repair the disk and restart.")
        if not self._pending:
            return
        with self._pending_lock:
            waiting = dict(self._pending)
            with self._database.write() as connection:
                self._store(connection, waiting, self._known(connection, list(waiting)))
            self._pending.clear()


def _texts(message: Message) -> Iterator[tuple[str, bool, int]]:
    """Each text of a message that can carry taint, whether it is a model's answer, and the document that it is of."""
    if message.role in ("system", "developer"):
        return
    yield message.text(), message.role == "assistant", -1
    for document, part in _read_parts(message):
        yield from ((passage.text, False, document) for passage in part.passages)
    if message.reasoning:
        yield message.reasoning, True, -1
    for call in message.tool_calls:
        yield call.arguments, False, -1


def _read_parts(message: Message) -> Iterator[tuple[int, ReadDocument]]:
    for index, part in enumerate(message.content if isinstance(message.content, tuple) else ()):
        if isinstance(part, OpaquePart) and part.read is not None:
            yield index, part.read


def _documents(messages: Sequence[Message], holders: Container[tuple[int, int]] | None) -> Iterator[str]:
    """The texts of documents in which something was found; of all documents where `holders` is None."""
    for index, message in enumerate(messages):
        for document, read in _read_parts(message):
            if holders is None or (index, document) in holders:
                yield from (passage.text for passage in read.passages)


def _bare(text: str) -> str:
    return "".join(unicodedata.normalize("NFC", text).split())


def _place_of(finding: Finding, messages: Sequence[Message]) -> tuple[int, int]:
    """The message that holds a finding, and the part that is a document; -1 when it is elsewhere, or in no document."""
    found = _PLACE.match(finding.where)
    if found is None:
        return -1, -1
    message = int(found[1])
    content = messages[message].content if message < len(messages) else None
    part = int(found[2]) if found[2] and isinstance(content, tuple) else -1
    is_document = isinstance(content, tuple) and 0 <= part < len(content) and isinstance(content[part], OpaquePart)
    return message, part if is_document else -1


def _is_public(seen: _Seen | None) -> bool:
    return seen is not None and seen.sensitivity is Sensitivity.PUBLIC
