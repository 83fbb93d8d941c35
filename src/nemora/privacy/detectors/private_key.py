"""Private keys in PEM, OpenPGP, PuTTY and JWK form, also cut short or with escaped line ends."""

from __future__ import annotations

import re

from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern

_BEGIN = QuickPattern(
    r"-{4,5} ?BEGIN (?:[A-Z0-9]{2,12} ){0,3}(?:PRIVATE KEY(?: BLOCK)?|OPENSSH PRIVATE KEY"
    r"|SSH2 ENCRYPTED PRIVATE KEY) ?-{4,5}"
)
_END = re.compile(r"-{4,5} ?END (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)? ?-{4,5}")
# Lines of base64, PEM headers ("Proc-Type: 4,ENCRYPTED"), and whatever code puts at the end of a line.
_BODY = re.compile(
    r"(?:(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset|Subject):[^\n\\]{0,200}|\\+[nr]|[A-Za-z0-9+/=]++"
    r"|[\s\"'+,>|#*]|\\)*+"
)
_PUTTY = re.compile(r"PuTTY-User-Key-File-\d: ")
_PUTTY_BODY = re.compile(r"Private-Lines: \d{1,4}\r?\n(?:[A-Za-z0-9+/=]{1,80}(?:\r?\n|\Z)){1,200}")
_JWK = re.compile(r"\"d\"\s{0,3}:\s{0,3}\"([A-Za-z0-9_-]{40,700})\"")
_LONGEST = 64_000


class PrivateKeyDetector:
    """Key material; a header alone (in code that looks for keys, or in a sentence) is none."""

    name = "private_key"

    def find(self, text: str, label: str) -> list[Match]:
        found = []
        at = 0
        while match := _BEGIN.search(text, at):
            end, sure = _end(text, match.end())
            if end:
                found.append(Match(Kind.PRIVATE_KEY, match.start(), end, 0.99 if sure else 0.9))
            at = max(match.end(), end)
        if _PUTTY.search(text):
            found.extend(
                Match(Kind.PRIVATE_KEY, m.start(), m.start() + len(m.group().rstrip()), 0.98)
                for m in _PUTTY_BODY.finditer(text)
                if len(m.group()) >= 60
            )
        if '"kty"' in text:
            found.extend(Match(Kind.PRIVATE_KEY, *m.span(1), 0.95) for m in _JWK.finditer(text))
        return found


def _end(text: str, start: int) -> tuple[int, bool]:
    """Where the key that begins before `start` ends, and whether its END line is there. (0, False) for no key."""
    body = _BODY.match(text, start, start + _LONGEST)
    stop = body.end() if body else start
    material = re.sub(r"\\+[nr]|[^A-Za-z0-9+/=]", "", re.sub(r"(?m)^[A-Za-z-]+:.*$", "", text[start:stop]))
    if len(material) < 24 or len(set(material)) < 8:
        return 0, False
    closing = _END.match(text, stop)
    if closing:
        return closing.end(), True
    return start + len(text[start:stop].rstrip(" \t\r\n\"'+,>|#*\\")), False
