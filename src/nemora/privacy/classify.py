"""Findings become one class and a probability per category. Words mean what docs/labelling.md says."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from nemora.privacy.decide import Inspected
from nemora.privacy.finding import CATALOGUE, CATEGORIES, FACTS, Finding, Kind, Sensitivity

# Three different ones of these, together, single a person out: who they are, and where or how to reach them.
IDENTIFYING = frozenset({Kind.PERSON_NAME, Kind.STREET_ADDRESS, Kind.EMAIL_ADDRESS, Kind.PHONE_NUMBER})
IDENTIFYING_TOGETHER = 3
BESIDE = 400
"""Characters between a name and a fact that may belong to it."""
MIN_CONFIDENCE = 0.5


@dataclass(frozen=True, slots=True)
class Classification:
    """The class that a request earns by its findings, and how likely each category is in it."""

    sensitivity: Sensitivity
    scores: dict[str, float]


def by_catalogue(finding: Finding) -> Sensitivity:
    """The class of one finding without a policy's changes."""
    return CATALOGUE[finding.kind].sensitivity if finding.confidence >= MIN_CONFIDENCE else Sensitivity.PUBLIC


def classify(inspection: Inspected, class_of: Callable[[Finding], Sensitivity] = by_catalogue) -> Classification:
    """The highest class that any finding earns; what could not be read is at least confidential.

    A name, an address and a way to reach the person, all together, are confidential though each is personal; so is a
    name with a fact beside it that a person keeps private.
    """
    classes = {finding: class_of(finding) for finding in inspection.findings}
    sensitivity = max(classes.values(), default=Sensitivity.PUBLIC)
    together = {f.kind for f, earned in classes.items() if earned > Sensitivity.PUBLIC and f.kind in IDENTIFYING}
    named = [f for f, earned in classes.items() if earned > Sensitivity.PUBLIC and f.kind is Kind.PERSON_NAME]
    facts = [f for f in classes if f.kind in FACTS and f.confidence >= MIN_CONFIDENCE]
    if len(together) >= IDENTIFYING_TOGETHER or _any_beside(named, facts) or not inspection.complete:
        sensitivity = max(sensitivity, Sensitivity.CONFIDENTIAL)
    return Classification(sensitivity, _scores(inspection.findings))


def _any_beside(named: Iterable[Finding], facts: Sequence[Finding]) -> bool:
    """Whether a fact stands within `BESIDE` characters of a name."""
    places: dict[str, list[int]] = {}
    for fact in facts:
        places.setdefault(fact.where, []).append(fact.start)
    for starts in places.values():
        starts.sort()
    for name in named:
        starts = places.get(name.where, [])
        after = bisect_left(starts, name.start - BESIDE)
        if after < len(starts) and starts[after] <= name.end + BESIDE:
            return True
    return False


def _scores(findings: Iterable[Finding]) -> dict[str, float]:
    """Per category the chance that at least one of its findings is right, taken as independent (noisy-or).

    What is public alone does not count.
    """
    missed = dict.fromkeys(CATEGORIES, 1.0)
    for finding in findings:
        if CATALOGUE[finding.kind].sensitivity is Sensitivity.PUBLIC:
            continue
        missed[CATALOGUE[finding.kind].category] *= 1.0 - finding.confidence
    return {category: round(1.0 - chance, 4) for category, chance in missed.items()}
