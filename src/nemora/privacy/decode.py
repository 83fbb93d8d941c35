"""Undo encodings: base64, base32, hex, URL, HTML entities, escapes, quoted-printable, gzip; nested to depth 3.

Two ways. Escapes that stand for single characters are undone in place, so a finding spans exactly its disguised
form. Runs (base64, base32, hex) are decoded whole, so a finding inside spans the run.

A long run that looks encoded and decodes to nothing readable is opaque: it could hold anything. Hashes, UUIDs and
identifiers are too short to count.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from nemora.privacy.mapped_text import Builder, MappedText
from nemora.privacy.normalise import normalise

MAX_DEPTH = 3
MAX_BYTES = 4 * 1024 * 1024
MAX_RUNS = 4000
OPAQUE_CHARACTERS = 160
"""An undecodable run this long is opaque: longer than SHA-512 in hex (128) or an Ed25519 key line."""
WINDOW = 80
"""Characters kept on each side of an undone escape, for the words that give it meaning."""

_ESCAPES = re.compile(
    r"(?P<url>(?:%[0-9A-Fa-f]{2})+)"
    r"|(?P<entity>&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});)"
    r"|(?P<unicode>(?:\\u[0-9A-Fa-f]{4})+|\\u\{[0-9A-Fa-f]{1,6}\})"
    r"|(?P<byte>(?:\\x[0-9A-Fa-f]{2})+)"
    r"|(?P<simple>\\[nrt\"'/\\])"
    r"|(?P<quoted>(?:=[0-9A-F]{2})+|=\r?\n)"
)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}(?:[ \t]*\r?\n[ \t]*[A-Za-z0-9+/_-]{4,})*={0,2}")
_BASE32 = re.compile(r"\b[A-Z2-7]{16,}={0,6}")
_HEX = re.compile(r"(?:\b0[xX])?(?:[0-9A-Fa-f]{2}(?:[ :,-]|\r?\n)?){6,}")
_PARTS = re.compile(r"[A-Za-z0-9+]{12,}={0,2}")
_WORDS = re.compile(r"[^A-Za-z0-9]+")
_PUBLIC_BLOBS = (b"\x00\x00\x00\x07ssh-", b"\x00\x00\x00\x0bssh-", b"\x00\x00\x00\x13ecdsa-")


@dataclass(slots=True)
class Decoded:
    """Readable layers under a text, the spans of opaque runs in it, and whether all was decoded."""

    layers: list[MappedText] = field(default_factory=list)
    opaque: list[tuple[int, int]] = field(default_factory=list)
    complete: bool = True


def decoded_layers(text: MappedText) -> Decoded:
    """Everything readable that is encoded in `text`, mapped to the original. Over the budget it is not complete."""
    work = _Work()
    work.descend(text, 1)
    return work.decoded


class _Work:
    """One text's decoding, with its budget."""

    def __init__(self) -> None:
        self.decoded = Decoded()
        self._seen: set[str] = set()
        self._bytes = MAX_BYTES
        self._runs = MAX_RUNS

    def descend(self, text: MappedText, depth: int) -> None:
        for layer in (*self._unescaped(text), *self._runs_in(text)):
            if layer.text in self._seen:
                continue
            self._seen.add(layer.text)
            self._bytes -= len(layer.text)
            if self._bytes < 0:
                self.decoded.complete = False
                return
            readable = layer.through(normalise(layer.text))
            self.decoded.layers.append(readable)
            if depth < MAX_DEPTH:
                self.descend(readable, depth + 1)
            elif next(_encoded_runs(readable.text), None) is not None:
                self.decoded.complete = False

    def _unescaped(self, text: MappedText) -> Iterator[MappedText]:
        """The text with its escapes undone, as windows around them."""
        undone = _undo_escapes(text.text)
        if undone is None:
            return
        mapped, places = undone
        windows: list[list[int]] = []
        for start, end in places:
            if windows and start - WINDOW <= windows[-1][1]:
                windows[-1][1] = end + WINDOW
            else:
                windows.append([max(0, start - WINDOW), end + WINDOW])
        for start, end in windows:
            yield text.through(mapped.slice(start, min(end, len(mapped.text))))

    def _runs_in(self, text: MappedText) -> Iterator[MappedText]:
        for start, end, plain in self._decodable(text.text):
            span = text.original_span(start, end)
            if plain is None:
                self.decoded.opaque.append(span)
            else:
                yield MappedText(plain, [span[0]] * len(plain), [span[1]] * len(plain))

    def _decodable(self, text: str) -> Iterator[tuple[int, int, str | None]]:
        covered = 0
        for pattern, decode in _RUNS:
            for match in pattern.finditer(text):
                self._runs -= 1
                if self._runs < 0:
                    self.decoded.complete = False
                    return
                found = list(_decode_run(match, decode))
                yield from found
                if not found and pattern is _BASE64 and match.start() >= covered and _is_opaque(match.group()):
                    covered = match.end()
                    yield match.start(), match.end(), None


def _undo_escapes(text: str) -> tuple[MappedText, list[tuple[int, int]]] | None:
    """`text` with escapes undone, and where in the result they were; None if there are none."""
    builder = Builder()
    places: list[tuple[int, int]] = []
    done = length = 0
    for match in _ESCAPES.finditer(text):
        plain = _unescape(match)
        if plain is None:
            continue
        builder.copy(text, done, match.start())
        length += match.start() - done
        width = (match.end() - match.start()) / max(len(plain), 1)
        for index, character in enumerate(plain):
            first = match.start() + int(index * width)
            builder.put(character, first, max(first + 1, match.start() + int((index + 1) * width)))
        places.append((length, length + len(plain)))
        length += len(plain)
        done = match.end()
    if not places:
        return None
    builder.copy(text, done, len(text))
    return builder.build(), places


def _unescape(match: re.Match[str]) -> str | None:
    kind, run = match.lastgroup, match.group()
    if kind == "entity":
        plain = html.unescape(run)
        return None if plain == run else plain
    if kind == "simple":
        return {"n": "\n", "r": "\r", "t": "\t"}.get(run[1], run[1])
    if kind == "unicode":
        codes = [int(code, 16) for code in re.findall(r"[0-9A-Fa-f]+", run)]
        if any(code > 0x10FFFF for code in codes):
            return None
        return "".join(map(chr, codes)).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if kind == "quoted" and run.endswith("\n"):
        return ""
    data = bytes.fromhex(re.sub(r"[^0-9A-Fa-f]", "", run))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None if kind == "quoted" else data.decode("latin-1")


def _decode_run(match: re.Match[str], decode: Callable[[str], bytes | None]) -> Iterator[tuple[int, int, str]]:
    """The run as a whole; if that says nothing, its parts between slashes and dashes."""
    plain = _first_readable(match.group(), decode, at_edge=match.start() == 0)
    if plain is not None:
        yield match.start(), match.end(), plain
        return
    if decode is not _from_base64:
        return
    for part in _PARTS.finditer(match.group()):
        if part.end() - part.start() < match.end() - match.start():
            plain = _first_readable(part.group(), decode, at_edge=False)
            if plain is not None:
                yield match.start() + part.start(), match.start() + part.end(), plain


def _first_readable(run: str, decode: Callable[[str], bytes | None], *, at_edge: bool) -> str | None:
    """Decode; a run at the start of a text may begin in the middle of a group, so every alignment is tried."""
    for skip in range(4 if at_edge and len(run) > OPAQUE_CHARACTERS else 1):
        data = decode(run[skip:])
        plain = None if data is None else readable(data)
        if plain is not None:
            return plain
    return None


def readable(data: bytes) -> str | None:
    """Bytes as text if they are text, also compressed or in UTF-16; else None."""
    if data[:2] == b"\x1f\x8b" or data[:1] == b"\x78":
        data = _inflate(data) or data
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or (len(data) >= 8 and data[1::2].count(0) > len(data) // 3):
        try:
            text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-16-le")
            return text if _is_text(text) else None
        except UnicodeDecodeError:
            return None
    for cut in range(4):  # a window may have cut the last character
        whole = _utf8(data[: len(data) - cut])
        if whole is not None:
            return whole if _is_text(whole) else None
    return None


def _utf8(data: bytes) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _is_text(text: str) -> bool:
    if len(text) < 6:
        return False
    printable = sum(c.isprintable() or c in "\n\r\t" for c in text)
    return min(printable, sum(c.isascii() or c.isalpha() for c in text)) >= 0.9 * len(text)


def _inflate(data: bytes) -> bytes | None:
    try:
        return zlib.decompressobj(47).decompress(data, 1024 * 1024)
    except zlib.error:
        return None


def _from_base64(run: str) -> bytes | None:
    compact = re.sub(r"[\s=]", "", run).translate(str.maketrans("-_", "+/"))
    compact = compact[: len(compact) - (len(compact) % 4 == 1)]
    try:
        return base64.b64decode(compact + "=" * (-len(compact) % 4))
    except binascii.Error:
        return None


def _from_base32(run: str) -> bytes | None:
    compact = run.rstrip("=")
    try:
        return base64.b32decode(compact + "=" * (-len(compact) % 8))
    except binascii.Error:
        return None


def _from_hex(run: str) -> bytes | None:
    digits = re.sub(r"[^0-9A-Fa-f]", "", run[2:] if run[:2] in ("0x", "0X") else run)
    return bytes.fromhex(digits) if len(digits) % 2 == 0 else None


_RUNS: tuple[tuple[re.Pattern[str], Callable[[str], bytes | None]], ...] = (
    (_BASE64, _from_base64),
    (_BASE32, _from_base32),
    (_HEX, _from_hex),
)


def _encoded_runs(text: str) -> Iterator[str]:
    """Runs below the last depth that would still decode to something readable."""
    for pattern, decode in _RUNS:
        for match in pattern.finditer(text):
            plain = next(_decode_run(match, decode), None)
            if plain is not None:
                yield plain[2]


def _is_opaque(run: str) -> bool:
    """Whether an undecodable run is long and mixed enough to be data rather than a name, a path or a hash."""
    longest = max((len(part) for part in re.split(r"[^A-Za-z0-9+]", run)), default=0)
    if len(run) < OPAQUE_CHARACTERS or longest < 24:
        return False
    data = _from_base64(run)
    if data is not None and data.startswith(_PUBLIC_BLOBS):
        return False
    changes = sum(_class(a) != _class(b) for a, b in pairwise(run))
    digits = sum(character.isdigit() for character in run)  # one in six of random base64, none of names in camel case
    return changes > 0.25 * len(run) and digits > 0.06 * len(run) and len(set(run)) >= 16


def _class(character: str) -> int:
    return 0 if character.islower() else 1 if character.isupper() else 2
