"""Bytes as tools print them, line by line: `xxd`, `hexdump -C`, `od`; and uuencode."""

# ruff: noqa: E501 - long patterns read better on one line
from __future__ import annotations

import binascii
import contextlib
import re
from collections.abc import Callable, Iterator

from nemora.privacy.edits import Edit
from nemora.privacy.encodings import readable
from nemora.privacy.label_hint import hinted

_ROWS = re.compile(
    r"(?m)^[ \t>]{0,8}[0-9a-fA-F]{6,8}:?[ \t]{1,3}[^\n]{2,90}"
    r"(?:\n[ \t>]{0,8}[0-9a-fA-F]{6,8}:?[ \t]{1,3}[^\n]{2,90}){0,400}"
)
_ROW = re.compile(r"(?m)^[ \t>]{0,8}[0-9a-fA-F]{6,8}:?(?P<body>[^\n]+)$")
_HEX = re.compile(r"[ \t]{1,3}(?:[0-9a-fA-F]{2,8}[ \t]{1,2}){1,15}[0-9a-fA-F]{2,8}|[ \t]{1,3}[0-9a-fA-F]{2,8}")
_OCTAL = re.compile(r"[ \t]{1,3}(?:[0-3][0-7]{2}[ \t]){0,15}[0-3][0-7]{2}[ \t]*\Z")
_UU = re.compile(r"begin [0-7]{3} \S{1,80}\n((?:[ -`]{1,61}\n?){1,400})")
_NAMED = {r"\n": "\n", r"\t": "\t", r"\0": "", r"\r": ""}


def dumps(text: str) -> Iterator[Edit]:
    """Each dump as the text that its bytes are."""
    if "begin " in text:
        yield from _uuencoded(text)
    for block in _ROWS.finditer(text):
        rows = [row["body"] for row in _ROW.finditer(block.group())]
        ways = [plain for read in (_as_hex, _as_octal, _as_characters, _as_words) if (plain := _together(rows, read))]
        if ways:  # words of a machine are text either way round
            yield Edit(block.start(), block.end(), next(filter(hinted, ways), ways[0]))


def _together(rows: list[str], read: Callable[[str], bytes | None]) -> str | None:
    pieces = [read(row) for row in rows]
    data = b"".join(piece for piece in pieces if piece is not None)
    if len(data) < 6 or sum(piece is None for piece in pieces) > 1:  # od ends with a bare offset
        return None
    plain = readable(data)
    return plain.text if plain is not None and plain.whole else None


def _as_hex(row: str) -> bytes | None:
    found = _HEX.match(row)
    if found is None:
        return None
    digits = re.sub(r"\s", "", found.group())[:32]
    return bytes.fromhex(digits[: len(digits) // 2 * 2])


def _as_words(row: str) -> bytes | None:
    """Words of two, four or eight bytes with the last byte first."""
    found = _HEX.match(row)
    words = found.group().split() if found else []
    if not words or len(words[0]) < 4:
        return None
    return b"".join(bytes.fromhex(word[: len(word) // 2 * 2])[::-1] for word in words).rstrip(b"\0")


PUSHED = re.compile(
    r"(?:push(?:l|q)?[ \t]{1,4}(?:dword[ ])?\$?0x(?:[0-9a-fA-F]{2}){1,8}[ \t]*(?:;[^\n]{0,40})?(?:\n[ \t]*|\Z|(?=[ .,]))){2,200}"
)
_PUSH = re.compile(r"0x([0-9a-fA-F]{2,16})")


def pushed(text: str) -> Iterator[Edit]:
    """Words that a program pushes on its stack: the last is the first, and so is the last byte of each."""
    for run in PUSHED.finditer(text):
        words = [bytes.fromhex(digits)[::-1] for digits in reversed(_PUSH.findall(run.group())) if len(digits) % 2 == 0]
        plain = readable(b"".join(words).rstrip(b"\0"))
        if plain is not None and plain.whole:
            yield Edit(run.start(), run.start() + len(run.group().rstrip()), plain.text)


def _as_octal(row: str) -> bytes | None:
    return bytes(int(word, 8) for word in row.split()) if _OCTAL.fullmatch(row) else None


def _as_characters(row: str) -> bytes | None:
    """As `od -c` prints them: four columns a character."""
    cells = [row[at : at + 4] for at in range(0, len(row.rstrip()), 4)]
    if any(not cell.startswith(" ") or len(cell.strip()) > 3 for cell in cells):
        return None
    return "".join(_NAMED.get(cell.strip(), cell[-1:] if len(cell) == 4 else "") for cell in cells).encode()


def _uuencoded(text: str) -> Iterator[Edit]:
    for block in _UU.finditer(text):
        data = b""
        with contextlib.suppress(binascii.Error):  # what is no line of it ends it
            for line in block[1].splitlines():
                data += binascii.a2b_uu(line)
        plain = readable(data)
        if plain is not None:
            yield Edit(block.start(), block.end(), plain.text)
