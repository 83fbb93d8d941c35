"""From a tagging model's labels to findings, where one span is one thing: conditions, amounts, record numbers, handles.

A model errs where shape would tell. So each label has a least score, and where it can, a form that its value must have.
Most of these things say nothing alone ("metformin", a firm's name): `classify` weighs them beside a person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from nemora.privacy.detectors.placeholders import is_placeholder
from nemora.privacy.detectors.public_values import is_published
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match, TaggedSpan


def _always(value: str) -> bool:
    return any(char.isalnum() for char in value)


def _has_digits(least: int) -> Callable[[str], bool]:
    return lambda value: sum(map(str.isdigit, value)) >= least


def _is_handle(value: str) -> bool:
    return re.fullmatch(r"@?[\w.\-]{3,40}", value) is not None and not value.isdigit()


def _is_number_of_record(value: str) -> bool:
    return _has_digits(3)(value) and len(value) <= 40 and "@" not in value and "://" not in value


def _is_secret(value: str) -> bool:
    """Not a word: with a digit and a letter or a sign, or of several words."""
    kinds = [
        any(map(test, value)) for test in (str.isdigit, str.isalpha, lambda c: not c.isalnum() and not c.isspace())
    ]
    return len(value) >= 6 and sum(kinds) >= 2 and not is_placeholder(value)


def _is_phone(value: str) -> bool:
    """Digits of a number that no detector's plan of numbers knows, or digits that are said."""
    digits = re.sub(r"\D", "", value)
    if not digits:
        return len(value.split()) >= 6 and value.replace(",", "").replace(" ", "").isalpha()
    return 7 <= len(digits) <= 15 and _PHONE.fullmatch(value) is not None and not is_published(value)


_PHONE = re.compile(r"\+?[\d ()./\-]+(?: ?(?:ext|x|Durchwahl)\.? ?\d+)?")


def _is_disguised_mail(value: str) -> bool:
    """An address said aloud, or written so that machines overlook it; whatever has the usual form, detectors judge."""
    plain = re.sub(_SPOKEN_AT, "@", re.sub(_SPOKEN_DOT, ".", value, flags=re.IGNORECASE), flags=re.IGNORECASE)
    return plain != value and _MAIL.fullmatch(plain) is not None and not is_published(plain)


_SPOKEN_AT = r"\s*[\[(]at[\])]\s*|\s+(?:at|ät|arobase|arroba|chiocciola|@)\s+"
_SPOKEN_DOT = r"\s*[\[(]dot[\])]\s*|\s+(?:dot|punkt|point|punto|ponto)\s+"
_MAIL = re.compile(r"[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+")


@dataclass(frozen=True, slots=True)
class Rule:
    """What spans of one label become, from which score on, and the form that their value must have."""

    kind: Kind
    least: float
    fits: Callable[[str], bool] = _always


RULES: dict[str, Rule] = {
    "HEALTH_CONDITION": Rule(Kind.HEALTH_CONDITION, 0.57),
    "MEDICATION": Rule(Kind.MEDICATION, 0.6),
    "SALARY": Rule(Kind.PERSONAL_AMOUNT, 0.57, _has_digits(1)),
    "COORDINATES": Rule(Kind.COORDINATES, 0.8, _has_digits(4)),
    "ORGANIZATION": Rule(Kind.ORGANISATION, 0.57),
    "PROJECT": Rule(Kind.PROJECT_NAME, 0.6),
    "HOST": Rule(Kind.HOST_NAME, 0.7),
    "DATE_OF_BIRTH": Rule(Kind.DATE_OF_BIRTH, 0.7, _has_digits(2)),
    "HANDLE": Rule(Kind.HANDLE, 0.66, _is_handle),
    "VEHICLE": Rule(Kind.VEHICLE, 0.5, _has_digits(1)),
    "BIOMETRIC": Rule(Kind.BIOMETRIC, 0.8),
    "RECORD_ID": Rule(Kind.RECORD_NUMBER, 0.53, _is_number_of_record),
    "MEDICAL_RECORD": Rule(Kind.MEDICAL_RECORD, 0.5, _has_digits(4)),
    "DEVICE": Rule(Kind.DEVICE_NUMBER, 0.8, _has_digits(3)),
    "PHONE": Rule(Kind.PHONE_NUMBER, 0.45, _is_phone),
    "EMAIL": Rule(Kind.EMAIL_ADDRESS, 0.75, _is_disguised_mail),
    "PASSWORD": Rule(Kind.PASSWORD, 0.4, _is_secret),
    "SECRET": Rule(Kind.API_KEY, 0.6, _is_secret),
}


def named_things(text: str, spans: Sequence[TaggedSpan]) -> Iterator[Match]:
    """Findings of the labels above; others are left to `entities`."""
    for span in spans:
        rule = RULES.get(span.label)
        if rule is None or span.score < rule.least:
            continue
        value = text[span.start : span.end]
        start = span.start + len(value) - len(value.lstrip(" \t\r\n,;:.\"'`()[]<>*"))
        end = span.end - len(value) + len(value.rstrip(" \t\r\n,;:\"'`()[]<>*"))
        if start < end and rule.fits(text[start:end]):
            yield Match(rule.kind, start, end, round(min(span.score, 0.95), 4))
