"""Recovery phrases of wallets: 12 to 24 short words after "seed phrase" and its like."""

# ruff: noqa: SIM905 - lists of words read better as text
from __future__ import annotations

import re

from nemora.privacy.detectors.context import label_words
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern

_KEY = (
    r"(?:seed|recovery|mnemonic|backup|wallet|secret recovery|secret)[\s_-]{0,2}(?:phrase|words|seed|mnemonic)s?"
    r"|mnemonics?"
    r"|(?:12|15|18|21|24|twelve|twenty[ -]four)[ -]words?(?: (?:seed|phrase|recovery phrase))?"
)
# BIP 39 words have three to eight letters. They may be numbered, quoted, or parted by commas and line ends.
_WORD = r"[a-z]{3,8}"
_GAP = r"[\s,\"']{1,4}(?:\d{1,2}[.):]?[ ]{0,2})?[\"']?"
_PHRASE = rf"(?:1[.):]?[ ]{{0,2}})?(?P<phrase>{_WORD}(?:{_GAP}{_WORD}){{11,23}})"
_KEYED = QuickPattern(
    rf"(?<![A-Za-z])(?i:{_KEY})(?i:[ ](?:for|to|of)(?:[ ][\w'-]{{1,20}}){{1,4}}?)?[\"'`*]{{0,2}}[ ]?(?:(?i:is|are"
    rf"|was|words)|[:=])[\s:=\"'`*\[(-]{{0,6}}{_PHRASE}(?![a-z])"
)
_BARE = re.compile(_PHRASE)
_LABEL = QuickPattern(_KEY, re.IGNORECASE)
# A sentence has these; the word list of BIP 39 has none of them.
_PROSE = frozenset(
    """
    the and you your for with are from was were has not its but can his her they them these those which who our must
    should
    """.split()
)


class RecoveryPhraseDetector:
    """A phrase opens a wallet, as a private key does."""

    name = "recovery_phrase"

    def find(self, text: str, label: str) -> list[Match]:
        found = [m.span("phrase") for m in _KEYED.finditer(text)] if _LABEL.search(text) else []
        if label and _LABEL.search(label_words(label)) and (match := _BARE.fullmatch(text.strip())):
            offset = len(text) - len(text.lstrip())
            found.append((match.start("phrase") + offset, match.end("phrase") + offset))
        return [Match(Kind.PRIVATE_KEY, start, end, 0.9) for start, end in found if _is_phrase(text[start:end])]


def _is_phrase(phrase: str) -> bool:
    words = re.findall(r"[a-z]+", phrase)
    return len(words) >= 12 and len(set(words)) >= 6 and not _PROSE.intersection(words)
