"""Fold the disguises of Unicode into plain characters, keeping offsets.

Dropped: zero-width characters, soft hyphens, bidirectional controls, variation selectors, fillers, overlay marks.
Folded: compatibility forms (NFKC: full-width, ligatures, mathematical letters), digits of other scripts, tag
characters, combining sequences, and look-alike letters inside words that mix scripts (Unicode TS 39, confusables).
Real Russian or Greek text stays as it is: only words that mix with Latin, or consist wholly of look-alikes in a text
that is otherwise Latin, are folded.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from confusable_homoglyphs import confusables

from nemora.privacy.mapped_text import Builder, MappedText

_NON_ASCII = re.compile(r"[^\x00-\x7f]")
_WORD = re.compile(r"\S+")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_TAGS = range(0xE0020, 0xE007F)
_OVERLAYS = frozenset(chr(c) for c in (*range(0x0334, 0x0339), *range(0x20D0, 0x20F1)))


def normalise(text: str) -> MappedText:
    """A readable copy of `text`. ASCII without control characters is returned as it is, at no cost."""
    if text.isascii() and _CONTROL.search(text) is None:
        return MappedText(text)
    folded = _fold_characters(text)
    return folded.through(_fold_lookalikes(folded.text))


def _fold_characters(text: str) -> MappedText:
    builder = Builder()
    done = 0
    last = ""  # the character written last, for combining sequences
    for match in re.finditer(r"[^\x09-\x0d\x20-\x7e]", text):
        position = match.start()
        builder.copy(text, done, position)
        last = text[position - 1] if position > done else last
        done = position + 1
        character = text[position]
        if unicodedata.combining(character):
            if _is_dropped_mark(last, character):
                continue
            builder.put(character, position, done)
            continue
        replacement = _folded(character)
        builder.put(replacement, position, done)
        last = replacement[-1:] or last
    builder.copy(text, done, len(text))
    return _composed(builder.build())


def _is_dropped_mark(last: str, mark: str) -> bool:
    """Overlays, and marks on plain Latin letters or digits with which they form no letter."""
    if mark in _OVERLAYS or last.isdigit():
        return True
    return last.isascii() and len(unicodedata.normalize("NFC", last + mark)) > 1


def _composed(mapped: MappedText) -> MappedText:
    """Letters and their marks as one character where Unicode has one."""
    if mapped.starts is None or mapped.ends is None or unicodedata.is_normalized("NFC", mapped.text):
        return mapped
    builder = Builder()
    position = 0
    while position < len(mapped.text):
        end = position + 1
        while end < len(mapped.text) and unicodedata.combining(mapped.text[end]):
            end += 1
        piece = unicodedata.normalize("NFC", mapped.text[position:end])
        builder.put(piece, mapped.starts[position], mapped.ends[end - 1])
        position = end
    return builder.build()


@cache
def _folded(character: str) -> str:
    """What one non-ASCII or control character stands for; "" if it is invisible."""
    code = ord(character)
    if code in _TAGS:
        return chr(code - 0xE0000)
    category = unicodedata.category(character)
    if category == "Cf" or character in _FILLERS or 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF:
        return ""
    if category == "Cc":
        return " " if character in "\x85\x1c\x1d\x1e\x1f" else ""
    if category in ("Zl", "Zp"):
        return "\n"
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    if category == "Cs":
        return character
    return "".join(_plain(c) for c in unicodedata.normalize("NFKC", character))


def _plain(character: str) -> str:
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    if unicodedata.category(character) == "Pd" or character == "\u2212":
        return "-"
    return {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\uff0e": "."}.get(character, character)


def _fold_lookalikes(text: str) -> MappedText:
    if text.isascii():
        return MappedText(text)
    latin = sum(c.isascii() and c.isalpha() for c in text)
    mostly_latin = latin > sum(not c.isascii() and c.isalpha() for c in text)
    builder = Builder()
    done = 0
    for match in _WORD.finditer(text):
        word = match.group()
        if word.isascii() or not _is_disguised(word, mostly_latin):
            continue
        for offset in (m.start() for m in _NON_ASCII.finditer(word)):
            twin = _latin_twins().get(word[offset])
            if twin is not None:
                position = match.start() + offset
                builder.copy(text, done, position)
                builder.put(twin, position, position + 1)
                done = position + 1
    if done == 0:
        return MappedText(text)
    builder.copy(text, done, len(text))
    return builder.build()


def _is_disguised(word: str, mostly_latin: bool) -> bool:
    foreign = [c for c in word if not c.isascii() and c.isalpha() and not _is_latin(c)]
    if not foreign:
        return False
    twins = _latin_twins()
    if any(c.isascii() and c.isalnum() for c in word):
        return any(c in twins for c in foreign)
    return mostly_latin and all(c in twins for c in foreign)


@cache
def _is_latin(character: str) -> bool:
    return unicodedata.name(character, "").startswith("LATIN")


@cache
def _latin_twins() -> dict[str, str]:
    """Letters of other scripts that look like an ASCII letter or digit, from Unicode's confusables."""
    twins: dict[str, str] = {}
    for character, entries in confusables.confusables_data.items():
        if len(character) != 1 or character.isascii() or not character.isalpha() or _is_latin(character):
            continue
        for entry in entries:
            twin = entry["c"]
            if len(twin) == 1 and twin.isascii() and twin.isalnum():
                twins.setdefault(character, twin)
    return twins
