"""Strings in the objects of a PDF file (ISO 32000-2, 7.3.4 and 7.9.2): (literal) and <hexadecimal>, with their keys."""

from __future__ import annotations

import re
from collections.abc import Iterator

_START = re.compile(rb"\(|<(?!<)|%[^\r\n]*")
_HEX = re.compile(rb"[0-9A-Fa-f\s]*>")
_BRACKET = re.compile(rb"[()\\]")
_KEY = re.compile(rb"/([\w.-]{1,60})\s*\[?\s*$")
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|\r\n|[\s\S])")
_CHARACTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"\n": b"", b"\r": b"", b"\r\n": b""}
_READABLE = re.compile(rb"[ -~]{6,}")


def strings_of(source: bytes) -> Iterator[tuple[str, str]]:
    """(key of the dictionary or "", text) of each string that is not blank; comments under "%"."""
    position = 0
    while True:
        found = _START.search(source, position)
        if found is None:
            return
        position = found.end()
        if found.group().startswith(b"%"):
            text = found.group()[1:].decode("latin-1")
            raw = b""
        elif found.group() == b"(":
            raw, position = _literal(source, position)
            text = _text(raw)
        else:
            digits = _HEX.match(source, position)
            if digits is None:
                continue
            position = digits.end()
            compact = re.sub(rb"[\s>]", b"", digits.group())
            text = _text(bytes.fromhex((compact + b"0" * (len(compact) % 2)).decode("ascii")))
        if text.strip():
            key = _KEY.search(source, max(0, found.start() - 64), found.start())
            yield (key.group(1).decode("latin-1") if key else "", text)


def _literal(source: bytes, start: int) -> tuple[bytes, int]:
    """The string that opened before `start`, and where it ends; brackets in it are balanced or escaped."""
    open_brackets, position = 1, start
    while True:
        found = _BRACKET.search(source, position)
        if found is None:
            return _unescaped(source[start:]), len(source)
        position = found.end()
        if found.group() == b"\\":
            position += 1
            continue
        open_brackets += 1 if found.group() == b"(" else -1
        if not open_brackets:
            return _unescaped(source[start : found.start()]), position


def _unescaped(raw: bytes) -> bytes:
    def character(found: re.Match[bytes]) -> bytes:
        code = found.group(1)
        if code[:1] in b"01234567":
            return bytes([int(code, 8) % 256])
        return _CHARACTERS.get(code, code)

    return _ESCAPE.sub(character, raw) if b"\\" in raw else raw


def _text(raw: bytes) -> str:
    """A text string; of binary data the readable pieces."""
    if raw.startswith((b"\xfe\xff", b"\xff\xfe")):
        return raw.decode("utf-16", "replace")
    if raw.startswith(b"\xef\xbb\xbf"):
        return raw[3:].decode("utf-8", "replace")
    controls = sum(byte < 32 and byte not in (9, 10, 13) for byte in raw[:1000])
    if controls * 10 > len(raw[:1000]):
        return "\n".join(piece.decode("ascii") for piece in _READABLE.findall(raw))
    return raw.decode("cp1252", "replace")
