"""Ciphers whose key stands beside them: Vigenère, an alphabet put for another, tables, digits moved by a told number.

Only a text that tells of its cipher is read so; of several ways the one that makes key words is taken.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator

from nemora.privacy.ciphers import weight
from nemora.privacy.label_hint import hinted
from nemora.privacy.mapped_text import MappedText
from nemora.privacy.quick_pattern import QuickPattern, QuickSet

LONGEST = 4000
"""Characters that are read with a key."""
MOST_KEYS = 3
NEAR = 120
"""Characters on each side of the words that tell how digits were moved."""
_TELLS = QuickPattern(
    r"vigen|cipher|chiffr|cifra|crypt|decode|encode|beaufort|gronsfeld|schlüssel|szyfr|шифр|キー|暗号|密钥|密鑰",
    re.IGNORECASE,
)
_KEY = QuickPattern(
    r"(?<!\w)(?:key ?word|key|schlüssel(?:wort)?|clave|clé|chiave|chave|sleutel|klucz|nyckel|anahtar|ключ)"
    r"(?:[ ]?[:=][ ]?|[ ](?:is|ist|es|est|è|é|word)?[ ]?)[\"'`“]?(?P<key>[A-Za-z]{2,24})(?![A-Za-z])",
    re.IGNORECASE,
)
_ALPHABET = QuickPattern(r"(?<![A-Za-z])(?:[A-Za-z]{26})(?![A-Za-z])")
_PAIR = QuickPattern(r"(?<![\w])(?P<a>[A-Za-z0-9])[ ]?(?:=|->|=>|→|:)[ ]?(?P<b>[A-Za-z0-9])(?![\w])")
_PAIRS = r"[A-Za-z0-9][ ]?(?:=|->|=>|→|:)[ ]?[A-Za-z0-9]"
_TR = QuickPattern(
    r"(?<!\w)(?:tr[ ]+[\"']?(?P<a>[\w-]{2,70})[\"']?[ ]+[\"']?(?P<b>[\w-]{2,70})[\"']?"
    r"|y/(?P<a2>[\w]{2,70})/(?P<b2>[\w]{2,70})/"
    r"|maketrans\([\"'](?P<a3>\w{2,70})[\"'],[ ]?[\"'](?P<b3>\w{2,70})[\"'])"
)
_RANGE = re.compile(r"(\w)-(\w)")
_MOVED = QuickPattern(
    r"subtract|(?<!\w)(?:add|plus|minus|shift(?:ed)?|moved?|increment(?:ed)?|decrement(?:ed)?|off by|mod(?:ulo)? 10"
    r"|complement(?:ed)?|too (?:high|low)|keys? to the (?:left|right)|(?:one|two|three|\d) (?:more|less|higher|lower)"
    r"|(?:each|every|all) (?:digit|character|letter)s?|jede(?:r|s)? (?:ziffer|zeichen)|cada (?:d[ií]gito|letra|cifra)"
    r"|chaque (?:chiffre|lettre)|ogni cifra|addiere|subtrahiere|resta|suma|soustra\w{1,5}|sottra\w{1,5})(?!\w)",
    re.IGNORECASE,
)
_ANY = QuickSet((_TELLS, *map(re.compile, (r"[A-Za-z]{16}", _PAIRS, r"(?i:tr[ ]|y/|maketrans\()")), _MOVED))
"""What has to stand in a text for each of the ways; wider than their patterns where those count."""
_OF_CODES = QuickPattern(r"ascii|code|character|letter|zeichen|buchstabe|letra|caract|lettre", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w])[(+]?\d[\d ()./-]{5,36}(?![A-Za-z0-9])")
_TOKEN = re.compile(r"(?<!\S)\S{8,60}(?!\S)")
_PRINTED = "".join(map(chr, range(33, 127)))
_DIGIT_TABLES = (
    *(str.maketrans(string.digits, string.digits[n:] + string.digits[:n]) for n in range(1, 10)),
    str.maketrans(string.digits, string.digits[::-1]),
    str.maketrans("234567890-", "1234567890"),
    str.maketrans("`123456789", "1234567890"),
)
_CODE_TABLES = tuple({ord(c): chr((ord(c) - 33 + n) % 94 + 33) for c in _PRINTED} for n in (1, -1, 2, -2, 3, -3, 5, -5))


def keyed(text: MappedText) -> Iterator[MappedText]:
    """Readings of the text with a key or a table that it states."""
    if len(text.text) > LONGEST or not (may := _ANY.may(text.text)):
        return
    if may & {0} and _TELLS.search(text.text):
        yield from _vigenere(text)
    for table in _tables(text.text) if may & {1, 2, 3} else ():
        yield text.through(MappedText(text.text.translate(table)))
    if may & {4} and hinted(text.text):
        yield from _moved(text)


def _vigenere(text: MappedText) -> Iterator[MappedText]:
    """With each key the place to begin from, and the direction, that make the most of key words."""
    said = text.text
    keys = list(dict.fromkeys(m["key"].lower() for m in _KEY.finditer(said)))[:MOST_KEYS]
    starts = [0, *(m.end() for m in re.finditer(r"\n|:[ ]|[\"'`“]", said))][:8]
    least = weight(said)
    for key in keys:
        shifts = [ord(c) - 97 for c in key]
        ways = [
            said[:start] + _shifted(said[start:], shifts, sign, letters=letters)
            for start in starts
            for sign in (-1, 1)
            for letters in (True, False)
        ]
        best = max(ways, key=weight)
        if weight(best) >= least + 3 or (len(said) < 200 and weight(best) >= 3):
            yield text.through(MappedText(best))


def _shifted(text: str, shifts: list[int], sign: int, *, letters: bool) -> str:
    """Each letter moved by its place in the key, which goes on at letters alone or at every character."""
    out, place = [], 0
    for c in text:
        if c.isascii() and c.isalpha():
            first = 97 if c.islower() else 65
            out.append(chr((ord(c) - first + sign * shifts[place % len(shifts)]) % 26 + first))
            place += 1
        else:
            out.append(c)
            place += not letters
    return "".join(out)


def _tables(text: str) -> Iterator[dict[int, int]]:
    """Tables that the text states: a mixed alphabet, pairs of characters, `tr a-j 0-9`."""
    pairs: list[tuple[str, str]] = []
    for stated in _ALPHABET.finditer(text):
        alphabet = stated.group().lower()
        if len(set(alphabet)) == 26 and alphabet not in (string.ascii_lowercase, string.ascii_lowercase[::-1]):
            pairs += [(alphabet, string.ascii_lowercase), (string.ascii_lowercase, alphabet)]
    single = {m["a"]: m["b"] for m in _PAIR.finditer(text)}
    if len(single) >= 8 and len(set(single.values())) == len(single):
        pairs.append(("".join(single), "".join(single.values())))
        pairs.append(("".join(single.values()), "".join(single)))
    for stated in _TR.finditer(text):
        a, b = (_ranged(stated[name] or stated[f"{name}2"] or stated[f"{name}3"]) for name in "ab")
        if len(a) == len(b):
            pairs += [(a, b), (b, a)]
    for a, b in pairs[:6]:
        both = len(set(a.lower())) == len(a) and a.isalpha() and b.isalpha()
        yield str.maketrans(a + a.upper(), b + b.upper()) if both and a.islower() else str.maketrans(a, b)


def _ranged(stated: str) -> str:
    """ "a-j0" with its ranges written out."""
    return _RANGE.sub(lambda m: "".join(map(chr, range(ord(m[1]), ord(m[2]) + 1))), stated)


def _moved(text: MappedText) -> Iterator[MappedText]:
    """Numbers and tokens beside words that tell how their digits or characters were moved."""
    table: dict[int, int] | dict[int, str]
    told = _MOVED.search(text.text)
    if told is None:
        return
    start = max(0, told.start() - NEAR)
    near = text.text[start : told.end() + NEAR]
    places = [(m.start(), m.end()) for m in _NUMBER.finditer(near) if sum(map(str.isdigit, m.group())) >= 7]
    for table in _DIGIT_TABLES if places else ():
        yield from _with(text, start, near, places[:4], table)
    if _OF_CODES.search(near):
        tokens = [m.span() for m in _TOKEN.finditer(near) if not m.group().isalpha()]
        for table in _CODE_TABLES if tokens else ():
            yield from _with(text, start, near, tokens[:4], table)


def _with(
    text: MappedText, start: int, near: str, places: list[tuple[int, int]], table: dict[int, int] | dict[int, str]
) -> Iterator[MappedText]:
    """The text near the telling words with the table used at some places."""
    said = list(near)
    for a, b in places:
        said[a:b] = near[a:b].translate(table)
    yield text.slice(start, start + len(near)).through(
        MappedText("".join(said), range(len(near)), range(1, len(near) + 1))
    )
