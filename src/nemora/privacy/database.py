"""An SQLite file that several threads and processes write: private, durable, and quick to say that it fails.

WAL, and `synchronous=FULL`: what was committed is on the disk when the call returns, power cut or not.
A file that is damaged, locked or gone gives `LedgerError` within the busy time, never a hang; the next call
opens it anew.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from nemora.errors import LedgerError, SettingsError
from nemora.privacy.private_file import private_folder

MIN_FREE_BYTES = 4 * 1024 * 1024
"""With less room on the disk nothing is written: a full disk must not be found out in the middle of a row."""


class Database:
    """One file (or memory, when `path` is None), opened on first use and again after a failure.

    Args:
        noun: what to call it in errors ("The ledger ...").
        schema: statements that create its tables if they are missing.
        added: columns that an older file lacks, by table: name and type.
        busy_seconds: longest wait for another thread or process, per call.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        noun: str,
        schema: str,
        added: Mapping[str, Mapping[str, str]] | None = None,
        busy_seconds: float = 5.0,
    ) -> None:
        self.path = path
        self._noun = noun
        self._schema = schema
        self._added = added or {}
        self._busy_seconds = busy_seconds
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._inode = -1

    def exists(self) -> bool:
        """Whether there is anything to read."""
        return self.path is None or self.path.exists()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that no other writer overlaps, committed at the end. Raises `LedgerError`."""
        self._check_room()
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A consistent view. Raises `LedgerError`."""
        with self._transaction("BEGIN") as connection:
            yield connection

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        with self._lock:
            self._drop()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        if not self._lock.acquire(timeout=self._busy_seconds):
            raise LedgerError(f"The {self._noun} is busy; try again.")
        try:
            connection = self._open()
            connection.execute(begin)
            try:
                yield connection
            except BaseException:
                with suppress(sqlite3.Error):  # the error under way matters more than a failed rollback
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        except (sqlite3.Error, OSError, SettingsError) as error:
            self._drop()
            raise LedgerError(f"The {self._noun} cannot be used: {_cause(error)}.") from None
        finally:
            self._lock.release()

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and not self._moved():
            return self._connection
        self._drop()
        if self.path is not None:
            private_folder(self.path.parent)
            # SQLite gives its -wal and -shm files the mode of the main file, so that one is made first.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
            os.chmod(self.path, 0o600)
        connection = sqlite3.connect(
            self.path or ":memory:", timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
        )
        self._connection = connection
        if self.path is not None:
            self._inode = self.path.stat().st_ino
            self._enter_wal(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA trusted_schema = OFF")
        for statement in self._schema.split(";"):
            connection.execute(statement)
        self._add_columns(connection)
        return connection

    def _add_columns(self, connection: sqlite3.Connection) -> None:
        for table, columns in self._added.items():
            if columns.keys() <= _columns(connection, table):
                continue
            connection.execute("BEGIN IMMEDIATE")  # another process may be doing the same
            for name in columns.keys() - _columns(connection, table):
                connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {columns[name]}")
            connection.execute("COMMIT")

    def _enter_wal(self, connection: sqlite3.Connection) -> None:
        """Changing the journal mode does not wait for other openers by itself (SQLite: "Overview" of WAL)."""
        deadline = time.monotonic() + self._busy_seconds
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def _moved(self) -> bool:
        """Whether the file at the path is another one: rows written to a deleted file would be lost."""
        if self.path is None:
            return False
        try:
            return self.path.stat().st_ino != self._inode
        except FileNotFoundError:
            return True

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _check_room(self) -> None:
        if self.path is None:
            return
        try:
            folder = self.path.parent
            if folder.exists() and shutil.disk_usage(folder).free < MIN_FREE_BYTES:
                raise LedgerError(f"The {self._noun} cannot be used: the disk is full.")
        except OSError as error:
            raise LedgerError(f"The {self._noun} cannot be used: {_cause(error)}.") from None


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}


_CAUSES = {
    "SQLITE_BUSY": "another process keeps it locked",
    "SQLITE_LOCKED": "another process keeps it locked",
    "SQLITE_FULL": "the disk is full",
    "SQLITE_READONLY": "it is read-only",
    "SQLITE_CANTOPEN": "its file cannot be opened",
    "SQLITE_CORRUPT": "its file is damaged",
    "SQLITE_NOTADB": "its file is damaged",
    "SQLITE_IOERR": "the disk failed",
}


def _cause(error: Exception) -> str:
    """Why, in words; never SQLite's own message, which may quote values."""
    if isinstance(error, SettingsError):
        return "its folder cannot be used"
    if isinstance(error, OSError):
        return error.strerror or "the disk failed"
    name = getattr(error, "sqlite_errorname", None) or type(error).__name__
    return next((words for start, words in _CAUSES.items() if name.startswith(start)), f"SQLite says {name}")
