"""Text written backwards: all of it, each word, or a value alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nemora.privacy.detectors.checksums import luhn
from nemora.privacy.detectors.public_values import is_published
from nemora.privacy.edits import Edit
from nemora.privacy.label_hint import HINT, WORDS, hinted
from nemora.privacy.mapped_text import MappedText

SHORT = 160
"""Characters of a text in which one short word counts; in longer ones words are backwards by chance."""
_TOKEN = re.compile(r"[^\W\d_]{3,24}")
_PLAIN = frozenset(WORDS)
_BACKWARDS = frozenset(word[::-1] for word in WORDS if len(word) >= 3 and word[::-1] not in _PLAIN) - frozenset(
    ["lam", "pit", "sub", "tar", "top", "pin", "nit", "nip", "ton", "rac", "krow", "emit", "tub"]
)
_VALUE = re.compile(
    r"(?<![\w@.])(?=[^\s]{0,40}\d|[^\s@]{0,40}@)[\w().@+/-]{2,60}(?:[ ][\w().+/-]*\d[\w().+/-]*){0,8}(?![\w@])"
)
_SPLIT = re.compile(r"\S+")


def turned_text(text: MappedText) -> Iterator[MappedText]:
    """The whole text backwards, and each word backwards, where key words stand in it backwards."""
    words = _BACKWARDS & set(_TOKEN.findall(text.text.casefold()))
    if not words or (len(text.text) > SHORT and len(words) < 2 and max(map(len, words)) < 6):
        return
    size = len(text.text)
    yield text.through(MappedText(text.text[::-1], range(size - 1, -1, -1), range(size, 0, -1)))
    places = list(range(size))
    for match in _SPLIT.finditer(text.text):
        places[match.start() : match.end()] = range(match.end() - 1, match.start() - 1, -1)
    turned = "".join(text.text[place] for place in places)
    yield text.through(MappedText(turned, places, [place + 1 for place in places]))


_LINE = re.compile(r"(?m)^(?P<first>\S{1,60})[ ](?P<rest>[^\n]{2,200})$")
_PIECE = re.compile(r"\S+")
_VALUE_SIGN = re.compile(r"[\d@]")


def words_turned(text: str) -> Iterator[Edit]:
    """Short lines with the last word first: what ends them begins a sentence, and a value stands before its word."""
    for line in _LINE.finditer(text):
        written = line.group()
        value = _VALUE_SIGN.search(written)
        if value is None or written[-1] in ".!?,;:":
            continue
        words = _PIECE.findall(written)
        last = words[-1]
        if len(words) < 2 or not (last[0].isupper() or (last.islower() and len(words) < 5)):
            continue
        hint = HINT.search(written)
        if hint is not None and value.start() < hint.start():
            yield Edit(*line.span(), " ".join(reversed(words)))


def turned_values(text: str) -> Iterator[Edit]:
    """Values with digits or an @, behind a word that announces one, backwards."""
    for match in _VALUE.finditer(text):
        value = match.group()
        if (
            len(value) >= 7
            and _could_be(value.rstrip(".,"))
            and hinted(text[max(0, match.start() - 60) : match.start()])
        ):
            yield Edit(match.start(), match.end(), _mirrored(value))


_PREFIXES = ("ks", "phg", "ohg", "shg", "aika", "taplg", "tap_buhtig", "bxox", "pxox", "ipavn", "fh", "azia", "ipyp")
_SHAPE = re.compile(
    r"[a-z]{2,6}\.[\w.-]{1,60}@|[\w ]{10,40}\d{2}[ ]?[A-Z]{2}|[\d ()/.-]{7,20}\+|\d{4}[- ]\d{3}[ -]?[()]"
    r"|\d{4}-\d{2}-\d{3}"
    r"|\d{1,2}[-./]\d{1,2}[-./]\d\d(?:91|02)|\d\d(?:91|02)[-./]\d{1,2}[-./]\d{1,2}"
)


def _could_be(value: str) -> bool:
    """Whether the value, turned, has the shape of an identifier; numbers that are found either way need no turning."""
    if is_published(value):
        return False
    digits = re.sub(r"\D", "", value)
    if 13 <= len(digits) <= 19 and len(digits) >= len(value) - 6:
        return luhn(digits[::-1])
    key = re.search(r"[-_]?([A-Za-z_]{2,10})\Z", value)
    return _SHAPE.match(value) is not None or (
        len(value) >= 16 and key is not None and key[1].lower().endswith(_PREFIXES)
    )


_BRACKETS = str.maketrans("()[]", ")(][")


def _mirrored(value: str) -> str:
    trimmed = value.rstrip(".,")
    return (
        trimmed[::-1].translate(_BRACKETS)
        if value.count("(") != value[::-1].count("(")
        else trimmed[::-1] + value[len(trimmed) :]
    )
