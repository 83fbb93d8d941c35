"""Letters put for letters: Caesar's shifts (rot13 among them), Atbash, rot47, and digits for letters in key words."""

# ruff: noqa: SIM905 - lists of words read better as text
from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterator
from functools import cache

from nemora.privacy.edits import Edit
from nemora.privacy.label_hint import WORDS
from nemora.privacy.mapped_text import MappedText
from nemora.privacy.quick_pattern import QuickWords

_LOWER, _UPPER = string.ascii_lowercase, string.ascii_uppercase
_PRINTED = "".join(chr(code) for code in range(33, 127))
_TOKEN = re.compile(r"[A-Za-z]{3,24}")
_SHIFTED = re.compile(r"[!-+2-Kp-~]{3,24}")
"""Words as rot47 writes them: "a" to "z" are "2" to "K", capitals lie on both sides."""
COMMON = """
    please with that this from have your there about would their which will been what when please the and for are but
    not you all was his her its mein meine bitte und der die das ist nicht mit para por favor que los las con una est
    les des une pour avec dans merci danke gracias lautet tonight today transfer charge send form root
""".split()
_WANTED = frozenset(word for word in (*WORDS, *COMMON) if word.isascii() and len(word) >= 3)
_QUICK = QuickWords(_WANTED)
MOST_CODES = 5
"""Places by which whole texts are moved within ASCII."""
LETTERS = 26
LEAST_WEIGHT = 9
"""Letters of the words that a key must make before text is read with it; a lone word of three says nothing."""


def _tables() -> list[dict[int, int]]:
    """One table a key, from what stands there to what it says."""
    tables = [str.maketrans(_LOWER + _UPPER, _LOWER[n:] + _LOWER[:n] + _UPPER[n:] + _UPPER[:n]) for n in range(1, 26)]
    tables.append(str.maketrans(_LOWER + _UPPER, _LOWER[::-1] + _UPPER[::-1]))
    tables.append(str.maketrans(_PRINTED, _PRINTED[47:] + _PRINTED[:47]))
    return tables


_KEYS = _tables()
_ROT47 = len(_KEYS) - 1


@cache
def _hidden_words() -> dict[str, list[tuple[int, int]]]:
    """Each wanted word under each key, with the key and its length. Words that are words themselves are left out."""
    hidden: dict[str, list[tuple[int, int]]] = {}
    for key, table in enumerate(_KEYS[:_ROT47]):
        back = {to: at for at, to in table.items()}
        for word in _WANTED:
            disguise = word.translate(back)
            if disguise not in _WANTED:
                hidden.setdefault(disguise, []).append((key, len(word)))
    return hidden


def deciphered(text: MappedText) -> Iterator[MappedText]:
    """The text under each key that makes words of it, two keys at most."""
    found: Counter[int] = Counter()
    words: Counter[int] = Counter()
    hidden = _hidden_words()
    for token in hidden.keys() & set(_TOKEN.findall(text.text.lower())):
        for key, size in hidden[token]:
            found[key] += size
            words[key] += 1
    short = _is_short(text.text)
    keys = [key for key, weight in found.most_common(2) if short or (weight >= LEAST_WEIGHT and words[key] > 1)]
    shifted = "\n".join(_SHIFTED.findall(text.text)).translate(_KEYS[_ROT47]).lower()
    if sum(map(len, _WANTED & set(_TOKEN.findall(shifted)))) >= (3 if short else LEAST_WEIGHT):
        keys.append(_ROT47)
    for key in keys:
        yield text.through(MappedText(text.text.translate(_KEYS[key])))
        if key < MOST_CODES or LETTERS - MOST_CODES < key + 1 < LETTERS:  # digits and signs may be moved as well
            by = key + 1 if key < MOST_CODES else key + 1 - LETTERS
            yield text.through(
                MappedText("".join(chr((ord(c) - 32 + by) % 95 + 32) if " " <= c <= "~" else c for c in text.text))
            )


def speaks(text: str) -> bool:
    """Whether `weight` is not nought, quickly; a word behind 24 letters does not count."""
    return _QUICK.any_in(text)


def weight(text: str) -> int:
    """Letters of the key words and of the commonest words in a text."""
    if not speaks(text):  # nearly all that was read in a wrong order or with a wrong key
        return 0
    return sum(map(len, _WANTED & set(_TOKEN.findall(text.lower()))))


def _is_short(text: str) -> bool:
    return len(text) <= 120


_LEET = str.maketrans("43105778@$!|9", "aeiosttba" + "silg")
_MIXED = re.compile(
    r"(?<![\w@$!|])(?=[\w@$!|-]{0,24}[A-Za-z])(?=[\w@$!|-]{0,24}[0-9@$!|])[A-Za-z0-9@$!|]{2,24}(?![\w@$!|])"
)


def leet_words(text: str) -> Iterator[Edit]:
    """Key words with digits and signs for letters ("p4ssw0rd", "55N"), as they are meant."""
    for token in _MIXED.finditer(text):
        written = token.group()
        for plain in (written.translate(_LEET), written.translate(_LEET).replace("l", "i")):
            if plain.lower() in _WANTED and plain != written:
                yield Edit(token.start(), token.end(), plain)
                break
