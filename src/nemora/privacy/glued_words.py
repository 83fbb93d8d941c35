"""Words and values in one piece, or each in its own: `MySSNis536`, `My+SSN+is`, `[My] [SSN]`, `<b>4</b><b>7</b>`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from nemora.privacy.edits import Edit, apart
from nemora.privacy.label_hint import WORDS
from nemora.privacy.quick_pattern import QuickPattern
from nemora.privacy.spaced_out import word_cuts

_WORD = "|".join(sorted((word for word in WORDS if len(word) > 2), key=len, reverse=True))
GLUED = QuickPattern(rf"(?:{_WORD})\S{{0,60}}?[0-9@]|[0-9@]\S{{0,60}}?(?:{_WORD})", re.IGNORECASE)
"""A key word and a digit in one token; only there it is of use to know where the words end."""
_TOKEN = re.compile(r"[^\s\"'<>{}\\]{12,240}+(?!\S)")
_VARIABLE = re.compile(r"(?:\A|[/:=@,({])\$\{?[A-Z][A-Z\d_]{2,60}(?![a-z])")
"""A shell puts the value there: `app/$DB_PASS@//db:1521`."""
LONGEST = 240
_JOINT = re.compile(r"(?<=[^\W\d_])[_+~](?=[\w+(])|(?<=[\w)])[_+~](?=[^\W\d_])")
_RUN_ON = re.compile(r"[^\W\d_]{3}[^\s\d]*\d|[A-Z]{2,}[a-z]{2}")
"""Letters, a number behind them, and capitals that go on in small letters."""
_GAP = re.compile("[ ]+")
_INNER = re.compile(r"(?<=\d)_(?=\d)")
_CAMEL = re.compile(
    r"(?<=[a-zà-ÿ])(?=[A-Z])|(?<=[A-Za-zà-ÿ]{3})(?=\d)|(?<=\d)(?=[A-Z][a-z]|[A-Z]{4})|(?<=[:=])(?=\S)"
    r"|(?<=\d{6})(?=[a-z]{3})"
)
SIGNED = QuickPattern(r"(?<![^\s\"'=?&])[A-Za-zÀ-ÿ]{2,24}(?:\+{1,2}[^\s+]{1,40}){1,60}")
BRACKETED = QuickPattern(
    r"(?:\[[^\[\]\n]{1,60}\][ ,]{0,2}){3,80}|(?:\([^()\n]{1,60}\)[ ,]{0,2}){3,80}|(?:\{[^{}\n]{1,60}\}[ ,]{0,2}){3,80}"
    r"|(?:<[^<>\n/]{1,60}>[ ,]{0,2}){3,80}|(?:\*[^*\n]{1,60}\*[ ,]{0,2}){3,80}"
)
_CONTENT = re.compile(r"[\[({<*]([^\[\](){}<>*\n]{1,60})[\])}>*][ ,]{0,2}")
TAGGED = QuickPattern(r"(?:<[A-Za-z/][^<>\n]{0,60}>[^<>\n]{0,2}){12,1200}")
_TAG = re.compile(r"<[^<>\n]{1,61}>")
_EMPTY = r"<(?:rt|wbr|span|b|i|br|nowiki)\b[^<>\n]{0,30}/?>"
RUBY = QuickPattern(rf"<ruby>[^<>\n]{{1,40}}<rt>[^<>\n]{{0,10}}</rt></ruby>|{_EMPTY}</(?:rt|span|b|i)>")
_RUBY = re.compile(r"<ruby>([^<>\n]{1,40})<rt>[^<>\n]{0,10}</rt></ruby>")
BOXES = QuickPattern(r"(?:\n?[+][-=+]{3,400}[+]\n)?(?<!\S)\|(?:[ ]{1,3}\S?[ ]{1,3}\|){6,200}(?:\n[+][-=+]{3,400}[+])?")
DOTTED = QuickPattern(r"(?<!\S)[^\s…]{2,6}(?:(?:…|\.\.\.)[ ]?[^\s….]{1,6}){2,60}(?![^\s.,;!?])")
_DOTS = re.compile(r"(?:…|\.\.\.)[ ]?")


def glued_words(text: str) -> Iterator[Edit]:
    """Long tokens of words and digits with spaces where their words end."""
    edits: list[Edit] = []
    done = 0
    for found in GLUED.finditer(text):
        if found.start() < done:
            continue
        start = _begin(text, found.start())
        token = _TOKEN.match(text, start)
        done = max(found.end(), token.end() if token else 0)
        if token is None or "://" in token.group() or _VARIABLE.search(token.group()):
            continue
        edits += _parted(token.group(), token.start())
    for run in SIGNED.finditer(text):
        if run.group().count("+") > 1 or sum(map(str.isdigit, run.group())) > 4:
            edits.append(Edit(run.start(), run.end(), re.sub(r"\+(?!\d{10})", " ", run.group())))
    yield from apart(edits)


def _begin(text: str, at: int) -> int:
    """Where the token begins in which `at` lies."""
    before = text[max(0, at - LONGEST) : at]
    return at - len(before) + max(map(before.rfind, " \n\t\r")) + 1


def _parted(token: str, at: int) -> Iterator[Edit]:
    """Spaces where words end, each by itself, so that a value keeps its place."""
    plain = _INNER.sub("-", _JOINT.sub(" ", token))
    cuts = {m.start() for m in _CAMEL.finditer(plain)}
    ends = sorted({0, len(plain), *cuts, *(place for m in _GAP.finditer(plain) for place in m.span())})
    for start, end in pairwise(ends):
        word = plain[start:end]
        if _RUN_ON.match(word):  # key words inside longer runs of letters
            cuts |= {start + place for place in word_cuts(word)}
    for place, sign in enumerate(plain):
        if place and place in cuts:
            yield Edit(at + place, at + place + 1, f" {sign}")
        elif sign != token[place]:
            yield Edit(at + place, at + place + 1, sign)


def unboxed(text: str) -> Iterator[Edit]:
    """Words each in brackets, characters each in a tag or a box, and pieces between dots."""
    edits = [Edit(m.start(), m.end(), " ".join(_CONTENT.findall(m.group())) + " ") for m in BRACKETED.finditer(text)]
    for run in TAGGED.finditer(text):
        plain = _TAG.sub("", run.group())
        if 6 <= len(plain) <= 400:
            edits.append(Edit(run.start(), run.end(), plain))
    edits += [
        Edit(m.start(), m.end(), found[1] if (found := _RUBY.match(m.group())) else "") for m in RUBY.finditer(text)
    ]
    for run in BOXES.finditer(text):
        row = run.group()[run.group().index("|") :].partition("\n")[0]
        plain = "".join(cell.strip() or " " for cell in row.split("|")[1:-1])
        edits.append(Edit(run.start(), run.end(), plain.strip()))
    edits += [Edit(m.start(), m.end(), _DOTS.sub("", m.group())) for m in DOTTED.finditer(text)]
    yield from apart(edits)
