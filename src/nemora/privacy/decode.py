"""Undo encodings: base64, base32, hex, URL, HTML entities, escapes, quoted-printable, gzip; nested to depth 3.

Two ways. Escapes that stand for single characters are undone in place (`escapes`), so a finding spans exactly its
disguised form. Runs (`encodings`) are decoded whole, so a finding inside spans the run.

A long run that looks encoded and decodes to nothing readable is opaque: it could hold anything. Hashes, UUIDs and
identifiers are too short to count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

from nemora.privacy.compressed import TooLarge
from nemora.privacy.edits import Edit, rewritten
from nemora.privacy.encodings import (
    SHORTEST,
    Decoder,
    Plain,
    base85_ways,
    decoded_base85,
    from_base32,
    from_base64,
    from_base85,
    from_hex,
    is_rare_base85,
    readable,
)
from nemora.privacy.escapes import Undone, undo_escapes, undo_form, undo_quoted_printable
from nemora.privacy.mapped_text import MappedText
from nemora.privacy.markup import with_its_call
from nemora.privacy.normalise import normalise
from nemora.privacy.positional import from_base91, from_unusual, xored
from nemora.privacy.quick_pattern import QuickPattern

MAX_DEPTH = 3
MAX_CHARACTERS = 128 * 1024
"""Decoded characters that are read under one text."""
MAX_RUNS = 4000
OPAQUE_CHARACTERS = 160
"""An undecodable run this long is opaque: longer than SHA-512 in hex (128) or an Ed25519 key line."""
LEAST_WIDE = 16
"""Characters of a token that is tried in the rarer alphabet of base85."""
SHORT = 120
"""Decoded characters that are also read among the words around their run."""
WINDOW = 80
"""Characters kept on each side of an undone escape, for the words that give it meaning."""

_BASE64 = QuickPattern(
    r"[A-Za-z0-9+/_-]{12,}+(?:(?:[ \t]*\r?\n[ \t>#*|]{0,8}|\\r?\\n|\\n)[A-Za-z0-9+/_-]{4,}+)*+={0,2}"
    r"|(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{4,11}+(?:[ \t]?\r?\n[ \t>#*|]{0,8}[A-Za-z0-9+/_-]{4,11}+){2,}+={0,2}"
)
_BASE32 = QuickPattern(r"[A-Z2-7]{16,}+={0,6}|[a-z2-7]{16,}+={0,6}")
_BASE85 = re.compile(r"<~[!-uz\s]{8,4000}~>|(?<!\S)[!-~]{10,4000}(?!\S)")
"""A token with signs; most tokens are words, which the test for letters and digits alone leaves out."""
_PAIRS = r"(?:0[xX])?(?:[0-9A-Fa-f]{2}){1,4}[hH]?(?![0-9A-Za-z])"
_BETWEEN = r"(?:[:_.-]|[,;]?[ \t]|[,;]|,?[ \t]{0,8}\r?\n[ \t]{0,8})"
_HEX = QuickPattern(
    r"(?:0[xX])?[0-9A-Fa-f]{12,}+(?:\r?\n[0-9A-Fa-f]{4,}+(?![A-Za-z]))*+"
    rf"|(?<![0-9A-Za-z]){_PAIRS}(?:{_BETWEEN}{_PAIRS}){{5,}}+"
)
_RUNS: tuple[tuple[re.Pattern[str] | QuickPattern, Decoder, int], ...] = (
    (_BASE64, from_base64, 4),
    (_BASE32, from_base32, 8),
    (_HEX, from_hex, 2),
    (_BASE85, from_base85, 1),
)
"""Pattern, decoder, and characters of a group: a run may begin in the middle of one, after glued letters."""

_KEY = re.compile(r"[\w.-]{1,40}[=:][\"'`]?|[\"'`(]")
_PARTS = re.compile(r"[A-Za-z0-9+]{12,}={0,2}")
_IDENTIFIER = re.compile(r"[a-z]+(?:[/_-][a-z]+)*|[A-Z]+(?:[/_-][A-Z]+)*")
_DATA_URL = re.compile(r"data:[^,\s]{0,100};base64,\Z")
_MEDIA = (
    *(b"\x89PNG", b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xe1", b"\xff\xd8\xff\xdb", b"GIF87a", b"GIF89a"),
    *(b"%PDF-", b"RIFF", b"OggS", b"ID3\x03", b"ID3\x04"),
    *(b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c", b"\xfd7zXZ", b"BZh91AY&SY", b"\x28\xb5\x2f\xfd"),
)
"""How images, sounds, documents and archives begin: opaque at any length."""
_PUBLIC_BLOBS = (b"\x00\x00\x00\x07ssh-", b"\x00\x00\x00\x0bssh-", b"\x00\x00\x00\x13ecdsa-")


@dataclass(slots=True)
class Decoded:
    """What lies under a text.

    `layers` are all readings: what runs decode to, and windows around escapes; `runs` are those of them that come out
    of runs. `unescaped` is the whole text with its escapes undone, as a person would read it. `opaque` are the spans
    that decode to nothing readable; `complete` is false over the budget.
    """

    unescaped: MappedText
    layers: list[MappedText] = field(default_factory=list)
    runs: list[MappedText] = field(default_factory=list)
    opaque: list[tuple[int, int]] = field(default_factory=list)
    complete: bool = True


def decoded_layers(text: MappedText) -> Decoded:
    """Everything readable that is encoded in `text`, mapped to the original. Over the budget it is not complete."""
    work = _Work(text)
    work.descend(text, 1, below_run=False)
    work.unescape_whole(text)
    return work.decoded


class _Work:
    """One text's decoding, with its budget."""

    def __init__(self, text: MappedText) -> None:
        self.decoded = Decoded(text)
        self._seen: set[tuple[str, int, int]] = set()
        self._characters = MAX_CHARACTERS
        self._runs = MAX_RUNS

    def descend(self, text: MappedText, depth: int, *, below_run: bool) -> None:
        """Read what `text` hides, layer under layer. What a run held is read whole, what was escaped in windows."""
        found = [(layer, below_run) for layer in self._unescaped(text, depth)]
        found += [(layer, True) for layer in self._runs_in(text, depth)]
        for layer, is_run in found:
            if not layer.text or not self._is_new(layer):
                continue
            if depth > MAX_DEPTH:
                self.decoded.complete = False
                return
            readable_layer = layer.through(normalise(layer.text))
            self.decoded.layers.append(readable_layer)
            if is_run:
                self.decoded.runs.append(readable_layer)
            self.descend(readable_layer, depth + 1, below_run=is_run)

    def unescape_whole(self, text: MappedText) -> None:
        """The text as a person would read it, for what needs its context."""
        for _ in range(MAX_DEPTH):
            undone = undo_escapes(text.text)
            if undone is None:
                break
            text = text.through(undone.text)
            text = text.through(normalise(text.text))
        self.decoded.unescaped = text

    def _is_new(self, layer: MappedText) -> bool:
        key = (layer.text, *layer.original_span(0, len(layer.text)))
        if key in self._seen:
            return False
        self._seen.add(key)
        self._characters -= len(layer.text)
        if self._characters < 0:
            self.decoded.complete = False
            return False
        return True

    def _unescaped(self, text: MappedText, depth: int) -> Iterator[MappedText]:
        """The text with its escapes undone, in windows; below the last depth only what could hide something."""
        last = depth > MAX_DEPTH
        for undo in (undo_escapes,) if last else (undo_escapes, undo_quoted_printable, undo_form):
            undone = undo(text.text)
            if undone is not None and (undone.hidden or not last):
                yield from (text.through(window) for window in _windows(undone))

    def _runs_in(self, text: MappedText, depth: int) -> Iterator[MappedText]:
        for start, end, plain in self._decodable(text.text):
            span = text.original_span(start, end)
            if plain is None:
                self.decoded.opaque.append(span)
            elif plain.whole or depth <= MAX_DEPTH:
                if len(plain.text) <= SHORT:  # a bare value, which only the words around it explain
                    edit = Edit(*with_its_call(text.text, start, end), plain.text)
                    self.decoded.layers.extend(rewritten(text, [edit], weak=True))
                yield MappedText(plain.text, [span[0]] * len(plain.text), [span[1]] * len(plain.text))

    def _decodable(self, text: str) -> Iterator[tuple[int, int, Plain | None]]:
        """Runs with what they say; None: nothing readable, or not all of it, and long enough to hold anything."""
        for pattern, decode, group in _RUNS:
            for match in pattern.finditer(text):
                run = match.group()
                if _IDENTIFIER.fullmatch(run):
                    continue
                self._runs -= 1
                if self._runs < 0:
                    self.decoded.complete = False
                    return
                found, whole = self._read_run(match, decode, group)
                yield from found
                before = text[max(0, match.start() - 120) : match.start()]
                if (not whole and _is_media(run, decode)) or (not whole and _is_opaque(run, decode, before)):
                    yield match.start(), match.end(), None

    def _read_run(
        self, match: re.Match[str], decode: Decoder, group: int
    ) -> tuple[list[tuple[int, int, Plain | None]], bool]:
        """The run as a whole; if that says nothing, its parts between slashes and dashes. Whether all was text."""
        start, run = match.start(), match.group()
        if decode is from_base85:
            return self._read_base85(start, run)
        found: list[tuple[int, int, Plain | None]] = []
        first = self._first_readable(run, decode, group)
        if first is not None:
            skipped, plain = first
            found.append((start + skipped, match.end(), plain))
            if plain.whole and decode is not from_base32 and " " not in plain.text and (other := xored(run)):
                found.append((start, match.end(), Plain(other, whole=True)))  # nor does what is left of XOR show spaces
            if plain.whole:
                return found, True
        if decode is from_base64:
            unusual = from_unusual(run)
            if unusual is not None:
                return [(start, match.end(), Plain(unusual, whole=True))], True
            for part in _PARTS.finditer(run):
                inner = self._first_readable(part.group(), decode, group) if part.group() != run else None
                if inner is not None and inner[1].whole:
                    found.append((start + part.start() + inner[0], start + part.end(), inner[1]))
        # One short part that happens to be text says nothing about the rest of a long run.
        said = sum(end - begin for begin, end, plain in found if plain is not None and plain.whole)
        return found, 2 * said >= len(run)

    def _read_base85(self, start: int, run: str) -> tuple[list[tuple[int, int, Plain | None]], bool]:
        """A token, without the stop behind it, and what stands behind its key: signs may belong to either."""
        key = _KEY.match(run)
        stop = len(run.rstrip(".,;:!?)\"'`"))
        spans = dict.fromkeys([(0, len(run)), (0, stop), (key.end() if key else 0, stop)])
        ways = {first: base85_ways(run[first : max(stop, first + 7)]) for first in {first for first, _ in spans}}
        for first, last in spans:
            if not ways[first]:  # most words and paths
                continue
            if last - first < LEAST_WIDE and is_rare_base85(run[first : first + 7], ways[first]):
                continue
            inner = self._first_readable(run[first:last], partial(decoded_base85, ways=ways[first]), 1)
            if inner is not None and inner[1].whole:
                return [(start + first, start + last, inner[1])], True
        for first, last in spans:
            plain = from_base91(run[first:last])
            if plain is not None:
                return [(start + first, start + last, Plain(plain, whole=True))], True
        return [], not ways[0]  # which is no medium's beginning either

    def _first_readable(self, run: str, decode: Decoder, group: int) -> tuple[int, Plain] | None:
        """The first alignment that is text, else the first that holds strings: (characters skipped, text)."""
        partly: tuple[int, Plain] | None = None
        for skip in range(group):
            data = decode(run[skip:])
            if data is None or len(data) < SHORTEST:
                continue
            try:
                plain = readable(data)
            except TooLarge:
                self.decoded.complete = False
                continue
            if plain is not None and plain.whole:
                return skip, plain
            partly = partly or (None if plain is None else (skip, plain))
        return partly


LONGEST_WORD = 64
_WORD_BEFORE = re.compile(rf"(?:(?<=\s)|\A)\S{{0,{LONGEST_WORD}}}\Z")
_WORD_AFTER = re.compile(rf"\S{{0,{LONGEST_WORD}}}(?=\s|\Z)")


def _windows(undone: Undone) -> Iterator[MappedText]:
    spans: list[list[int]] = []
    for start, end in undone.places:
        if spans and start - WINDOW <= spans[-1][1]:
            spans[-1][1] = end + WINDOW
        else:
            spans.append([max(0, start - WINDOW), end + WINDOW])
    text = undone.text.text
    for start, end in spans:
        # Half of a placeholder looks like a value: windows hold whole words, as far as words go.
        first, last = _WORD_BEFORE.search(text, max(0, start - LONGEST_WORD), start), _WORD_AFTER.match(text, end)
        yield undone.text.slice(first.start() if first else start, last.end() if last else min(end, len(text)))


def _is_media(run: str, decode: Decoder) -> bool:
    return (decode(run[:64]) or b"").startswith(_MEDIA)


def _is_opaque(run: str, decode: Decoder, before: str) -> bool:
    """Whether an undecodable run is long and mixed enough to be data rather than a name, a path or a hash."""
    if _DATA_URL.search(before):
        return True
    if decode is not from_base64:  # its pattern covers the others
        return False
    longest = max((len(part) for part in re.split(r"[^A-Za-z0-9+]", run)), default=0)
    if len(run) < OPAQUE_CHARACTERS or longest < 24:
        return False
    data = from_base64(run)
    if data is not None and data.startswith(_PUBLIC_BLOBS):
        return False
    changes = sum(_class(a) != _class(b) for a, b in pairwise(run))
    digits = sum(character.isdigit() for character in run)  # one in six of random base64, none of names in camel case
    return changes > 0.25 * len(run) and digits > 0.06 * len(run) and len(set(run)) >= 16


def _class(character: str) -> int:
    return 0 if character.islower() else 1 if character.isupper() else 2
