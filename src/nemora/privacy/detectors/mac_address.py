"""Hardware addresses (EUI-48) with colons, dashes or dots."""

from __future__ import annotations

import re

from nemora.privacy.detectors.context import key_pattern, names, near
from nemora.privacy.detectors.public_values import SAMPLE_MACS
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match

_KEY = key_pattern(
    r"mac(?:[\s_-]?addr(?:ess)?)?|hw[\s_-]?addr|ether|bssid|hardware address|bluetooth|wlan|physical address"
)
_MAC = re.compile(
    r"(?<![0-9A-Za-z:.-])(?:[0-9A-Fa-f]{2}([:-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2}){4}|[0-9A-Fa-f]{4}"
    r"(?:\.[0-9A-Fa-f]{4}){2})"
    r"(?![0-9A-Za-z]|[:.-][0-9A-Fa-f])"
)


class MacAddressDetector:
    """Addresses of network cards. Broadcast, all-zero and documentation values (RFC 7042) are no findings."""

    name = "mac_address"

    def find(self, text: str, label: str) -> list[Match]:
        found = []
        for match in _MAC.finditer(text):
            digits = re.sub(r"[:.-]", "", match.group()).lower()
            if digits in SAMPLE_MACS or digits.startswith(("00005e0053", "01005e9010")) or len(set(digits)) == 1:
                continue
            keyed = names(_KEY, label) or near(_KEY, text, *match.span())
            # Without a letter, dashes and dots group dates and part numbers too.
            if keyed or match[1] == ":" or any(char.isalpha() for char in digits):
                found.append(Match(Kind.MAC_ADDRESS, *match.span(), 0.97 if keyed else 0.9))
        return found
