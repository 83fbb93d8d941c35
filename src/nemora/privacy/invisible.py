"""What a string with invisible characters may also say.

`normalise` drops them, which joins what they kept apart: a number glued to a word this way would no longer
stand by itself. So such text is read a second time with spaces in their place. And some carry text of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations

from nemora.privacy.encodings import readable
from nemora.privacy.mapped_text import Builder, MappedText
from nemora.privacy.normalise import is_invisible, normalise

_PLAIN = re.compile(r"[\t\n\r\x20-\x7e]*\Z")
_REVERSED = re.compile("\u202e([^\u202c\u2066-\u2069\n]{2,})")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{6,}")


SHORT = 120
"""Hidden characters that are also read among the words around them."""


def other_readings(text: str) -> list[MappedText]:
    """Further readable copies of `text`, beside `normalise(text)`."""
    unseen = [*_in_white_space(text)]
    if not _PLAIN.match(text):
        unseen += [*_spaced(text), *_turned(text), *_smuggled(text), *_in_two_signs(text), *_y_encoded(text)]
        unseen += _upside_down(text)
    return unseen


def _spaced(text: str) -> Iterator[MappedText]:
    """The text with a space for each invisible character."""
    invisible = {ord(c): " " for c in set(text) if is_invisible(c)}
    if invisible:
        yield normalise(text.translate(invisible))


def _turned(text: str) -> Iterator[MappedText]:
    """Text after a right-to-left override, in the order in which it is shown."""
    for match in _REVERSED.finditer(text):
        places = range(match.end(1) - 1, match.start(1) - 1, -1)
        turned = MappedText(match.group(1)[::-1], list(places), [place + 1 for place in places])
        yield turned.through(normalise(turned.text))


def _smuggled(text: str) -> Iterator[MappedText]:
    """Bytes written as variation selectors: the first sixteen, then the 240 of the supplement."""
    for match in _SELECTORS.finditer(text):
        codes = [ord(c) for c in match.group()]
        plain = readable(bytes(c - 0xFE00 if c < 0xFE10 else c - 0xE0100 + 16 for c in codes))
        if plain is not None:
            size = len(plain.text)
            yield MappedText(plain.text, [match.start()] * size, [match.end()] * size)


_TWO_SIGNS = re.compile("[\u200b\u200c\u200d\u2060\ufeff]{48,}")
_LINES_OF_EIGHT = re.compile(r"(?:[ \t]{8}\n){5,2000}[ \t]{8}")
_Y = re.compile(r"=ybegin [^\n]{1,200}\n(?P<body>.{1,8000}?)\n=yend", re.DOTALL)


def _in_two_signs(text: str) -> Iterator[MappedText]:
    """Bits written as two invisible characters, either of them the one; a third may stand before them."""
    for run in _TWO_SIGNS.finditer(text):
        written = run.group()
        for signs in combinations(sorted(set(written)), 2):
            bits = "".join(c for c in written if c in signs)
            for zero, one in (signs, signs[::-1]):
                for hidden in _bits(bits, zero, one, *run.span()):
                    yield hidden
                    if len(hidden.text) <= SHORT:
                        yield _among(text, hidden.text, *run.span())


def _among(text: str, plain: str, start: int, end: int) -> MappedText:
    """What was hidden among the words around it, which may announce it."""
    builder = Builder()
    builder.copy(text, max(0, start - 80), start)
    builder.put(plain, start, end)
    builder.copy(text, end, min(len(text), end + 60))
    return builder.build()


def _in_white_space(text: str) -> Iterator[MappedText]:
    """Octets written as lines of eight spaces and tabs."""
    if "\t\n" not in text and " \n" not in text:
        return
    for run in _LINES_OF_EIGHT.finditer(text):
        yield from _bits(run.group().replace("\n", ""), " ", "\t", *run.span())


def _bits(written: str, zero: str, one: str, start: int, end: int) -> Iterator[MappedText]:
    bits = written.translate({ord(zero): "0", ord(one): "1"})
    data = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits) - 7, 8))
    plain = readable(data)
    if plain is not None and plain.whole:
        yield MappedText(plain.text, [start] * len(plain.text), [end] * len(plain.text))


def _y_encoded(text: str) -> Iterator[MappedText]:
    """yEnc: each byte plus 42, and plus 64 behind an equals sign."""
    for block in _Y.finditer(text):
        data, escaped = bytearray(), False
        for character in block["body"]:
            if character == "=" and not escaped:
                escaped = True
            elif character not in "\r\n":
                data.append((ord(character) - 42 - 64 * escaped) % 256)
                escaped = False
        plain = readable(bytes(data))
        if plain is not None and plain.whole:
            yield MappedText(plain.text, [block.start()] * len(plain.text), [block.end()] * len(plain.text))


_UPSIDE = dict(zip("ɐɔǝɟƃɓɥᴉıɾʞɯɹʇʌʍʎƖ⇂ᄅƐㄣϛㄥ˙‾", "acefgghiijkmrtvwy1123457._", strict=True))
_UPSIDE |= dict(zip("qpbdnu69", "bdqpun96", strict=True))
_TURNED_ONLY = re.compile("[ɐɔǝɟƃɥᴉɾʞɯɹʇʌʍʎƖᄅƐㄣϛㄥ]")
_TURNED_RUN = re.compile(r"(?<!\S)\S*[ɐɔǝɟƃɥᴉɾʞɯɹʇʌʍʎƖᄅƐㄣϛㄥ]\S*(?:[ ]\S*[ɐɔǝɟƃɥᴉɾʞɯɹʇʌʍʎƖᄅƐㄣϛㄥ0896]\S*){0,40}")


def _upside_down(text: str) -> Iterator[MappedText]:
    """Letters and digits turned by half a circle, read from the other end, among the words around them."""
    if len(_TURNED_ONLY.findall(text)) < 2:
        return
    for run in _TURNED_RUN.finditer(text):
        stop = len(run.group()) - len(run.group().rstrip(".,"))
        start, end = run.start(), run.end() - stop
        plain = "".join(_UPSIDE.get(c, c) for c in reversed(text[start:end]))
        first, last = max(0, start - 80), min(len(text), end + 60)
        builder = Builder()
        builder.copy(text, first, start)
        builder.put(plain, start, end)
        builder.copy(text, end, last)
        yield builder.build()
