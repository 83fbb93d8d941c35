"""Decide recorded requests again under another policy, from the ledger's rows alone: no content is needed, or kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from nemora.privacy.classify import classify
from nemora.privacy.decide import Decision, decide
from nemora.privacy.finding import Finding, Kind, Sensitivity
from nemora.privacy.ledger_rows import LedgerRow
from nemora.privacy.policy import Action, Policy


@dataclass(frozen=True, slots=True)
class Replayed:
    """A recorded decision, and what the other policy would have decided."""

    row: LedgerRow
    decision: Decision
    goes_to: str
    """A server's name, "local", or "" where it would be refused or asked."""

    @property
    def changed(self) -> bool:
        """Whether the action or the class is another one, or the cloud server that got it would not have got it."""
        recorded = (self.row.action, self.row.sensitivity)
        if recorded != (self.decision.action.value, self.decision.sensitivity.word):
            return True
        return (
            self.row.route == "cloud"
            and not self.row.details().get("override")
            and self.goes_to != self.row.destination
        )


@dataclass(frozen=True, slots=True)
class _Recorded:
    findings: tuple[Finding, ...]
    complete: bool
    weak: tuple[Finding, ...] = ()


def replay(rows: Iterable[LedgerRow], policy: Policy, servers: Sequence[str]) -> Iterator[Replayed]:
    """Each decision among `rows`, decided by `policy` for its tenant.

    What the new policy would read otherwise cannot be replayed, for that needs the text: entities that are new in it,
    and allow lists. Entities that were found count if the new policy has one of that name. Rows of older versions
    have no confidences; their findings count as certain.
    """
    for row in rows:
        if row.kind == "decision":
            yield _replayed(row, policy.for_tenant(row.tenant), servers)


def _replayed(row: LedgerRow, policy: Policy, servers: Sequence[str]) -> Replayed:
    found = _recorded(row, {entity.name for entity in policy.reading.entities})
    taint = _class(row.details().get("taint") or _tainted(row))
    decision = decide(found, classify(found, policy.class_of), taint, policy)
    allowed = policy.destinations_for(decision.sensitivity, decision.findings, servers)
    if decision.action in (Action.BLOCK, Action.ASK):
        return Replayed(row, decision, "")
    # Whether it can be redacted is in the text; if it was, it could be again.
    leaves = decision.route == "cloud" or (decision.action.value == row.action == "redact" and row.route == "cloud")
    return Replayed(row, decision, allowed[0].server if leaves and allowed else "local")


def _recorded(row: LedgerRow, entities: set[str]) -> _Recorded:
    detail = row.details()
    confidence: dict[str, float] = detail.get("confidence", {})
    findings = tuple(
        finding
        for name, count in json.loads(row.kinds or "{}").items()
        if not name.startswith("entity:") or name.partition(":")[2] in entities
        for finding in [_finding(name, confidence.get(name, 1.0))] * count
    )
    complete = detail.get("complete", "incomplete" not in json.loads(row.reasons or "[]"))
    return _Recorded(findings, complete is True)


def _finding(name: str, confidence: float) -> Finding:
    kind, _, entity = name.partition(":")
    if kind == "entity":
        return Finding(Kind.CUSTOM, "ledger", "", 0, 0, confidence, entity)
    # A kind of another version is not known here; as an unknown entity it counts as secret.
    return Finding(Kind(kind) if kind in list(Kind) else Kind.CUSTOM, "ledger", "", 0, 0, confidence)


def _tainted(row: LedgerRow) -> str:
    reasons = json.loads(row.reasons or "[]")
    return next((reason.partition(":")[2] for reason in reasons if reason.startswith("taint:")), "public")


def _class(word: str) -> Sensitivity:
    return next((c for c in Sensitivity if c.word == word), Sensitivity.SECRET)


@dataclass(frozen=True, slots=True)
class Summary:
    """How many decisions there were, how many would change, and how: (from, to) in words, with counts."""

    decisions: int
    changed: int
    stricter: int
    laxer: int
    changes: tuple[tuple[str, str, int], ...]


def summary(replayed: Iterable[Replayed]) -> Summary:
    """Count the changes, the most frequent first."""
    counts: dict[tuple[str, str], int] = {}
    total = stricter = laxer = 0
    for each in replayed:
        total += 1
        if not each.changed:
            continue
        before = _words(
            each.row.action, each.row.sensitivity, each.row.destination if each.row.route != "refuse" else ""
        )
        after = _words(each.decision.action.value, each.decision.sensitivity.word, each.goes_to)
        counts[before, after] = counts.get((before, after), 0) + 1
        step = each.decision.action.strictness - _strictness(each.row.action)
        stricter, laxer = stricter + (step > 0), laxer + (step < 0)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return Summary(total, sum(counts.values()), stricter, laxer, tuple((*pair, n) for pair, n in ordered))


def _words(action: str | None, sensitivity: str | None, destination: str | None) -> str:
    return f"{sensitivity}: {action}" + (f" ({destination})" if destination else "")


def _strictness(action: str | None) -> int:
    return Action(action).strictness if action in list(Action) else 0
