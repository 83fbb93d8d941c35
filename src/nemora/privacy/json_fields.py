"""The strings and numbers inside JSON text, readable, each character with its place in the text.

An edit of such a value must leave the text valid JSON, so values are edited one by one and never the text across them.
A string that holds JSON itself, as arguments of tools do that pass a message on, is read as that, down to `DEEPEST`.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from nemora.privacy.mapped_text import Builder, MappedText

DEEPEST = 4
"""How many strings deep JSON in JSON is read: at each level a quote takes twice as many characters."""
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
    quote: str = ""
    """What a string begins and ends with where one takes the place of this field, and it is none."""

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


def escaped(text: str, times: int) -> str:
    """`text` as it stands inside a string of JSON, which stands inside one again, `times` times."""
    for _ in range(times):
        text = json.dumps(text, ensure_ascii=False)[1:-1]
    return text


def _is_json(text: str) -> bool:
    """Not every text in the place of JSON is: a model wrote it, or a limit cut it."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _json_fields(text: str) -> Iterator[Field]:
    yield from _fields_in(MappedText(text, range(len(text)), range(1, len(text) + 1)), 1)


def _fields_in(whole: MappedText, depth: int) -> Iterator[Field]:
    """The fields of JSON text that stands in `depth` - 1 strings of JSON."""
    quote = escaped('"', depth - 1)
    for match in _TOKEN.finditer(whole.text):
        if match["number"] is not None:
            start, end = match.span("number")
            yield _field(whole, start, end, whole.slice(start, end), "number", quote)
            continue
        start, end = match.span("body")
        readable = whole.slice(start, end)
        if "\\" in match["body"]:
            readable = whole.through(_unescaped(whole.text, start, end))
        if depth < DEEPEST and readable.text.lstrip()[:1] in ("{", "[") and _is_json(readable.text):
            yield from _fields_in(readable, depth + 1)
        else:
            yield _field(whole, start, end, readable, "key" if match["colon"] else "value")


def _field(whole: MappedText, start: int, end: int, readable: MappedText, role: Role, quote: str = "") -> Field:
    """What stands at [start, end) of `whole`, with its place in the whole string."""
    starts, ends = whole.starts or range(0), whole.ends or range(0)
    first = starts[start]
    return Field(readable, first, ends[end - 1] if end > start else first, role, quote)


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
