"""IBANs (ISO 13616): country, length of that country, mod 97. Keyed near misses at medium confidence."""

from __future__ import annotations

import re

from nemora.privacy.detectors.checksums import mod97
from nemora.privacy.detectors.context import key_pattern, names, near
from nemora.privacy.detectors.public_values import SAMPLE_IBANS
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern

_KEY = key_pattern(
    r"iban|international bank account|bank(?:verbindung|konto)?|konto|cuenta|compte|conto|счет|账户|account|acct"
)
# Lengths from the SWIFT IBAN registry.
_LENGTHS = {
    code: int(length)
    for length, codes in {
        "15": "NO",
        "16": "BE",
        "18": "DK FI FO GL NL SD FK",
        "19": "MK SI",
        "20": "AT BA EE KZ LT LU XK MN",
        "21": "CH HR LI LV",
        "22": "BG BH CR DE GB GE IE ME RS VA",
        "23": "AE GI IL IQ OM SO TL",
        "24": "AD CZ DZ ES MD PK RO SA SE SK TN VG",
        "25": "AO LY PT ST CV MZ",
        "26": "IS TR GW",
        "27": "BI DJ FR GR IT MC MR SM BF BJ CF CG CI CM GA GQ KM MG ML SN TD TG NE",
        "28": "AL AZ BY CY DO GT HN HU LB NI PL SV MA",
        "29": "BR EG PS QA UA",
        "30": "JO KW MU YE",
        "31": "MT SC",
        "32": "LC",
        "33": "RU",
    }.items()
    for code in codes.split()
}
_CANDIDATE = QuickPattern(r"(?<![A-Za-z0-9])[A-Za-z]{2}[ -]?\d{2}(?:[ \-.\u00a0\n]?[A-Za-z0-9]){11,30}")


class IbanDetector:
    """International bank account numbers, in any grouping."""

    name = "iban"

    def find(self, text: str, label: str) -> list[Match]:
        found = []
        for candidate in _CANDIDATE.finditer(text):
            end = _end(candidate)
            if end is None or (text[end : end + 1].isalnum() and text[end : end + 1].isascii()):
                continue
            span = (candidate.start(), end)
            chars = re.sub(r"[^A-Za-z0-9]", "", text[span[0] : span[1]])
            keyed = names(_KEY, label) or near(_KEY, text, *span)
            if chars.upper() in SAMPLE_IBANS:
                continue
            if mod97(chars[4:] + chars[:4]) == 1:
                sure = keyed or chars[:2].isupper()
                found.append(Match(Kind.IBAN, *span, 0.98 if sure else 0.9))
            elif keyed and sum(char.isdigit() for char in chars) >= 8:
                found.append(Match(Kind.IBAN, *span, 0.6))
        return found


def _end(candidate: re.Match[str]) -> int | None:
    """Where the IBAN ends: its country says how long it is. None for no country, or too few characters."""
    left = _LENGTHS.get(candidate.group()[:2].upper(), 99)
    for offset, char in enumerate(candidate.group(), 1):
        left -= char.isalnum()
        if left == 0:
            return candidate.start() + offset
    return None
