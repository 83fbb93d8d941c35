"""Parts and short forms of values that are replaced: initials, diminutives, the name in an e-mail address, the last
four digits, a street without its number; and what somebody masked before, but not enough.

They are looked for only in a request that leaves redacted, and never make it stay.
"""

# ruff: noqa: SIM905 - lists of words read better as text
from __future__ import annotations

import re
from collections.abc import Iterator

from nemora.privacy.finding import Kind
from nemora.privacy.placeholder import NAME_WORD

_BEFORE, _AFTER = r"(?<![^\W_])", r"(?![^\W_])"
_NO_NAMES = frozenset(
    "info sales support contact admin office mail help team noreply reply billing service hello news jobs press web "
    "postmaster marketing legal accounts account customer care user test".split()
)
_SHORT = {
    name: tuple(short.split())
    for name, short in {
        "alexander": "Alex Sasha Xander Sandy", "alexandra": "Alex Sasha Sandra", "andrew": "Andy Drew",
        "anthony": "Tony", "barbara": "Barb Babs", "benjamin": "Ben Benny", "catherine": "Cathy Cat Kate",
        "charles": "Charlie Chuck", "christine": "Chris Tina", "christopher": "Chris Kit", "daniel": "Dan Danny",
        "david": "Dave Davy", "deborah": "Deb Debbie", "dorothy": "Dot Dottie", "edward": "Ed Eddie Ted Ned",
        "elizabeth": "Liz Beth Betty Eliza Lizzie Libby", "francisco": "Paco Pancho", "frederick": "Fred Freddie",
        "gerald": "Gerry Jerry", "gregory": "Greg", "harold": "Harry Hal", "henry": "Harry Hank", "jacob": "Jake",
        "james": "Jim Jimmy Jamie", "jennifer": "Jen Jenny", "jessica": "Jess Jessie", "johannes": "Hannes Hans",
        "john": "Johnny Jack", "jonathan": "Jon", "jose": "Pepe", "joseph": "Joe Joey", "joshua": "Josh",
        "katherine": "Kate Kathy Katie", "kenneth": "Ken Kenny", "lawrence": "Larry", "leonard": "Len Lenny",
        "margaret": "Maggie Meg Peggy", "matthew": "Matt", "michael": "Mike Mick Mickey", "nathaniel": "Nate Nat",
        "nicholas": "Nick Nicky", "pamela": "Pam", "patricia": "Pat Patty Trish", "patrick": "Pat Paddy",
        "peter": "Pete", "philip": "Phil", "rebecca": "Becky Becca", "richard": "Rick Dick Richie Ricky",
        "robert": "Bob Rob Bobby Robbie Bert", "ronald": "Ron Ronnie", "samantha": "Sam", "samuel": "Sam Sammy",
        "stephen": "Steve", "steven": "Steve", "susan": "Sue Susie", "theodore": "Ted Teddy Theo",
        "thomas": "Tom Tommy", "timothy": "Tim", "victoria": "Vicky Tori", "william": "Bill Will Billy Liam",
        "zachary": "Zach",
    }.items()
}  # fmt: skip
_FOUR_DIGITS = (
    Kind.PHONE_NUMBER, Kind.PAYMENT_CARD, Kind.IBAN, Kind.BANK_ACCOUNT, Kind.US_SSN, Kind.GOVERNMENT_ID,
)  # fmt: skip
_LAST = r"(?:ending(?: in| with)?|ends (?:in|with)|last (?:four|4)(?: digits)?(?: (?:are|is|of))?|[x*•#]{2,}[ -]?)"
MASKED = (
    (
        Kind.PERSON_NAME,
        re.compile(r"(?<![\w*])[^\W\d_a-z]\w{0,2}\*{2,20}(?: [^\W\d_a-z]\w{0,2}\*{2,20}){1,2}(?![\w*])"),
    ),
    (Kind.PERSON_NAME, re.compile(r"(?<![\w*])[^\W\d_a-z]\w{0,2}\*{3,20}(?![\w*])")),
    (Kind.EMAIL_ADDRESS, re.compile(r"(?<![\w*])[\w.+-]{1,12}\*{2,20}[\w.]{0,12}@[\w*.-]{2,60}\w")),
    (Kind.RECORD_NUMBER, re.compile(r"(?i)(?<![\w*])(?:(?:[*•]{2,6}|x{3,6})[ -]?){1,5}\d{2,6}(?![\w*])")),
)
"""What is left of values that were masked by hand."""


def parts(kind: Kind, value: str) -> Iterator[tuple[Kind, str]]:
    """Expressions for what may stand for `value` elsewhere, each with the kind of its stand-in. Case counts."""
    if kind is Kind.PERSON_NAME:
        yield from _of_name(value)
    elif kind is Kind.EMAIL_ADDRESS:
        yield from _of_local_part(value.partition("@")[0])
    elif kind is Kind.STREET_ADDRESS:
        yield from _of_address(value)
    elif kind in _FOUR_DIGITS and len(digits := re.sub(r"\D", "", value)) >= 8:
        yield kind, rf"(?i:{_LAST})[ :*#.]{{0,4}}(?P<part>{digits[-4:]}){_AFTER}"


def _of_name(value: str) -> Iterator[tuple[Kind, str]]:
    words = NAME_WORD.findall(value)
    if not words:
        return
    for short in _SHORT.get(words[0].casefold(), ()):
        yield Kind.PERSON_NAME, f"{_BEFORE}{short}{_AFTER}"
    if len(words) > 1:
        first, last = words[0], words[-1]
        initials = r"\.?[ ]?".join(re.escape(word[0].upper()) for word in words)
        yield Kind.PERSON_NAME, rf"{_BEFORE}{re.escape(first[0].upper())}\.[ ]?{re.escape(last)}{_AFTER}"
        yield Kind.PERSON_NAME, rf"{_BEFORE}{re.escape(first)}[ ]{re.escape(last[0].upper())}\.?{_AFTER}"
        yield Kind.PERSON_NAME, rf"{_BEFORE}{initials.replace('.?', '.', 1)}\.?{_AFTER}"
        yield Kind.HANDLE, rf"(?i){_BEFORE}@?{re.escape(first[0] + last)}\d{{0,4}}{_AFTER}"
        yield Kind.HANDLE, rf"(?i){_BEFORE}@?{re.escape(first)}[._-]?{re.escape(last[0])}\d{{0,4}}{_AFTER}"


def _of_local_part(local: str) -> Iterator[tuple[Kind, str]]:
    words = [word for word in re.findall(r"[^\W\d_]+", local) if len(word) >= 3 and word.lower() not in _NO_NAMES]
    if len(words) < 2:
        return
    for word in words:
        yield Kind.PERSON_NAME, f"{_BEFORE}(?:{re.escape(word.capitalize())}|{re.escape(word.upper())}){_AFTER}"


def _of_address(value: str) -> Iterator[tuple[Kind, str]]:
    """Lines and streets of an address; a bare number or country code is no part."""
    for line in re.split(r"[,;\n]", value):
        street = re.sub(r"(?:\A\W*\d{1,5}[A-Za-z]?\b|\b\d{1,5}[A-Za-z]?\W*\Z)", "", line).strip(" .>?-")
        if len(street) >= 5 and street[0].isupper():
            yield Kind.STREET_ADDRESS, f"{_BEFORE}{re.escape(street)}{_AFTER}"
