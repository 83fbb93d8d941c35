"""Values pulled apart: a separator between all characters, one character a line, lines broken anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nemora.privacy.edits import Edit
from nemora.privacy.label_hint import WORDS

# Single characters, each by itself between the same kind of white space. What is joined again has no spaces inside.
_SINGLE = re.compile(r"(?<!\S)\S(?:(?P<gap>[ \t\u2009]{1,3}|\r?\n[ \t]{0,2})\S(?:(?P=gap)\S){5,600})(?!\S)")
# Digits with one sign between them, and perhaps a space: 4, 7, 1 or 4-7-1 or 4|7|1.
_DIGITS = re.compile(r"(?<!\d)\d(?:(?P<sign>[ ]?[,;:|~*/_.\-–+=#'\"^][ ]?|[ ])\d(?:(?P=sign)\d){5,40})(?!\d)")
# Groups of digits with an unusual sign between them.
_GROUPS = re.compile(r"(?<![\w~|*,;:/#])\d{1,8}(?:[ ]?[~|*,;:/#_+=][ ]?\d{1,8}){1,24}(?![\w])")
_BROKEN = re.compile(r"(?P<head>[^\s]{1,24})[ ]?(?:\r?\n[^\s][^\n]{0,7}(?=\r?\n)){0,80}\r?\n(?=[^\s][^\n]{0,60})")
_INSIDE = re.compile("|".join(word for word in sorted(WORDS, key=len, reverse=True) if len(word) > 2), re.IGNORECASE)
_SHORT_LINE = re.compile(r"\d[^\n]{0,15}(?:\n|\Z)")
_BREAK = re.compile(r"\r?\n")
_BOUNDARY = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[a-z]{2})|(?<=[a-z])(?=[A-Z])|(?<=[:=])(?=\S)")


def single_characters(text: str) -> Iterator[Edit]:
    """The gaps of "4 7 1 6 …" and of one character a line, to be left out."""
    for run in _SINGLE.finditer(text):
        gap = run["gap"]
        if not _mixed(run.group()):
            continue
        size = len(gap)
        for at in range(run.start() + 1, run.end(), size + 1):
            yield Edit(at, at + size, "")


def single_characters_in_words(text: str) -> Iterator[Edit]:
    """The same, with a space where a word ends and a number begins: "M y S S N i s 5 3 6"."""
    for run in _SINGLE.finditer(text):
        gap = run["gap"]
        if not _mixed(run.group()):
            continue
        joined = run.group().replace(gap, "")
        cuts = {m.start() for m in _BOUNDARY.finditer(joined)}
        cuts |= {place for m in _INSIDE.finditer(joined) for place in m.span()}
        for place in range(1, len(joined)):
            at = run.start() + place * (len(gap) + 1) - len(gap)
            yield Edit(at, at + len(gap), " " if place in cuts else "")


def _mixed(run: str) -> bool:
    """Whether letters and digits are many among what stands apart; rules of signs and bare bits are no value."""
    plain = [c for c in run if c.isalnum()]
    return 2 * len(plain) >= len(run.split()) and len(set(plain)) > 2


def parted_digits(text: str) -> Iterator[Edit]:
    """The signs between the digits of "4-7-1-6", to be left out."""
    yield from _signs_of(_DIGITS, text)


def parted_groups(text: str) -> Iterator[Edit]:
    """The signs between the groups of "4716|2093", to be left out."""
    yield from _signs_of(_GROUPS, text)


def _signs_of(pattern: re.Pattern[str], text: str) -> Iterator[Edit]:
    for run in pattern.finditer(text):
        digits = [c for c in run.group() if c.isdigit()]
        if len(digits) >= 7 and len(set(digits)) > 2:
            yield from (Edit(run.start() + m.start(), run.start() + m.end(), "") for m in _SIGNS.finditer(run.group()))


_SIGNS = re.compile(r"\D+")


def broken_lines(text: str) -> Iterator[Edit]:
    """Line ends inside a value: short lines in a row, each without an end of its own."""
    at = 0
    while (run := _BROKEN.search(text, at)) is not None:
        at = run.end()
        breaks = list(_BREAK.finditer(text, run.start(), run.end()))
        if len(breaks) >= 2 or (run["head"][-1:].isdigit() and _SHORT_LINE.match(text, run.end())):
            yield from (Edit(*b.span(), "") for b in breaks)
