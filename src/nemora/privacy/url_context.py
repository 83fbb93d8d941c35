"""Whether a place in a text lies inside a URL, and of which host.

A value that is put into a URL leaves this machine when somebody follows it, and a picture's URL is followed by nobody's
leave. So an answer that was led by hostile content could carry values out in the text that is only shown.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

_GAP = r"[\t\r\n]*"
"""What readers of HTML leave out of a URL, also in the middle of a word."""
_OPENS = re.compile(
    "|".join(
        [
            *(_GAP.join(scheme) for scheme in ("https:", "http:", "ftp:", "ftps:", "ws:", "wss:")),
            rf"[\\/]{_GAP}[\\/]",
            r"(?<![\w.@\\/-])(?=www\.)",  # readers of Markdown make a link of it
        ]
    ),
    re.IGNORECASE,
)
_HOST = re.compile(r"[\\/]*(?:[^\\/?#\s@]*@)?([^\\/?#\s]*)")
_ONE_LABEL = re.compile(r"(?:[a-z][a-z0-9-]*)?\Z")
_CLOSERS = {'"': '"', "'": "'", "<": ">"}
_LAST_END = re.compile(r".*(?=[\s\"<>])", re.DOTALL)
_LAST_BLANK_LINE = re.compile(r".*(?=\n[ \t\r]*\n)", re.DOTALL)
_JSON_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
LOOK_BACK = 16_384
"""How long a URL may be before a place that counts as inside it, in requests and in answers."""


def url_around(before: str, *, depth: int = 0, deeper: bool = False) -> str | None:
    """The host of the URL inside which a text stands that follows `before`; None if it stands in none.

    A URL ends at a space, a quote or an angle bracket; one that begins behind a quote or a bracket only where that
    is closed, or at a blank line, for readers of HTML and Markdown allow spaces there. They undo HTML's escapes in a
    URL as well, and who reads a string of JSON those of JSON, `depth` times where it stands in JSON in strings.
    With `deeper` there are more levels than are undone: two backslashes are then mostly no `//` but escaped escapes,
    and count before a host that has a dot, a port or digits only.
    """
    before = _read(before[-LOOK_BACK:], depth)
    ends: dict[str, int] = {}
    for opening in _OPENS.finditer(before):
        ends = ends or _last_ends(before)
        closer = _CLOSERS.get(_last_visible(before, opening.start()), "")
        if ends[closer] >= opening.end():
            continue
        host = _HOST.match(before, opening.end())
        name = host[1].lower() if host is not None else ""
        if not (deeper and "\\" in opening.group() and _ONE_LABEL.match(name)):
            return name
    return None


def hosts_around(before: str, deepest: int) -> set[str]:
    """The hosts of the URLs in which what follows `before` stands for readers that undo JSON's escapes ever deeper."""
    before = before[-LOOK_BACK:]
    return {host for reading in _readings(before, deepest) if (host := url_around(reading)) is not None}


def may_hold_url(text: str, deepest: int = 1) -> bool:
    """Whether a URL begins anywhere in `text`, as text or as JSON: else `url_around` finds none for any place of it."""
    return any(_OPENS.search(_read(reading, 0)) for reading in _readings(text, deepest))


def _readings(text: str, deepest: int) -> Iterator[str]:
    """`text`, and with JSON's escapes undone once and more often, while there are any."""
    yield text
    for _ in range(deepest):
        if "\\" not in text:
            return
        text = _JSON_ESCAPE.sub(_unescaped, text)
        yield text


def _read(text: str, depth: int) -> str:
    """`text` without the escapes that its readers undo."""
    *_, text = _readings(text, depth)
    return html.unescape(text) if "&" in text else text


def _last_ends(text: str) -> dict[str, int]:
    """Where what begins behind no quote ("") is ended last in `text`, and what needs one of the closers; -1: nowhere.

    Found once for all that begins in `text`: to look behind each anew would take the square of its length.
    """
    end, blank = _LAST_END.match(text), _LAST_BLANK_LINE.match(text)
    last_blank = blank.end() if blank is not None else -1
    quoted = {closer: max(text.rfind(closer), last_blank) for closer in _CLOSERS.values()}
    return {"": end.end() if end is not None else -1, **quoted}


def _last_visible(text: str, end: int) -> str:
    """The last character before `end` that is no space; "" if there is none."""
    while end and text[end - 1].isspace():
        end -= 1
    return text[end - 1 : end]


def _unescaped(escape: re.Match[str]) -> str:
    if escape[1] is not None:
        return chr(int(escape[1], 16))
    return {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}.get(escape[2], escape[2])
