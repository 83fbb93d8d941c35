"""The strings and numbers inside JSON text, readable, each character with its place in the text.

An edit of such a value must leave the text valid JSON, so values are edited one by one and never the text across them.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from nemora.privacy.mapped_text import Builder, MappedText

Role = Literal["text", "key", "value", "number"]

_TOKEN = re.compile(r'"(?P<body>(?:[^"\\]|\\.)*+)"(?P<colon>\s*+:)?|(?P<number>-?\d[\d.eE+-]*+)', re.DOTALL)
_ESCAPE = re.compile(r"\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Field:
    """A stretch [start, end) of a string that is edited by itself. `readable` maps to the whole string."""

    readable: MappedText
    start: int
    end: int
    role: Role = "text"

    def inside(self, start: int, end: int) -> tuple[int, int] | None:
        """The characters of `readable` that touch [start, end) of the whole string; None if there are none."""
        starts, ends = self.readable.starts, self.readable.ends
        if starts is None or ends is None:
            low, high = max(start, 0), min(end, len(self.readable.text))
        else:
            low, high = bisect_right(ends, start), bisect_left(starts, end)
        return (low, high) if high > low else None


def fields_of(text: str, *, json_expected: bool) -> list[Field]:
    """The fields of a string: of JSON text (an object or a list) its values and keys, of any other text itself.

    `json_expected` says that the text is JSON by its place, so that a bare value counts too.
    """
    if (json_expected or text.lstrip()[:1] in ("{", "[")) and _is_json(text):
        return list(_json_fields(text))
    return [Field(MappedText(text), 0, len(text))]


def _is_json(text: str) -> bool:
    """Not every text in the place of JSON is: a model wrote it, or a limit cut it."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _json_fields(text: str) -> Iterator[Field]:
    for match in _TOKEN.finditer(text):
        if match["number"] is not None:
            start, end = match.span("number")
            yield Field(_plain(text, start, end), start, end, "number")
            continue
        start, end = match.span("body")
        readable = _plain(text, start, end) if "\\" not in match["body"] else _unescaped(text, start, end)
        yield Field(readable, start, end, "key" if match["colon"] else "value")


def _plain(text: str, start: int, end: int) -> MappedText:
    return MappedText(text[start:end], range(start, end), range(start + 1, end + 1))


def _unescaped(text: str, start: int, end: int) -> MappedText:
    builder = Builder()
    done = start
    for match in _ESCAPE.finditer(text, start, end):
        builder.copy(text, done, match.start())
        plain = json.loads(f'"{match.group()}"')
        builder.put(plain, *match.span())
        done = match.end()
    builder.copy(text, done, end)
    return builder.build()
