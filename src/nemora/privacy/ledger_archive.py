"""Old rows in files of their own, JSONL with every column, which together with the ledger are still one chain."""

from __future__ import annotations

import dataclasses
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from nemora.errors import LedgerError, SettingsError
from nemora.privacy.ledger_rows import COLUMNS, LedgerRow
from nemora.privacy.private_file import replace_private_file, sync_folder


class Archivable(Protocol):
    """What `archive` needs of a ledger."""

    def rows(self, limit: int | None = None) -> list[LedgerRow]: ...
    def problem(self) -> str: ...
    def drop_archived(self, last: LedgerRow) -> None: ...


def archive(ledger: Archivable, folder: Path, before_ms: int) -> tuple[Path, int] | None:
    """Move the rows older than `before_ms` to a new file in `folder`; its path and their number, None for no rows.

    The file is on the disk before a row is deleted. When that fails in between, the same call does the rest.

    Raises:
        LedgerError: the ledger is not intact, or it or the file cannot be written.
    """
    if problem := ledger.problem():
        raise LedgerError(f"The ledger is not intact and must stay as it is: {problem}.")
    old = []
    for row in ledger.rows():
        if row.time_ms >= before_ms:
            break
        old.append(row)
    if not old:
        return None
    path = folder / f"ledger-{old[0].seq:09d}-{old[-1].seq:09d}.jsonl"
    _write(path, "".join(json.dumps(dataclasses.asdict(row), separators=(",", ":")) + "\n" for row in old))
    ledger.drop_archived(old[-1])
    return path, len(old)


def _write(path: Path, text: str) -> None:
    try:
        replace_private_file(path, text.encode("ascii"))
        sync_folder(path.parent)  # the rows are deleted next
    except (OSError, SettingsError):
        raise LedgerError("The archive cannot be written; check its folder and the disk. No row was deleted.") from None


class Archives:
    """Archive files, read and checked: each row, the chain within them, and from the first row on.

    `problem` is a sentence's beginning when something is wrong. `macs` are those of the rows by their numbers;
    `count` and `last_mac` say where they end.

    Raises:
        LedgerError: a file cannot be read.
    """

    def __init__(self, paths: Sequence[Path], row_mac: Callable[[Mapping[str, Any]], str], genesis: str) -> None:
        self.count, self.last_mac = 0, genesis
        self.macs: dict[int, str] = {}
        self.problem = ""
        for row in sorted((row for path in paths for row in _read(path)), key=lambda row: row.seq):
            if not hmac.compare_digest(row.mac.encode(), row_mac(dataclasses.asdict(row)).encode()):
                self.problem = f"row {row.seq} in the archives has been altered"
            elif (row.seq, row.prev_mac) != (self.count + 1, self.last_mac):
                self.problem = f"row {self.count + 1} is missing in the archives"
            if self.problem:
                return
            self.count, self.last_mac = row.seq, row.mac
            self.macs[row.seq] = row.mac


def _read(path: Path) -> list[LedgerRow]:
    try:
        lines = path.read_text(encoding="ascii").split("\n")
        rows = [json.loads(line) for line in lines if line]
        if any(set(row) != set(COLUMNS) or not isinstance(row["mac"], str) for row in rows):
            raise ValueError
        return [LedgerRow(**row) for row in rows]
    except OSError as error:
        raise LedgerError(f"The archive {path} cannot be read ({error.strerror}).") from None
    except (ValueError, TypeError, RecursionError):
        raise LedgerError(f"{path} is not an archive of a ledger, or it is damaged.") from None
