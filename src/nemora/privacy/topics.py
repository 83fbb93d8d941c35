"""From a topic model's judgement to findings: what a text is about, where no word of it need be an identifier.

The model gives each window of a text that must stay the topic that fits best ("employment"), and how sure it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match, TaggedSpan

KINDS: dict[str, Kind] = {
    "health": Kind.HEALTH_MATTER,
    "intimate": Kind.PRIVATE_MATTER,
    "belief": Kind.PRIVATE_MATTER,
    "minors": Kind.PRIVATE_MATTER,
    "whereabouts": Kind.PRIVATE_MATTER,
    "correspondence": Kind.PRIVATE_MATTER,
    "personal_finance": Kind.MONEY_MATTER,
    "employment": Kind.WORK_MATTER,
    "legal": Kind.LEGAL_MATTER,
    "crime": Kind.LEGAL_MATTER,
    "identity": Kind.ACCESS_MATTER,
    "credentials": Kind.ACCESS_MATTER,
    "strategy": Kind.BUSINESS_MATTER,
    "business_finance": Kind.BUSINESS_MATTER,
    "customers": Kind.BUSINESS_MATTER,
    "unreleased": Kind.BUSINESS_MATTER,
    "code": Kind.TECHNICAL_MATTER,
    "infrastructure": Kind.TECHNICAL_MATTER,
    "security": Kind.TECHNICAL_MATTER,
}
MATTERS = frozenset(KINDS.values())
SURE = 0.5
"""From this score on a matter is a finding; below it is a doubt."""


def topic_matches(spans: Sequence[TaggedSpan]) -> list[Match]:
    """One match for each window that must stay. An unknown topic, of a later model, counts as a business matter."""
    return [Match(KINDS.get(span.label, Kind.BUSINESS_MATTER), span.start, span.end, span.score) for span in spans]
