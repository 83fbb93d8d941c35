"""Characters written as their numbers: lists of codes, `chr(52)`, `U+0034`, `String.fromCharCode`, bits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from nemora.privacy.edits import Edit
from nemora.privacy.quick_pattern import QuickPattern

_CODE = r"(?:0[xX][0-9A-Fa-f]{2,4}|1?[0-9]{2}(?![0-9]))"
_LIST = QuickPattern(
    r"(?<![\w.])(?:\[\]byte|N?CHAR(?=\()|String\.fromCh?ar(?:Code|CodePoint)\(|bytes\(|bytearray\(|new Uint8Array\()?"
    r"[\[({]?[ ]?"
    rf"{_CODE}(?:[ ]?[,;][ \n]{{0,8}}{_CODE}|[ ]{_CODE}){{5,2000}}+[ ]?[\])}}]{{0,3}}(?![\w])"
)
_ONE = re.compile(_CODE)
_CALL = (
    r"(?:(?:chr|char|CHAR|Chr|ChrW|CHR|NCHAR|UNICHAR|String\.fromCharCode|unichr)\(\s?(?:0[xX][0-9A-Fa-f]{2,4}|[0-9]{2,6})\s?\)"
    r"|\[char\]\s?(?:0[xX][0-9A-Fa-f]{2,4}|[0-9]{2,6}))"
)
_CALLS = QuickPattern(rf"{_CALL}(?:\s{{0,4}}(?:\+|\.|\|\||&|,|~)\s{{0,4}}{_CALL}){{3,2000}}+")
_NUMBER = re.compile(r"0[xX][0-9A-Fa-f]+|\d+")
_POINT = r"(?:U\+|u\+|\\N\{U\+)[0-9A-Fa-f]{4,6}\}?"
_POINTS = QuickPattern(rf"{_POINT}(?:[ ,]{{0,2}}{_POINT}){{3,2000}}+")
_HEX = re.compile(r"\+([0-9A-Fa-f]{4,6})")
_BITS = QuickPattern(
    r"(?<![\w.])(?:0b)?[01]{7,8}(?:[ ,]{1,2}\n?(?:0b)?[01]{7,8}){4,4000}+(?![\w])|(?<![\w.])(?:[01]{8}){5,4000}+(?!\w)"
)
_OCTALS = QuickPattern(r"(?<![\w.])[01]?[0-7]{2}(?:[ ,][01]?[0-7]{2}){5,2000}+(?!\w)")
_NIBBLES = QuickPattern(r"(?<![\w.])[01]{4}(?:[ ,][01]{4}){5,40}+(?!\w)")
_TEX = QuickPattern(r"(?:\\char[0-9]{2,3}[ ]?){4,400}+")
_TEX_HEX = QuickPattern(r"(?:\^\^[0-9a-f]{2}){4,400}+")
_TROFF = QuickPattern(r"(?:\\\[u[0-9A-F]{4}\]){4,400}+")
_OCTET = re.compile(r"[01]{7,8}")


def character_codes(text: str) -> Iterator[Edit]:
    """Runs of numbers that are codes of readable characters."""
    for pattern, codes in _FORMS:
        for run in pattern.finditer(text):
            plain = _characters(codes(run.group()))
            if plain is not None:
                yield Edit(run.start(), run.end(), plain)


def _listed(run: str) -> list[int]:
    return [_number(m.group()) for m in _ONE.finditer(run)]


def _number(written: str) -> int:
    """A code as it is written; a leading zero means nothing."""
    return int(written, 16 if written[:2] in ("0x", "0X") else 10)


def _called(run: str) -> list[int]:
    return [_number(m.group()) for m in _NUMBER.finditer(run) if m.group() != "0"]


def _pointed(run: str) -> list[int]:
    return [int(m[1], 16) for m in _HEX.finditer(run)]


def _octals(run: str) -> list[int]:
    return [int(word, 8) for word in re.split("[ ,]", run)]


def _decimals(run: str) -> list[int]:
    """Digits of four bits each, as their characters; 255 where one is no digit."""
    digits = [int(word, 2) for word in re.split("[ ,]", run)]
    return [48 + digit if digit < 10 else 255 for digit in digits]


def _hexed(run: str) -> list[int]:
    return [int(digits, 16) for digits in re.findall("[0-9A-Fa-f]{2,4}", run)]


def _bits(run: str) -> list[int]:
    octets = _OCTET.findall(run) if re.search(r"[ ,b]", run) else [run[n : n + 8] for n in range(0, len(run) - 7, 8)]
    return [int(octet, 2) for octet in octets]


def _characters(codes: list[int]) -> str | None:
    """The text, if nearly all of it is letters, digits and spaces; lists of other numbers are not."""
    if any(code > 0x10FFFF or 0xD800 <= code < 0xE000 for code in codes):
        return None
    if all(code < 256 for code in codes) and any(code > 127 for code in codes):
        plain = bytes(codes).decode("utf-8", "replace")
    else:
        plain = "".join(map(chr, codes))
    good = sum(c.isalnum() or c in " @.-_:/+" for c in plain)
    return plain if plain.isprintable() and good >= 0.8 * len(plain) else None


_FORMS: tuple[tuple[QuickPattern, Callable[[str], list[int]]], ...] = (
    (_LIST, _listed),
    (_CALLS, _called),
    (_POINTS, _pointed),
    (_BITS, _bits),
    (_OCTALS, _octals),
    (_NIBBLES, _decimals),
    (_TEX, _called),
    (_TEX_HEX, _hexed),
    (_TROFF, _hexed),
)
PATTERNS = tuple(pattern for pattern, _ in _FORMS)
