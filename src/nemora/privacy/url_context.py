"""Whether a place in a text lies inside a URL, and of which host.

A value that is put into a URL leaves this machine when somebody follows it, and a picture's URL is followed by nobody's
leave. So an answer that was led by hostile content could carry values out in the text that is only shown.
"""

from __future__ import annotations

import html
import re

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
_CLOSERS = {'"': '"', "'": "'", "<": ">"}
_ENDS = re.compile(r"[\s\"<>]")
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")
_JSON_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
LOOK_BACK = 16_384


def url_around(before: str, *, as_json: bool = False) -> str | None:
    """The host of the URL inside which a text stands that follows `before`; None if it stands in none.

    A URL ends at a space, a quote or an angle bracket; one that begins behind a quote or a bracket only where that
    is closed, or at a blank line, for readers of HTML and Markdown allow spaces there. They undo HTML's escapes in a
    URL as well, and who reads a string of JSON (`as_json`) those of JSON.
    """
    before = before[-LOOK_BACK:]
    if as_json and "\\" in before:
        before = _JSON_ESCAPE.sub(_unescaped, before)
    if "&" in before:
        before = html.unescape(before)
    for opening in _OPENS.finditer(before):
        rest = before[opening.end() :]
        quote = before[: opening.start()].rstrip()[-1:]
        closer = _CLOSERS.get(quote)
        closed = _ENDS.search(rest) if closer is None else closer in rest or _BLANK_LINE.search(rest)
        if not closed:
            host = _HOST.match(rest)
            return host[1].lower() if host is not None else ""
    return None


def _unescaped(escape: re.Match[str]) -> str:
    if escape[1] is not None:
        return chr(int(escape[1], 16))
    return {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}.get(escape[2], escape[2])
