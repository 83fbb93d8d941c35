"""IPv4 and IPv6 addresses. Documentation ranges, loopback and public resolvers are no findings."""

from __future__ import annotations

import ipaddress
import re

from nemora.privacy.detectors.context import key_pattern, names, near
from nemora.privacy.detectors.public_values import PUBLIC_ADDRESSES
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern

_V4 = QuickPattern(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?!\d|\.\d)")
_V6 = QuickPattern(
    r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3}|(?=[^0-9A-Za-z:]|\Z))(?![\w:])"
)
_KEY = key_pattern(
    r"ip(?:v[46])?(?:[\s_-]?addr(?:ess)?)?|addr(?:ess)?|host(?:name)?|server|client|remote|subnet|gateway|endpoint"
    r"|peer|ssh|ping"
)
_VERSION = re.compile(
    r"(?:\b(?:versions?|ver|release|rev(?:ision)?|build|firmware|driver|patch|v|section|sec|chapter|clause"
    r"|oid)[\s.:=#\"'§]{0,3}"
    r"|[A-Za-z+]/|[=~<>!^]=?|[A-Za-z]v?[-_]|§\s?)\Z",
    re.IGNORECASE,
)
_NOTHING = [
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "127.0.0.0/8",
        "192.0.2.0/24",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "198.18.0.0/15",
        "192.0.0.0/24",
        "233.252.0.0/24",
        "2001:db8::/32",
        "3fff::/20",
        "::/127",
        "ff00::/12",
    )
]
_MASK_BITS = {sum(1 << (31 - bit) for bit in range(length)) for length in range(4, 33)}
# A compressed IPv6 address looks like a slice or a C++ scope, unless it begins as addresses in use do.
_IN_USE = re.compile(r"(?:[23][0-9a-f]{3}|f[cd][0-9a-f]{2}|fe[89ab][0-9a-f]|64:ff9b|::ffff):", re.IGNORECASE)


class IpAddressDetector:
    """Addresses of machines."""

    name = "ip_address"

    def find(self, text: str, label: str) -> list[Match]:
        labelled = names(_KEY, label)
        found = []
        for match in _V4.finditer(text):
            confidence = _v4_confidence(text, *match.span(), labelled)
            if confidence:
                found.append(Match(Kind.IP_ADDRESS, *match.span(), confidence))
        if text.count(":") > 1:
            found.extend(_v6(match) for match in _V6.finditer(text) if _v6_counts(match.group()))
        return found


def _v4_confidence(text: str, start: int, end: int, labelled: bool) -> float:
    try:
        address = ipaddress.IPv4Address(text[start:end])
    except ipaddress.AddressValueError:
        return 0.0
    if _public(address) or int(address) in _MASK_BITS:
        return 0.0
    before = text[max(0, start - 16) : start]
    if re.search(r"(?<!\\)[A-Za-z_]\Z", before):
        return 0.0
    if _VERSION.search(before) and not re.search(r"(?:ip|addr|host)\w{0,8}[\s\"']{0,2}[=:]+\Z", before, re.IGNORECASE):
        return 0.0
    if labelled or near(_KEY, text, start, end):
        return 0.95
    if re.match(r"[-_][A-Za-z0-9]|\.[A-Za-z]", text[end : end + 2]):
        return 0.0
    if text[start:end].endswith(".0.0"):  # a version number, or a whole network
        return 0.0
    return 0.6 if address < ipaddress.IPv4Address("10.0.0.0") or address.is_private else 0.85


def _v6_counts(written: str) -> bool:
    try:
        address = ipaddress.IPv6Address(written)
    except ipaddress.AddressValueError:
        return False
    if _public(address) or written.endswith("::") or not any(char.isdigit() for char in written):
        return False
    return "::" not in written or _IN_USE.match(written) is not None


def _v6(match: re.Match[str]) -> Match:
    return Match(Kind.IP_ADDRESS, *match.span(), 0.9)


def _public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return str(address) in PUBLIC_ADDRESSES or any(
        address.version == network.version and address in network for network in _NOTHING
    )
