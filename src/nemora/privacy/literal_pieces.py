"""Values that code writes as two or more literals: `concat!("47", "16")`, `'47' // '16'`, `s = "47"; s += "16"`.

No language is known here. Literals that stand close together, with nothing but signs and a few names between them, are
read as one; the call or the assignment around them is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from nemora.privacy.edits import Edit
from nemora.privacy.label_hint import hinted

LONGEST_PIECE, LONGEST, MOST = 40, 160, 24
"""Characters of a literal and of all of a run, and literals of a run."""
_LITERAL = re.compile(r"(?P<quote>[\"'])(?P<body>(?:(?!(?P=quote))[^\n\\]){0,200}+)(?P=quote)")
_GLUE = re.compile(r"(?:[\s+*^~&|,;:/<>(){}\[\]=\\.@$#-]|(?<!\w)[A-Za-z_]\w{0,11}){0,32}\Z")
_CODE = re.compile(r"[+*^~&|,;/<>(){}\[\]=\\]|\n#define |[ ]-[a-z][ ]|\n[ \t]*\w+[ ]\Z|[ ][A-Z]{4,}[ ]")
_LIST = re.compile(r"\s{0,4},\s{0,4}\Z")
_IS_KEY = re.compile(r"\s{0,4}:(?!=)")
_FORM = re.compile(r"(?:%s|\{\d?\}|~a|%@){1,20}")
_CALL = r"[\w.$%!-]{1,30}[ ]?(?:\[\]\w{0,10})?[(\[{]{1,3}[ ]?(?:\w{1,10}\()?(?:\[\]\w{1,10}\{)?"
_HEAD = re.compile(
    rf"(?:\$\{{\{{[ ]?)?(?:(?:new|let|var|const|my|puts|#define)[ ])?(?:=?{_CALL}|[A-Za-z][ ]?[:+]?=[ ]?|#define [A-Z] "
    r"|(?:STRING|db) |\.\w::before\{content:|<\w data-\w=|[(\[{])(?:[\"'](?:[ ]?|[^\"']{0,12}[\"'],[ ]?))?\Z"
)
_TAIL = re.compile(
    r"[;,]?[ ]?(?:[)\]}`]{1,3}|[ ](?=[-.|]))(?:[ ]?-join ''|\.\w{2,12}(?:\((?:\"\"|'')?\))?|[ ]\}\})?|></\w>|\}"
)
_ENOUGH = re.compile(r"\d\D{0,6}\d\D{0,6}\d|@")


def literal_pieces(text: str) -> Iterator[Edit]:
    """Two or more literals of one expression, as what they make together."""
    if text.count('"') < 4 and text.count("'") < 4:
        return
    run: list[re.Match[str]] = []
    for literal in _LITERAL.finditer(text):
        fits = len(literal["body"]) <= LONGEST_PIECE and not _IS_KEY.match(text, literal.end())
        if run and (not fits or len(run) == MOST or not _joins(text[run[-1].end() : literal.start()])):
            yield from _whole(text, run)
            run = []
        if fits:
            run.append(literal)
    yield from _whole(text, run)


def _joins(between: str) -> bool:
    if len(between) > 32 or not _GLUE.match(between):
        return False
    return not between.strip() or _CODE.search(between) is not None


def _whole(text: str, run: list[re.Match[str]]) -> Iterator[Edit]:
    if run and _FORM.fullmatch(run[0]["body"]):
        first, pieces = run[0].start(), [literal["body"] for literal in run[1:]]
    else:
        first, pieces = run[0].start() if run else 0, [literal["body"] for literal in run]
    plain = "".join(pieces)
    if len(pieces) < 2 or not 6 <= len(plain) <= LONGEST or not _ENOUGH.search(plain):
        return
    head = _HEAD.search(text, max(0, first - 56), first)
    if head is not None and hinted(head.group()):
        head = None
    is_list = all(_LIST.match(text[a.end() : b.start()]) for a, b in pairwise(run))
    if is_list and head is None and len(pieces) == len(run) and not text.startswith("]", run[-1].end()):
        return
    tail = _TAIL.match(text, run[-1].end())
    yield Edit(head.start() if head else first, tail.end() if tail else run[-1].end(), f'"{plain}"')


def word_lists(text: str) -> Iterator[Edit]:
    """A sentence as a list of its words: `["My", "SSN", "is", …]`."""
    if text.count('", "') + text.count("', '") < 2:
        return
    for listed in _WORDS.finditer(text):
        yield Edit(listed.start(), listed.end(), " ".join(m["body"] for m in _LITERAL.finditer(listed.group())))


_WORDS = re.compile(
    r"\[\s?(?P<quote>[\"'])[^\"'\n]{1,24}(?P=quote)(?:,\s?(?P=quote)[^\"'\n]{1,24}(?P=quote)){2,80}\s?\]"
)
