"""Addresses and numbers whose signs stand in brackets: `10[.]1[.]2[.]3`, `ann[at]host[.]net`, `4716[-]2093[-]…`.

So people write what nobody should follow by a click, and patterns what must stand by the letter. Read is the plain
form, and the detectors judge it: addresses of documentation, versions and published numbers stay harmless.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nemora.privacy.edits import Edit, apart
from nemora.privacy.quick_pattern import QuickPattern

_DOT = r"(?:\.|[\[({] ?(?:\.|dot|DOT) ?[\])}])"
_AT = r"(?:@|[\[({] ?(?:@|at|AT) ?[\])}])"
_SIGN = r"[\[({][-./ _][\])}]"
_COLON = r"(?::|[\[({]:[\])}])"
IPV4 = QuickPattern(
    rf"(?<![\w.\])}}])\^?\d{{1,3}}(?:(?:{_DOT}| dot )\d{{1,3}}){{3}}(?!\w|\.\d|[\[({{] ?(?:\.|dot) ?[\])}}]\d)"
)
"""Behind the `^` that begins a pattern, too, which else is a sign of a version."""
IPV6 = QuickPattern(rf"(?<![\w:\])}}])[0-9A-Fa-f]{{1,4}}(?:{_COLON}{{1,2}}[0-9A-Fa-f]{{1,4}}){{2,7}}(?![\w:])")
MAIL = QuickPattern(
    rf"(?<![\w.@+-])[\w+-]{{1,40}}(?:{_DOT}[\w+-]{{1,40}}){{0,4}}{_AT}[^\W_][\w-]{{0,62}}(?:{_DOT}[\w-]{{1,63}}){{0,4}}"
    rf"{_DOT}[A-Za-z]{{2,24}}(?!\w)"
)
NUMBER = QuickPattern(rf"(?<![\w.\])}}])[A-Z0-9]{{1,8}}(?:{_SIGN}[A-Z0-9]{{1,8}}){{2,9}}(?!\w)")
_BRACKETED = re.compile(r"[\[({] ?(?:(?P<sign>[-./_:@ ])|(?P<dot>dot|DOT)|(?P<at>at|AT)) ?[\])}]| dot ")
_LAST_DOT = re.compile(r"[\[({] ?(?:\.|dot|DOT) ?[\])}][A-Za-z]+\Z")
LEAST = 9
"""Digits of a number in groups: fewer are dates, versions and sizes."""


def defanged(text: str) -> Iterator[Edit]:
    """What is written with a sign in brackets, as it is without them."""
    if not any(opening in text for opening in "[({") and " dot " not in text:
        return
    edits = [_plain(found) for pattern in (IPV4, IPV6) for found in pattern.finditer(text)]
    # `rows[at]index.count` is code: the dot before the last part of an address must be in brackets.
    edits += [_plain(found) for found in MAIL.finditer(text) if _LAST_DOT.search(found.group())]
    edits += [_plain(n) for n in NUMBER.finditer(text) if sum(map(str.isdigit, n.group())) >= LEAST]
    yield from apart(edit for edit in edits if edit.plain != text[edit.start : edit.end].lstrip("^"))


def _plain(found: re.Match[str]) -> Edit:
    return Edit(*found.span(), _BRACKETED.sub(_sign, found.group()).lstrip("^"))


def _sign(bracketed: re.Match[str]) -> str:
    return bracketed["sign"] or ("@" if bracketed["at"] else ".")
