"""Values told in pieces: "starts with 4716, then 2093", `||4716||2093||`, lines that differ by a counter.

What comes between the pieces has one form, counters left aside, or is made of the few words with which people tell
pieces. These readings count only near a word that announces an identifier.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from nemora.privacy.edits import Edit, apart
from nemora.privacy.label_hint import HINT
from nemora.privacy.number_words import unaccented
from nemora.privacy.quick_pattern import QuickPattern

_TELLING = (
    "then next followed ends end ending last first second third fourth fifth sixth seventh eighth ninth tenth eleventh "
    "twelfth starts start begins digit digits part parts group um uh er hm lol haha ok so finally dann endet weiter "
    "luego despues termina puis ensuite finit poi infine depois potem halves half"
)
_SMALL = "and the with by is are it q a number of und mit y con et par e com comes"
_WORD = re.compile(r"[^\W\d_]+")
_WORDS = frozenset(f"{_TELLING} {_SMALL}".split())
_TELLERS = frozenset(_TELLING.split())
_GROUP = re.compile(r"(?<![\w.])\d{1,8}(?!\w)")
_BETWEEN = re.compile(r"[\s,;.:?()]{0,3}(?:[^\W\d_]{1,10}[\s,;.:?()]{1,3}){1,8}\Z")
_BEFORE = re.compile(r"(?:[^\W\d_]{1,10}[ ,:?]{1,3}){1,6}\Z")
LONGEST_BETWEEN = 48
_WRAPPED = QuickPattern(
    r"(?P<open>[^\w\s.,:;()+-]{1,3}|(?<![\w.])/)(?P<one>\d{1,8})(?P<close>[^\w\s]{1,4}|)"
    r"(?:[ ]?(?P=open)\d{1,8}(?P=close)){1,24}(?!\d)"
)
_TWO = QuickPattern(
    r"(?<![\w./-])(?P<one>\d{2,8})"
    r"(?:[^\w\n.,;]{2,8}|[^\w\n.,:;/ -]|\.{2,4}|…|\t{1,4}|[ ]?<[^<>\n]{1,20}>[ ]?)"
    r"(?P<two>\d{1,8})(?!\w|[./-]\d)"
)
_LETTERED = QuickPattern(r"(?<!\w)a[).:] ?\d{1,8}(?:[ ,;\n]{1,2}[b-j][).:] ?\d{1,8}){1,9}(?!\w)")
_COUNTED = QuickPattern(r"(?<![A-Za-z0-9])[A-Za-z]{1,8}_?[01]=\d{1,8}(?:[&;, ][A-Za-z]{1,8}_?\d=\d{1,8}){1,9}(?!\w)")
WRAPPED = (_WRAPPED, _TWO, _LETTERED, _COUNTED)
_LINE = re.compile(r"(?P<head>.{1,40}?[\s=:,>|)\]])(?P<piece>[\w@.+/%#!$-]{1,12}?)[;,\"'|]{0,3}[ ]?")
_SUBTITLE = re.compile(r"\s*\n?\d{1,4}\n\d\d:\d\d:\d\d[,.]\d{3} --> [^\n]{8,20}\n|(?<=\d)\n\n(?=\d+\n\d\d:)")
_DIGITS = re.compile(r"\d+")
_ASSIGNED = re.compile(r"(?:(?:ENV|ARG|set|append|export|let|var)[ ])?[A-Za-z]{1,2}(?:[ ]?[:+]?=[ ]?|[ ])")


def told_groups(text: str) -> Iterator[Edit]:
    """Groups of digits with nothing but telling words between them."""
    run: list[re.Match[str]] = []
    telling = False
    for group in _GROUP.finditer(text):
        words = _telling_words(text[run[-1].end() : group.start()]) if run else None
        if run and words is None:
            yield from _told(text, run, telling=telling)
            run, telling = [], False
        telling |= bool(words and words & _TELLERS)
        run.append(group)
    yield from _told(text, run, telling=telling)


def _telling_words(between: str) -> frozenset[str] | None:
    if len(between) > LONGEST_BETWEEN or not _BETWEEN.match(between):
        return None
    words = frozenset(unaccented(word) for word in _WORD.findall(between.lower()))
    return words if words <= _WORDS else None


def _told(text: str, run: list[re.Match[str]], *, telling: bool) -> Iterator[Edit]:
    plain = "".join(group.group() for group in run)
    if telling and len(run) > 1 and 7 <= len(plain) <= 40:
        before = _BEFORE.search(text, max(0, run[0].start() - 40), run[0].start())
        start = run[0].start()
        for word in reversed(list(_WORD.finditer(text, before.start(), start)) if before else []):
            if unaccented(word.group().lower()) not in _WORDS - {"number", "is"}:
                break
            start = word.start()
        yield Edit(start, run[-1].end(), plain)


def wrapped_groups(text: str) -> Iterator[Edit]:
    """Groups of digits each between the same signs, two groups with an unusual sign between, and counted groups."""
    edits = []
    for pattern in (_WRAPPED, _TWO):
        for run in pattern.finditer(text):
            plain = "".join(_DIGITS.findall(run.group()))
            if 7 <= len(plain) <= 32 and len(set(plain)) > 2 and not _is_arithmetic(run.group()):
                edits.append(Edit(run.start(), run.end(), plain))
    for run in _LETTERED.finditer(text):
        edits.append(Edit(run.start(), run.end(), "".join(_DIGITS.findall(run.group()))))
    for run in _COUNTED.finditer(text):
        edits.append(Edit(run.start(), run.end(), "".join(re.findall(r"=(\d+)", run.group()))))
    yield from apart(edits)


def _is_arithmetic(run: str) -> bool:
    return re.fullmatch(r"\d+ ?(?:\*\*?|[<>=]=?|%) ?\d+", run) is not None


def counted_lines(text: str) -> Iterator[Edit]:
    """Neighbouring lines that are alike but for a counter and a short piece at their end; and pieces of subtitles."""
    if "\n" not in text:
        return
    for cue in _SUBTITLE.finditer(text) if " --> " in text else ():
        yield Edit(cue.start(), cue.end(), "")
    lines = _lines(text)
    first = 0
    while first < len(lines):
        last = first
        while last + 1 < len(lines) and lines[first][1] and lines[last + 1][1] == lines[first][1]:
            last += 1
        pieces = [text[lines[n][2] : lines[n][3]] for n in range(first, last + 1)]
        plain = "".join(pieces)
        if last > first and 6 <= len(plain) <= 160:
            is_prose = sum(piece.isalpha() for piece in pieces) > 1
            yield Edit(lines[first][0], lines[last][3], " ".join(pieces) if is_prose else plain)
        first = last + 1


def _lines(text: str) -> list[tuple[int, str, int, int]]:
    """Of each line: where it begins, the form of its head ("" if it has none), and its piece's span."""
    found = []
    start = 0
    for line in text.split("\n"):
        match = _LINE.fullmatch(line) if len(line) <= 56 else None
        form = ""
        if match is not None:
            form = "#=" if _ASSIGNED.fullmatch(match["head"]) else _DIGITS.sub("#", match["head"])
            if "#" not in form and not re.search(r"[:=>|]\s?\Z", form):
                form = ""
        piece = match.span("piece") if match is not None else (0, 0)
        found.append((start, form, start + piece[0], start + piece[1]))
        start += len(line) + 1
    return found


_PARTED = re.compile(
    r"(?<![^\s=:(\"'])(?!(?P<same>\S)(?P=same){2})[^\s]"
    r"(?P<gap>[ ]?[^\w\s][^\w\s ]{0,2}[ ]?|,?[ ](?:um|uh|er|then|and|lol)(?:,[ ]|[ ]))[^\s]"
    r"(?:(?P=gap)[^\s]){6,200}(?=[\s,.;!?]|\Z)"
)


def parted_signs(text: str) -> Iterator[Edit]:
    """Single characters with the same sign or filler between all of them: "4!7!1!6", "4 • 7 • 1"."""
    for run in _PARTED.finditer(text):
        gap = run["gap"]
        plain = "".join(run.group()[:: len(gap) + 1])
        if len(run.group()) == len(plain) * (len(gap) + 1) - len(gap) and sum(map(str.isdigit, plain)) >= 2:
            yield Edit(run.start(), run.end(), plain)


_JUNK = re.compile(
    r"(?:[ ]?[:=])?[ ](?:\w{1,6}[ ](?:-\w[ ])?)?(?=\S{0,40}[^\s:\d]\d)"
    r"(?P<junk>[^\s\d\"]{0,40}[^\w\s\"+(.:-]|[A-Za-z]{2,12}_)"
    r"(?P<value>\d{4}[-/.]\d\d[-/.]\d\d|\d\d[-/.]\d\d[-/.]\d{4}|\d{6,12})(?![\w-])"
)


def behind_junk(text: str) -> Iterator[Edit]:
    """A number that a word announces, without the piece of a name or program before it: `DOB scan_1971-05-03.pdf`."""
    edits = []
    for hint in HINT.finditer(text):
        junk = _JUNK.match(text, hint.end())
        if junk is not None:
            edits.append(Edit(junk.start(), junk.end(), f": {junk['value']} "))
    yield from apart(edits)


def interleaved(text: str) -> Iterator[Edit]:
    """Every second character of a line whose spaces all stand at even places or all at odd ones."""
    start = 0
    for line in text.split("\n"):
        if 24 <= len(line) <= 800 and 2 < line.count(" ") < len(line) // 6:
            spaces = [n for n, c in enumerate(line) if c == " "]
            if min(b - a for a, b in pairwise(spaces)) > 1 and len({n % 2 for n in spaces}) == 1:
                yield Edit(start, start + len(line), line[spaces[0] % 2 :: 2])
        start += len(line) + 1
