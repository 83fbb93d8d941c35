"""`nemora ledger`: what was decided and what left this machine, and whether that record is whole."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import sys
from pathlib import Path

from nemora.cli.ledger_view import print_report
from nemora.cli.span import moment, words
from nemora.cli.tables import print_table
from nemora.errors import LedgerError, UsageError
from nemora.privacy.keys import HEAD_FILE, HEADS_FILE, LEDGER_FILE, load_key
from nemora.privacy.ledger import Ledger, Verification
from nemora.privacy.ledger_archive import archive
from nemora.privacy.ledger_report import report
from nemora.privacy.ledger_rows import COLUMNS, LedgerRow
from nemora.settings import Settings, load_settings

EMPTY = "The ledger is empty: no request has been decided yet."
ARCHIVE_FOLDER = "archive"
MOST_ROWS = 10**9
"""That --limit may name."""


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
        help=f"a copy of {HEAD_FILE} or {HEADS_FILE} kept elsewhere, which the ledger must continue",
    )
    verify.add_argument(
        "--archives", nargs="+", type=Path, default=[], metavar="FILE", help="check these archives as well: all of them"
    )
    told = actions.add_parser("report", help="say what left, to whom, how much and why, and whether that is all")
    exported = actions.add_parser("export", help="print the rows with every column, for other programs")
    exported.add_argument("--format", choices=("jsonl", "csv"), default="jsonl")
    for each, since in ((told, "7d"), (exported, "")):
        each.add_argument(
            "--since", default=since, metavar="WHEN", help=f"7d, 24h, 30m ago, or a date (default: {since or 'all'})"
        )
        each.add_argument("--until", metavar="WHEN", help="likewise (default: now)")
    told.add_argument("--json", action="store_true", help="print JSON")
    put = actions.add_parser("archive", help="move old rows to a file of their own")
    put.add_argument("--before", required=True, metavar="WHEN", help="90d ago, or a date: older rows go")
    put.add_argument("--folder", type=Path, help=f"where to (default: {ARCHIVE_FOLDER} in the data folder)")
    actions.add_parser("head", help="print a signed line that says how long the ledger is, to be kept elsewhere")


def run(args: argparse.Namespace) -> int:
    """Print rows, or verify them.

    Raises:
        LedgerError: the ledger cannot be read, or it is not intact.
        UsageError: a wrong limit, or no file to compare with.
    """
    settings = load_settings(args.config)
    ledger = open_ledger(settings)
    match args.action:
        case "show":
            return _show(ledger, args.limit, args.json)
        case "verify":
            return _verify(ledger, args.head, args.archives)
        case "report":
            return _report(ledger, args)
        case "export":
            return _export(ledger, args)
        case "archive":
            return _archive(ledger, settings, args)
        case _:
            sys.stdout.write(ledger.signed_head() if ledger is not None else EMPTY + "\n")
            return 0


def _show(ledger: Ledger | None, limit: int, as_json: bool) -> int:
    if not 0 <= limit <= MOST_ROWS:
        raise UsageError(f"--limit must be from 0, which is all, to {MOST_ROWS}.")
    rows = ledger.rows(limit or None) if ledger is not None else []
    if as_json:
        print(json.dumps([_plain(row) for row in rows], indent=2))
    elif rows:
        _print_table(rows)
    else:
        print(EMPTY)
    return 0


def _verify(ledger: Ledger | None, head: Path | None, archives: list[Path]) -> int:
    if head is not None and not head.is_file():
        raise UsageError(f"{head} is not a file; give a copy of {HEAD_FILE} or {HEADS_FILE}.")
    if ledger is None:
        if head is not None:
            raise LedgerError("The ledger is not intact: it is gone, and the kept head says that there was one.")
        print(EMPTY)
        return 0
    found = ledger.verify(head, archives)
    if not found.intact:
        raise LedgerError(f"The ledger is not intact: {found.problem}; the {found.rows} rows before that are sound.")
    print(_soundness(found, bool(archives)) if found.rows else EMPTY)
    return 0


def _soundness(found: Verification, with_archives: bool) -> str:
    said = f"The ledger is intact: {found.rows} rows."
    if found.archived:
        how = "checked as well" if with_archives else "not checked: give them with --archives"
        said += f" The first {found.archived} of them are archived, and were {how}."
    return said + (f" Signed heads that fit: {found.heads}." if found.heads else "")


def _report(ledger: Ledger | None, args: argparse.Namespace) -> int:
    """Print the report; exit status 1 when the ledger does not prove it."""
    since = moment(args.since, "--since")
    until = None if args.until is None else moment(args.until, "--until")
    if ledger is None:
        print(json.dumps({"decisions": 0}) if args.json else EMPTY)
        return 0
    found = ledger.verify()
    rows = ledger.rows()
    made = report(rows, since, until)
    proof = _soundness(found, False) if found.intact else f"The ledger is not intact: {found.problem}."
    if args.json:
        proved = {"intact": found.intact, "rows": found.rows, "archived": found.archived, "signed_heads": found.heads}
        print(
            json.dumps(
                {"since_ms": since, "until_ms": until, **made.to_json(), "ledger": proved | {"says": proof}}, indent=2
            )
        )
    else:
        print_report(made, f"{words(since)} UTC", "now" if until is None else f"{words(until)} UTC", proof)
    return 0 if found.intact and not made.strays else 1


def _export(ledger: Ledger | None, args: argparse.Namespace) -> int:
    since = moment(args.since, "--since") if args.since else 0
    until = None if args.until is None else moment(args.until, "--until")
    rows = ledger.rows_after(0, since) if ledger is not None else []
    chosen = [row for row in rows if until is None or row.time_ms < until]
    if args.format == "jsonl":
        for row in chosen:
            print(json.dumps(_plain(row), separators=(",", ":")))
        return 0
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(dataclasses.astuple(row) for row in chosen)
    return 0


def _archive(ledger: Ledger | None, settings: Settings, args: argparse.Namespace) -> int:
    before = moment(args.before, "--before")
    folder = args.folder or settings.paths.data / ARCHIVE_FOLDER
    moved = archive(ledger, folder, before) if ledger is not None else None
    print(
        "No row is that old." if moved is None else f"{moved[1]} rows were moved to {moved[0]}. Keep it with the key."
    )
    return 0


def open_ledger(settings: Settings) -> Ledger | None:
    """The ledger, or None where none was ever begun: looking must not create a key."""
    data = settings.paths.data
    if not (data / LEDGER_FILE).exists() and not (data / HEAD_FILE).exists():
        return None
    return Ledger.open(data, load_key(data), heads=settings.heads_file)


def _plain(row: LedgerRow) -> dict[str, object]:
    plain = dataclasses.asdict(row)
    for column in ("reasons", "kinds", "detail"):
        if plain[column] is not None:
            plain[column] = json.loads(plain[column])
    return plain


def _print_table(rows: list[LedgerRow]) -> None:
    heads = ("#", "time (UTC)", "what", "where", "class", "reasons", "findings", "bytes out", "tokens")
    print_table(heads, ((str(row.seq), words(row.time_ms), *_cells(row)) for row in rows))


def _cells(row: LedgerRow) -> list[str]:
    if row.kind == "completion":
        tokens = f"{_or_dash(row.tokens_in)}/{_or_dash(row.tokens_out)}"
        return [
            f"end of {row.decision_seq}: {row.status}",
            row.destination or "",
            "",
            "",
            "",
            str(row.bytes_sent),
            tokens,
        ]
    what = row.action or ""
    if row.kind == "shadow":
        what = f"shadow of {row.decision_seq}: {what}"
    return [what, _where(row), row.sensitivity or "", _reasons(row), _findings(row), "", ""]


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
