"""Inside which URL a place stands: the same as by looking behind each beginning anew, and in one look for all."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemora.privacy import url_context
from nemora.privacy.url_context import LOOK_BACK, hosts_around, may_hold_url, url_around

PIECES = [
    "http:",
    "//",
    "/",
    "\\",
    "www.",
    " ",
    "\n",
    "\n \n",
    "'",
    '"',
    "<",
    ">",
    "a",
    "b.net",
    "&#47;",
    "@",
    "\\n",
    "\\u002f",
    "\\\\n",
    "\\\\u002f",
]
CLOSERS = {'"': '"', "'": "'", "<": ">"}


def slowly(before: str, *, depth: int) -> str | None:
    """As `url_around`, by looking behind each beginning for its end."""
    text = url_context._read(before, depth)
    for opening in url_context._OPENS.finditer(text):
        rest = text[opening.end() :]
        closer = CLOSERS.get(text[: opening.start()].rstrip()[-1:])
        closed = re.search(r'[\s"<>]', rest) if closer is None else closer in rest or re.search(r"\n[ \t\r]*\n", rest)
        if not closed:
            host = url_context._HOST.match(rest)
            return host[1].lower() if host is not None else ""
    return None


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join), st.integers(0, 3))
def test_one_look_finds_what_looking_behind_each_beginning_finds(before: str, depth: int) -> None:
    host = url_around(before, depth=depth)
    assert host == slowly(before, depth=depth)
    assert host is None or (may_hold_url(before, depth) and host in hosts_around(before, depth))


@pytest.mark.parametrize(
    "before", ["/" * LOOK_BACK + " ", "'//" * (LOOK_BACK // 3) + "'", "\n/" * (LOOK_BACK // 2) + " "]
)
def test_the_ends_are_looked_for_once_however_many_urls_begin(before: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    look = url_context._last_ends
    monkeypatch.setattr(url_context, "_last_ends", lambda text: looked.append(len(text)) or look(text))
    url_around(before)
    assert len(looked) == 1


def test_a_url_counts_as_far_back_as_is_looked_and_no_farther() -> None:
    begin = "https://kettlewood.net/"
    assert url_around(begin + "a" * (LOOK_BACK - len(begin))) == "kettlewood.net"
    assert url_around(begin + "a" * LOOK_BACK) is None
