"""What would leave, what would be kept: both error rates of the router on labelled sets, with 95 % intervals.

    make eval-privacy DATA=DIR        or        python bench/eval_privacy.py DIR [--json] [--limit N]

Reads every `*.jsonl` and `*.jsonl.gz` of DIR. A row has `text` and, where known, `class` (docs/labelling.md), `label`
(`benign` or another word) or `spans`: `[[start, end, type], ...]` or identifiers as substrings. What is said of a set:

- private rows (class confidential or secret; another label than benign; a gold span that identifies somebody or opens
  something, not only a place, an organisation, a date or a title) that would leave this machine;
- harmless rows (class public, label benign, or a set of texts without any label) that would be kept here;
- spans: the share of gold spans that a finding covers with IoU >= 0.5.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from nemora.cli.route import as_request, make_judge
from nemora.errors import NemoraError
from nemora.privacy.decide import Decision
from nemora.settings import load_settings

MIN_IOU = 0.5
NOT_IDENTIFYING = frozenset({"LOCATION", "ORGANIZATION", "DATE_TIME", "TITLE", "PREFIX", "DOMAIN_NAME", "NRP", "AGE"})
"""Types of gold spans that alone identify nobody (docs/labelling.md)."""


@dataclass(slots=True)
class Score:
    """Counts of one set."""

    name: str
    rows: int = 0
    private: int = 0
    left: int = 0
    harmless: int = 0
    kept: int = 0
    spans: int = 0
    covered: int = 0
    milliseconds: list[float] = field(default_factory=list)


def rows_of(file: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON-lines file, gzip or not."""
    data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    for line in data.splitlines():
        if line.strip():
            yield json.loads(line)


def gold_spans(row: dict[str, Any]) -> list[tuple[int, int]]:
    """Gold spans as code points; identifiers given as substrings are looked up."""
    found = []
    for span in row.get("spans", []):
        if isinstance(span, str):
            start = row["text"].find(span)
            if start >= 0:
                found.append((start, start + len(span)))
        elif isinstance(span, dict):
            found.append((span["start"], span["end"]))
        else:
            found.append((span[0], span[1]))
    return found


def is_private(row: dict[str, Any]) -> bool | None:
    """Whether the row must stay: True, False (harmless), or None (ordinary personal matters, or arguable)."""
    if "class" in row:
        return {"confidential": True, "secret": True, "public": False}.get(row["class"])
    if "label" in row:
        return bool(row["label"] != "benign")
    if "spans" in row:
        kinds = {span[2] for span in row["spans"] if isinstance(span, list)}
        return True if kinds - NOT_IDENTIFYING else None
    return False


def judge_set(file: Path, judge: Any, limit: int) -> Score:
    """Judge every row of a set by itself."""
    score = Score(file.name.removesuffix(".gz").removesuffix(".jsonl"))
    rows = [row for row in rows_of(file) if isinstance(row.get("text"), str)][: limit or None]
    for row in track(rows, description=score.name, console=Console(stderr=True), transient=True):
        started = time.perf_counter()
        decision: Decision = judge(as_request(row["text"]))
        score.milliseconds.append((time.perf_counter() - started) * 1000)
        score.rows += 1
        leaves = decision.route == "cloud"
        private = is_private(row)
        if private:
            score.private += 1
            score.left += leaves
        elif private is False:
            score.harmless += 1
            score.kept += not leaves
        gold = gold_spans(row)
        score.spans += len(gold)
        found = [(f.start, f.end) for f in decision.findings]
        score.covered += sum(any(iou(span, other) >= MIN_IOU for other in found) for span in gold)
    return score


def iou(a: tuple[int, int], b: tuple[int, int]) -> float:
    """Intersection over union of two spans."""
    together = min(a[1], b[1]) - max(a[0], b[0])
    return max(together, 0) / max(max(a[1], b[1]) - min(a[0], b[0]), 1)


def wilson(hits: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927)."""
    if total == 0:
        return 0.0, 1.0
    z, share = 1.959964, hits / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return max(0.0, middle - half), min(1.0, middle + half)


def share(hits: int, total: int) -> str:
    """A share with its interval, as text."""
    if total == 0:
        return "-"
    low, high = wilson(hits, total)
    return f"{100 * hits / total:.1f} % of {total} ({100 * low:.1f}-{100 * high:.1f})"


def main() -> int:
    parser = argparse.ArgumentParser(description="Both error rates of the router on labelled sets.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--config", type=Path, default=None)
    parser.add_argument("--limit", type=int, default=0, help="rows of each set; 0: all")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    files = sorted(f for f in args.data.glob("*") if f.name.endswith((".jsonl", ".jsonl.gz")))
    if not files:
        sys.stderr.write(f"No .jsonl or .jsonl.gz files in {args.data}; name a folder that has some.\n")
        return 1
    try:
        judge = make_judge(load_settings(args.config))
        scores = [judge_set(file, judge, args.limit) for file in files]
    except NemoraError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    print_scores(scores, as_json=args.json)
    return 0


def print_scores(scores: list[Score], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([{k: getattr(s, k) for k in Score.__slots__ if k != "milliseconds"} for s in scores]))
        return
    table = Table(
        "set", "private that would leave", "harmless kept here", "spans found", "ms p50 / p95", title="nemora eval"
    )
    for s in scores:
        times = sorted(s.milliseconds)
        p95 = times[int(0.95 * (len(times) - 1))] if times else 0.0
        median = statistics.median(times) if times else 0.0
        table.add_row(
            s.name,
            share(s.left, s.private),
            share(s.kept, s.harmless),
            share(s.covered, s.spans),
            f"{median:.1f} / {p95:.1f}",
        )
    leaks = [s.left / s.private for s in scores if s.private]
    kept = [s.kept / s.harmless for s in scores if s.harmless]
    if leaks and kept:
        table.add_section()
        table.add_row(
            "macro-average (worst)",
            f"{100 * statistics.mean(leaks):.1f} % ({100 * max(leaks):.1f})",
            f"{100 * statistics.mean(kept):.1f} % ({100 * max(kept):.1f})",
            "",
            "",
        )
    Console(width=150).print(table)


if __name__ == "__main__":
    sys.exit(main())
