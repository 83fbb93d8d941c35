"""Marks inside of a value that are not shown or say how it looks: tags, emphasis, TeX, footnotes, pattern syntax."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nemora.privacy.edits import Edit, apart
from nemora.privacy.quick_pattern import QuickPattern

_ONE = (
    r"\\\r?\n|\r?\n[ ](?=[^ ])|<span style=[\"']display:\s?none[\"']>[^<>]{0,40}</span>|\[-[^\]\n]{0,24}-\]|\{\+|\+\}"
    r"|~~[^~\n]{1,12}~~|pass:\[\]|<!--[^<>]{0,80}-->|</?[A-Za-z][A-Za-z0-9]{0,11}(?:\s[^<>\n]{0,120})?/?>|\[/?(?:b|i|u|s|url|code|color|size)\]"
    r"|\*\*|~~|``|\[\^\w{1,8}\]|\[\[|\]\]"
)
INSIDE = QuickPattern(
    rf"(?<=[\w@.+-])(?:{_ONE}){{1,6}}(?=[\w@.+-])|(?<=\d)(?:{_ONE}){{1,6}}|(?:{_ONE}){{1,6}}(?=[ ]?[+(]?\d)"
)
_TEX_MARK = re.compile(
    r"\\(?:text(?:bf|tt|it|sf|rm)|emph|mbox|mathrm)\{|(?<=[\w@.+-])\}(?:\\[,;:! ]|~)?|\\[,;:!](?=[\\{\w])"
)
TEX = re.compile(r"\\(?:text(?:bf|tt|it|sf|rm)|emph|mbox|mathrm)\{")
_PATTERN = re.compile(r"\[[ .\\s-]{1,5}\][?*]?|\\s[?*+]?|\\(?=[.+()\-])")
_OF_ONE = re.compile(r"(?:\[[^\]\n]\]){5,}")
CALL = re.compile(
    r"[$A-Za-z_][\w.$]{1,40}\(\s?(?P<quote>[\"'`])(?P<body>[^\"'`\n]{3,400}+)(?P=quote)\s?(?:,[^()\n]{1,24})?\)(?:\.\w{2,12}\(\))?"
    r"|\$(?P<other>[\"'])(?P<inner>[^\"'\n]{3,400}+)(?P=other)"
)

_VALUE = re.compile(r"[\d@]")
_CALLED = re.compile(r"[$A-Za-z_][\w.$]{1,40}\(\s?[\"'`]\Z")
_CALL_END = re.compile(r"[\"'`]\s?(?:,[^()\n]{1,24})?\)(?:\.\w{2,12}\(\))?")


def with_its_call(text: str, start: int, end: int) -> tuple[int, int]:
    """[start, end) with the call that it is the argument of, if it is: `atob("…")`."""
    head = _CALLED.search(text, max(0, start - 48), start)
    tail = _CALL_END.match(text, end) if head else None
    return (head.start(), tail.end()) if head and tail else (start, end)


def marks(text: str) -> Iterator[Edit]:
    """Tags, emphasis and the like, to be left out."""
    if any(sign in text for sign in ("<", "\n ", "**", "~~", "``", "[", "\\")):
        found = list(INSIDE.finditer(text))
        if "\\" in text and TEX.search(text):
            found += _TEX_MARK.finditer(text)
        yield from apart(Edit(mark.start(), mark.end(), "") for mark in found)


def patterns(text: str) -> Iterator[Edit]:
    """A value written as a regular expression, as what it matches."""
    if "\\" not in text and "[" not in text:
        return
    edits = [Edit(m.start(), m.end(), "") for m in _PATTERN.finditer(text)]
    edits += [Edit(m.start(), m.end(), m.group()[1::3]) for m in _OF_ONE.finditer(text)]
    yield from apart(edits)


def unwrapped(text: str) -> Iterator[Edit]:
    """What a function is called with, in its place: `decode("…")`, `$'…'`."""
    if "(" not in text and "$" not in text:
        return
    for call in CALL.finditer(text):
        if _VALUE.search(inner := call["body"] or call["inner"]):
            yield Edit(call.start(), call.end(), inner)
