# ruff: noqa: E501, SIM905 - long patterns and lists read better on one line
"""Numbers of a person that a word announces, in many languages. The word must stand close and the value be no word."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from nemora.privacy.detectors.announced_words import (
    BANK,
    BRANCH,
    FEW_DIGITS,
    FILE,
    LICENCE,
    LOOSE_BANK,
    LOOSE_FILE,
    LOOSE_LICENCE,
    NATIONAL,
    PASSPORT,
    PATIENT,
    PLATE,
    TAX,
    VIN,
)
from nemora.privacy.detectors.context import digit_windows, key_pattern, names
from nemora.privacy.detectors.public_values import COUNTING, is_published
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern, QuickSet

# Between the word and its value: punctuation, a tag or leader dots, and a few small words. The value may be the answer
# of the next speaker: "DL number?\nMe: …".
_BETWEEN = (
    r"(?:[\s\"'`“”«»*_:=#>|(\[{\\/!?–—•-]|(?<=\n)(?:\[[\d: .]{4,10}\] ?)?[^\W\d_]{1,12}+:(?=\s)|\.{3,108}+|</?t[dhr]|</[\w -]{1,24}+|(?<![A-Za-z])(?:is|was|number|no|nr|nº|n°|num|we have"
    r"|id|lautet|ist|es|est|è|é|är|er|on|of|the|my|plus|numéro|numero|número|nummer|code|ref|n\.? ?[º°o]|hat die|has|says|reads|serie"
    r"|seria|série|serija|č|čís|nru|nº|nro|mio|mia)(?![A-Za-z])\.?|[是为為はのが：№]|رقم|는|은|ni\b|серия|серії|та номер|и номер|номер|номерът|номеры?|αριθμός|αρ\.|מספר|מס'|नंबर|নম্বর|எண்|เลขที่|شماره){0,9}"
)
# "a Tennessee license, 105 387 480", "pasaporte (PER) …": a country or an adjective may part the two.
_WHENCE = r"(?:[ ](?!(?:us|ep|wo|mit|gpl|bsd|iso|order|application|fees?|photo|photos|office|page|form|stamp|control|case|tracking|booking|gate|row|size|cover|plate|key|version|since|from|until|dated|text|file|agreement|header|in|for|and|or|to)\b)\(?[^\W\d_]{2,14}\)?(?=[ ,:]))??(?:,(?= ))?"
_CODE = (
    r"(?:[A-Z]{0,9}\d[A-Z0-9]{0,17}|(?-i:[A-Z]{1,5}|[a-z]{1,3})(?=[ ./-]))(?:[-./][A-Z0-9]{1,14}|[ ]-[ ](?=\d)[A-Z0-9]{2,12}|[ ](?=[A-Z]{0,2}\d)[A-Z0-9]{2,18}|[ ](?=\d[-/])\d|(?<=\d)[ ](?-i:[A-Z])"
    r"(?![A-Za-z'])){0,8}(?![A-Za-z0-9_]|[-./]\d)"
)
_BRANCH_CODE = (
    r"(?:\d{2}[ -]\d{2}[ -]\d{2}|\d(?: \d){8}|\d{3}[ -]?\d{3}[ -]?\d{3}|\d{3}[ -]\d{2}[ -]\d{3}|\d{3}[ -]\d{3}(?: \d{2})?|\d{5,6}-\d{2,3}|\d{4}-\d|\d{3,4}-\d{3,4}"
    r"|\d{2} \d{3} \d{3}|\d{5,9}|(?-i:[A-Z]{4})0[A-Z0-9]{6})(?![A-Za-z0-9_]|[-.,]\d)"
)
_BANK_CODE = r"(?-i:[A-Z]{4} ?[A-Z]{2} ?[A-Z0-9]{2}(?: ?[A-Z0-9]{3})?|(?<=[\"':=>) ])[a-z]{6}[a-z0-9]{2}(?:[a-z0-9]{3})?)(?![A-Za-z0-9_])"
_FEW = r"(?-i:(?=[A-Z]{0,8}\d)(?=[0-9]{0,8}[A-Z])[A-Z0-9]{8,9})(?![A-Za-z0-9_-])"
_VIN = r"[A-HJ-NPR-Z0-9]{17}(?![A-Za-z0-9_])"
_PLATE = (
    r"(?-i:[A-ZÄÖÜА-ЯІ0-9]{1,8}(?:[ ·:.-]{1,2}[A-ZА-ЯІ0-9]{1,5}){0,3})(?![A-Za-z0-9_-])|[一-龥][A-Z]·?[A-Z0-9]{5,6}"
    r"|\d{2,3}[가-힣] ?\d{4}|[一-龥ぁ-ん]{1,4} ?\d{2,3} ?[ぁ-ん] ?\d{2}-?\d{2}|\d{2,3}-\d{2,3}-\d{2,3}|\d{2}[آ-ی]\d{3}[ -]?\d{2}"
)
_FILE_CODE = (
    r"(?-i:[A-Z]{1,5}\d{0,4}[-/]?\d{2,12}(?:[-/][A-Z0-9]{1,8}){0,3}|\d{2,8}[-/][A-Z0-9]{1,8})(?![A-Za-z0-9_]|[-./]\d)"
)
_DATE = re.compile(
    r"(?:19|20)\d\d[ ./-]?[01]?\d[ ./-]?[0-3]?\d|\d\d?[ ./-]\d\d?[ ./-](?:\d\d|(?:19|20)\d\d)|(?:19|20)\d\d"
)
_STANDARD = re.compile(
    r"(?i)(?:ISO|IEC|RFC|CVE|PEP|EN|DIN|ANSI|IEEE|NIST|US|EP|WO|GDPR|GPL|CC|BSD|LGPL)(?:[ -]?\d|-)|[CTF]-\d{1,4}/\d\d(?!\d)"
)
_SIZE = re.compile(r"\d{1,5}[xX]\d{1,5}")
_YEARS = re.compile(r"\b(?:19|20)\d\d[-/](?:(?:19|20)?\d\d)\b")
_COUNTRIES = frozenset(
    "AD AE AL AR AT AU AZ BA BD BE BG BH BR BY CA CH CL CN CO CY CZ DE DK DZ EE EG ES FI FR GB GE GR HK HR HU ID IE IL"
    " IN IS IT JO JP KE KR KW KZ LB LI LT LU LV MA MC MD ME MK MT MU MX MY NG NL NO NZ OM PA PE PH PK PL PT QA RO RS"
    " RU SA SE SG SI SK SM TH TN TR TW UA US UY VN ZA".split()
)


def _code(least: int) -> Callable[[str], bool]:
    """A check: that many digits, or a mix of capitals and three digits that is no word and no version."""

    def check(value: str) -> bool:
        digits = sum(char.isdigit() for char in value)
        body = re.sub(r"[^A-Za-z0-9]", "", value)
        mixed = digits >= 3 and 7 <= len(body) <= 18 and body.isupper()
        return (digits >= least or mixed) and len(body) <= 24 and len(set(body)) > 2

    return check


def _loose(value: str) -> bool:
    """Six digits, and neither a patent nor a standard."""
    return sum(char.isdigit() for char in value) >= 6 and not _STANDARD.match(value)


def _file(value: str) -> bool:
    return sum(char.isdigit() for char in value) >= 4 and not _STANDARD.match(value) and not _YEARS.search(value)


def _bank(value: str) -> bool:
    """In lower case it looks like a word, unless it holds a digit or ends in the XXX of a head office."""
    told = not value.islower() or any(char.isdigit() for char in value) or value.endswith("xxx")
    return told and value.replace(" ", "")[4:6].upper() in _COUNTRIES


def _vin(value: str) -> bool:
    return sum(char.isdigit() for char in value) >= 3 and sum(char.isalpha() for char in value) >= 3


def _plate(value: str) -> bool:
    body = re.sub(r"\W", "", value)
    return (
        5 <= len(body) <= 10
        and any(c.isdigit() for c in body)
        and any(c.isalpha() for c in body)
        and len(set(body)) > 2
    )


@dataclass(frozen=True, slots=True)
class _Row:
    kind: Kind
    confidence: float
    words: str
    value: str
    check: Callable[[str], bool]
    whence: str = ""
    key: QuickPattern = field(init=False)
    spaced: QuickPattern = field(init=False)
    follows: re.Pattern[str] = field(init=False)
    bare: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        spaced = self.words.replace(" ", r"[\s_]")  # field names have underscores
        follows = rf"(?:(?<=nr|no)\.)?{self.whence}{_BETWEEN}(?<![A-Za-z0-9])(?P<value>{self.value})"
        object.__setattr__(self, "key", key_pattern(self.words))
        object.__setattr__(self, "spaced", key_pattern(spaced))
        object.__setattr__(self, "follows", re.compile(follows, re.IGNORECASE))
        object.__setattr__(self, "bare", re.compile(self.value, re.IGNORECASE))

    def values(self, text: str, begin: int, stop: int) -> Iterator[tuple[int, int]]:
        """Spans of the values behind the words in [begin, stop)."""
        at = begin
        for key in self.spaced.finditer(text, begin, stop):
            if key.start() < at:  # a word inside the last value
                continue
            match = self.follows.match(text, key.end(), stop)
            if match is not None:
                at = match.end()
                yield match.span("value")


_ROWS = (
    _Row(Kind.GOVERNMENT_ID, 0.85, LICENCE, _CODE, _code(5), _WHENCE),
    _Row(Kind.GOVERNMENT_ID, 0.85, PASSPORT, _CODE, _code(5), _WHENCE),
    _Row(Kind.GOVERNMENT_ID, 0.85, FEW_DIGITS, _FEW, lambda value: not _STANDARD.match(value)),
    _Row(Kind.GOVERNMENT_ID, 0.8, TAX, _CODE, _code(7)),
    _Row(Kind.GOVERNMENT_ID, 0.85, NATIONAL, _CODE, _code(7)),
    _Row(Kind.BANK_ACCOUNT, 0.8, BRANCH, _BRANCH_CODE, lambda value: len(set(value)) > 2),
    _Row(Kind.BANK_ACCOUNT, 0.8, f"{BANK}|{BRANCH}", _BANK_CODE, _bank),
    _Row(Kind.VEHICLE, 0.85, VIN, _VIN, _vin),
    _Row(Kind.VEHICLE, 0.8, PLATE, _PLATE, _plate),
    _Row(Kind.MEDICAL_RECORD, 0.85, PATIENT, _CODE, _code(5)),
    _Row(Kind.RECORD_NUMBER, 0.8, FILE, _CODE, _code(5)),
    _Row(Kind.GOVERNMENT_ID, 0.7, LOOSE_LICENCE, _CODE, _loose, _WHENCE),
    _Row(
        Kind.BANK_ACCOUNT,
        0.7,
        LOOSE_BANK,
        _BANK_CODE,
        lambda value: _bank(value) and (not value.isalpha() or value.endswith("XXX")),
    ),
    _Row(Kind.RECORD_NUMBER, 0.7, LOOSE_FILE, _FILE_CODE, _file),
)
_FEW_DIGITS = tuple(place for place, row in enumerate(_ROWS) if row.value in (_BANK_CODE, _PLATE, _FEW))
"""Rows whose values may hold no digit, or two: they are looked for in all of a text."""
_DIGITS = tuple(place for place in range(len(_ROWS)) if place not in _FEW_DIGITS)
_WORDS_OF_FEW, _WORDS_OF_DIGITS = (QuickSet(_ROWS[p].spaced for p in rows) for rows in (_FEW_DIGITS, _DIGITS))


class AnnouncedNumberDetector:
    """Licences, passports, tax and bank codes, plates, patients' and files' numbers after their word."""

    name = "announced_number"

    def find(self, text: str, label: str) -> list[Match]:
        found: dict[tuple[int, int], Match] = {}
        for row, start, end in sorted(_places(text, label), key=lambda place: place[0]):
            value, is_branch = text[start:end], _ROWS[row].value == _BRANCH_CODE
            if (start, end) not in found and _ROWS[row].check(value) and not _is_harmless(value, is_branch=is_branch):
                found[start, end] = Match(_ROWS[row].kind, start, end, _ROWS[row].confidence)
        return [found[span] for span in sorted(found)]


def _places(text: str, label: str) -> Iterator[tuple[int, int, int]]:
    """Numbers of rows, and spans that may be their values."""
    bare = text.strip()
    if bare and label and len(bare) <= 40:
        start = text.index(bare)
        for number, row in enumerate(_ROWS):
            if names(row.key, label) and row.bare.fullmatch(bare):
                yield number, start, start + len(bare)
    for place in _WORDS_OF_FEW.may(text):
        number = _FEW_DIGITS[place]
        yield from ((number, *span) for span in _ROWS[number].values(text, 0, len(text)))
    for begin, stop in digit_windows(text):
        for place in _WORDS_OF_DIGITS.may(text[begin:stop]):
            number = _DIGITS[place]
            yield from ((number, *span) for span in _ROWS[number].values(text, begin, stop))


def _is_harmless(value: str, *, is_branch: bool) -> bool:
    """Dates, sizes and published values; the code of a branch may look like a date."""
    digits = re.sub(r"\D", "", value)
    if (
        (not is_branch and _DATE.fullmatch(value))
        or _SIZE.fullmatch(value)
        or _YEARS.fullmatch(value)
        or (len(digits) > 2 and set(digits) == {"0"})
    ):
        return True
    return is_published(value) or (len(digits) > 4 and digits in COUNTING)
