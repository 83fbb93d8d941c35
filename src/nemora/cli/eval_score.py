"""What became of labelled items: who leaked, what was kept, in which group, with intervals. Pure arithmetic.

An item leaks when it would leave as it is, or redacted with a gold span that identifies uncovered. A finding covers a
gold span with IoU >= 0.5, or by holding all of it. Both error rates always stand together.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nemora.cli.eval_place import Span
from nemora.privacy.finding import Finding, Kind
from nemora.privacy.topics import MATTERS

MIN_IOU = 0.5
Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one rule does with one item."""

    leaves: bool
    """As it is or redacted."""
    leaks: bool


@dataclass(frozen=True, slots=True)
class Item:
    """A judged item: what its row says, and what became of it. Holds no text."""

    set_name: str
    number: int
    private: bool | None
    groups: Mapping[str, str]
    """By dimension (`class`, `disguise`, `position`, `endpoint`, `language`): the item's group."""
    outcome: Outcome
    action: str
    kinds: Mapping[str, int]
    spans: int
    covered: int
    milliseconds: float
    curve: Mapping[str, Outcome]
    """By threshold's name ("min_confidence 0.5")."""
    presidio: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """Hits of a total, with the 95 % interval of Wilson (1927)."""

    hits: int
    total: int

    @property
    def value(self) -> float | None:
        return self.hits / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.hits, self.total)

    def __str__(self) -> str:
        if not self.total:
            return "-"
        low, high = self.interval
        return f"{100 * self.hits / self.total:.1f} % of {self.total} ({100 * low:.1f}-{100 * high:.1f})"

    def to_json(self) -> dict[str, Any]:
        """Hits, total, share and interval."""
        return {"hits": self.hits, "total": self.total, "share": self.value, "interval": list(self.interval)}


@dataclass(frozen=True, slots=True)
class Rates:
    """Both error rates of some items, their complement for people, and the spans found."""

    leaked: Share
    may_leave: Share
    spans: Share

    def to_json(self) -> dict[str, Any]:
        """Each share."""
        return {n: getattr(self, n).to_json() for n in self.__slots__}


def wilson(hits: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927); (0, 1) where there is nothing."""
    if total == 0:
        return 0.0, 1.0
    share = hits / total
    middle = (share + Z95 * Z95 / (2 * total)) / (1 + Z95 * Z95 / total)
    half = Z95 * math.sqrt(share * (1 - share) / total + Z95 * Z95 / (4 * total * total)) / (1 + Z95 * Z95 / total)
    return max(0.0, middle - half), min(1.0, middle + half)


def iou(a: tuple[int, int], b: tuple[int, int]) -> float:
    """Intersection over union of two spans."""
    together = min(a[1], b[1]) - max(a[0], b[0])
    return max(together, 0) / max(max(a[1], b[1]) - min(a[0], b[0]), 1)


def is_covered(span: Span, findings: Iterable[Finding]) -> bool:
    """Whether a finding of something that can be replaced covers the gold span."""
    return any(
        f.where == span.where
        and f.kind not in MATTERS
        and f.kind is not Kind.UNREADABLE
        and (iou((span.start, span.end), (f.start, f.end)) >= MIN_IOU or f.start <= span.start < span.end <= f.end)
        for f in findings
    )


def is_replaced(span: Span, replaced: Iterable[Finding]) -> bool:
    """Whether what was replaced covers the gold span, in one piece or in several: IoU >= 0.5 with all that touch it."""
    touching = [
        f
        for f in replaced
        if f.kind not in MATTERS and f.where == span.where and f.start < span.end and span.start < f.end
    ]
    inside = sum(min(f.end, span.end) - max(f.start, span.start) for f in touching)
    outside = sum(max(0, span.start - f.start) + max(0, f.end - span.end) for f in touching)
    return is_covered(span, touching) or inside / (span.end - span.start + outside) >= MIN_IOU


def outcome(action: str, redacts: bool, gold: Sequence[Span], replaced: Sequence[Finding]) -> Outcome:
    """What leaves by `action`; `redacts`: whether redaction succeeds, and replaces what is `replaced`."""
    if action == "cloud":
        return Outcome(leaves=True, leaks=True)
    if action != "redact" or not redacts:
        return Outcome(leaves=False, leaks=False)
    return Outcome(leaves=True, leaks=not all(is_replaced(s, replaced) for s in gold if s.identifies))


def rates(items: Iterable[Item], of: Callable[[Item], Outcome | None] = lambda item: item.outcome) -> Rates:
    """Private items that leak, harmless ones that may leave, gold spans that are covered."""
    leaked = private = left = harmless = spans = covered = 0
    for item in items:
        found = of(item)
        if found is None:
            continue
        spans, covered = spans + item.spans, covered + item.covered
        if item.private:
            private, leaked = private + 1, leaked + found.leaks
        elif item.private is False:
            harmless, left = harmless + 1, left + found.leaves
    return Rates(Share(leaked, private), Share(left, harmless), Share(covered, spans))


def by_class(items: Sequence[Item]) -> dict[str, Share]:
    """How many items of each class or label leak. Of a class that may leave as it is, leaking says nothing: no row."""
    words = sorted({i.groups["class"] for i in items if i.private is not False})
    chosen = {w: [i for i in items if i.groups["class"] == w and i.private is not False] for w in words}
    return {word: Share(sum(i.outcome.leaks for i in of), len(of)) for word, of in chosen.items()}


def by_group(items: Sequence[Item], dimension: str) -> dict[str, Rates]:
    """Rates of each group of a dimension, by name."""
    names = sorted({item.groups[dimension] for item in items})
    return {name: rates(i for i in items if i.groups[dimension] == name) for name in names}


def by_set(items: Sequence[Item], of: Callable[[Item], Outcome | None] = lambda i: i.outcome) -> dict[str, Rates]:
    """Rates of each set, in the order in which the sets came."""
    names = dict.fromkeys(item.set_name for item in items)
    return {name: rates((i for i in items if i.set_name == name), of) for name in names}


def macro(sets: Mapping[str, Rates]) -> dict[str, Any]:
    """Over sets: the mean leak rate and the worst, the mean share kept of harmless work and the worst; None without."""
    leaks = {n: r.leaked.value for n, r in sets.items() if r.leaked.value is not None}
    kept = {n: 1 - r.may_leave.value for n, r in sets.items() if r.may_leave.value is not None}
    found: dict[str, Any] = {}
    for key, values in (("leaked", leaks), ("harmless_kept", kept)):
        worst = max(values, key=lambda name: values[name] or 0.0, default=None)
        found[key] = {
            "mean": statistics.fmean(v for v in values.values() if v is not None) if values else None,
            "worst": values[worst] if worst is not None else None,
            "worst_set": worst,
        }
    return found


def curve(items: Sequence[Item]) -> dict[str, dict[str, Any]]:
    """By threshold's name: both rates over all items, and over sets."""
    names = dict.fromkeys(name for item in items for name in item.curve)
    found: dict[str, dict[str, Any]] = {}
    for name in names:

        def of(item: Item, name: str = name) -> Outcome | None:
            return item.curve.get(name)

        found[name] = {**rates(items, of).to_json(), "macro": macro(by_set(items, of))}
    return found


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def times(values: Sequence[float]) -> dict[str, float]:
    """Count, p50, p95 and p99, in the unit of `values`."""
    quantiles = {f"p{p}": round(percentile(values, p / 100), 3) for p in (50, 95, 99)}
    return {"texts": len(values), **quantiles}
