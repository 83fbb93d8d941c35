"""The ledger: what was decided and what left, row by row, without content, in a chain that only the key can make.

Each row holds the mac of the row before and its own, HMAC-SHA256 over every column. The head (count and last mac,
with a mac of its own) is kept in the same transaction, so that a cut tail is seen, and once more in a small
file beside the database, so that a deleted or older database is seen. `verify` names the first row that is wrong.

Three kinds of rows: `decision`, on the disk before the first byte leaves; `completion`, when the answer ended, with
the bytes that left and to whom; and `shadow`, what a candidate policy would have decided. A decision without a
completion means that the process died in between: the request may have left.
"""

from __future__ import annotations

import dataclasses
import hmac
import json
import re
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nemora.errors import LedgerError, SettingsError
from nemora.privacy.database import Database
from nemora.privacy.decide import Decision
from nemora.privacy.keys import HEAD_FILE, HEADS_FILE, LEDGER_FILE, derive
from nemora.privacy.ledger_archive import Archives
from nemora.privacy.ledger_heads import Heads, is_list_of_heads
from nemora.privacy.ledger_rows import COLUMNS, LedgerRow
from nemora.privacy.private_file import replace_private_file

_WORD = re.compile(r"[A-Za-z0-9/][A-Za-z0-9._:/@+\-]{0,199}|", re.ASCII)
_REASON = re.compile(r"[a-z0-9_]+(:[a-z0-9_+]+)?", re.ASCII)
_ALTERED = "has been altered; run: nemora ledger verify"


_TEXT = "TEXT", "TEXT NOT NULL"
_INTEGER = "INTEGER", "INTEGER NOT NULL"


def _declare(field: dataclasses.Field[Any]) -> str:
    kind = _INTEGER if str(field.type).startswith("int") else _TEXT
    return f"{field.name} {kind['None' not in str(field.type)]}{' PRIMARY KEY' if field.name == 'seq' else ''}"


SCHEMA = f"""
CREATE TABLE IF NOT EXISTS entries ({", ".join(_declare(f) for f in dataclasses.fields(LedgerRow))}) STRICT;
CREATE TABLE IF NOT EXISTS base (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL,
    last_mac TEXT NOT NULL, mac TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS head (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL,
    last_mac TEXT NOT NULL, mac TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS decisions ON entries (request_id) WHERE kind = 'decision'
"""
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM entries"  # noqa: S608 - the names are this file's
_NAMED = ", ".join(":" + c for c in COLUMNS)
_INSERT = f"INSERT INTO entries ({', '.join(COLUMNS)}) VALUES ({_NAMED})"  # noqa: S608 - likewise


@dataclass(frozen=True, slots=True)
class _Head:
    """How long the chain is and its last mac, with a mac over both."""

    count: int
    last_mac: str
    mac: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found: `rows` sound rows from the start, and when not `intact`, the first bad row and why."""

    intact: bool
    rows: int
    bad_seq: int | None = None
    problem: str = ""
    archived: int = 0
    """Rows before those, which were moved to archives."""
    heads: int = dataclasses.field(default=0, compare=False)
    """Signed heads that fit."""


class Ledger:
    """The ledger of one installation. Thread-safe; several processes may have it open.

    Making one opens nothing and never fails, so that a server can start (and answer locally) on a full disk:
    `writable` and the calls that record say how it stands, each time anew.
    """

    def __init__(
        self,
        data_dir: Path | None,
        key: bytes,
        *,
        busy_seconds: float = 5.0,
        heads: Heads | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.clock = clock
        self._heads = heads
        self._key = derive(key, "ledger")
        self._body_key = derive(key, "ledger-body")
        self._genesis = self._mac(b"genesis", [])
        self._head_path = data_dir / HEAD_FILE if data_dir is not None else None
        self._database = Database(
            data_dir / LEDGER_FILE if data_dir is not None else None,
            noun="ledger",
            schema=SCHEMA,
            added={"entries": {"detail": "TEXT"}},
            busy_seconds=busy_seconds,
        )

    @classmethod
    def open(cls, data_dir: Path, key: bytes, *, busy_seconds: float = 5.0, heads: Path | None = None) -> Ledger:
        """The ledger in `data_dir`; `key` is the installation's (`keys.load_key`); `heads`: where signed heads go."""
        return cls(data_dir, key, busy_seconds=busy_seconds, heads=Heads(heads or data_dir / HEADS_FILE, key))

    @classmethod
    def in_memory(cls, key: bytes) -> Ledger:
        """A ledger that is gone with the process, for tests and for commands that send nothing."""
        return cls(None, key)

    def writable(self) -> bool:
        """Whether a row could be written now: unlocked, unaltered, room on the disk. Writes no row."""
        try:
            self._prepare()
            with self._database.write() as connection:
                self._head(connection)
                connection.execute("UPDATE head SET count = count")  # fails on a read-only file
        except LedgerError:
            return False
        return True

    def record_decision(
        self,
        *,
        request_id: str,
        endpoint: str,
        decision: Decision,
        route: Literal["cloud", "local", "refuse"],
        destination: str,
        model: str,
        reasons: Sequence[str] | None = None,
        body: bytes | None = None,
        reserved: int | None = None,
        tenant: str = "default",
    ) -> int:
        """Commit what was decided; returns the row's number. Nothing may leave before this has returned.

        Args:
            destination: the configured name of the server, "local", or "" for a refused request.
            model: the configured name of the model, never an unknown name that a client sent.
            reasons: the destination's reasons where they are more than the decision's.
            body: the exact bytes that will be sent, of which a keyed digest is kept.
            reserved: the most that it may cost, in micro-dollars, where a price is known.

        Raises:
            LedgerError: the row is not on the disk.
        """
        codes = decision.reasons if reasons is None else tuple(reasons)
        return self._append(
            kind="decision",
            request_id=self._word(request_id),
            tenant=self._word(tenant),
            endpoint=self._word(endpoint),
            action=decision.action.value,
            route=route,
            destination=self._word(destination),
            model=self._word(model),
            sensitivity=decision.sensitivity.word,
            reasons=_compact([code if _REASON.fullmatch(code) else "unknown" for code in codes]),
            kinds=_compact(decision.kinds()),
            policy_id=self._word(decision.policy_id),
            body_digest=None if body is None else self.body_digest(body),
            detail=_compact(_detail(decision, body, reserved)),
        )

    def record_shadow(
        self,
        decision_seq: int,
        *,
        request_id: str,
        decision: Decision,
        destination: str,
        route: Literal["cloud", "local", "refuse"],
        tenant: str = "default",
    ) -> int:
        """Commit what a candidate policy would have decided; returns the row's number. Raises `LedgerError`."""
        return self._append(
            kind="shadow",
            request_id=self._word(request_id),
            tenant=self._word(tenant),
            decision_seq=decision_seq,
            action=decision.action.value,
            route=route,
            destination=self._word(destination),
            sensitivity=decision.sensitivity.word,
            reasons=_compact([code if _REASON.fullmatch(code) else "unknown" for code in decision.reasons]),
            policy_id=self._word(decision.policy_id),
        )

    def record_completion(
        self,
        decision_seq: int,
        *,
        request_id: str,
        status: str,
        bytes_sent: int = 0,
        tokens_in: int | None = None,
        tokens_out: int | None = None,
        destination: str | None = None,
        micro_usd: int | None = None,
        estimated: bool = False,
        tenant: str = "default",
    ) -> int:
        """Commit how a decided request ended; returns the row's number.

        Args:
            status: a finish reason or an error code.
            bytes_sent: bytes of request bodies that left this machine; 0 for a local answer.
            destination: who got them: the configured name of the server, or "local".
            micro_usd: what it cost, in millionths of a dollar, where a price is known.
            estimated: the server reported no usage, and tokens and costs are an estimate.

        Raises:
            LedgerError: the row is not on the disk.
        """
        costs: dict[str, Any] = {} if micro_usd is None else {"micro_usd": micro_usd}
        if costs or estimated:
            costs["estimated"] = estimated
        return self._append(
            kind="completion",
            request_id=self._word(request_id),
            tenant=self._word(tenant),
            decision_seq=decision_seq,
            status=self._word(status),
            bytes_sent=bytes_sent,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            destination=None if destination is None else self._word(destination),
            detail=_compact(costs) if costs else None,
        )

    def body_digest(self, body: bytes) -> str:
        """The keyed digest under which a body that left is recorded: who holds the body and the key can prove it."""
        return hmac.digest(self._body_key, body, "sha256").hex()

    def rows_after(self, seq: int, since_ms: int = 0) -> list[LedgerRow]:
        """Rows with higher numbers than `seq` and not older than `since_ms`, oldest first. Raises `LedgerError`."""
        if not self._database.exists():
            return []
        with self._database.read() as connection:
            found = connection.execute(
                _SELECT + " WHERE seq > ? AND time_ms >= ? ORDER BY seq", (seq, since_ms)
            ).fetchall()
        return [LedgerRow(**dict(zip(COLUMNS, row, strict=True))) for row in found]

    def rows(self, limit: int | None = None) -> list[LedgerRow]:
        """The last `limit` rows (all, when None), oldest first. Raises `LedgerError`."""
        if not self._database.exists():
            return []
        with self._database.read() as connection:
            found = connection.execute(
                _SELECT + " ORDER BY seq DESC LIMIT ?", (-1 if limit is None else limit,)
            ).fetchall()
        return [LedgerRow(**dict(zip(COLUMNS, row, strict=True))) for row in reversed(found)]

    def decision_of(self, request_id: str) -> LedgerRow | None:
        """The newest decision on a request, or None. Raises `LedgerError`."""
        if not self._database.exists():
            return None
        with self._database.read() as connection:
            row = connection.execute(
                _SELECT + " WHERE kind = 'decision' AND request_id = ? ORDER BY seq DESC LIMIT 1", (request_id,)
            ).fetchone()
        return None if row is None else LedgerRow(**dict(zip(COLUMNS, row, strict=True)))

    def verify(self, kept_head: Path | None = None, archives: Sequence[Path] = ()) -> Verification:
        """Check every row, the chain and the heads.

        Args:
            kept_head: a copy of `ledger.head` or of `ledger.heads` that was kept elsewhere; the ledger must continue
                from it.
            archives: files that `ledger_archive.archive` wrote, to be checked as well, in any order.

        Raises:
            LedgerError: a file cannot be read at all.
        """
        is_list = kept_head is not None and is_list_of_heads(kept_head)
        heads = [(name, self._read_head_file(path)) for name, path in self._head_files(None if is_list else kept_head)]
        if not self._database.exists():
            if all(head is None for _, head in heads) and not is_list:
                return Verification(True, 0)
            return Verification(False, 0, 1, "its database is gone")
        old = Archives(archives, self._row_mac, self._genesis)
        if old.problem:
            return Verification(False, 0, None, old.problem)
        with self._database.read() as connection:
            found = self._walk(connection, heads, old)
            if not found.intact or self._heads is None:
                return found
            for path in (None, *((kept_head,) if is_list else ())):
                first = 0 if archives else found.archived
                sound, problem = self._heads.problem(
                    lambda seq: old.macs.get(seq) or self._mac_of(connection, seq), first, path
                )
                if problem:
                    return dataclasses.replace(found, intact=False, problem=problem, heads=sound)
            return dataclasses.replace(found, heads=sound)

    def problem(self) -> str:
        """What is wrong with the ledger, "" when it is intact. Raises `LedgerError`."""
        return self.verify().problem

    def signed_head(self) -> str:
        """A signed line that says how long the ledger is now, to be kept elsewhere. Raises `LedgerError`."""
        if self._heads is None:
            raise LedgerError("A ledger in memory has no signed heads.")
        with self._database.read() as connection:
            count, last_mac = self._head(connection)
        return self._heads.sign(count, last_mac, int(self.clock() * 1000)).line()

    def drop_archived(self, last: LedgerRow) -> None:
        """Delete the rows up to `last`, which must be in an archive already; the chain then begins after it.

        Raises:
            LedgerError: the ledger has been altered, or cannot be written.
        """
        with self._database.write() as connection:
            self._head(connection)
            if self._mac_of(connection, last.seq) != last.mac:
                raise LedgerError(f"The ledger {_ALTERED}")
            base = _Head(last.seq, last.mac, self._mac(b"base", [last.seq, last.mac]))
            connection.execute("INSERT OR REPLACE INTO base VALUES (1, ?, ?, ?)", dataclasses.astuple(base))
            connection.execute("DELETE FROM entries WHERE seq <= ?", (last.seq,))

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _append(self, **values: Any) -> int:
        self._prepare()
        with self._database.write() as connection:
            count, last_mac = self._head(connection)
            row: dict[str, Any] = dict.fromkeys(COLUMNS) | values
            row |= {"seq": count + 1, "time_ms": int(self.clock() * 1000), "prev_mac": last_mac}
            mac = self._row_mac(row)
            connection.execute(_INSERT, row | {"mac": mac})
            head = _Head(count + 1, mac, self._head_mac(count + 1, mac))
            connection.execute("INSERT OR REPLACE INTO head VALUES (1, ?, ?, ?)", dataclasses.astuple(head))
        self._write_head_file(head)
        if self._heads is not None:
            self._heads.offer(head.count, head.last_mac, row["time_ms"])
        return head.count

    def _prepare(self) -> None:
        """A ledger's head file is there before its database, so a database without one has been altered."""
        if self._head_path is None or self._database.exists() or self._read_head_file(self._head_path) is not None:
            return
        self._write_head_file(_Head(0, self._genesis, self._head_mac(0, self._genesis)))

    def _head(self, connection: sqlite3.Connection) -> tuple[int, str]:
        """Count and last mac, after checks that keep a new row from covering up an older alteration."""
        stored = connection.execute("SELECT count, last_mac, mac FROM head").fetchone()
        last = connection.execute("SELECT seq, mac FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
        head = _Head(*stored) if stored else _Head(0, self._genesis, self._head_mac(0, self._genesis))
        base = self._base(connection)
        if base is None or not self._genuine(head) or (last or base) != (head.count, head.last_mac):
            raise LedgerError(f"The ledger {_ALTERED}")
        if self._head_path is not None:
            kept = self._read_head_file(self._head_path)
            if kept is None or not self._genuine(kept) or kept.last_mac != self._mac_of(connection, kept.count):
                raise LedgerError(f"The ledger {_ALTERED}")
        return head.count, head.last_mac

    def _base(self, connection: sqlite3.Connection) -> tuple[int, str] | None:
        """The row before the first one here: none at all, or the last one that was archived. None: it is forged."""
        stored = connection.execute("SELECT count, last_mac, mac FROM base").fetchone()
        if stored is None:
            return 0, self._genesis
        expected = self._mac(b"base", [stored[0], stored[1]])
        return (stored[0], stored[1]) if hmac.compare_digest(str(stored[2]).encode(), expected.encode()) else None

    def _walk(
        self, connection: sqlite3.Connection, heads: list[tuple[str, _Head | None]], old: Archives
    ) -> Verification:
        base = self._base(connection)
        if base is None or (old.macs and (old.count, old.last_mac) != base):
            said = (
                "the mark of where its rows begin is altered" if base is None else "the archives do not lead up to it"
            )
            return Verification(False, 0, None, said)
        (count, last_mac), archived = base, base[0]
        for values in connection.execute(_SELECT + " ORDER BY seq"):
            row = dict(zip(COLUMNS, values, strict=True))
            if row["seq"] != count + 1:
                return Verification(False, count, count + 1, f"row {count + 1} is missing")
            if not hmac.compare_digest(str(row["mac"]).encode(), self._row_mac(row).encode()):
                return Verification(False, count, count + 1, f"row {count + 1} has been altered")
            if row["prev_mac"] != last_mac:
                return Verification(False, count, count + 1, f"row {count + 1} does not follow the row before it")
            count, last_mac = count + 1, row["mac"]
        stored = connection.execute("SELECT count, last_mac, mac FROM head").fetchone()
        if stored or count:
            heads = [("the database's head", _Head(*stored) if stored else None), *heads]
        for name, head in heads:
            if head is None or not self._genuine(head):
                return Verification(False, count, None, f"{name} is missing or altered; rows may be cut off the end")
            if head.count > count:
                return Verification(False, count, count + 1, f"row {count + 1} is missing, and all to {head.count}")
            if head.count < archived and not old.macs:
                return Verification(False, count, None, f"{name} is older than the first row here; give the archives")
            if head.last_mac != (old.macs.get(head.count) or self._mac_of(connection, head.count)):
                return Verification(False, head.count - 1, head.count, f"row {head.count} is not the one of {name}")
        if stored and stored[0] != count:
            return Verification(False, stored[0], stored[0] + 1, f"row {stored[0] + 1} is not covered by the head")
        return Verification(True, count, archived=archived)

    def _mac_of(self, connection: sqlite3.Connection, seq: int) -> str | None:
        if seq == 0:
            return self._genesis
        found = connection.execute(
            "SELECT mac FROM entries WHERE seq = ? UNION SELECT last_mac FROM base WHERE count = ?", (seq, seq)
        ).fetchone()
        return found[0] if found else None

    def _row_mac(self, row: Mapping[str, Any]) -> str:
        values = [row[c] for c in COLUMNS if c not in ("mac", "detail")]
        # Older rows have no detail; one that is taken away or added changes how many values there are.
        return self._mac(b"row", values if row["detail"] is None else [*values, row["detail"]])

    def _head_mac(self, count: int, last_mac: str) -> str:
        return self._mac(b"head", [count, last_mac])

    def _genuine(self, head: _Head) -> bool:
        return hmac.compare_digest(str(head.mac).encode(), self._head_mac(head.count, head.last_mac).encode())

    def _mac(self, purpose: bytes, values: list[Any]) -> str:
        canonical = json.dumps(values, ensure_ascii=True, separators=(",", ":"), default=repr).encode("ascii")
        return hmac.digest(self._key, purpose + b"\0" + canonical, "sha256").hex()

    def _word(self, value: str) -> str:
        """`value` if it looks like a configured name, else a keyed digest: what a client sent is never kept."""
        if _WORD.fullmatch(value):
            return value
        return "hash:" + hmac.digest(self._body_key, value.encode("utf-8", "replace"), "sha256").hex()[:16]

    def _head_files(self, kept_head: Path | None) -> list[tuple[str, Path]]:
        files = [(HEAD_FILE, self._head_path)] if self._head_path is not None else []
        return files + ([(str(kept_head), kept_head)] if kept_head is not None else [])

    def _read_head_file(self, path: Path) -> _Head | None:
        """The head in a file; None if there is no file. One that is no head comes back as one that is not genuine."""
        try:
            count, last_mac, mac = path.read_text(encoding="ascii").split()
            return _Head(int(count), last_mac, mac)
        except FileNotFoundError:
            return None
        except ValueError:
            return _Head(0, "", "")
        except OSError as error:
            raise LedgerError(f"The ledger's head file cannot be read: {error.strerror}.") from None

    def _write_head_file(self, head: _Head) -> None:
        if self._head_path is None:
            return
        try:
            replace_private_file(self._head_path, f"{head.count} {head.last_mac} {head.mac}\n".encode("ascii"))
        except (OSError, SettingsError) as error:
            raise LedgerError("The ledger's head file cannot be written; check its folder and the disk.") from error


def _detail(decision: Decision, body: bytes | None, reserved: int | None) -> dict[str, Any]:
    """What a decision rests on, without content, so that it can be decided again under another policy."""
    confidence: dict[str, float] = {}
    for finding in decision.findings:
        confidence[finding.name] = max(round(finding.confidence, 4), confidence.get(finding.name, 0.0))
    detail: dict[str, Any] = {
        "confidence": confidence,
        "complete": decision.complete,
        "taint": decision.taint.word,
        "bytes": len(body) if body is not None else 0,
    }
    return (
        detail
        | ({"reserved": reserved} if reserved is not None else {})
        | ({"override": decision.override} if decision.override else {})
    )


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
