"""Numbers of telephones and SIM cards: IMEI, ICCID and IMSI, and serial numbers where a word announces them."""

from __future__ import annotations

import re

from nemora.privacy.detectors.checksums import luhn
from nemora.privacy.detectors.context import key_pattern, names, near
from nemora.privacy.detectors.digits import same_digit
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern

_IMEI = QuickPattern(r"(?<![\w.-])\d{2}[ -]?\d{6}[ -]?\d{6}[ -]?\d(?![\w]|[-.]\d)")
_ICCID = QuickPattern(r"(?<![\w.-])89\d{16,18}(?![\w]|[-.]\d)")
_IMEI_KEY = key_pattern(r"imei\d?|imei/meid|device (?:id|number)")
_ICCID_KEY = key_pattern(r"iccid|sim(?:[ _-]?card)?(?:[ _-]?(?:number|no|serial))?|imsi")
_PUBLISHED = frozenset({"490154203237518", "356938035643809", "352099001761481", "123456789012345"})


class DeviceNumberDetector:
    """A handset's number follows its owner. The check digit must hold and the word must stand near."""

    name = "device_number"

    def find(self, text: str, label: str) -> list[Match]:
        lowered = f"{label} {text}".lower()
        found = []
        for word, pattern, key in (
            ("imei", _IMEI, _IMEI_KEY),
            ("sim", _ICCID, _ICCID_KEY),
            ("iccid", _ICCID, _ICCID_KEY),
        ):
            for match in pattern.finditer(text) if word in lowered else ():
                digits = re.sub(r"\D", "", match.group())
                keyed = names(key, label) or near(key, text, *match.span())
                if keyed and digits not in _PUBLISHED and not same_digit(digits) and luhn(digits):
                    found.append(Match(Kind.DEVICE_NUMBER, *match.span(), 0.95))
        return sorted(set(found), key=lambda match: match.start)
