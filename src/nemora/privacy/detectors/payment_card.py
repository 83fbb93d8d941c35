"""Payment card numbers: issuer prefix, length and Luhn; near misses where card words stand beside them."""

from __future__ import annotations

import re

from nemora.privacy.detectors.checksums import luhn
from nemora.privacy.detectors.context import key_pattern, names, near
from nemora.privacy.detectors.digits import SPELLED, Group, chains, same_digit, spelled
from nemora.privacy.detectors.public_values import TEST_CARDS
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern, QuickSet

_KEY = key_pattern(
    r"(?:credit|debit|payment|bank|prepaid|corporate|gift)?[\s_-]?cards?(?:[\s_-]?(?:number|no|num|nr|pan))?"
    r"|cc(?:[\s_-]?(?:num|number|no))?"
    r"|ccn|visa|master[\s_-]?card|amex|american express|discover|diners|jcb|unionpay|maestro|rupay|cvv2?|cvc"
    r"|expir(?:y|es|ation)"
    r"|kreditkarten?(?:nummer)?|kartennummer|carte (?:bancaire|bleue|de crédit)|cb|tarjeta|cartão|cartao"
    r"|carta di credito|kaart"
    r"|карт[аыуе]|信用卡|银行卡|卡号|カード|카드|بطاقة"
)
# First digits and lengths of the issuers (ISO/IEC 7812 registrations as the schemes publish them).
_ISSUERS: tuple[tuple[int, int, frozenset[int]], ...] = (
    (4, 4, frozenset({13, 16, 19})),  # Visa
    (51, 55, frozenset({16})),  # Mastercard
    (2221, 2720, frozenset({16})),
    (34, 34, frozenset({15})),  # American Express
    (37, 37, frozenset({15})),
    (300, 305, frozenset({14, 16})),  # Diners Club
    (3095, 3095, frozenset({14, 16})),
    (36, 36, frozenset({14, 16, 19})),
    (38, 39, frozenset({14, 16, 19})),
    (6011, 6011, frozenset({16, 19})),  # Discover
    (644, 659, frozenset({16, 19})),
    (3528, 3589, frozenset({16, 17, 18, 19})),  # JCB
    (62, 62, frozenset({16, 17, 18, 19})),  # UnionPay
    (81, 82, frozenset({16})),  # RuPay, UnionPay
    (508, 508, frozenset({16})),
    (60, 60, frozenset({16})),
    (2200, 2204, frozenset({16, 19})),  # Mir
    (9792, 9792, frozenset({16})),  # Troy
    (5061, 5061, frozenset({16, 19})),  # Verve
    (50, 50, frozenset({16})),  # Maestro, Elo
    (56, 58, frozenset({16})),
    (63, 63, frozenset({16})),
    (67, 67, frozenset({16})),
)
_USUAL_GROUPS = {(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (4, 4, 5), (6, 13), (8, 8), (6, 10)}
# Without a card word near: 13 digits are more often an article number, 17 to 19 an identifier of some system.
_BY_SHAPE = {14: 0.7, 15: 0.92, 16: 0.92, 19: 0.6}
_OCR = str.maketrans("OoIlSBZG", "00115826")
_NOISY = QuickPattern(r"(?<![\w.])[0-9OoIlSBZG]{4}(?:[ \-]?[0-9OoIlSBZG]{4}){3}(?![\w])")


def issued(digits: str) -> bool:
    """Whether an issuer's prefix and length fit."""
    return any(
        len(digits) in lengths and low <= int(digits[: len(str(low))]) <= high for low, high, lengths in _ISSUERS
    )


_SET = QuickSet((_NOISY, SPELLED, re.compile(r"\d(?:[^0-9A-Za-z]{0,2}\d){12}")))
"""The last one is wider than any chain of digits that could be a number."""


class PaymentCardDetector:
    """Card numbers in any grouping, over line ends, and spelled out. Published test numbers are no findings."""

    name = "payment_card"

    def find(self, text: str, label: str) -> list[Match]:
        labelled = names(_KEY, label)
        found: list[Match] = []
        if not _SET.may(text):
            return found
        for groups in chains(text, least=13):
            if sum(len(g.digits) for g in groups) >= 13:
                found.extend(_in_chain(groups, text, labelled))
        for group in spelled(text):
            found.extend(_spelled_match(group))
        found.extend(_noisy_matches(text, labelled))
        return found


def _in_chain(groups: list[Group], text: str, labelled: bool) -> list[Match]:
    """Windows of whole groups that are a card number, leftmost first, without overlaps."""
    found: list[Match] = []
    first = 0
    while first < len(groups):
        last, confidence = _card_from(groups, first, text, labelled)
        if confidence:
            found.append(Match(Kind.PAYMENT_CARD, groups[first].start, groups[last].end, confidence))
        first = last + 1 if confidence or last < 0 else first + 1
    return found


def _card_from(groups: list[Group], first: int, text: str, labelled: bool) -> tuple[int, float]:
    """The last group of the best card number that begins at group `first`, and its confidence (0: none)."""
    best = (first, 0.0)
    digits = ""
    for last in range(first, min(first + 19, len(groups))):
        digits += groups[last].digits
        if len(digits) > 19:
            break
        if len(digits) >= 13:
            sizes = tuple(len(g.digits) for g in groups[first : last + 1])
            whole = first == 0 and last == len(groups) - 1
            span = (groups[first].start, groups[last].end)
            confidence = _confidence(digits, sizes, whole, span, text, labelled)
            if confidence > best[1]:
                best = (last, confidence)
    return best


def _confidence(
    digits: str, sizes: tuple[int, ...], whole: bool, span: tuple[int, int], text: str, labelled: bool
) -> float:
    if digits in TEST_CARDS or same_digit(digits) or not _stands_alone(text, *span):
        return 0.0
    usual = len(sizes) == 1 or sizes in _USUAL_GROUPS
    spaced_out = whole and set(sizes) == {1}
    keyed = labelled or near(_KEY, text, *span)
    if issued(digits) and luhn(digits):
        if usual:
            return 0.98 if keyed else _BY_SHAPE.get(len(digits), 0.0)
        plain = whole and min(sizes) >= 3 and "." not in text[slice(*span)]
        return 0.9 if keyed else 0.6 if spaced_out or plain else 0.0
    if not keyed or not (usual or spaced_out or whole):
        return 0.0
    if luhn(digits) and len(digits) >= 14:
        return 0.8
    return 0.6 if len(digits) in (15, 16) and (issued(digits) or len(sizes) == 4) else 0.0


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether the digits are no part of an identifier, a decimal number or a longer token."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if before[-1:].isalnum() and before[-1:].isascii():
        return False
    if after[:1].isalpha() and after[:1].isascii():
        return False
    return not (len(before) == 2 and before[1] == "." and before[0].isdigit())


def _spelled_match(group: Group) -> list[Match]:
    """A card number inside a run of digit words. The words before it may be digits of something else."""
    if len(group.digits) < 13 or group.digits in TEST_CARDS or same_digit(group.digits):
        return []
    if issued(group.digits) and luhn(group.digits):
        return [Match(Kind.PAYMENT_CARD, group.start, group.end, 0.95)]
    return [Match(Kind.PAYMENT_CARD, group.start, group.end, 0.6)] if len(group.digits) in (15, 16) else []


def _noisy_matches(text: str, labelled: bool) -> list[Match]:
    """Numbers in which a scanner read a few digits as letters (O for 0, S for 5), where card words stand near."""
    found = []
    for match in _NOISY.finditer(text):
        digits = re.sub(r"[ \-]", "", match.group())
        letters = sum(char.isalpha() for char in digits)
        if not 1 <= letters <= 4 or digits.translate(_OCR) in TEST_CARDS:
            continue
        fits = issued(digits.translate(_OCR)) and luhn(digits.translate(_OCR))
        if labelled or near(_KEY, text, *match.span()):
            found.append(Match(Kind.PAYMENT_CARD, *match.span(), 0.8 if fits else 0.6))
    return found
