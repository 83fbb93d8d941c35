"""Fold the disguises of Unicode into plain characters, keeping offsets.

Dropped: zero-width characters, soft hyphens, bidirectional controls, variation selectors, fillers, overlay marks,
terminal colours.
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
from nemora.privacy.quick_pattern import QuickPattern

_NON_ASCII = re.compile(r"[^\x00-\x7f]")
_LATIN = re.compile(r"[A-Za-z]")
_FOREIGN_WORD = re.compile(r"(?<![^\W_])[A-Za-z0-9]*+[^\W_\x00-\x7f][^\W_]*")
"""A word that is not all ASCII."""
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_UNUSUAL = re.compile(r"\x1b\[[0-9;:?]{0,12}[ -/]?[A-Za-z]|[^\x09-\x0d\x20-\x7e]")
_CHINESE_DIGITS = re.compile("[〇零一二三四五六七八九]{6,}|(?<=[0-9])〇+|〇+(?=[0-9])")
_FLAG_LETTERS = re.compile(
    "[\U0001f1e6-\U0001f1ff]{3,}|[\U0001f1e6-\U0001f1ff]{1,2}(?=[0-9@._])|(?<=[0-9@._])[\U0001f1e6-\U0001f1ff]{1,2}"
)
"""More than the two that make a flag, or with digits beside them."""
_CLOCKS = re.compile("(?:[\U0001f550-\U0001f559][-]?){2,}|(?<=[A-Za-z0-9+_.])[\U0001f550-\U0001f559]+")
"""Clocks in a row; ten o'clock is nought."""
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_PUNCTUATION = {
    **dict.fromkeys("\u2018\u2019\u201b\u2032", "'"),
    **dict.fromkeys("\u201c\u201d\u201f\u2033", '"'),
    **dict.fromkeys("\uff0e\u00b7\u2022\u2027\u2219\u22c5\u30fb", "."),
}
_SMALL_CAPITALS = dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘǫʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnopqrstuvwyz", strict=True))
# Marks where no language has them: on digits and signs, or three on one letter. Then all marks are a disguise.
_STACKED = QuickPattern("[0-9 .@:_-][\u0300-\u036f]|[\u0300-\u036f]{3}")
_LETTER_ROWS = (0x249C, 0x1F110, 0x1F150, 0x1F170)
"""Letters in brackets, and in dark circles and squares, which compatibility forms leave or take for three signs."""
_TAGS = range(0xE0020, 0xE007F)
_OVERLAYS = frozenset(chr(c) for c in (*range(0x0334, 0x0339), *range(0x20D0, 0x20F1)))


MAX_PASSES = 4
"""What one folding makes may be folded again: two marks left on a letter, a number in brackets."""


def normalise(text: str) -> MappedText:
    """A readable copy of `text`. ASCII without control characters is returned as it is, at no cost."""
    mapped = MappedText(text)
    for _ in range(MAX_PASSES):
        if mapped.text.isascii() and _CONTROL.search(mapped.text) is None:
            break
        before = mapped.text
        mapped = mapped.through(_fold_characters(before))
        mapped = mapped.through(_fold_lookalikes(mapped.text))
        mapped = mapped.through(MappedText(_CHINESE_DIGITS.sub(_arabic, mapped.text)))
        if max(mapped.text, default="") >= "\U0001f1e6":
            mapped = mapped.through(MappedText(_FLAG_LETTERS.sub(_as_letters, mapped.text)))
            mapped = mapped.through(MappedText(_CLOCKS.sub(_as_hours, mapped.text)))
        if mapped.text == before:
            break
    return mapped


def is_invisible(character: str) -> bool:
    """Whether `normalise` drops this character, other than a mark on a letter."""
    return _UNUSUAL.match(character) is not None and _folded(character) == ""


def _arabic(run: re.Match[str]) -> str:
    return "".join(str(int(unicodedata.numeric(c))) for c in run.group())


def _as_letters(run: re.Match[str]) -> str:
    return "".join(chr(ord(c) - 0x1F1E6 + ord("A")) for c in run.group())


def _as_hours(run: re.Match[str]) -> str:
    return "".join(c if c == "-" else str((ord(c) - 0x1F550 + 1) % 10) for c in run.group())


def _fold_characters(text: str) -> MappedText:
    builder = Builder()
    done = 0
    stacked = _STACKED.search(text) is not None
    last = ""  # the character written last, for combining sequences
    for match in _UNUSUAL.finditer(text):
        position, end = match.span()
        builder.copy(text, done, position)
        last = text[position - 1] if position > done else last
        done = end
        if end - position > 1:  # a terminal colour
            continue
        character = text[position]
        if unicodedata.combining(character) or character in _OVERLAYS:
            if _is_dropped_mark(last, character) or (stacked and "\u0300" <= character <= "\u036f"):
                continue
            builder.put(character, position, done)
            continue
        replacement = _folded(character)
        if stacked and len(replacement) == 1:
            replacement = unicodedata.normalize("NFD", replacement)[0]
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
    if category in ("Nd", "No") or 0x3021 <= code <= 0x3029:  # also in circles and brackets, and of Suzhou
        number = unicodedata.numeric(character)
        if number in range(10):
            return str(int(number))
    if category == "Cs":
        return character
    for first in _LETTER_ROWS:
        if first <= code < first + 26:
            return chr(code - first + ord("a"))
    return "".join(_plain(c) for c in unicodedata.normalize("NFKC", character))


def _plain(character: str) -> str:
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    if unicodedata.category(character) == "Pd" or character == "\u2212":
        return "-"
    return _PUNCTUATION.get(character) or _SMALL_CAPITALS.get(character, character)


def _fold_lookalikes(text: str) -> MappedText:
    foreign = len(_NON_ASCII.findall(text))
    if foreign == 0:
        return MappedText(text)
    mostly_latin = len(_LATIN.findall(text)) > foreign
    builder = Builder()
    done = 0
    for match in _FOREIGN_WORD.finditer(text):
        word = match.group()
        if not _is_disguised(word, mostly_latin):
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
    twins = _latin_twins()
    foreign = [c for c in word if not c.isascii() and c.isalpha() and (c in twins or not _is_latin(c))]
    if not foreign:
        return False
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
        if len(character) != 1 or character.isascii() or not character.isalpha():
            continue
        if _is_latin(character) and not 0x250 <= ord(character) <= 0x2AF and character != "\u0131":
            continue  # accented letters are their own; phonetic ones stand in no language's words
        for entry in entries:
            twin = entry["c"]
            if len(twin) == 1 and twin.isascii() and twin.isalnum():
                twins.setdefault(character, twin)
    return twins
