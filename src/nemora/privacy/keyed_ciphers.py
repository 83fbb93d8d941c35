"""Ciphers whose key stands beside them: Vigenère, an alphabet put for another, tables, `tr`.

Only a stretch around what tells of the cipher is read, and only where what stands there is no ordinary text; of several
ways the one that makes key words is taken.
"""

# ruff: noqa: E501, SIM905 - lists of words and long patterns read better on one line
from __future__ import annotations

import re
import string
from collections.abc import Iterator, Sequence
from itertools import islice

from nemora.privacy.ciphers import weight
from nemora.privacy.label_hint import hinted
from nemora.privacy.mapped_text import MappedText
from nemora.privacy.moved_digits import MOVED, moved
from nemora.privacy.quick_pattern import QuickPattern, QuickSet

AROUND = 600
"""Characters on each side of a key that are read with it."""
BESIDE = 120
"""Characters between a key and the word that tells of a cipher, at most."""
MOST_KEYS, MOST_STARTS, MOST_TABLES = 3, 8, 6
_FIRST_WORDS = 80
"""Characters behind a place by which it is told whether enciphered text begins there."""
_TELLS = QuickPattern(
    r"vigen|cipher|chiffr|cifra|crypt|beaufort|gronsfeld|schlüssel|szyfr|шифр|キー|暗号|密钥|密鑰"
    r"|(?:de|en)coded? (?:with|by|using)",
    re.IGNORECASE,
)
_KEY = QuickPattern(
    r"(?<!\w)(?:key ?word|key|schlüssel(?:wort)?|clave|clé|chiave|chave|sleutel|klucz|nyckel|anahtar|ключ)"
    r"(?:[ ]?[:=][ ]?|[ ](?:is|ist|es|est|è|é|word)?[ ]?)[\"'`“]?(?P<key>[A-Za-z]{2,24})(?![A-Za-z])",
    re.IGNORECASE,
)
_START = re.compile(r"\n|:[ ]|[\"'`“]")
_LETTERS = re.compile(r"[A-Za-z]+")
_ORDINARY = frozenset(
    """
    the and for with this that from have not are was will can you your which into when der die das und ist von den
    mit nicht los las que una para por les des est dans pour che per con del nie jest return import class def self none
    true false null
    """.split()
)
_ALPHABET = QuickPattern(r"(?<![A-Za-z])[A-Za-z]{13}[A-Za-z]{13}(?![A-Za-z])")
_AFFINE = QuickPattern(
    r"affin[^\n]{0,40}?(?:a|m|mult\w*)[ ]?(?:=|is|:)?[ ]?(?P<a>\d{1,2})[ ,;]{1,3}(?:and[ ])?(?:b|add\w*|shift)[ ]?(?:=|is|:)?[ ]?(?P<b>\d{1,2})"
    r"|affin[^\n\d]{0,24}\(?(?P<a2>\d{1,2}),[ ]?(?P<b2>\d{1,2})\)?",
    re.IGNORECASE,
)
_PAIR = r"[A-Za-z0-9][ ]?(?:=|->|=>|→|:)[ ]?[A-Za-z0-9]"
_PAIRS = QuickPattern(rf"(?<!\w){_PAIR}(?:[ ]?[,;|/\n][ ]?{_PAIR}|[ ]{{1,2}}{_PAIR}){{7,70}}(?!\w)")
_TWO = re.compile(r"([A-Za-z0-9])[ ]?(?:=|->|=>|→|:)[ ]?([A-Za-z0-9])")
_TR = QuickPattern(
    r"(?<!\w)(?:tr[ ]+[\"']?(?P<a>[\w-]{2,70})[\"']?[ ]+[\"']?(?P<b>[\w-]{2,70})[\"']?"
    r"|y/(?P<a2>[\w]{2,70})/(?P<b2>[\w]{2,70})/"
    r"|maketrans\([\"'](?P<a3>\w{2,70})[\"'],[ ]?[\"'](?P<b3>\w{2,70})[\"'])"
)
_RANGE = re.compile(r"(\w)-(\w)")
LEAST_MAPPED, MOST_MAPPED = 5, 512
"""Characters that a table of `tr` changes; fewer are no cipher, and more none that someone wrote."""
LONGEST_RANGE = 128
"""Characters of a range that is written out; a few characters could state ranges over all of Unicode."""
_ANY = QuickSet((_TELLS, _ALPHABET, _PAIRS, _TR, MOVED, _AFFINE))
"""What has to stand in a text for each of the ways; wider than their patterns where those count."""


def keyed(text: MappedText) -> Iterator[MappedText]:
    """Readings of stretches of the text with a key or a table that it states."""
    may = _ANY.may(text.text)
    if not may:
        return
    if 0 in may:
        yield from _vigenere(text)
    if may & {1, 2, 3, 5}:
        for start, end, table in _tables(text.text):
            part = text.slice(max(0, start - AROUND), end + AROUND)
            yield part.through(MappedText(part.text.translate(table)))
    if 4 in may and hinted(text.text):
        yield from moved(text)


def _vigenere(text: MappedText) -> Iterator[MappedText]:
    """With each key the place to begin from, and the direction, that make the most of key words."""
    for key, start, end in _keys(text.text):
        part = text.slice(max(0, start - AROUND), end + AROUND)
        said = part.text
        best = max(_ways(said, key), key=weight, default="")
        most = weight(best)
        if most >= (3 if len(said) < 200 else weight(said) + 3):
            yield part.through(MappedText(best))


def _keys(text: str) -> list[tuple[str, int, int]]:
    """Keys that are stated beside a word that tells of a cipher, and from where to where both stand."""
    found: dict[str, tuple[str, int, int]] = {}
    for stated in _KEY.finditer(text):
        key = stated["key"].lower()
        if key in found or key in _ORDINARY:
            continue
        tells = _TELLS.search(text, max(0, stated.start() - BESIDE), stated.end() + BESIDE)
        if tells is not None:
            found[key] = key, min(stated.start(), tells.start()), max(stated.end(), tells.end())
        if len(found) == MOST_KEYS:
            break
    return list(found.values())


def _ways(said: str, key: str) -> Iterator[str]:
    starts = [at for at in (0, *(m.end() for m in _START.finditer(said))) if _is_strange(said[at : at + _FIRST_WORDS])]
    shifts = [ord(c) - 97 for c in key]
    for start in starts[:MOST_STARTS]:
        for sign in (-1, 1):
            yield said[:start] + shifted_letters(said[start:], [sign * n for n in shifts])
            yield said[:start] + shifted(said[start:], [sign * n for n in shifts])


def _is_strange(start: str) -> bool:
    """Whether a line begins with letters, and with no ordinary words."""
    words = _LETTERS.findall(start.partition("\n")[0].lower())
    return sum(map(len, words)) >= 3 and _ORDINARY.isdisjoint(words)


def shifted(text: str, shifts: Sequence[int]) -> str:
    """Each letter moved in the alphabet by the shift that is due; the shifts go on at every character."""
    out = list(text)
    for place, by in enumerate(shifts):
        out[place :: len(shifts)] = text[place :: len(shifts)].translate(_MOVES[by % 26])
    return "".join(out)


def shifted_letters(text: str, shifts: Sequence[int]) -> str:
    """The same with shifts that go on at letters alone."""
    moved_letters = shifted("".join(_LETTERS.findall(text)), shifts)
    out, done, used = [], 0, 0
    for word in _LETTERS.finditer(text):
        start, end = word.span()
        out += [text[done:start], moved_letters[used : used + end - start]]
        done, used = end, used + end - start
    return "".join([*out, text[done:]])


_MOVES = tuple(
    str.maketrans(
        string.ascii_letters,
        "".join(letters[n:] + letters[:n] for letters in (string.ascii_lowercase, string.ascii_uppercase)),
    )
    for n in range(26)
)


def _tables(text: str) -> Iterator[tuple[int, int, dict[int, int]]]:
    """Tables that the text states, and where: a mixed alphabet, pairs of characters, `tr a-j 0-9`."""
    for start, end, one, other in islice(_pairs(text), MOST_TABLES // 2):
        for a, b in ((one, other), (other, one)):
            both = len(set(a.lower())) == len(a) and a.isalpha() and b.isalpha()
            both = both and a.islower() and a.isascii() and b.isascii()
            yield start, end, str.maketrans(a + a.upper(), b + b.upper()) if both else str.maketrans(a, b)


def _pairs(text: str) -> Iterator[tuple[int, int, str, str]]:
    """The two sides of each table, equally long, and where the text states it."""
    for stated in _ALPHABET.finditer(text):
        alphabet = stated.group().lower()
        if len(set(alphabet)) == 26 and alphabet not in (string.ascii_lowercase, string.ascii_lowercase[::-1]):
            yield *stated.span(), alphabet, string.ascii_lowercase
    for stated in _AFFINE.finditer(text):
        by, plus = int(stated["a"] or stated["a2"]) % 26, int(stated["b"] or stated["b2"]) % 26
        if by % 2 and by != 13:
            moved_letters = "".join(string.ascii_lowercase[(by * n + plus) % 26] for n in range(26))
            yield *stated.span(), string.ascii_lowercase, moved_letters
    for stated in _PAIRS.finditer(text):
        single = dict(_TWO.findall(stated.group()))
        if len(single) >= 8 and len(set(single.values())) == len(single):
            yield *stated.span(), "".join(single), "".join(single.values())
    for stated in _TR.finditer(text):
        a, b = (_ranged(stated[name] or stated[f"{name}2"] or stated[f"{name}3"]) for name in "ab")
        if LEAST_MAPPED <= len(a) == len(b) <= MOST_MAPPED and a.lower() != b.lower():
            yield *stated.span(), a, b


def _ranged(stated: str) -> str:
    """ "a-j0" with its ranges written out, except those that are too long for it."""
    return _RANGE.sub(_written_out, stated)


def _written_out(stated: re.Match[str]) -> str:
    first, last = ord(stated[1]), ord(stated[2])
    return stated[0] if last - first >= LONGEST_RANGE else "".join(map(chr, range(first, last + 1)))
