"""The report of an evaluation: one JSON object, the same as tables, and the curve as a picture. No item's text."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nemora.cli.eval_score import Item, Rates, by_class, by_group, by_set, curve, macro, rates, times
from nemora.errors import UsageError

DIMENSIONS = ("disguise", "position", "endpoint", "language")
HEAD = ("private that leak", "harmless that may leave", "gold spans found")


def report_of(items: Sequence[Item], *, skipped: int, policy_id: str) -> dict[str, Any]:
    """Everything that is measured, as JSON."""
    sets = by_set(items)
    report: dict[str, Any] = {
        "policy": policy_id,
        "items": len(items),
        "skipped": skipped,
        "all": rates(items).to_json(),
        "macro": macro(sets),
        "sets": {name: found.to_json() for name, found in sets.items()},
        "class": {word: share.to_json() for word, share in by_class(items).items()},
        "curve": curve(items),
        "milliseconds": times([item.milliseconds for item in items]) if items else {},
    }
    for dimension in DIMENSIONS:
        report[dimension] = {name: found.to_json() for name, found in by_group(items, dimension).items()}
    if any(item.presidio is not None for item in items):
        theirs = by_set(items, lambda item: item.presidio)
        report["presidio"] = {
            "all": rates(items, lambda item: item.presidio).to_json(),
            "macro": macro(theirs),
            "sets": {name: found.to_json() for name, found in theirs.items()},
        }
    return report


def tables_of(items: Sequence[Item], latency: Mapping[str, Mapping[str, float]] | None) -> list[list[tuple[str, ...]]]:
    """Tables, each a list of rows with its head first."""
    sets = by_set(items)
    tables = [[("set", *HEAD), *_rows(sets), ("macro-average (worst)", *_macro_cells(sets), "")]]
    theirs = by_set([i for i in items if i.presidio is not None], lambda item: item.presidio)
    if theirs:
        tables.append([("Presidio", *HEAD[:2]), *(row[:3] for row in _rows(theirs))])
        tables[-1].append(("macro-average (worst)", *_macro_cells(theirs)))
    classes = by_class(items)
    if classes:
        tables.append([("class or label", "leak"), *((word, str(share)) for word, share in classes.items())])
    for dimension in DIMENSIONS:
        groups = by_group(items, dimension)
        if len(groups) > 1:
            tables.append([(dimension, *HEAD), *_rows(groups)])
    points = curve(items)
    if points:
        tables.append([("threshold", "leak, mean over sets (worst)", "harmless kept, mean over sets (worst)")])
        tables[-1] += [(name, *_spread(p["macro"])) for name, p in points.items()]
    if latency:
        tables.append([("one decision, one thread", "texts", "p50 ms", "p95 ms", "p99 ms")])
        tables[-1] += [(size, *(f"{value:g}" for value in found.values())) for size, found in latency.items()]
    return tables


def _rows(groups: Mapping[str, Rates]) -> list[tuple[str, ...]]:
    return [(name, str(r.leaked), str(r.may_leave), str(r.spans)) for name, r in groups.items()]


def _macro_cells(sets: Mapping[str, Rates]) -> tuple[str, str]:
    leaked, kept = _spread(macro(sets))
    return leaked, f"{kept} kept" if kept != "-" else kept


def _spread(found: Mapping[str, Any]) -> tuple[str, str]:
    def cell(key: str) -> str:
        mean, worst = found[key]["mean"], found[key]["worst"]
        return "-" if mean is None else f"{100 * mean:.1f} % ({100 * worst:.1f})"

    return cell("leaked"), cell("harmless_kept")


def markdown(tables: Sequence[Sequence[tuple[str, ...]]]) -> str:
    """Tables as Markdown."""
    parts = []
    for head, *rows in tables:
        lines = [head, tuple("---" for _ in head), *rows]
        parts.append("\n".join("| " + " | ".join(line) + " |" for line in lines))
    return "\n\n".join(parts) + "\n"


def prepare(folder: Path) -> None:
    """Make `folder`, so that nothing is measured for hours that then cannot be stored.

    Raises:
        UsageError: it cannot be made, or matplotlib is missing.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The folder given with --out cannot be made ({error.strerror}); name another.") from None
    _figure_module()


def store(folder: Path, report: Mapping[str, Any], tables: Sequence[Sequence[tuple[str, ...]]]) -> None:
    """report.json, table.md and curve.png in `folder`, which is there. Raises `UsageError` if that fails."""
    try:
        (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        (folder / "table.md").write_text(markdown(tables), encoding="utf-8")
        draw(report, folder / "curve.png")
    except OSError as error:
        raise UsageError(f"The folder given with --out cannot be written ({error.strerror}); name another.") from None


def _figure_module() -> Any:
    try:
        return importlib.import_module("matplotlib.figure")
    except ImportError:
        raise UsageError("The picture needs matplotlib; install nemora[eval].") from None


def draw(report: Mapping[str, Any], file: Path) -> None:
    """Both error rates against each other, one line per kind of threshold. Raises `UsageError` without matplotlib."""
    figure = _figure_module().Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    for kind in ("min_confidence", "topic_threshold"):
        points = []
        for name, found in report["curve"].items():
            leaked, kept = found["macro"]["leaked"]["mean"], found["macro"]["harmless_kept"]["mean"]
            if name.startswith(kind) and leaked is not None and kept is not None:
                points.append((100 * kept, 100 * leaked, name.rpartition(" ")[2]))
        axes.plot([p[0] for p in points], [p[1] for p in points], marker="o", label=kind.replace("_", " "))
        for x, y, word in points[:: max(1, len(points) // 4)]:
            axes.annotate(word, (x, y), textcoords="offset points", xytext=(4, 4), fontsize=8)
    axes.set_xlabel("harmless items kept on this machine, mean over sets (%)")
    axes.set_ylabel("private items that leak, mean over sets (%)")
    axes.set_title("Both error rates, by threshold")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(file, dpi=120)
