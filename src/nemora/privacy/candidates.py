"""What a tagging model names and no decision counts: bare first names, a street without more, a town beside it.

Alone they keep no request here. In a request that leaves redacted they get stand-ins as well: each says a little of the
person whose other values were replaced, and is put back in the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from nemora.privacy.entities import ADDRESS_LABELS, NAME_LABELS, groups, name_groups, trimmed
from nemora.privacy.finding import Kind
from nemora.privacy.named_things import RULES
from nemora.privacy.person_words import ADDRESS_WORD, PUBLISHED_WORK, STREET_WORD
from nemora.privacy.placeholder import AS_TEXT
from nemora.privacy.protocols import Match, TaggedSpan
from nemora.privacy.public_figures import is_public_figure

_LEAST, _LEAST_LOWER = 0.5, 0.75
"""Scores of a name: written with a capital, and without."""
_LEAST_ADDRESS, _LEAST_NUMBER = 0.4, 0.55
NEAR = 80
"""Characters after a street in which a flat, a town and a code belong to it."""
_KINDS = {
    "EMAIL": Kind.EMAIL_ADDRESS,
    "PHONE": Kind.PHONE_NUMBER,
    "TAX_ID": Kind.GOVERNMENT_ID,
    "GOVERNMENT_ID": Kind.GOVERNMENT_ID,
    "PASSPORT": Kind.GOVERNMENT_ID,
    "DRIVERS_LICENSE": Kind.GOVERNMENT_ID,
    "BANK_ACCOUNT": Kind.BANK_ACCOUNT,
    "RECORD_ID": Kind.RECORD_NUMBER,
    "MEDICAL_RECORD": Kind.MEDICAL_RECORD,
    "DATE_OF_BIRTH": Kind.DATE_OF_BIRTH,
    "VEHICLE": Kind.VEHICLE,
    "HANDLE": Kind.HANDLE,
}
_FEWEST_DIGITS = {"EMAIL": 0, "HANDLE": 1, "VEHICLE": 2, "DATE_OF_BIRTH": 4, "PHONE": 7}
_NUMBER_BEFORE = re.compile(r"(?<![\w.,-])\d{1,5}[A-Za-z]?[ ,]{1,2}\Z")
_NUMBER_AFTER = re.compile(r"[ ,.]{1,3}\d{1,5}[A-Za-z]?(?![\w-]|[.,]\d)")
_FLAT_OR_CODE = re.compile(
    r"(?i)\b(?:apt|apartment|suite|ste|unit|flat|p\.?o\.? box)\b\.?[ #]{0,2}\d{1,5}[A-Za-z]?\b"
    r"|(?<![\w.,-])(?:\d{5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2})(?![\w-]|[.,]\d)"
)
_BEFORE_CODE, _AFTER_CODE = frozenset("_./\\@#$`=&"), frozenset("_(@/\\=`[")


def candidates(text: str, spans: Sequence[TaggedSpan]) -> list[Match]:
    """Matches in `text` that are no findings, from a tagger's spans (any order). They may repeat what is found."""
    ordered = sorted(spans, key=lambda span: (span.start, span.end))
    found = [*_names(text, ordered), *_said(text), *_addresses(text, ordered), *_others(text, ordered)]
    return [m for m in found if m.kind not in AS_TEXT or not in_identifier(text, m.start, m.end)]


def in_identifier(text: str, start: int, end: int) -> bool:
    """Whether [start, end) is a part of a name in code, a path or a call: there a stand-in would break something."""
    before, after = text[max(0, start - 1) : start], text[end : end + 2]
    if before and (before.isalnum() or before in _BEFORE_CODE):
        return True
    if after and (after[0].isalnum() or after[0] in _AFTER_CODE):
        return True
    return after == "::" or (after[:1] == "." and after[1:].isalnum())


def _names(text: str, spans: Sequence[TaggedSpan]) -> Iterator[Match]:
    for group in name_groups(text, [s for s in spans if s.label in NAME_LABELS]):
        score = sum(span.score for span in group) / len(group)
        start, end = trimmed(text, group[0].start, group[-1].end)
        name = text[start:end]
        if len(name) < 2 or not name[0].isalpha() or any(c.isdigit() or c in "@_/\\" for c in name):
            continue
        if is_public_figure(name) or PUBLISHED_WORK.search(text[max(0, start - 48) : start]):
            continue
        if score >= (_LEAST_LOWER if name[0].islower() else _LEAST):
            yield Match(Kind.PERSON_NAME, start, end, round(score, 4), weak=True)


# "everyone calls me Iqra", "goes by Bo", "Customer Georgia filed …": a name whatever the model takes it for.
_SAID = re.compile(
    r"(?:(?i:\b(?:calls? (?:me|him|her|them)|goes by|known as|nicknamed?|a\.?k\.?a\.?))[ :\"'“]{1,3}"
    r"|\b(?i:customer|patient|client|employee|tenant|applicant)[ ](?!(?i:service|support|care|success|side|portal|id"
    r"|data|satisfaction|experience|relations?|number|name|records?|safety|base)\b))(?P<name>[A-ZÀ-Þ][^\W\d_A-Z]{1,20})\b"
)


def _said(text: str) -> Iterator[Match]:
    for said in _SAID.finditer(text):
        if not is_public_figure(said["name"]):
            yield Match(Kind.PERSON_NAME, *said.span("name"), 0.5, weak=True)


def _addresses(text: str, spans: Sequence[TaggedSpan]) -> Iterator[Match]:
    """Streets with what touches them; behind them flats, codes and towns."""
    parts = [span for span in spans if span.label in ADDRESS_LABELS]
    for group in groups(text, parts):
        streets = [span for span in group if span.label == "STREET_NAME" and span.score >= _LEAST_ADDRESS]
        if not streets:
            continue
        start, end = trimmed(text, group[0].start, group[-1].end)
        if number := _NUMBER_BEFORE.search(text, max(0, start - 8), start):
            start = number.start()
        if number := _NUMBER_AFTER.match(text, end):
            end = number.end()
        value = text[start:end]
        said = ADDRESS_WORD.search(text[max(0, start - 48) : start]) is not None
        if not said and not any(map(str.isdigit, value)) and not STREET_WORD.search(value):
            continue
        yield _address(start, end)
        for near in _FLAT_OR_CODE.finditer(text, end, end + NEAR):
            yield _address(*near.span())
        yield from (_address(p.start, p.end) for p in parts if p.label == "CITY" and end <= p.start < end + NEAR)


def _address(start: int, end: int) -> Match:
    return Match(Kind.STREET_ADDRESS, start, end, 0.4, weak=True)


def _others(text: str, spans: Sequence[TaggedSpan]) -> Iterator[Match]:
    for span in spans:
        kind = _KINDS.get(span.label)
        if kind is None or span.score < _LEAST_NUMBER:
            continue
        start, end = trimmed(text, span.start, span.end)
        value = text[start:end]
        rule = RULES.get(span.label)
        if rule is not None and not rule.fits(value):
            continue
        if sum(map(str.isdigit, value)) >= _FEWEST_DIGITS.get(span.label, 5) and end - start <= 60:
            yield Match(kind, start, end, round(span.score, 4), weak=True)
