"""What a string with invisible characters may also say.

`normalise` drops them, which joins what they kept apart: a number glued to a word this way would no longer
stand by itself. So such text is read a second time with spaces in their place. And some carry text of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nemora.privacy.encodings import readable
from nemora.privacy.mapped_text import MappedText
from nemora.privacy.normalise import is_invisible, normalise

_PLAIN = re.compile(r"[\t\n\r\x20-\x7e]*\Z")
_REVERSED = re.compile("\u202e([^\u202c\u2066-\u2069\n]{2,})")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{6,}")


def other_readings(text: str) -> list[MappedText]:
    """Further readable copies of `text`, beside `normalise(text)`."""
    if _PLAIN.match(text):
        return []
    return [*_spaced(text), *_turned(text), *_smuggled(text)]


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
