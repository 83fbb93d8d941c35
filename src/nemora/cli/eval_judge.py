"""One labelled row under the configured reading and policy, and under the same policy at other thresholds.

A row is read once. At another threshold only the decision is made again, so a curve costs no further reading.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence

from nemora.cli.eval_place import Placed, as_it_is, everywhere, filler
from nemora.cli.eval_presidio import Presidio
from nemora.cli.eval_rows import Row
from nemora.cli.eval_score import Item, Outcome, is_covered, outcome, times
from nemora.cli.route import Reading, as_request
from nemora.errors import NemoraError
from nemora.privacy.decide import Decision
from nemora.privacy.finding import Finding
from nemora.privacy.inspect import Inspection
from nemora.privacy.policy import Action, Policy
from nemora.privacy.reasons import REDACTED
from nemora.privacy.topics import MATTERS

MIN_CONFIDENCES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
TOPIC_THRESHOLDS = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.01)
"""From "every topic that the model reports" to "none"."""
SIZES: Mapping[str, tuple[int, int]] = {
    "300 characters": (300, 40),
    "2,000 tokens": (8_000, 12),
    "8,000 tokens": (32_000, 6),
}
"""Characters of a text (four to a token), and how many distinct texts."""


def judged(row: Row, reading: Reading, *, positions: bool, presidio: Presidio | None = None) -> Iterator[Item]:
    """The row's item, or with `positions` one for each place. A body that cannot be parsed gives none."""
    try:
        places = everywhere(row) if positions else [as_it_is(row)]
    except NemoraError:
        return
    for placed in places:
        yield _item(row, placed, reading, presidio)


def _item(row: Row, placed: Placed, reading: Reading, presidio: Presidio | None) -> Item:
    started = time.perf_counter()
    inspection = reading.inspect(placed.request)
    decision = reading.decide(inspection)
    milliseconds = (time.perf_counter() - started) * 1000
    redaction = reading.redact(placed.request, decision) if decision.action is Action.REDACT else None
    redacts = redaction is not None and redaction.outcome == REDACTED
    found = outcome(decision.action.value, redacts, placed.gold, redaction.replaced if redaction is not None else ())
    # Where only another threshold redacts, it is taken to succeed: that can only show more leaks, not fewer.
    redacts_elsewhere = redacts or decision.action is not Action.REDACT
    return Item(
        set_name=row.set_name,
        number=row.number,
        private=row.private,
        groups={
            "class": row.word,
            "disguise": row.disguise,
            "position": placed.position,
            "endpoint": row.endpoint,
            "language": row.language,
        },
        outcome=found,
        action=decision.action.value,
        kinds=decision.kinds(),
        spans=len(placed.gold),
        covered=sum(is_covered(span, inspection.findings) for span in placed.gold),
        milliseconds=milliseconds,
        curve=_curve(inspection, placed, reading, redacts_elsewhere),
        presidio=presidio.outcome(placed.request) if presidio is not None else None,
    )


def _curve(inspection: Inspection, placed: Placed, reading: Reading, redacts: bool) -> dict[str, Outcome]:
    points: dict[str, Outcome] = {}
    for name, findings, policy in _thresholds(inspection.findings, reading.policy):
        decision: Decision = reading.decide(dataclasses.replace(inspection, findings=findings), policy)
        points[name] = outcome(decision.action.value, redacts, placed.gold, decision.counted)
    return points


def _thresholds(findings: Sequence[Finding], policy: Policy) -> Iterator[tuple[str, tuple[Finding, ...], Policy]]:
    for least in MIN_CONFIDENCES:
        yield f"min_confidence {least:g}", tuple(findings), dataclasses.replace(policy, min_confidence=least)
    for least in TOPIC_THRESHOLDS:
        kept = tuple(f for f in findings if f.kind not in MATTERS or f.confidence >= least)
        yield f"topic_threshold {least:g}", kept, policy


def latency(reading: Reading) -> dict[str, dict[str, float]]:
    """Milliseconds of a decision by size, on one thread, every text distinct and never seen before."""
    reading.judge(as_request(filler(300, 0)))  # the first call loads what later ones find loaded
    found = {}
    for size, (chars, count) in SIZES.items():
        measured = []
        for seed in range(1, count + 1):
            request = as_request(filler(chars, seed * 1_000_003 + chars)[:chars])
            started = time.perf_counter()
            reading.judge(request)
            measured.append((time.perf_counter() - started) * 1000)
        found[size] = times(measured)
    return found
