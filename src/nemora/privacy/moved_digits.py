"""Numbers whose digits were moved by what the text tells: "(subtract 3 from every digit)", "one key to the right".

So many places in either direction are tried as the text says, and nothing else: any number becomes an identifier under
one of twelve tables.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping

from nemora.privacy.mapped_text import MappedText
from nemora.privacy.quick_pattern import QuickPattern

NEAR = 120
"""Characters on each side of the words that tell how digits were moved."""
TOLD = 40
"""Characters on each side of them in which they say by how much."""
MOST_TOLD, MOST_PLACES = 2, 4
MOVED = QuickPattern(
    r"subtract|(?<!\w)(?:add|plus|minus|shift(?:ed)?|moved?|increment(?:ed)?|decrement(?:ed)?|off by|mod(?:ulo)? 10"
    r"|complement(?:ed)?|too (?:high|low)|keys? to the (?:left|right)|(?:one|two|three|\d) (?:more|less|higher|lower)"
    r"|(?:each|every|all) (?:digit|character|letter)s?|jede(?:r|s)? (?:ziffer|zeichen)|cada (?:d[ií]gito|letra|cifra)"
    r"|chaque (?:chiffre|lettre)|ogni cifra|addiere|subtrahiere|resta|suma|soustra\w{1,5}|sottra\w{1,5})(?!\w)",
    re.IGNORECASE,
)
_OF_CODES = re.compile(r"ascii|code|character|letter|zeichen|buchstabe|letra|caract|lettre", re.IGNORECASE)
_OF_KEYS = re.compile(r"(?<!\w)(?:keys?|tasten?|teclas?|touches?)(?!\w)", re.IGNORECASE)
_TYPED = re.compile(r"(?:typed|pressed|hit)[\w ]{1,24} (left|right)", re.IGNORECASE)
_OF_NINE = re.compile(r"complement|(?:nine|9|neun|nueve|neuf) ?(?:minus|-|menos|moins)|from (?:nine|9)", re.IGNORECASE)
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_AMOUNT = re.compile(
    rf"(?<![\w.,-])(?:\d|{'|'.join(_WORDS[1:])}|eins?|zwei|drei|uno?|une|dos|tres|deux|trois|due|tre)(?![\w.])"
)
_OTHER_WORDS = {
    "ein": 1, "eins": 1, "zwei": 2, "drei": 3, "un": 1, "uno": 1, "une": 1, "dos": 2, "tres": 3, "deux": 2, "trois": 3,
    "due": 2, "tre": 3,
}  # fmt: skip
_NUMBER = re.compile(r"(?<![\w])[(+]?\d[\d ()./-]{5,36}(?![A-Za-z0-9])")
_TOKEN = re.compile(r"(?<!\S)\S{8,60}(?!\S)")
_KEYS = (str.maketrans("234567890-", "1234567890"), str.maketrans("`123456789", "1234567890"))
_NINE = str.maketrans(string.digits, string.digits[::-1])
_PRINTED = range(32, 127)


def moved(text: MappedText) -> Iterator[MappedText]:
    """Numbers and tokens beside words that tell how their digits or characters were moved, moved back."""
    done = 0
    for number, told in enumerate(MOVED.finditer(text.text)):
        if number == MOST_TOLD:
            return
        start, end = max(done, told.start() - NEAR), told.end() + NEAR
        done = told.end()
        near = text.text[start:end]
        said = text.text[max(0, told.start() - TOLD) : told.end() + TOLD]
        places = [m.span() for m in _NUMBER.finditer(near) if sum(map(str.isdigit, m.group())) >= 7]
        for table in _digit_tables(said) if places else ():
            yield from _with(text, start, near, places[:MOST_PLACES], table)
        if _OF_CODES.search(said):
            tokens = [m.span() for m in _TOKEN.finditer(near) if not m.group().isalpha()]
            for by in _amounts(said) if tokens else ():
                yield from _with(text, start, near, tokens[:MOST_PLACES], code_table(by))


def _amounts(said: str) -> list[int]:
    """By how much, in both directions; the text may tell how it was done or how it is undone."""
    found = dict.fromkeys(
        int(word) if word.isdigit() else _OTHER_WORDS.get(word) or _WORDS.index(word)
        for word in (m.group().lower() for m in _AMOUNT.finditer(said.lower()))
    )
    return [by for amount in list(found)[:2] if amount for by in (-amount, amount)]


def _digit_tables(said: str) -> list[Mapping[int, int]]:
    if _OF_KEYS.search(said):
        typed = _TYPED.search(said)
        return [_KEYS[typed[1].lower() == "left"]] if typed else list(_KEYS)
    if _OF_NINE.search(said):
        return [_NINE]
    return [digit_table(by) for by in _amounts(said)]


def digit_table(by: int) -> Mapping[int, int]:
    """Digits moved by so many, nought behind nine."""
    return {ord(str(n)): ord(str((n + by) % 10)) for n in range(10)}


def code_table(by: int) -> Mapping[int, int]:
    """Characters moved by so many codes, among those that are printed."""
    return {code: (code - 32 + by) % len(_PRINTED) + 32 for code in _PRINTED}


def _with(
    text: MappedText, start: int, near: str, places: list[tuple[int, int]], table: Mapping[int, int]
) -> Iterator[MappedText]:
    """The text near the telling words with the table used at some places."""
    said = list(near)
    for a, b in places:
        said[a:b] = near[a:b].translate(table)
    yield text.slice(start, start + len(near)).through(
        MappedText("".join(said), range(len(near)), range(1, len(near) + 1))
    )
