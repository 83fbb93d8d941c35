"""Whole numbers that a table or a program made floating point of: `4716209388541728.0`, `4.716209388541728e+15`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nemora.privacy.detectors.checksums import luhn
from nemora.privacy.detectors.payment_card import issued
from nemora.privacy.detectors.public_values import TEST_CARDS
from nemora.privacy.edits import Edit
from nemora.privacy.quick_pattern import QuickPattern

CARD = QuickPattern(r"(?<![\w.+-])(\d)\.(\d{11,18})[eE]\+?(1[3-8])(?![\w.])")
WHOLE = QuickPattern(r"(?<![\w.$€£¥+-])(\d{7,19})\.0(?![\w.%])")
_CELL = re.compile(r"[ ]?(\d{7,19})\.0{1,2}[ ]?|[ ]?(\d)\.(\d{5,18})[eE]\+?(\d{1,2})[ ]?")
_LOST = 3
"""Zeros at the end of a number that its floating point leaves out."""
_EXACT = 15
"""The greatest power of ten for which zeros left out are sure to be zeros: a larger number has lost its last digits."""
_OF_MONEY = re.compile(
    r"balance|amount|total|saldo|paid|cost|price|revenue|budget|limit|turnover|salary|income|betrag|summe|montant"
    r"|solde|importe|importo|sum\b",
    re.IGNORECASE,
)


def card_floats(text: str) -> Iterator[Edit]:
    """Numbers of cards with an exponent: all their digits are there, an issuer's prefix and Luhn's fit."""
    for found in CARD.finditer(text):
        power = int(found[3])
        if not power - (_LOST if power <= _EXACT else 0) <= len(found[2]) <= power:
            continue
        digits = (found[1] + found[2]).ljust(power + 1, "0")
        if issued(digits) and luhn(digits) and digits not in TEST_CARDS:
            yield Edit(*found.span(), digits)


def whole_floats(text: str) -> Iterator[Edit]:
    """Whole numbers with `.0` behind them, but for amounts of money."""
    for found in WHOLE.finditer(text):
        if not _OF_MONEY.search(text, max(0, found.start() - 40), found.start()):
            yield Edit(*found.span(), found[1])


def written_out(value: str, label: str) -> str:
    """The digits of a whole number that is all of a cell; any other value, and an amount of money, as it is."""
    cell = _CELL.fullmatch(value)
    if cell is None or _OF_MONEY.search(label):
        return value
    if cell[1] is not None:
        return cell[1]
    digits, power = cell[2] + cell[3], int(cell[4])
    return digits.ljust(power + 1, "0") if 0 <= power - len(cell[3]) <= _LOST else value
