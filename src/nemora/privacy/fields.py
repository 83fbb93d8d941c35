"""Values behind their keys where the two stand apart or the key is an identifier: forms, name and value, YAML blocks.

What is found is written anew as lines of "key words: value", which every detector understands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from nemora.privacy.floats import written_out
from nemora.privacy.mapped_text import MappedText
from nemora.privacy.quick_pattern import QuickPattern
from nemora.privacy.tables import (
    Labelled,
    fixed_width,
    html_rows,
    inserted,
    json_rows,
    meaning,
    separated,
)

MAX_CELLS = 20_000
"""Values behind labels that are read in one text."""
CHARACTERS = 4000
PER_CHARACTER = 4
"""Characters of lines that are read for each of the text: a long header may stand over many short cells."""


class TooManyCells(Exception):
    """A text has more labelled values than are read."""


_NAMED = QuickPattern(
    r"(?i)[\"'](?:name|key|field|label|id|type|attribute|property|question|title|column|path)[\"']\s{0,8}:\s{0,8}[\"'](?P<label>[^\"'\n]{2,48})[\"']\s{0,8},"
    r"\s{0,64}(?:[\"']\w{1,20}[\"']\s{0,4}:\s{0,4}[\"']?[\w./ -]{0,40}[\"']?\s{0,4},\s{0,64}){0,2}"
    r"[\"'](?:value|val|answer|content|text|data|default|raw|valueString|new|current)[\"']\s{0,8}:\s{0,8}(?:\"(?P<value>[^\"\n]{1,300})\"|'(?P<single>[^'\n]{1,300})'|(?P<bare>-?\d[\d.]{0,40}))"
)
_NESTED = QuickPattern(
    r"[\"'](?P<label>[^\"'\n]{2,48})[\"']\s{0,8}:\s{0,8}(?:\{\s{0,16}[\"'](?:value|val|text|raw|plain|content|S|N|stringValue|\$)[\"']\s{0,8}:\s{0,8}|\[\s{0,16})"
    r"(?:\"(?P<value>[^\"\n]{1,300})\"|'(?P<single>[^'\n]{1,300})'|(?P<bare>-?\d[\d.]{0,40}))"
)
_TAGGED = QuickPattern(
    r"<[\w:-]{1,40}[^<>\n]{0,80}?\b(?:name|key|id|label|field|property)=[\"'](?P<label>[^\"'\n]{2,48})[\"'][^<>\n]{0,80}?"
    r"(?:\bvalue=[\"'](?P<single>[^\"'\n]{1,300})[\"']|>(?P<bare>[^<>\n]{1,300})</)"
)
_ELEMENT = QuickPattern(
    r"<(?P<label>[^\W\d][\w:.-]{1,47})(?:\s[^<>\n]{0,120})?>(?:<!\[CDATA\[)?(?P<value>[^<>\n]{1,300})(?:\]\]>)?</"
)
_BLOCK = QuickPattern(
    r"(?m)^[ \t-]{0,40}[\"']?(?P<label>[^\W\d][\w .-]{1,47})[\"']?[ ]?:[ ]?[>|][+-]?\d?[ ]?\r?\n[ \t]{1,40}"
    r"(?P<value>[^\n]{1,300})"
)
_STACKED = re.compile(
    r"(?m)^[ \t>*#|-]{0,8}(?P<label>[^\W\d_][\w .'()/-]{1,47}?)[ \t]{0,4}[:：]?[*_]{0,2}[ \t]{0,4}\r?\n"
    r"(?:[ \t]*\r?\n)?[ \t>*|-]{0,8}(?P<value>\S[^\n]{0,80})$"
)
# Keys of several words: user_ssn=…, "dateNaissance": …, numero-de-cuenta: …
_ASSIGNED = QuickPattern(
    r"(?<![\w$])(?<!\$\{)(?P<label>[^\W\d_]+(?:[_.-][^\W_]+|(?<=[a-z])[A-Z][a-z]+){1,5})[\"'`\]]{0,2}[ \t]{0,8}(?::=|=>"
    r"|={1,3}|:|：)[ \t]{0,4}(?:[rbfu](?=[\"']))?"
    r"(?:\"(?P<value>[^\"\n]{1,300})\"|'(?P<single>[^'\n]{1,300})'|(?P<bare>[^\s\"'&;,<>(){}\[\]]{3,300}))"
)
_GROUPS = ("value", "single", "bare")


def labelled_lines(text: str, is_known: Callable[[int, int], bool]) -> Iterator[MappedText]:
    """Readings of "key words: value" lines, mapped to the values; at most so many characters each.

    Values at which something sure is known already are left out.

    Raises:
        TooManyCells: there are more than are read; what was read until then has been given.
    """
    pieces: list[Labelled] = []
    size = 0
    cells, left = MAX_CELLS, PER_CHARACTER * len(text) + CHARACTERS
    for labelled in _all(text):
        if is_known(labelled.start, labelled.end):
            continue
        length = len(labelled.label) + labelled.end - labelled.start + 3
        cells, left = cells - 1, left - length
        if cells < 0 or left < 0:
            if pieces:
                yield _reading(text, pieces)
            raise TooManyCells
        pieces.append(labelled)
        size += length
        if size > CHARACTERS:
            yield _reading(text, pieces)
            pieces, size = [], 0
    if pieces:
        yield _reading(text, pieces)


def _all(text: str) -> Iterator[Labelled]:
    for read in (separated, fixed_width, inserted, html_rows, json_rows):
        yield from read(text)
    yield from _keyed(text)


def _keyed(text: str) -> Iterator[Labelled]:
    patterns: list[re.Pattern[str] | QuickPattern] = []
    if '"' in text or "'" in text:
        patterns += [_NAMED, _NESTED]
    if "</" in text or "/>" in text:
        patterns += [_TAGGED, _ELEMENT]
    if "\n" in text:
        patterns += [_BLOCK, _STACKED]
    patterns.append(_ASSIGNED)
    for pattern in patterns:
        for match in pattern.finditer(text):
            label = meaning(match["label"])
            if pattern is _STACKED and match["value"].rstrip().endswith((":", "：")):
                continue  # the next label, or a statement
            if label:
                group = next(name for name in _GROUPS if name in pattern.groupindex and match[name] is not None)
                yield Labelled(label, *match.span(group))


def _reading(text: str, pieces: Iterable[Labelled]) -> MappedText:
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for piece in pieces:
        written = text[piece.start : piece.end]
        value = written_out(written, piece.label)
        head = f"{piece.label}: "
        parts += [head, value, "\n"]
        starts += [piece.start] * len(head)
        ends += [piece.start + 1] * len(head)
        if value == written:
            starts += range(piece.start, piece.end)
            ends += range(piece.start + 1, piece.end + 1)
        else:
            starts += [piece.start] * len(value)
            ends += [piece.end] * len(value)
        starts.append(piece.end - 1)
        ends.append(piece.end)
    return MappedText("".join(parts), starts, ends)
