"""Pieces of a value between which the same thing stands again and again: `["47", "16"]`, `47<br>16`, `P_1=47\\nP_2=16`.

Whatever the language, what parts the pieces of one value has one form. So nothing here knows a language: a joint that
comes back, numbers in it left aside, is taken out. Pieces are short, and so is what they make.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nemora.privacy.edits import Edit, apart

LONGEST_PIECE, LONGEST = 24, 160
"""Characters of a piece, and of all pieces together."""
_LITERAL = re.compile(r"(?P<quote>[\"'])(?P<body>(?:(?!(?P=quote))[^\n]){0,200}+)(?P=quote)")
_IS_KEY = re.compile(r"\s{0,4}[:=](?!=)")
_NUMBERS = re.compile(r"\d+")
_MOST_BETWEEN = 40
# The call or the bracket that holds the literals belongs to the expression: `=CONCAT(` and `].join("")`.
_HEAD = re.compile(r"=?(?:new[ ])?(?:[\w.$%]{1,30}\s?)?[(\[{]{1,3}(?:[^()\[\]{}\n]{0,24}\Z|\s{0,4}\Z)")
_TAIL = re.compile(r"[)\]}`]{1,3}(?:\.\w{2,10}\((?:\"\"|'')?\))?")
_PIECE = r"[\w@.+\-#$%!&]{1,8}+"
_SIGNS = re.compile(rf"(?<![\w@.+-]){_PIECE}(?P<joint>[^\w@.+\-#$%!&]{{1,12}}+){_PIECE}(?:(?P=joint){_PIECE}){{2,60}}")
_WORDS = re.compile(
    rf"(?<![\w@.+-]){_PIECE}(?P<joint>[,;.]?(?:[ ][a-z]{{2,9}}){{1,2}}[ ]){_PIECE}(?:(?P=joint){_PIECE}){{1,60}}"
)
_DIGITS = re.compile(r"(?<![\d.])\d{1,8}+(?P<joint>[^\d]{1,20}+)\d{1,8}+(?:(?P=joint)\d{1,8}+){1,40}(?!\d)")
_LINES = re.compile(
    r"(?m)^(?P<name>[A-Za-z]\w{0,30}?[_-]?)\d{1,3}[ ]{0,2}[=:][^\n]{1,40}"
    r"(?:\n(?P=name)\d{1,3}[ ]{0,2}[=:][^\n]{1,40}){1,40}$"
)
_VALUE = re.compile(r"(?m)[=:][ ]?\"?([^\n\"]{1,40}?)[\";]{0,2}$")
_PREFIX = r"[ \t]{0,4}(?:[>#*+|•-]{1,2}|//|--|\d{1,3}[.)])?[ \t]{0,4}"
SHORT_LINES = re.compile(rf"(?:\n{_PREFIX}[^\s#>*|]\S{{0,11}}[ \t]?(?=\n|\Z)){{2,80}}")
_LINE_START = re.compile(rf"\n{_PREFIX}(?=\S)")
_VALUES = re.compile(r"[\d@]")
_PLAIN_END = re.compile(r"[\w@.+\-#$%!&]\Z")


def repeated_literals(text: str) -> Iterator[Edit]:
    """Short string literals, three or more, with the same between them each time."""
    run: list[re.Match[str]] = []
    joint = ""
    for literal in _LITERAL.finditer(text):
        if _IS_KEY.match(text, literal.end()):
            continue
        between = text[run[-1].end() : literal.start()] if run else ""
        form = _NUMBERS.sub("#", between)
        fits = len(literal["body"]) <= LONGEST_PIECE and len(between) <= _MOST_BETWEEN
        if run and fits and (len(run) == 1 or form == joint):
            joint = form
            run.append(literal)
            continue
        yield from _literals(text, run)
        run = run[-1:] if run and fits and len(run) == 2 else []  # the second may begin a run of its own
        if run:
            joint = form
        run = [*run, literal] if fits else []
    yield from _literals(text, run)


def _literals(text: str, run: list[re.Match[str]]) -> Iterator[Edit]:
    pieces = [literal["body"] for literal in run]
    if pieces and pieces[0].startswith("%"):  # the form that a printf begins with
        pieces = pieces[1:]
    plain = "".join(pieces)
    if len(run) < 3 or not 6 <= len(plain) <= LONGEST or plain.isalpha():
        return
    start, end = run[0].start(), run[-1].end()
    head = _HEAD.search(text, max(0, start - 48), start)
    tail = _TAIL.match(text, end) if head else None
    yield Edit(head.start() if head else start, tail.end() if tail else end, f'"{plain}"')


def repeated_signs(text: str) -> Iterator[Edit]:
    """Short pieces with the same signs between them, or the same one or two words."""
    yield from apart(edit for pattern in (_SIGNS, _WORDS, _DIGITS) for edit in _without(pattern, text))


def _without(pattern: re.Pattern[str], text: str) -> Iterator[Edit]:
    for run in pattern.finditer(text):
        joint = run["joint"]
        plain = run.group().replace(joint, "")
        if joint.strip(" ") in ("", "-", ",", ".", "/", ":") and pattern is not _SIGNS:
            continue  # as numbers are written
        if not joint.strip(" ") or len(plain) > LONGEST or not _may_be_value(plain):
            continue
        yield Edit(run.start(), run.end(), plain)


def _may_be_value(plain: str) -> bool:
    digits = [c for c in plain if c.isdigit()]
    return len(plain) >= 7 and ("@" in plain or (len(digits) >= 4 and len(set(plain)) > 3))


def numbered_settings(text: str) -> Iterator[Edit]:
    """Lines whose names differ by a number, as one value: `PART_1=47`, `PART_2=16`."""
    for run in _LINES.finditer(text):
        plain = "".join(m[1] for m in _VALUE.finditer(run.group()))
        if 6 <= len(plain) <= LONGEST and not plain.isalpha():
            yield Edit(run.start(), run.end(), plain)


def prefixed_lines(text: str) -> Iterator[Edit]:
    """Short lines that each begin like a quotation, a comment, an item or a hunk: what begins them is taken out."""
    for run in SHORT_LINES.finditer(text):
        starts = list(_LINE_START.finditer(text, run.start(), run.end()))
        forms = {_NUMBERS.sub("1", start.group().strip()) for start in starts}
        if len(forms) != 1 or not _VALUES.search(run.group()) or len(run.group()) > 4 * LONGEST:
            continue
        glued = (
            not text.endswith("@@", 0, run.start())
            and _PLAIN_END.search(text, max(0, run.start() - 1), run.start()) is not None
        )
        for number, start in enumerate(starts):
            yield Edit(start.start(), start.end(), "" if number or glued else " ")
