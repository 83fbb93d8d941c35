"""Values pulled apart: a separator between all characters, one character a line, lines broken anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nemora.privacy.edits import Edit
from nemora.privacy.label_hint import WORDS
from nemora.privacy.quick_pattern import QuickPattern

# Single characters, each by itself between the same kind of white space. What is joined again has no spaces inside.
_SINGLE = re.compile(
    r"(?<!\S)\S(?:(?P<gap>[ \t\u2009]{1,3}|\r?\n[ \t]{0,2}|[._*~|/-](?=\S[._*~|/-]))\S(?:(?P=gap)\S){5,600})(?!\S)"
)
# Characters by one space and words by several: "M y   S S N   i s".
_ROOMY = re.compile(
    r"(?<!\S)\S(?:[ ]\S)*(?:(?:[ ]{2,4}|\n[ \t]?\n)\S(?:[ \n]\S)*){1,60}(?!\S)"
    r"|(?m:^)\S(?:\n\S){1,24}(?:\n[ \t]?\n\S(?:\n\S){0,40}){1,60}(?=\n|\Z)"
)
# Digits with one sign between them, and perhaps a space: 4, 7, 1 or 4-7-1 or 4|7|1.
_DIGITS = re.compile(r"(?<!\d)\d(?:(?P<sign>[ ]?[,;:|~*/_.\-–+=#'\"^][ ]?|[ ])\d(?:(?P=sign)\d){5,40})(?!\d)")
# Groups of digits with an unusual sign between them.
_GROUPS = re.compile(
    r"(?<![\w~|*,;:/#])\d{1,8}(?P<sign>[ ]?[~|*,;:/#_+=][ ]?)\d{1,8}(?:(?P=sign)\d{1,8}){0,24}(?![\w])"
)
_INSIDE = QuickPattern("|".join(word for word in sorted(WORDS, key=len, reverse=True) if len(word) > 2), re.IGNORECASE)
_SHORT_LINE = re.compile(r"\d[^\n]{0,15}(?:\n|\Z)")
_LINE_END = re.compile(r"\r?\n")
SHORT, MOST_LINES = 8, 80
_SECTION = re.compile(r"\[[^\[\]\n]{2,40}\]\r?\n[\w.-]{1,40}[ ]?=")
"""The head of a section of settings, and its first one."""
"""Characters of a line that could be a piece of a value, and lines of one value."""
_BOUNDARY = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[a-z]{2})|(?<=[a-z])(?=[A-Z])|(?<=[:=])(?=\S)")


_VERB = re.compile(r"(?i:number)?(?i:is|ist|es|est|lautet)(?=[A-Z0-9+(\"'$#!])")
"""What stands between a key word and its value."""


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
        cuts = word_cuts(joined)
        for place in range(1, len(joined)):
            at = run.start() + place * (len(gap) + 1) - len(gap)
            yield Edit(at, at + len(gap), " " if place in cuts else "")


def in_words(joined: str) -> str:
    """Characters without spaces, with spaces where a key word or a number begins and ends."""
    cuts = word_cuts(joined)
    return "".join(f" {c}" if place in cuts else c for place, c in enumerate(joined))


def word_cuts(joined: str) -> set[int]:
    """Where a key word or a number begins or ends."""
    inside = list(_INSIDE.finditer(joined))
    verbs = [verb.end() for m in inside if (verb := _VERB.match(joined, m.end()))]
    return {m.start() for m in _BOUNDARY.finditer(joined)}.union(verbs, *(m.span() for m in inside))


def roomy(text: str) -> Iterator[Edit]:
    """The same with words still apart by wider gaps."""
    for run in _ROOMY.finditer(text):
        if len(run.group()) < 16 or not _mixed(run.group()):
            continue
        for gap in re.finditer(r"\s+", run.group()):
            yield Edit(run.start() + gap.start(), run.start() + gap.end(), " " if len(gap.group()) > 1 else "")


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
    breaks = [m.span() for m in _LINE_END.finditer(text)]
    first = 0
    while first < len(breaks):
        after = _last_break(text, breaks, first)
        start = breaks[first][0]
        head = text[max(0, start - 2) : start].removesuffix(" ")[-1:]
        if after < first or not head or head.isspace():
            first += 1
            continue
        if after > first or (head.isdigit() and _SHORT_LINE.match(text, breaks[first][1])):
            yield from (Edit(*span, "") for span in breaks[first : after + 1])
        first = after + 1


def _last_break(text: str, breaks: list[tuple[int, int]], first: int) -> int:
    """The last of the line ends from `first` on that stand between short lines; one less if there is none."""
    last = first - 1
    for number in range(first, min(first + MOST_LINES, len(breaks))):
        begin = breaks[number][1]
        if not text[begin : begin + 1].strip():  # the end, an empty line, or one set in
            break
        if _SECTION.match(text, begin):
            break
        last = number
        if number + 1 == len(breaks) or breaks[number + 1][0] - begin > SHORT:
            break
    return last
