"""Findings become one class and a probability per category. Words mean what docs/labelling.md says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from nemora.privacy.decide import Inspected
from nemora.privacy.finding import CATALOGUE, CATEGORIES, Finding, Kind, Sensitivity

# Three different ones of these, together, single a person out: who they are, and where or how to reach them.
IDENTIFYING = frozenset({Kind.PERSON_NAME, Kind.STREET_ADDRESS, Kind.EMAIL_ADDRESS, Kind.PHONE_NUMBER})
IDENTIFYING_TOGETHER = 3
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

    A name, an address and a way to reach the person, all together, are confidential though each is personal.
    """
    classes = {finding: class_of(finding) for finding in inspection.findings}
    sensitivity = max(classes.values(), default=Sensitivity.PUBLIC)
    together = {f.kind for f, earned in classes.items() if earned > Sensitivity.PUBLIC and f.kind in IDENTIFYING}
    if len(together) >= IDENTIFYING_TOGETHER or not inspection.complete:
        sensitivity = max(sensitivity, Sensitivity.CONFIDENTIAL)
    return Classification(sensitivity, _scores(inspection.findings))


def _scores(findings: Iterable[Finding]) -> dict[str, float]:
    """Per category the chance that at least one of its findings is right, taken as independent (noisy-or)."""
    missed = dict.fromkeys(CATEGORIES, 1.0)
    for finding in findings:
        missed[CATALOGUE[finding.kind].category] *= 1.0 - finding.confidence
    return {category: round(1.0 - chance, 4) for category, chance in missed.items()}
