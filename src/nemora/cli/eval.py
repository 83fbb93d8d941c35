"""nemora eval: both error rates of the router on labelled data, with 95 % intervals. Nothing is sent or remembered.

What is printed and stored names sets, row numbers, kinds and numbers, never the text of an item.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from nemora.cli.eval_judge import judged, latency
from nemora.cli.eval_presidio import MISSING, Presidio, load_presidio
from nemora.cli.eval_report import prepare, report_of, store, tables_of
from nemora.cli.eval_rows import Row, files_in, gather, left_out
from nemora.cli.eval_score import Item
from nemora.cli.route import Reading, make_reading
from nemora.errors import UsageError
from nemora.settings import load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", nargs="+", type=Path, metavar="DATA", help=".jsonl or .jsonl.gz files, or folders")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="the first N rows of each set; 0: all")
    parser.add_argument("--positions", action="store_true", help="place each text also deep in a context and in tools")
    parser.add_argument("--latency", action="store_true", help="measure a decision's time by size as well")
    parser.add_argument("--presidio", action="store_true", help="judge the same rows by the common Presidio rule")
    parser.add_argument("--misses", action="store_true", help="list the rows on the wrong side, by number")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--out", type=Path, metavar="DIR", help="store report.json, table.md and curve.png there")


def run(args: argparse.Namespace) -> int:
    if args.limit < 0:
        raise UsageError("--limit must be 0 or more.")
    if args.out is not None:
        prepare(args.out)
    files = files_in(args.data)
    presidio = load_presidio() if args.presidio else None
    if args.presidio and presidio is None:
        sys.stderr.write(MISSING + "\n")
    gathered = gather(files, args.limit)
    rows = gathered.rows
    with closing(make_reading(load_settings(args.config))) as reading:
        items = judge_all(rows, reading, positions=args.positions, presidio=presidio)
        measured = latency(reading) if args.latency else None
    unread = len({(r.set_name, r.number) for r in rows}) - _read(items)
    report = report_of(items, skipped=gathered.unread + unread, policy_id=reading.policy.id)
    report["unknown_class"] = gathered.unknown_class
    if measured is not None:
        report["latency"] = measured
    tables = tables_of(items, measured)
    if args.misses:
        report["misses"] = misses(items)
    if args.out is not None:
        store(args.out, report, tables)
    if args.json:
        print(json.dumps(report))
    else:
        left = left_out(report["skipped"], report["unknown_class"])
        _print(tables, left, items if args.misses else ())
    return 0


def judge_all(rows: list[Row], reading: Reading, *, positions: bool, presidio: Presidio | None) -> list[Item]:
    """Every row, with its progress on the error stream of a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    items: list[Item] = []
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("reading", total=len(rows))
        for row in rows:
            items += judged(row, reading, positions=positions, presidio=presidio)
            progress.update(task, advance=1, description=row.set_name)
    return items


def misses(items: list[Item]) -> list[dict[str, object]]:
    """The items on the wrong side: set, row number, what happened, kinds found."""
    return [
        {
            "set": item.set_name,
            "row": item.number,
            "what": "leaked" if item.private else "kept",
            "action": item.action,
            **{key: item.groups[key] for key in ("class", "disguise", "position")},
            "kinds": dict(item.kinds),
        }
        for item in items
        if (item.private and item.outcome.leaks) or (item.private is False and not item.outcome.leaves)
    ]


def _read(items: list[Item]) -> int:
    return len({(item.set_name, item.number) for item in items})


def _print(tables: list[list[tuple[str, ...]]], left: str, missed: list[Item] | tuple[()]) -> None:
    console = Console(width=None if sys.stdout.isatty() else 150)
    for head, *rows in tables:
        table = Table(*head)
        for row in rows:
            table.add_row(*row)
        console.print(table)
    print("Shares have 95 % intervals (Wilson). Read both columns together: either alone can be made perfect.")
    if left:
        print(left)
    for miss in misses(list(missed)):
        kinds = miss["kinds"]
        named = ", ".join(kinds) if isinstance(kinds, dict) and kinds else "nothing found"
        place = f"{miss['class']}, {miss['disguise']}, {miss['position']}"
        print(f"{miss['set']} row {miss['row']}: {miss['what']} ({place}): {named}")
