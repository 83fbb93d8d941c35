"""Latin text in letters of another script, by their sound or by their keys: "маи ссн ис", "дгсшф@" for "lucia@".

Sounds are spelled in several ways, so words are compared by what is left when those are one. Only what makes a word
that announces an identifier, or stands beside a digit or an @, is rewritten; real Russian or Greek stays as it is.
"""

# ruff: noqa: E501, SIM905 - lists of words and long patterns read better on one line
from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from nemora.privacy.ciphers import COMMON
from nemora.privacy.edits import Edit, apart
from nemora.privacy.label_hint import WORDS

_SOUNDS = {
    **dict(zip("абвгдезийклмнопрстуфхыэёіїєґ", "a b v g d e z i i k l m n o p r s t u f h y e e i i e g".split(), strict=True)),
    **dict(zip("жцчшщюяъь", ["zh", "c", "ch", "sh", "sh", "u", "a", "", ""], strict=True)),
    **dict(zip("αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώ", "a v g d e z i th i k l m n x o p r s t u f h ps o s a e i i o u o".split(), strict=True)),
    **dict(zip("ᚨᛒᚲᛞᛖᚠᚷᚺᛁᛚᛗᚾᛟᛈᚱᛊᛏᚢᚹᛪᛃᛉᚦᛋᚻᛡᚴ", "a b k d e f g h i l m n o p r s t u w x y z th s h j k".split(), strict=True)),
    **dict(zip("აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ", "a b g d e v z t i k l m n o p zh r s t u f k g k sh ch c dz c ch h j h".split(), strict=True)),
    **dict(zip("աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆ", "a b g d e z e e t zh i l kh c k h dz g ch m y n sh o ch p j r s v t r c u p k o f".split(), strict=True)),
}  # fmt: skip
_PAIRS = (("μπ", "b"), ("ντ", "d"), ("γκ", "g"), ("τζ", "j"), ("ου", "u"), ("кс", "x"), ("дж", "j"))
_RUSSIAN_KEYS = dict(zip("йцукенгшщзхъфывапролджэячсмитьбю", "qwertyuiop[]asdfghjkl;'zxcvbnm,.", strict=True))
_GREEK_KEYS = dict(zip("ςερτυθιοπασδφγηξκλζχψωβνμ", "wertyuiopasdfghjklzxcvbnm", strict=True))
_LETTER = "[\u0370-\u03ff\u0400-\u04ff\u0530-\u058f\u10a0-\u10ff\u16a0-\u16ff]"
FOREIGN = re.compile(_LETTER)
_TOKEN = re.compile(rf"[^\s]*{_LETTER}[^\s]*")
_WORD = re.compile(rf"{_LETTER}+")
_VALUE = re.compile(r"[\d@]")
_SAME = str.maketrans({"c": "k", "q": "k", "w": "u", "v": "u", "y": "i", "j": "i", "x": "ks", "h": None, "z": "s"})
MOST = 400
"""Words of a text that are looked up."""


def transliterated(text: str) -> Iterator[Edit]:
    """Words in another script, as the Latin words that they sound like or have the keys of."""
    if FOREIGN.search(text) is None:
        return
    edits: list[Edit] = []
    made = 0
    for number, token in enumerate(_TOKEN.finditer(text)):
        if number == MOST:
            break
        written = token.group().lower()
        word, known = _known(written)
        if known or _VALUE.search(written):
            edits.append(Edit(token.start(), token.end(), word))
            made += known
    if made:
        yield from edits


def typed(text: str) -> Iterator[Edit]:
    """Values and words typed with the keyboard left in another language."""
    if FOREIGN.search(text) is None:
        return
    edits = []
    for token in _TOKEN.finditer(text):
        written = token.group().lower()
        for keys in (_RUSSIAN_KEYS, _GREEK_KEYS):
            plain = "".join(keys.get(c, c) for c in written)
            if plain.isascii() and (_VALUE.search(written) or plain.strip(".,:;") in _words().values()):
                edits.append(Edit(token.start(), token.end(), plain))
                break
    yield from apart(edits)


def _known(written: str) -> tuple[str, bool]:
    """The token with its foreign letters by their sound, and whether a word of it is one that announces."""
    known = False

    def spelled(word: re.Match[str]) -> str:
        nonlocal known
        plain = _sounds(word.group())
        found = _words().get(_heard(plain))
        known |= found is not None
        return found or plain

    return _WORD.sub(spelled, written), known


def _sounds(word: str) -> str:
    for pair, sound in _PAIRS:
        word = word.replace(pair, sound)
    return "".join(_SOUNDS.get(c, c) for c in word)


def _heard(word: str) -> str:
    """What is left of a word when letters of one sound are one."""
    return re.sub(r"(.)\1", r"\1", word.translate(_SAME))


@cache
def _words() -> dict[str, str]:
    plain = sorted({word for word in (*WORDS, *COMMON) if word.isascii() and len(word) >= 3}, key=len, reverse=True)
    found = {_heard(word): word for word in plain}
    return {heard: word for heard, word in found.items() if len(heard) >= 2}
