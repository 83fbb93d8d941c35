"""Why a decision is as it is: the rule, what would change it, how near the thresholds are. Holds kinds, never text."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nemora.privacy.decide import Decision
from nemora.privacy.finding import Finding, Sensitivity
from nemora.privacy.ledger_rows import LedgerRow
from nemora.privacy.policy import DEFAULT_POLICY, Action, Policy
from nemora.privacy.policy_fields import line_of
from nemora.privacy.reasons import explain

LEAVING = (Action.CLOUD, Action.REDACT)
MAX_KINDS = 12
"""Of more kinds, sets that only together keep a request are not searched."""


@dataclass(frozen=True, slots=True)
class PolicyLine:
    """The line of the policy that decides: its key, and its number in the file, or None for a built-in default."""

    key: str
    value: str
    line: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """What would have to be absent for a request to leave: kinds with counts, or why no finding matters."""

    without: dict[str, int]
    action: Action
    obstacle: str = ""
    """`incomplete` or `taint:CLASS`: no removal of findings lets it leave."""


def policy_line(decision: Decision, policy: Policy, source: str | None = None) -> PolicyLine:
    """The policy's line behind the decision's action; `source` is the text of its file, None for the default."""
    key, value = f"actions.{decision.sensitivity.word}", policy.action_for(decision.sensitivity)
    if value is not decision.action:
        for finding in decision.counted:
            if policy.action_of(finding) is decision.action:
                key, value = f"kinds.{finding.kind.value}", decision.action
                break
    text = source if source is not None else DEFAULT_POLICY
    line = line_of(text, key)
    names_it = line is not None and text.split("\n")[line - 1].strip().startswith(key.rpartition(".")[2])
    return PolicyLine(key, value.value, line if source is not None and names_it else None)


def what_would_change(decision: Decision, again: Callable[[tuple[Finding, ...]], Decision]) -> Change | None:
    """The fewest findings without which the request could leave, as it is or redacted; None if it may already.

    Args:
        again: the decision on other findings, everything else being equal. It must be monotone: fewer findings never
            make it stricter.
    """
    if decision.action in LEAVING:
        return None
    least = again(())
    if least.action not in LEAVING:
        obstacle = "incomplete" if not decision.complete else f"taint:{decision.taint.word}"
        if decision.complete and decision.taint is Sensitivity.PUBLIC:
            obstacle = f"class:{least.sensitivity.word}"
        return Change({}, decision.action, obstacle)
    removed = [f for f in decision.findings if again((f,)).action not in LEAVING]
    rest = [f for f in decision.findings if f not in removed]
    removed += _together(rest, again)
    kept = tuple(f for f in decision.findings if f not in removed)
    counts: dict[str, int] = {}
    for finding in removed:
        counts[finding.name] = counts.get(finding.name, 0) + 1
    return Change(counts, again(kept).action)


def _together(rest: Sequence[Finding], again: Callable[[tuple[Finding, ...]], Decision]) -> list[Finding]:
    """Of findings that may each leave alone, those of the fewest kinds without which the others may leave too."""
    kinds = list(dict.fromkeys(f.name for f in rest))
    sizes = range(len(kinds) + 1) if len(kinds) <= MAX_KINDS else (0, len(kinds))
    for size in sizes:
        for chosen in itertools.combinations(kinds, size):
            if again(tuple(f for f in rest if f.name not in chosen)).action in LEAVING:
                return [f for f in rest if f.name in chosen]
    return list(rest)


def distances(decision: Decision, policy: Policy) -> dict[str, dict[str, float]]:
    """By kind: the highest confidence, and how far it is above (or below) the policy's least."""
    found: dict[str, dict[str, float]] = {}
    for finding in decision.findings:
        best = max(finding.confidence, found.get(finding.name, {}).get("confidence", 0.0))
        found[finding.name] = {
            "confidence": round(best, 4),
            "above_min_confidence": round(best - policy.min_confidence, 4),
        }
    return found


def recorded(row: LedgerRow) -> dict[str, Any]:
    """The explanation of a recorded decision, as JSON: kinds, counts, codes, classes, names from the configuration."""
    detail = row.details()
    return {
        "object": "nemora.decision",
        "id": row.request_id,
        "time_ms": row.time_ms,
        "endpoint": row.endpoint,
        "tenant": row.tenant,
        "policy": row.policy_id,
        "decision": row.action,
        "route": row.route,
        "destination": row.destination,
        "model": row.model,
        "class": row.sensitivity,
        "reasons": [{"code": code, "meaning": explain(code)} for code in row.listed_reasons()],
        "kinds": row.counted_kinds(),
        "confidence": detail.get("confidence", {}),
        "read_completely": detail.get("complete"),
        "conversation_was": detail.get("taint"),
        "bytes": detail.get("bytes"),
    }
