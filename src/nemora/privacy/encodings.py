"""Encodings of whole runs: base64, base32, base85, hex, with gzip or zlib inside; and bytes as text."""

from __future__ import annotations

import base64
import binascii
import re
import string
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from nemora.privacy.compressed import GZIP, inflated, inflated_bare, is_packed

MAX_NESTED = 3
"""Compressed bytes inside compressed bytes."""
SHORTEST = 6
"""Characters of a decoded text that are worth reading."""

_STRINGS = re.compile(rb"[\x20-\x7e\t\r\n]{8,}")
_BASE85_TEXT = re.compile(rb"(?:[\x20-\x7e\t\r\n]|[\xc3-\xf4][\x80-\xbf]{1,3}){6,}")
_NOT_HEX = re.compile(r"0[xX]|[^0-9A-Fa-f]")
_BREAKS = re.compile(r"[^A-Za-z0-9+/_-]+")
_URL_SAFE = str.maketrans("-_", "+/")


Base85 = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Plain:
    """What decoded bytes say. `whole` is false if only strings within binary data could be read."""

    text: str
    whole: bool


def from_base64(run: str) -> bytes | None:
    compact = _BREAKS.sub("", run).translate(_URL_SAFE)
    compact = compact[: len(compact) - (len(compact) % 4 == 1)]
    try:
        return binascii.a2b_base64(compact + "=" * (-len(compact) % 4))
    except binascii.Error:
        return None


def from_base32(run: str) -> bytes | None:
    compact = run.rstrip("=").upper()
    compact = compact[: len(compact) - {1: 1, 3: 1, 6: 1}.get(len(compact) % 8, 0)]
    try:
        return base64.b32decode(compact + "=" * (-len(compact) % 8))
    except binascii.Error:
        return None


def from_hex(run: str) -> bytes | None:
    digits = _NOT_HEX.sub("", run)
    return bytes.fromhex(digits[: len(digits) // 2 * 2])


def from_base85(run: str) -> bytes | None:
    """RFC 1924's alphabet or Ascii85's, whichever gives text. Nearly any run is base85 of something, so all must be."""
    return decoded_base85(run, base85_ways(run))


def base85_ways(head: str) -> tuple[Base85, ...]:
    """Those alphabets' decoders to which a run that begins so could be text; `<~` does not count."""
    shown = head[2:7] if head.startswith("<~") else head
    return tuple(decode for decode, digits in _BASE85 if _may_be_text(shown, digits))


def is_rare_base85(head: str, ways: tuple[Base85, ...]) -> bool:
    """Whether a run that begins so could be text in ZeroMQ's alphabet only."""
    first = head.removeprefix("<~")[:5]
    return ways == (_z85,) and not (_may_be_text(first, _B85) or _may_be_text(first, _A85))


def decoded_base85(run: str, ways: Iterable[Base85]) -> bytes | None:
    """What the first of the decoders says that gives text."""
    for decode in ways:
        try:
            data = decode(run)
        except ValueError:
            continue
        if _BASE85_TEXT.fullmatch(data) or data[:2] in (GZIP, b"\x78\x9c", b"\x78\xda"):
            return data
    return None


_B85 = {
    c: n
    for n, c in enumerate(string.digits + string.ascii_uppercase + string.ascii_lowercase + "!#$%&()*+-;<=>?@^_`{|}~")
}
_Z85_SIGNS = string.digits + string.ascii_lowercase + string.ascii_uppercase + ".-:+=^!/*?&<>()[]{}@%$#"
_Z85 = {c: n for n, c in enumerate(_Z85_SIGNS)}
_FROM_Z85 = str.maketrans(_Z85_SIGNS, "".join(_B85))
_A85 = {chr(33 + n): n for n in range(85)}
_TEXT_BYTES = bytes([*range(0x20, 0x7F), *range(0x80, 0xF5), *b"\t\r\n"])


def _may_be_text(run: str, digits: dict[str, int]) -> bool:
    """Whether the first groups of five digits give four bytes of text each, or the first one compressed ones.

    Most words and paths do not. Where it cannot be said the answer is yes.
    """
    for at in range(0, min(len(run), 25) // 5 * 5 or len(run), 5):
        number = 0
        try:
            for digit in map(digits.__getitem__, run[at : at + 5]):
                number = number * 85 + digit
        except KeyError as error:
            character: str = error.args[0]
            return at > 0 or character.isspace() or character == "z"
        if number >= 1 << 32:
            return False
        data = number.to_bytes(4, "big")
        if at == 0 and (data[:2] == GZIP or data[:1] == b"\x78"):
            return True
        if data.translate(None, _TEXT_BYTES):
            return False
    return True


def _z85(run: str) -> bytes:
    """ZeroMQ's alphabet; "~" and the like are not in it, so they are made impossible."""
    return base64.b85decode(run.translate(_FROM_Z85)) if set(run) <= _Z85.keys() else b""


def _ascii85(run: str) -> bytes:
    return base64.a85decode(run.removeprefix("<~").removesuffix("~>"))


_BASE85: tuple[tuple[Base85, dict[str, int]], ...] = ((base64.b85decode, _B85), (_ascii85, _A85), (_z85, _Z85))
Decoder = Callable[[str], bytes | None]


def readable(data: bytes) -> Plain | None:
    """Bytes as text, also compressed or in a wide encoding; the strings in binary data; None if there is nothing.

    Raises:
        TooLarge: it inflates beyond the limit.
    """
    for _ in range(MAX_NESTED):
        inner = inflated(data)
        if inner is None:
            break
        data = inner
    text = (
        None if is_packed(data) else _text(data) or _text(inflated_bare(data) or b"") or _latin(data) or _ebcdic(data)
    )
    if text is not None:
        return Plain(text, whole=True)
    strings = _STRINGS.findall(data)
    return Plain("\n".join(s.decode("ascii") for s in strings), whole=False) if strings else None


def _text(data: bytes) -> str | None:
    """UTF-8 (the last character may be cut), UTF-16 or UTF-32."""
    if len(data) < SHORTEST:
        return None
    if data.isascii() and 0 not in data:
        text = data.decode("ascii")
        return text if _is_text(text) else None
    if data.count(0) * 3 >= len(data):
        return _wide(data)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(data) - 3:
            return None
        text = data[: error.start].decode("utf-8")
    return text if _is_text(text) else None


_BEYOND_ASCII = bytes(range(128, 256))


def _latin(data: bytes) -> str | None:
    """Latin-1, where nearly all is ASCII and the rest are letters."""
    text = data.decode("latin-1")
    plain = len(data.translate(None, _BEYOND_ASCII))
    if plain < 0.8 * len(data) or any(not c.isalpha() for c in text if not c.isascii()):
        return None
    return text if _is_text(text) else None


def _ebcdic(data: bytes) -> str | None:
    """Code page 37, where nearly all bytes are its letters, digits and spaces."""
    if len(data) < SHORTEST or len(data) - len(data.translate(None, _EBCDIC)) < 0.9 * len(data):
        return None
    text = data.decode("cp037")
    plain = sum(c.isalnum() or c == " " for c in text)
    strange = any(not c.isascii() and not c.isalpha() for c in text)
    return text if text.isprintable() and not strange and plain >= 0.6 * len(text) else None


_EBCDIC = (string.ascii_letters + string.digits + string.punctuation + " ").encode("cp037")


def _wide(data: bytes) -> str | None:
    little_endian = data[1::2].count(0) >= data[::2].count(0)
    for encoding in ("utf-32", "utf-16-le" if little_endian else "utf-16-be"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if _is_text(text):
            return text.removeprefix("\ufeff")
    text = data.replace(b"\0", b"").decode("latin-1")
    return text if _is_text(text) else None


def _is_text(text: str) -> bool:
    if len(text) < SHORTEST:
        return False
    if text.isascii() and text.isprintable():
        return True
    strange = sum(unicodedata.category(c) in ("Cc", "Cn", "Co", "Cs") and c not in "\n\r\t\x1b" for c in text)
    return strange <= 0.1 * len(text)
