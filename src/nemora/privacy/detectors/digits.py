"""Runs of digits in text, however they are grouped, and digits written out as words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nemora.privacy.quick_pattern import QuickPattern

# One separator between groups, or two where a line breaks ("- " or " \n"). No ambiguity, so one pass.
_CHAIN = re.compile(r"(?<!\d)\d++(?:[ .\-–\u00a0\n\t_*/]{1,2}\d++)*")
_WORDS = {
    "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
    "eight": "8", "nine": "9", "oh": "0", "nought": "0", "niner": "9",
}  # fmt: skip
_WORD = "|".join(_WORDS)
SPELLED = QuickPattern(rf"(?<![A-Za-z])(?:{_WORD})(?:[ ,.\-–\n]{{1,3}}(?:{_WORD}))+(?![A-Za-z])", re.IGNORECASE)
_ONE_WORD = re.compile(_WORD, re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Group:
    """Adjacent digits at [start, end) of the text."""

    digits: str
    start: int
    end: int


def chains(text: str, least: int = 1) -> Iterator[list[Group]]:
    """Each maximal sequence of digit groups that only separators part, from `least` characters on."""
    for match in _CHAIN.finditer(text):
        if match.end() - match.start() < least:
            continue
        yield [
            Group(m.group(), match.start() + m.start(), match.start() + m.end()) for m in _RUN.finditer(match.group())
        ]


_RUN = re.compile(r"\d+")


def spelled(text: str) -> Iterator[Group]:
    """Each sequence of digit words ("four seven one six"), as the digits that it spells."""
    for match in SPELLED.finditer(text):
        digits = "".join(_WORDS[w.lower()] for w in _ONE_WORD.findall(match.group()))
        yield Group(digits, match.start(), match.end())


def same_digit(digits: str) -> bool:
    """Whether all digits are one digit, as in a placeholder."""
    return len(set(digits)) == 1
