"""United States military and diplomatic post: a unit and box, APO, FPO or DPO, a region, a ZIP code.

Source: United States Postal Service, Publication 28, sections 238 and 239 (the forms of overseas military addresses).
"""

from __future__ import annotations

import re

from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern

_ADDRESS = QuickPattern(
    r"\b(?:(?:unit|psc|cmr)\s+\d{1,5}(?:,?\s+box\s+\d{1,5})?|us(?:ns|s|nv|v|cgc)\s+[^\W\d_][\w'.-]{1,30}(?:\s[\w'.-]{1,30})?)"
    r",?\s{1,4}[afd]po,?\s+(?:aa|ae|ap)\s+\d{5}(?:-\d{4})?\b",
    re.IGNORECASE,
)


class MilitaryAddressDetector:
    """`Unit 2050 Box 4190, APO AP 96278`: as exact as a street and a number."""

    name = "military_address"

    def find(self, text: str, label: str) -> list[Match]:
        return [Match(Kind.STREET_ADDRESS, m.start(), m.end(), 0.95) for m in _ADDRESS.finditer(text)]
