"""`nemora ledger`: what was decided and what left this machine, and whether that record is whole."""

from __future__ import annotations

import argparse
import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from nemora.errors import LedgerError, UsageError
from nemora.privacy.keys import HEAD_FILE, LEDGER_FILE, load_key
from nemora.privacy.ledger import Ledger
from nemora.privacy.ledger_rows import LedgerRow
from nemora.settings import load_settings

EMPTY = "The ledger is empty: no request has been decided yet."
PIPE_COLUMNS = 180
"""Width of the table when it is not printed to a terminal."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    show = actions.add_parser("show", help="print the last rows, newest last")
    show.add_argument("--limit", type=int, default=20, metavar="N", help="how many rows (default 20; 0: all)")
    show.add_argument("--json", action="store_true", help="print JSON, with every column")
    verify = actions.add_parser("verify", help="check every row, the chain and its end")
    verify.add_argument(
        "--head",
        type=Path,
        metavar="FILE",
        help=f"a copy of {HEAD_FILE} kept elsewhere, which the ledger must continue",
    )


def run(args: argparse.Namespace) -> int:
    """Print rows, or verify them.

    Raises:
        LedgerError: the ledger cannot be read, or it is not intact.
        UsageError: a wrong limit, or no file to compare with.
    """
    data = load_settings(args.config).paths.data
    if args.action == "show":
        return _show(data, args.limit, args.json)
    return _verify(data, args.head)


def _show(data: Path, limit: int, as_json: bool) -> int:
    if limit < 0:
        raise UsageError("--limit must be 0 or more.")
    ledger = _open(data)
    rows = ledger.rows(limit or None) if ledger is not None else []
    if as_json:
        print(json.dumps([_plain(row) for row in rows], indent=2))
    elif rows:
        _print_table(rows)
    else:
        print(EMPTY)
    return 0


def _verify(data: Path, head: Path | None) -> int:
    if head is not None and not head.is_file():
        raise UsageError(f"{head} is not a file; give a copy of {HEAD_FILE}.")
    ledger = _open(data)
    if ledger is None:
        if head is not None:
            raise LedgerError("The ledger is not intact: it is gone, and the kept head says that there was one.")
        print(EMPTY)
        return 0
    found = ledger.verify(head)
    if not found.intact:
        raise LedgerError(f"The ledger is not intact: {found.problem}; the {found.rows} rows before that are sound.")
    print(f"The ledger is intact: {found.rows} rows." if found.rows else EMPTY)
    return 0


def _open(data: Path) -> Ledger | None:
    """The ledger, or None where none was ever begun: looking must not create a key."""
    if not (data / LEDGER_FILE).exists() and not (data / HEAD_FILE).exists():
        return None
    return Ledger.open(data, load_key(data))


def _plain(row: LedgerRow) -> dict[str, object]:
    plain = dataclasses.asdict(row)
    for column in ("reasons", "kinds"):
        if plain[column] is not None:
            plain[column] = json.loads(plain[column])
    return plain


def _print_table(rows: list[LedgerRow]) -> None:
    table = Table("#", "time (UTC)", "what", "where", "class", "reasons", "findings", "bytes out", "tokens", box=None)
    for row in rows:
        moment = datetime.fromtimestamp(row.time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
        if row.kind == "decision":
            cells = [row.action, _where(row), row.sensitivity, _reasons(row), _findings(row), "", ""]
        else:
            what = f"end of {row.decision_seq}: {row.status}"
            cells = [what, "", "", "", "", str(row.bytes_sent), f"{_or_dash(row.tokens_in)}/{_or_dash(row.tokens_out)}"]
        table.add_row(str(row.seq), moment, *(escape(cell or "") for cell in cells))
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPE_COLUMNS)
    console.print(table)


def _where(row: LedgerRow) -> str:
    if row.route == "refuse":
        return "refused"
    return f"{row.destination} ({row.model})" if row.model else str(row.destination)


def _reasons(row: LedgerRow) -> str:
    return ", ".join(json.loads(row.reasons or "[]"))


def _findings(row: LedgerRow) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in json.loads(row.kinds or "{}").items())


def _or_dash(number: int | None) -> str:
    return "-" if number is None else str(number)
