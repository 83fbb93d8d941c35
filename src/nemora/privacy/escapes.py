"""Escapes that stand for single characters: URL, HTML, JSON, C, quoted-printable. They are undone in place.

Each character keeps the span of its own escape, so a finding covers exactly its disguised form.
"""

from __future__ import annotations

import binascii
import html
import re
from dataclasses import dataclass

from nemora.privacy.mapped_text import Builder, MappedText
from nemora.privacy.quick_pattern import QuickPattern

_ESCAPE = QuickPattern(
    r"(?P<url>(?:%[0-9A-Fa-f]{2})+)"
    r"|(?P<entity>&(?:\#[0-9]{1,9}+;?|\#[xX][0-9A-Fa-f]{1,8}+;?|[A-Za-z][A-Za-z0-9]{1,30};))"
    r"|(?P<unicode>(?:(?:\\u|%u)[0-9A-Fa-f]{4})+)"
    r"|(?P<code>\\[ux]\{[0-9A-Fa-f]{1,6}\}|\\U[0-9A-Fa-f]{8})"
    r"|(?P<byte>(?:\\x[0-9A-Fa-f]{2})+)"
    r"|(?P<octal>(?:\\[0-3][0-7]{2})+)"
    r"|(?P<rtf>(?:\\'[0-9A-Fa-f]{2}){2,})"
    r"|(?P<css>(?:\\[0-9A-Fa-f]{2,5}[ ]){3,})"
    r"|(?P<wide>(?:\+A[A-H][A-Za-z0-9/]{1,60}-){2,})"
    r"|(?P<simple>\\[nrt\"'/\\.@_+-])"
)
# A soft line end, but not the padding at the end of a base64 run. Text has no control characters (`uid=1000`).
_QUOTED = QuickPattern(r"(?P<quoted>(?:=(?:[2-9A-F][0-9A-F]|0[9AD]))+|(?<![=])(?<![A-Za-z0-9+/]{16})=\r?\n)")
_FORM = re.compile(r"(?P<plus>\+)")
_FORM_TOKEN = QuickPattern(r"[?&]?[\w.%\[\]-]+=[^\s\"'<>(){}]*\+[^\s\"'<>(){}]*")
_STEP = {"url": 3, "unicode": 6, "byte": 4, "octal": 4, "rtf": 4, "quoted": 3}
"""Characters of one escape, where a run of them is undone together."""


@dataclass(frozen=True, slots=True)
class Undone:
    """A text with escapes undone, and the places in it where they stood.

    `hidden` says whether any of them could hide a letter or digit; a line break or a quote written as JSON does not.
    """

    text: MappedText
    places: list[tuple[int, int]]
    hidden: bool


def undo_escapes(text: str) -> Undone | None:
    """URL, HTML, JSON, C, CSS, RTF and UTF-7 escapes; None if there are none."""
    if "%" not in text and "&" not in text and "\\" not in text and "+A" not in text:
        return None
    return _undo(_ESCAPE, text)


def undo_quoted_printable(text: str) -> Undone | None:
    """`=41` and soft line ends. Kept apart: `id=4716` in a URL is no quoted-printable."""
    return _undo(_QUOTED, text) if "=" in text else None


def undo_form(text: str) -> Undone | None:
    """`name=Ada+Lovelace&…`: in a query string a plus is a space."""
    if "+" not in text or "=" not in text:
        return None
    spans = [match.span() for match in _FORM_TOKEN.finditer(text)]
    return _undo(_FORM, text, spans) if spans else None


def _undo(
    pattern: re.Pattern[str] | QuickPattern, text: str, spans: list[tuple[int, int]] | None = None
) -> Undone | None:
    builder = Builder()
    places: list[tuple[int, int]] = []
    done = length = 0
    hidden = False
    for start, end in spans or [(0, len(text))]:
        for match in pattern.finditer(text, start, end):
            pieces = _pieces(match)
            if pieces is None:
                continue
            builder.copy(text, done, match.start())
            length += match.start() - done
            place = length
            for piece, first, last in pieces:
                builder.put(piece, first, last)
                length += len(piece)
            places.append((place, length))
            done = match.end()
            hidden = hidden or match.lastgroup != "simple"
    if not places:
        return None
    builder.copy(text, done, len(text))
    return Undone(builder.build(), places, hidden)


def _pieces(match: re.Match[str]) -> list[tuple[str, int, int]] | None:
    """What a run of escapes stands for, each piece with its place; None if it is no escape after all."""
    kind, run = match.lastgroup, match.group()
    start, end = match.span()
    if kind == "simple":
        return [({"n": "\n", "r": "\r", "t": "\t"}.get(run[1], run[1]), start, end)]
    if kind == "plus":
        return [(" ", start, end)]
    if kind == "entity":
        plain = html.unescape(run)
        return None if plain == run else [(plain, start, end)]
    if kind == "code":
        code = int(re.sub(r"[^0-9A-Fa-f]", "", run[2:]), 16)
        return [(chr(code), start, end)] if code <= 0x10FFFF else None
    if kind in ("css", "wide"):
        return _each(run, start, kind)
    if kind == "unicode":
        return _code_units(run, start)
    if kind == "quoted" and run.endswith("\n"):
        return [("", start, end)]
    return _bytes(run, start, kind or "")


_CSS = re.compile(r"\\([0-9A-Fa-f]{2,5})[ ]")
_WIDE = re.compile(r"\+([A-Za-z0-9/]+)-")


def _each(run: str, start: int, kind: str) -> list[tuple[str, int, int]] | None:
    """CSS's `\\34 `, and UTF-7's `+ADQ-`, which is UTF-16 in base64."""
    pieces = []
    for escape in (_CSS if kind == "css" else _WIDE).finditer(run):
        if kind == "css":
            plain = chr(int(escape[1], 16))
        else:
            data = binascii.a2b_base64(escape[1] + "A" * (-len(escape[1]) % 4))
            plain = data[: len(data) // 2 * 2].decode("utf-16-be", "replace").rstrip("\0")
        if not plain or not plain.isprintable():
            return None
        pieces.append((plain, start + escape.start(), start + escape.end()))
    return pieces


def _code_units(run: str, start: int) -> list[tuple[str, int, int]]:
    """UTF-16: two escapes may be one character."""
    pieces: list[tuple[str, int, int]] = []
    for at in range(0, len(run), 6):
        unit = int(run[at + 2 : at + 6], 16)
        before = ord(pieces[-1][0]) if pieces else 0
        if 0xDC00 <= unit < 0xE000 and 0xD800 <= before < 0xDC00:
            character = chr(0x10000 + ((before - 0xD800) << 10) + unit - 0xDC00)
            pieces[-1] = (character, pieces[-1][1], start + at + 6)
        else:
            pieces.append((chr(unit), start + at, start + at + 6))
    return pieces


def _bytes(run: str, start: int, kind: str) -> list[tuple[str, int, int]] | None:
    """UTF-8, or Latin-1 where it is not that."""
    step = _STEP[kind]
    if kind == "octal":
        data = bytes(int(run[at + 1 : at + 4], 8) for at in range(0, len(run), 4))
    else:
        data = bytes.fromhex("".join(run[at + step - 2 : at + step] for at in range(0, len(run), step)))
    try:
        text, sizes = data.decode("utf-8"), True
    except UnicodeDecodeError:
        if kind == "quoted":
            return None
        text, sizes = data.decode("latin-1"), False
    pieces: list[tuple[str, int, int]] = []
    at = start
    for character in text:
        width = step * (len(character.encode("utf-8")) if sizes else 1)
        pieces.append((character, at, at + width))
        at += width
    return pieces
