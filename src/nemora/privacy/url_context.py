"""Whether a place in a text lies inside a URL, and of which host.

A value that is put into a URL leaves this machine when somebody follows it, and a picture's URL is followed by nobody's
leave. So an answer that was led by hostile content could carry values out in the text that is only shown.
"""

from __future__ import annotations

import re

_OPENS = re.compile(r"(?:https?|ftps?|wss?):|[\\/]{2}", re.IGNORECASE)
_HOST = re.compile(r"[\\/]*(?:[^\\/?#\s@]*@)?([^\\/?#\s]*)")
_CLOSERS = {'"': '"', "'": "'", "<": ">"}
_ENDS = re.compile(r"[\s\"<>]")
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")
LOOK_BACK = 16_384


def url_around(before: str) -> str | None:
    """The host of the URL inside which a text stands that follows `before`; None if it stands in none.

    A URL ends at a space, a quote or an angle bracket; one that begins behind a quote or a bracket only where that
    is closed, or at a blank line, for readers of HTML and Markdown allow spaces there.
    """
    before = before[-LOOK_BACK:]
    for opening in _OPENS.finditer(before):
        rest = before[opening.end() :]
        quote = before[: opening.start()].rstrip()[-1:]
        closer = _CLOSERS.get(quote)
        closed = _ENDS.search(rest) if closer is None else closer in rest or _BLANK_LINE.search(rest)
        if not closed:
            host = _HOST.match(rest)
            return host[1].lower() if host is not None else ""
    return None
