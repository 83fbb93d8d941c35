"""Digits as something that has an order of its own: months, planets, elements, letters of old numerals, hours, tones.

A run counts only where all of it is of one table, and long enough for a number; near a word that announces one.
"""

# ruff: noqa: E501, SIM905 - lists of words and long patterns read better on one line
from __future__ import annotations

import re
from collections.abc import Iterator

from nemora.privacy.edits import Edit, apart
from nemora.privacy.number_words import NUMBERS
from nemora.privacy.quick_pattern import QuickPattern

LEAST, LONGEST = 7, 40
"""Digits of a run."""
_TABLES = """
    none january february march april may june july august september
    - jan feb mar apr may jun jul aug sep
    none monday tuesday wednesday thursday friday saturday sunday - -
    sun mercury venus earth mars jupiter saturn uranus neptune pluto
    - alpha beta gamma delta epsilon zeta eta theta iota
    n H He Li Be B C N O F
    null januar februar märz april mai juni juli august september
    ninguno enero febrero marzo abril mayo junio julio agosto septiembre
    aucun janvier février mars avril mai juin juillet août septembre
    joker ace deuce trey four five six seven eight nine
    nulla solo duet trio quartet quintet sextet septet octet nonet
    - single pair triple quad quint sext - - -
"""
_ORDERS = tuple(
    {word: str(n) for n, word in enumerate(line.split()) if word != "-"} for line in _TABLES.strip().splitlines()
)
"""A neutron is "n" and nitrogen "N": only there case matters."""
_ALL = "|".join(sorted({word for order in _ORDERS for word in order}, key=len, reverse=True))
ORDERED = QuickPattern(rf"(?<!\w)(?:{_ALL}|0)(?:[ ,;|/-]{{1,3}}(?:{_ALL}|0)(?!\w)){{6,39}}", re.IGNORECASE)
_GAP = re.compile(r"[ ,;|/-]+")
_GREEK = dict(zip("αβγδεϛζηθ", "123456789", strict=True)) | {"ς": "6", "ϝ": "6", "0": "0", "ō": "0"}
_HEBREW = dict(zip("אבגדהוזחט", "123456789", strict=True)) | {"0": "0"}
_ARABIC = dict(zip("ابجدهوزحط", "123456789", strict=True)) | {"0": "0"}
_LETTERED = tuple(
    (re.compile(rf"(?<!\w)[{''.join(table)}]['ʹ΄´׳]?(?:[ ,.-]{{0,2}}[{''.join(table)}]['ʹ΄´׳]?){{6,39}}(?!\w)"), table)
    for table in (_GREEK, _HEBREW, _ARABIC)
)
FOREIGN = re.compile("[α-θאבגדהוזחטابجدهوزحط]")
HOURS = QuickPattern(r"(?<![\d:])\d:00(?:[ ,;-]{1,3}\d:00){6,24}(?![\d:])")
TWO_HOURS = r"\d:00[ ,;-]{1,3}\d:00"
TONES = QuickPattern(
    r"(?<!\d)(?:697|770|852|941)[ ]?[+/&][ ]?(?:1209|1336|1477)"
    r"(?:[ ,;|]{1,3}(?:697|770|852|941)[ ]?[+/&][ ]?(?:1209|1336|1477)){5,39}(?!\d)"
)
_TONE = re.compile(r"(697|770|852|941)[ ]?[+/&][ ]?(1209|1336|1477)")
_KEYS = {f"{row}{column}": str(3 * r + c + 1) for r, row in enumerate(("697", "770", "852"))
         for c, column in enumerate(("1209", "1336", "1477"))} | {"9411336": "0", "9411209": "*", "9411477": "#"}  # fmt: skip
LETTERS = QuickPattern(r"(?<![A-Za-z])(?:[A-J]{7,24}|[A-J](?:[ -][A-J]){6,24})(?![A-Za-z])")
TELLS_LETTERS = re.compile(r"[Aa] ?(?:=|is|for|->|→) ?(?P<first>[01])")
NEAR = 60
_REMARK = re.compile(r"[ ]?\([^()\n]{3,60}\)")
SIGNALS = QuickPattern(
    r"(?<!\w)(?:(?:dot|dash|dit|dah|short|long|punto|raya|punkt|strich|point|trait)(?:[ -]{1,2}|[ ]?[,/|][ ]?)){24,400}"
    r"(?:dot|dash|dit|dah|short|long|punto|raya|punkt|strich|point|trait)(?!\w)",
    re.IGNORECASE,
)
_SIGNAL = r"(?:dot|dash|dit|dah|short|long|punto|raya|punkt|strich|point|trait)"
THREE_SIGNALS = re.compile(rf"{_SIGNAL}(?:[ ,/|-]{{1,3}}{_SIGNAL}){{3}}", re.IGNORECASE)
"""Shorter than a run, and so quicker to look for."""
_SHORT = frozenset("dot dit short punto punkt point".split())
ROMAN = QuickPattern(r"(?<![\w.])[CLXVI]{1,8}(?:[ ,.-]{1,2}(?:[CLXVI]{1,8}|N)){3,23}(?!\w)")
_WORTH = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
DOTTED = QuickPattern(r"(?<!\w)(?:[a-z][.-]){2,5}[a-z](?:[ ,]{1,2}(?:[a-z][.-]){2,5}[a-z]){4,39}(?!\w)", re.IGNORECASE)


def letter_numerals(text: str) -> Iterator[Edit]:
    """Runs of names, letters, hours or tones as the digits that their order tells."""
    edits = [Edit(run.start(), run.end(), plain) for run in ORDERED.finditer(text) if (plain := _by_order(run.group()))]
    if FOREIGN.search(text):
        for pattern, table in _LETTERED:
            edits += [
                Edit(run.start(), run.end(), "".join(table.get(c, "") for c in run.group()))
                for run in pattern.finditer(text)
            ]
    hours = HOURS.finditer(text) if ":00" in text else ()
    edits += [Edit(run.start(), run.end(), re.sub(r"(\d):00[ ,;-]*", r"\1", run.group())) for run in hours]
    for run in TONES.finditer(text):
        edits.append(Edit(run.start(), run.end(), "".join(_KEYS["".join(tone)] for tone in _TONE.findall(run.group()))))
    for run in LETTERS.finditer(text):
        told = TELLS_LETTERS.search(text, max(0, run.start() - NEAR), run.end() + NEAR)
        if told is not None:
            remark = _REMARK.match(text, run.end())
            end = remark.end() if remark else run.end()
            edits.append(Edit(run.start(), end, _lettered(run.group(), int(told["first"]))))
    for run in SIGNALS.finditer(text):
        edits.append(Edit(run.start(), run.end(), _signalled(run.group().lower())))
    for run in ROMAN.finditer(text):
        edits.append(Edit(run.start(), run.end(), _roman_pairs(run.group())))
    for run in DOTTED.finditer(text):
        words = [re.sub("[.-]", "", word).lower() for word in re.split("[ ,]+", run.group())]
        edits.append(Edit(run.start(), run.end(), "".join(NUMBERS.get(word, "x") for word in words)))
    yield from apart(edit for edit in edits if LEAST <= len(edit.plain) <= LONGEST and edit.plain.isdigit())


def _by_order(run: str) -> str:
    written = _GAP.split(run)
    for words in (written, [word.lower() for word in written]):
        for order in _ORDERS:
            if all(word in order or word == "0" for word in words):
                return "".join(order.get(word, "0") for word in words)
    return ""


def _lettered(run: str, first: int) -> str:
    return "".join(str((ord(c) - 65 + first) % 10) for c in run if c.isalpha())


def _signalled(run: str) -> str:
    """Morse code of digits, five signals each."""
    signs = ["." if word in _SHORT else "-" for word in re.findall("[a-z]+", run)]
    groups = ["".join(signs[n : n + 5]) for n in range(0, len(signs), 5)]
    return "".join(_MORSE_DIGITS.get(group, "x") for group in groups)


_MORSE_DIGITS = {"." * n + "-" * (5 - n): str(n) for n in range(6)} | {
    "-" * n + "." * (5 - n): str(5 + n) for n in range(1, 5)
}


def _roman_pairs(run: str) -> str:
    """Numbers below a hundred, two digits each; the last may be of one."""
    numbers = [_roman(word) for word in re.split(r"[ ,.-]+", run)]
    if max(numbers) < 10 or max(numbers) > 99:
        return ""
    return "".join(f"{n:02d}" for n in numbers[:-1]) + str(numbers[-1])


def _roman(word: str) -> int:
    worths = [_WORTH.get(sign, 0) for sign in word]
    return sum(
        -worth if any(worth < later for later in worths[n + 1 : n + 2]) else worth for n, worth in enumerate(worths)
    )
