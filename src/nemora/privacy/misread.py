"""What a scanner or a hurried hand made of digits: O for 0, l for 1, S for 5; and short values in short encodings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nemora.privacy.detectors.public_values import is_published
from nemora.privacy.edits import Edit
from nemora.privacy.encodings import from_base32, from_base64, from_hex
from nemora.privacy.quick_pattern import QuickPattern

_DIGIT = r"[0-9OoQDIl|SsBZGb]"
_NUMBER = re.compile(rf"(?<![\w.])[+(]?{_DIGIT}{{1,20}}\)?(?:[ .()/-]{{1,2}}{_DIGIT}{{1,20}}){{0,8}}(?![\w])")
_IBAN = QuickPattern(rf"(?<![\w.])[A-Z]{{2}}{_DIGIT}{{2}}(?:[ -]?[A-Z0-9lo|]{{1,8}}){{2,10}}(?![\w])")
_READ = str.maketrans("OoQDIl|SsBZGb", "0000111558266")
_ENCODED = re.compile(r"(?<![\w+/=])(?:[A-Za-z0-9+/_-]{8,16}={0,2}|[A-Z2-7]{10,24}={0,6}|[0-9a-f]{12,32})(?![\w+/=])")
_PLAIN = re.compile(rb"\d[\d ./-]{4,20}\d|[A-Z]{1,3}\d{6,10}[A-Z]?|\d{6,9}[A-Z]")


def misread(text: str) -> Iterator[Edit]:
    """Numbers with a few letters among many digits, as digits. Each edit is as long as what it replaces."""
    for run in _NUMBER.finditer(text):
        written = run.group()
        digits = sum(c.isdigit() for c in written)
        letters = sum(c.isalpha() or c == "|" for c in written)
        plain = written.translate(_READ)
        if 1 <= letters <= 4 and digits >= 5 and digits > letters and not is_published(plain):
            yield Edit(run.start(), run.end(), plain)


def misread_ibans(text: str) -> Iterator[Edit]:
    """The same in account numbers: behind the country and bank they hold digits."""
    for run in _IBAN.finditer(text):
        head, tail = run.group()[:2], run.group()[2:]
        plain = (
            head + tail[:2].translate(_READ) + re.sub(r"(?<=[0-9 ])[OoIlSB]|[OoIlSB](?=[0-9 ])", _as_digit, tail[2:])
        )
        if plain != run.group():
            yield Edit(run.start(), run.end(), plain)


def _as_digit(letter: re.Match[str]) -> str:
    return letter.group().translate(_READ)


def short_encodings(text: str) -> Iterator[Edit]:
    """Short numbers: eight digits are twelve characters of base64, too few to be read without a word before them."""
    for run in _ENCODED.finditer(text):
        for decode in (from_base64, from_base32, from_hex):
            data = decode(run.group())
            if data is not None and _PLAIN.fullmatch(data):
                yield Edit(run.start(), run.end(), data.decode("ascii"))
                break
