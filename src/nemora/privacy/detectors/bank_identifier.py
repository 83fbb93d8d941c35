"""Bank identifier codes (BIC, SWIFT: ISO 9362), where a word announces them."""

from __future__ import annotations

import re

from nemora.privacy.detectors.context import key_pattern, names
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match

_WORDS = r"(?:bic|swift)(?:[ /_-]{0,3}(?:bic|swift|code|nr|no|number)){0,2}"
_KEY = key_pattern(_WORDS)
_CODE = re.compile(r"[A-Z]{6}[A-Z2-9][A-NP-Z0-9](?:[A-Z0-9]{3})?(?![A-Za-z0-9])")
_GLUE = re.compile(r"[\"'*)]{0,3}\s{0,3}(?:[:=#]|is|ist|est|es)?\s{0,3}[\"'*]{0,3}")
# Country codes that a BIC may hold are many; these English words in capitals are none.
_WORDS_IN_CAPITALS = frozenset({"REQUIRED", "OPTIONAL", "REGISTER", "TRANSFER", "PROVIDED", "DISABLED", "UNDEFINED"})


class BankIdentifierDetector:
    """The code of a bank, written as one of a payment's coordinates."""

    name = "bank_identifier"

    def find(self, text: str, label: str) -> list[Match]:
        lowered = f"{label} {text}".lower()
        if "bic" not in lowered and "swift" not in lowered:
            return []
        starts = {match.end() for match in _KEY.finditer(text)}
        found = []
        for start in sorted(starts):
            glue = _GLUE.match(text, start)
            code = _CODE.match(text, glue.end() if glue else start)
            if code and code.start() > start and code.group() not in _WORDS_IN_CAPITALS:
                found.append(Match(Kind.BANK_ACCOUNT, *code.span(), 0.8))
        if names(_KEY, label) and (code := _CODE.fullmatch(text.strip())):
            at = text.index(code.group())
            found.append(Match(Kind.BANK_ACCOUNT, at, at + len(code.group()), 0.85))
        return found
