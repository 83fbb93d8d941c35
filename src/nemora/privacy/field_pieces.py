"""A value in the fields of one small record: `{"head": "4716", "tail": "2093"}`, `<c>47</c><c>16</c>`.

What the fields are called is not known here, but one that is called as an identifier is no piece of another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nemora.privacy.edits import Edit, apart
from nemora.privacy.label_hint import hinted
from nemora.privacy.quick_pattern import QuickPattern

SHORTEST, LONGEST = 6, 120
"""Characters of what the pieces make."""
OBJECT = QuickPattern(
    r"\{\s{0,4}\"[\w$ -]{1,20}\":\s?(?:\"[^\"\n]{1,40}\"|\d{1,12})"
    r"(?:,\s{0,4}\"[\w$ -]{1,20}\":\s?(?:\"[^\"\n]{1,40}\"|\d{1,12})){1,15}\s{0,4}\}"
)
_FIELD = re.compile(r"\"(?P<key>[\w$ -]{1,20})\":\s?(?:\"(?P<text>[^\"\n]{1,40})\"|(?P<number>\d{1,12}))")
CELLS = QuickPattern(
    r"(?:<\w{1,12}>\s{0,4})?<(?P<tag>\w{1,12})(?:[ ][^<>\n]{0,40})?>[^<>\n]{1,40}</(?P=tag)>"
    r"(?:\s{0,4}<(?P=tag)(?:[ ][^<>\n]{0,40})?>[^<>\n]{1,40}</(?P=tag)>){1,30}(?:\s{0,4}</\w{1,12}>)?"
)
_CELL = re.compile(r">([^<>\n]{1,40})</")
CDATA = QuickPattern(r"(?:<!\[CDATA\[[^\[\]<>]{1,60}\]\]>\s{0,4}){2,30}")
_CDATA = re.compile(r"CDATA\[([^\[\]<>]{1,60})\]\]")
GROWN = QuickPattern(
    r"(?<![\w-])set[ ](?P<name>\w{1,20})[ =][^\n;]{1,80}"
    r"(?:[\n;][ ]{0,8}(?:append|set|lappend)[ ](?P=name)[ =][^\n;]{1,80}){1,12}"
)
_GROWTH = re.compile(r"(?:set|l?append)[ ]\w{1,20}[ =](?:%\w{1,20}%|\$\{?\w{1,20}\}?)?(?P<piece>[^\n;]{1,80})")
PERCENT_W = QuickPattern(
    r"%[wW][\[({<]\s{0,2}[^\[\](){}<>\n]{0,4}?[^\s][^\[\]{}<>\n]{3,300}[\])}>](?:\.join(?:\(\"\"\)|\(''\))?)?"
)
_INNER = re.compile(r"%[wW].(?P<inner>.*)[\])}>](?:\.join\S{0,4})?\Z", re.DOTALL)
_ENOUGH = re.compile(r"\d\D{0,6}\d\D{0,6}\d|@")


def field_pieces(text: str) -> Iterator[Edit]:
    """Records whose fields are pieces, as what they make together."""
    edits: list[Edit] = []
    for record in OBJECT.finditer(text):
        if record.group() == text.strip():  # JSON by itself is read as such, string by string
            continue
        fields = list(_FIELD.finditer(record.group()))
        if not any(hinted(field["key"]) for field in fields):
            edits += _whole(record, "".join(field["text"] or field["number"] for field in fields))
    for row in CELLS.finditer(text):
        edits += _whole(row, "".join(_CELL.findall(row.group())))
    for run in CDATA.finditer(text):
        edits += _whole(run, "".join(_CDATA.findall(run.group())))
    for run in GROWN.finditer(text):
        pieces = [m["piece"].strip("{}\"'") for m in _GROWTH.finditer(run.group())]
        edits += _whole(run, "".join(pieces))
    for run in PERCENT_W.finditer(text):
        inner = _INNER.match(run.group())
        words = inner["inner"].split() if inner else []
        if len(words) > 1 and sum(map(len, words)) <= 4 * len(words):
            edits += _whole(run, "".join(words))
    yield from apart(edits)


def _whole(run: re.Match[str], plain: str) -> Iterator[Edit]:
    if SHORTEST <= len(plain) <= LONGEST and _ENOUGH.search(plain):
        yield Edit(run.start(), run.end(), plain)
