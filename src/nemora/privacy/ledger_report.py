"""What left in a span of time, to whom, how much and why, and what the ledger says of everything else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nemora.privacy.ledger_rows import LedgerRow


@dataclass(slots=True)
class Left:
    """What went to one destination."""

    requests: int = 0
    bytes: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    micro_usd: int = 0
    estimated: int = 0
    """Requests whose tokens and costs are estimated."""
    unfinished: int = 0
    """Decisions without an end: the process died, or the answer is under way. They may have left, whole or in part."""
    unfinished_bytes: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    """The first reason of each decision."""
    overrides: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Report:
    """Sums over the decisions in a span of time, each with its end whenever that came."""

    decisions: int = 0
    left: dict[str, Left] = field(default_factory=dict)
    stayed: Counter[str] = field(default_factory=Counter)
    """Requests that were answered here, by their first reason."""
    refused: Counter[str] = field(default_factory=Counter)
    tenants: dict[str, int] = field(default_factory=dict)
    """Micro-dollars by tenant."""
    policies: Counter[str] = field(default_factory=Counter)
    shadow: Counter[tuple[str, str]] = field(default_factory=Counter)
    """What was done, and what the shadow policy would have done, where they differ."""
    strays: list[int] = field(default_factory=list)
    """Rows of bytes that left without a decision that let them: there must be none."""

    def to_json(self) -> dict[str, Any]:
        """For scripts; counts and codes only."""
        return {
            "decisions": self.decisions,
            "left": {
                name: {
                    "requests": left.requests,
                    "bytes": left.bytes,
                    "tokens_in": left.tokens_in,
                    "tokens_out": left.tokens_out,
                    "usd": left.micro_usd / 1_000_000,
                    "estimated": left.estimated,
                    "unfinished": left.unfinished,
                    "unfinished_bytes": left.unfinished_bytes,
                    "classes": dict(left.classes),
                    "reasons": dict(left.reasons),
                    "overrides": dict(left.overrides),
                }
                for name, left in sorted(self.left.items())
            },
            "stayed": dict(self.stayed),
            "refused": dict(self.refused),
            "usd_by_tenant": {tenant: cost / 1_000_000 for tenant, cost in sorted(self.tenants.items())},
            "policies": dict(self.policies),
            "shadow": [{"done": a, "shadow": b, "count": n} for (a, b), n in self.shadow.most_common()],
            "bytes_without_a_decision": self.strays,
        }


def report(rows: Sequence[LedgerRow], since_ms: int = 0, until_ms: int | None = None) -> Report:
    """The report on the decisions from `since_ms` on and before `until_ms`; `rows` are all that there are."""
    made = Report()
    decisions = {row.seq: row for row in rows if row.kind == "decision"}
    ends = {row.decision_seq: row for row in rows if row.kind == "completion"}
    first = rows[0].seq if rows else 0

    def counts(row: LedgerRow) -> bool:
        return row.time_ms >= since_ms and (until_ms is None or row.time_ms < until_ms)

    for row in decisions.values():
        if counts(row):
            _count(made, row, ends.get(row.seq))
    for row in rows:
        decided = decisions.get(row.decision_seq or 0)
        if row.kind == "completion" and row.bytes_sent and counts(row):
            # The decision of the first ends here may be in an archive.
            in_archive = decided is None and (row.decision_seq or 0) < first and row.decision_seq is not None
            lets = decided is not None and decided.route == "cloud" and row.destination in (None, decided.destination)
            if not (lets or in_archive):
                made.strays.append(row.seq)
        if row.kind == "shadow" and decided is not None and counts(decided):
            done, other = _done(decided), _done(row)
            if done != other:
                made.shadow[done, other] += 1
    return made


def _count(made: Report, row: LedgerRow, end: LedgerRow | None) -> None:
    made.decisions += 1
    made.policies[row.policy_id or ""] += 1
    reason = next(iter(json.loads(row.reasons or "[]")), "")
    if row.route == "refuse":
        made.refused[reason] += 1
        return
    if row.route == "local":
        made.stayed[reason] += 1
        return
    left = made.left.setdefault(row.destination or "", Left())
    left.requests += 1
    left.classes[row.sensitivity or ""] += 1
    left.reasons[reason] += 1
    if override := row.details().get("override"):
        left.overrides[override] += 1
    if end is None:
        left.unfinished += 1
        left.unfinished_bytes += int(row.details().get("bytes", 0))
        return
    costs = end.details()
    left.bytes += end.bytes_sent or 0
    left.tokens_in += end.tokens_in or 0
    left.tokens_out += end.tokens_out or 0
    left.micro_usd += int(costs.get("micro_usd", 0))
    left.estimated += costs.get("estimated") is True
    made.tenants[row.tenant] = made.tenants.get(row.tenant, 0) + int(costs.get("micro_usd", 0))


def _done(row: LedgerRow) -> str:
    return f"{row.sensitivity}: {row.route}" + (f" ({row.destination})" if row.route == "cloud" else "")
