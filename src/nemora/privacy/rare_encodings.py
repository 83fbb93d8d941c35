"""Rare encodings of bytes as text: base45, base100, letters for half bytes, xxencode, bits in any two signs.

Each is read only where its shape is plain and nearly all that comes out is text.
"""

from __future__ import annotations

import binascii
import re
import string
from collections.abc import Callable, Iterator

from nemora.privacy.edits import Edit, apart
from nemora.privacy.encodings import SHORTEST, readable
from nemora.privacy.quick_pattern import QuickPattern

_BASE45 = {c: n for n, c in enumerate(string.digits + string.ascii_uppercase + " $%*+-./:")}
_BASE45_RUN = QuickPattern(r"(?<![A-Za-z0-9])[0-9A-Z$%*+\-./:][0-9A-Z $%*+\-./:]{10,1200}(?![a-z])")
_HALVES_RUN = QuickPattern(r"(?<![A-Za-z0-9])(?:[c-h][a-p]){6,1000}(?![A-Za-z0-9])")
_EMOJI_RUN = re.compile("[\U0001f3f7-\U0001f4f6]{6,2000}")
_FIRST_EMOJI = 0x1F3F7
_XX = "+-" + string.digits + string.ascii_uppercase + string.ascii_lowercase
_XX_BLOCK = re.compile(r"begin [0-7]{3} \S{1,80}\n((?:[+\-0-9A-Za-z]{1,61}\n?){1,400})")
_UU = str.maketrans(_XX, "`" + "".join(map(chr, range(33, 96))))
_OCTETS = QuickPattern(r"(?<!\S)[^\s]{8}(?:[ ,][^\s]{8}){5,2000}(?!\S)")
_BACON_RUN = QuickPattern(r"(?<![A-Za-z])[abAB]{5}(?:[ ]{1,3}(?:[abAB]{5}|[^\sA-Za-z]))+")
_BACON = {f"{n:05b}".translate(str.maketrans("01", "ab")): c for n, c in enumerate(string.ascii_lowercase)}
_PAIRS_RUN = QuickPattern(r"(?<![\d.,-])[1-5]{2}(?:[ ]{1,3}(?:[1-5]{2}|[^\sA-Za-z])(?!\S)){8,400}")
_SQUARE = {f"{n // 5 + 1}{n % 5 + 1}": c for n, c in enumerate("abcdefghiklmnopqrstuvwxyz")}


def rare_encodings(text: str) -> Iterator[Edit]:
    """Runs as the text that they encode."""
    edits = [
        Edit(run.start(), run.end(), plain)
        for pattern, read in _FORMS
        for run in pattern.finditer(text)
        if (plain := read(run.group())) is not None
    ]
    if "begin " in text:
        edits += _xxencoded(text)
    yield from apart(edits)


def _text(data: bytes | None) -> str | None:
    if data is None or len(data) < SHORTEST:
        return None
    plain = readable(data)
    return plain.text if plain is not None and plain.whole else None


def base45(run: str) -> bytes | None:
    """RFC 9285: three digits are two bytes, the last two may be one."""
    out = bytearray()
    for at in range(0, len(run), 3):
        digits = [_BASE45[c] for c in run[at : at + 3]]
        number = sum(digit * 45**place for place, digit in enumerate(digits))
        size = len(digits) - 1
        if size == 0 or number >= 1 << (8 * size):
            return None
        out += number.to_bytes(size, "big")
        if out[0] < 32:  # most runs end here
            return None
    return bytes(out)


def _from_base45(run: str) -> str | None:
    data = base45(run.rstrip(" .")) or base45(run)
    return _text(data) if data is not None and data.isascii() else None


def _from_halves(run: str) -> str | None:
    return _text(bytes((ord(a) - 97) * 16 + ord(b) - 97 for a, b in zip(run[::2], run[1::2], strict=True)))


def _from_emoji(run: str) -> str | None:
    return _text(bytes(ord(c) - _FIRST_EMOJI for c in run))


def _from_two_signs(run: str) -> str | None:
    """Octets of any two signs, either of them the one."""
    signs = sorted(set(run) - {" ", ","})
    if len(signs) != 2 or signs == ["0", "1"]:
        return None
    for zero, one in (signs, signs[::-1]):
        octets = run.translate({ord(zero): "0", ord(one): "1", ord(","): " "}).split()
        if max(octets) < "10000000":
            plain = _text(bytes(int(octet, 2) for octet in octets))
            if plain is not None:
                return plain
    return None


def _by_table(table: dict[str, str]) -> Callable[[str], str]:
    """Signs by a table; wider gaps part words, and what is not in the table stays."""

    def read(run: str) -> str:
        words = re.split(r"[ ]{2,}", run.lower())
        return " ".join("".join(table.get(sign, sign) for sign in word.split(" ")) for word in words)

    return read


def _xxencoded(text: str) -> Iterator[Edit]:
    for block in _XX_BLOCK.finditer(text):
        data = b""
        for line in block[1].splitlines():
            try:
                data += binascii.a2b_uu(line.translate(_UU))
            except binascii.Error:
                break
        plain = _text(data)
        if plain is not None:
            yield Edit(block.start(), block.end(), plain)


_FORMS: tuple[tuple[re.Pattern[str] | QuickPattern, Callable[[str], str | None]], ...] = (
    (_BASE45_RUN, _from_base45),
    (_HALVES_RUN, _from_halves),
    (_EMOJI_RUN, _from_emoji),
    (_OCTETS, _from_two_signs),
    (_BACON_RUN, _by_table(_BACON)),
    (_PAIRS_RUN, _by_table(_SQUARE)),
)
PATTERNS = tuple(pattern for pattern, _ in _FORMS)
