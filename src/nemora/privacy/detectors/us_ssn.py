"""United States social security numbers, and the taxpayer numbers (ITIN) of the same shape."""

from __future__ import annotations

import re

from nemora.privacy.detectors.context import key_pattern, keyed_pattern, keyed_values, names, near
from nemora.privacy.detectors.digits import same_digit, spelled
from nemora.privacy.detectors.public_values import SAMPLE_SSNS
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern

_WORDS = (
    r"ssns?|s\.s\.n\.?|soc(?:ial)?[\s_.-]{0,2}sec(?:urity)?(?:[\s_.-]{0,2}(?:number|num|no|nr|#))?|social (?:number"
    r"|num)|(?:my|his|her|their) social(?= (?:is|was|number)|:)|itin"
    r"|individual[\s_]taxpayer[\s_]identification|seguro[\s_]social|taxpayer[\s_]id"
)
_KEY = key_pattern(_WORDS)
_DASHED = QuickPattern(r"(?<![\w.\-])(\d{3})([- .‐-―])(\d{2})\2(\d{4})(?![\w]|[-.]\d)")
# Keyed values may be typed or scanned badly: letters for digits, one digit too few or too many, any grouping.
_LOOSE = r"(?=(?:[\- .]?[A-Za-z]){0,3}[\- .]?\d)[0-9OoIlSBZG](?:[\- .]?[0-9OoIlSBZG]){7,9}(?![0-9A-Za-z])"
_KEYED = keyed_pattern(_WORDS, _LOOSE)
_BARE = re.compile(_LOOSE)


class UsSsnDetector:
    """123-45-6789 by its shape where such a number can be issued; any number of the kind where it is keyed."""

    name = "us_ssn"

    def find(self, text: str, label: str) -> list[Match]:
        labelled = names(_KEY, label)
        found = {}
        for match in _DASHED.finditer(text):
            digits = match[1] + match[3] + match[4]
            keyed = labelled or near(_KEY, text, *match.span())
            confidence = _confidence(digits, keyed, dashed=match[2] != " " and match[2] != ".")
            if confidence:
                found[match.span()] = confidence
        for span in keyed_values(_KEYED, _BARE, _KEY, text, label):
            digits = re.sub(r"[- .]", "", text[slice(*span)])
            if span not in found and sum(char.isdigit() for char in digits) >= 7 and not _public(digits):
                found[span] = 0.95 if digits.isdigit() and len(digits) == 9 else 0.6
        for group in spelled(text):
            if len(group.digits) == 9 and (labelled or near(_KEY, text, group.start, group.end)):
                found[group.start, group.end] = 0.9
        return [Match(Kind.US_SSN, start, end, confidence) for (start, end), confidence in sorted(found.items())]


def _public(digits: str) -> bool:
    return digits in SAMPLE_SSNS or same_digit(digits)


def _confidence(digits: str, keyed: bool, *, dashed: bool) -> float:
    """0 for a published sample, and for a number that no one can have and no word announces."""
    if _public(digits) or (digits == "123456789" and not keyed):
        return 0.0
    issuable = digits[:3] not in ("000", "666") and digits[0] != "9" and digits[3:5] != "00" and digits[5:] != "0000"
    if keyed:
        return 0.97 if issuable else 0.9
    return 0.85 if issuable and dashed else 0.0
