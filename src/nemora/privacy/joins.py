"""What is split over strings of a conversation: parts of a message, messages, arguments and results of tools.

Neighbours are read joined. A personal value over two messages counts only where it was cut: a word announces it, and
neither side has such a value alone; else the end of one sentence and the begin of the next would make addresses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from nemora.privacy.finding import CATALOGUE, Finding, Kind, Sensitivity
from nemora.privacy.label_hint import hinted
from nemora.privacy.protocols import Match, Segment

JOIN = 96
"""Characters on each side of a join between two strings that are read together."""
FAR = 8
"""Strings after one that ends in the middle of a value in which it may go on."""
SURE = 0.8
_JOINED = re.compile(r"/messages/(\d+)/(?:content|tool_calls/\d+/function/(arguments))")
_OPEN = re.compile(r"[\w.@+()-]{0,40}[\d@._-][\w.@+()-]{0,40}\Z")
_LEAD = re.compile(
    r"\s{0,3}(?:[^\W\d_][\w']{0,14}[ ,:;]{1,3}|[.\u2026]{1,3}[ ]?){0,9}?(?=[\w.+(-]{0,24}[\d@]|[.@_-]\w)"
)
_GOES_ON = re.compile(
    r"(?<![^\W_])(?:halves|half|part|rest|second|third|last|next|remaining|remainder|other|then|finally|ends?|followed"
    r"|continued?|hälfte|teil|rest|zweite|letzte|segunda|mitad|resto|parte|suite|moitié|partie|reste|deuxième)(?![^\W_])"
    r"|\.\.|\u2026",
    re.IGNORECASE,
)
_RESERVED = re.compile(r"@(?:[\w-]+\.)*(?:example(?:\.(?:com|net|org))?|test|invalid|localhost)\.?\Z", re.IGNORECASE)
"""An address in a domain that RFC 2606 reserves."""
Finder = Callable[[str], Sequence[Match]]


@dataclass(frozen=True, slots=True)
class _String:
    """A string of the conversation, the number of its message, and whether it is a tool call's."""

    segment: Segment
    turn: int
    is_argument: bool

    @property
    def text(self) -> str:
        return self.segment.text


_Place = tuple[_String, int]
"""A string, and an offset in it."""


def split_findings(segments: Sequence[Segment], find: Finder) -> Iterator[Finding]:
    """Findings that cross from one string into another, as one in each. `find` gives what it finds in a short text."""
    strings = [
        _String(s, int(m[1]), m[2] is not None) for s in segments if (m := _JOINED.match(s.where)) and _counts(s, m)
    ]
    for separator in ("", " "):
        for order in _orders(strings):
            yield from _along(order, separator, find)
    yield from _taken_up([string for string in strings if not string.segment.offset], find)


def _counts(segment: Segment, match: re.Match[str]) -> bool:
    """Whole texts, and the values in a call's arguments."""
    return not segment.offset or match[2] is not None


def _orders(strings: list[_String]) -> Iterator[list[_String]]:
    """The ways in which one may follow another: all, each side of a dialogue, without calls, values of calls."""
    said = [s for s in strings if not s.segment.offset]
    yield said
    sides = [[s for s in said if s.turn % 2 == side] for side in (0, 1)]
    yield from sides if len(said) > 1 and all(sides) else ()
    contents = [s for s in said if not s.is_argument]
    if len(contents) < len(said):
        yield contents  # what tools say, without the calls between
        yield [s for s in strings if s.segment.offset or not s.is_argument]  # with the values in the calls
    written: dict[str, list[_String]] = {}  # values of one name in call after call
    for string in strings:
        if string.segment.offset:
            written.setdefault(string.segment.label, []).append(string)
    yield from (values for values in written.values() if len(values) > 1)


def _along(order: Sequence[_String], separator: str, find: Finder) -> Iterator[Finding]:
    tail = ""
    places: list[_Place] = []  # of each character of the tail
    for string in order:
        size = len(string.text)
        head = string.text[:JOIN]
        ahead = [(string, 0)] * len(separator) + [(string, n) for n in range(len(head))]
        if tail and head:
            for match in _crossing(tail, separator, head, find):
                touched = [*places, *ahead][match.start : match.end]
                if _is_split(match, tail, head, {place[0] for place in touched}, find):
                    yield from _in_each(match, touched)
        bridge = ahead[: len(separator)] if tail else []
        joined = tail + (separator if tail else "") + string.text[-JOIN:]
        own = [(string, n) for n in range(max(0, size - JOIN), size)]
        tail, places = joined[-JOIN:], [*places, *bridge, *own][-JOIN:]


def _crossing(tail: str, separator: str, head: str, find: Finder) -> Iterator[Match]:
    """Sure findings that begin in `tail` and end in `head`."""
    border = len(tail)
    for match in find(tail + separator + head):
        if match.start < border and match.end > border + len(separator) and match.confidence >= SURE:
            yield match


def _is_split(match: Match, tail: str, head: str, strings: set[_String], find: Finder) -> bool:
    """Whether a match over a border is a value that was cut there."""
    of_calls = any(string.is_argument and string.segment.offset for string in strings)
    is_one_message = len({string.turn for string in strings}) == 1
    if not of_calls and (is_one_message or CATALOGUE[match.kind].sensitivity > Sensitivity.PERSONAL):
        return True
    if of_calls and match.kind is Kind.PASSWORD:  # any argument behind "the password is" would be one
        return False
    return _was_cut(match, tail, head, find)


def _was_cut(match: Match, tail: str, head: str, find: Finder) -> bool:
    if not hinted(tail):
        return False
    piece = tail[match.start :].strip()
    if match.kind is Kind.EMAIL_ADDRESS and _RESERVED.search(piece):  # whole, and nobody's: also a stand-in
        return False
    begins_inside = re.search(r"[\w][._\d]", piece) is not None and not piece.endswith((".", ":", ","))
    if any(m.kind is match.kind and m.end > match.start and m.confidence >= SURE for m in find(tail)):
        return False
    return begins_inside or not any(m.kind is match.kind and m.confidence >= SURE for m in find(head))


def _taken_up(strings: Sequence[_String], find: Finder) -> Iterator[Finding]:
    """A value begun at the end of one string and taken up at the begin of another: "the second half is 8854 1728"."""
    for number, begun in enumerate(strings):
        text = begun.text.rstrip(" .,;:\u2026\n")
        tail = text[-JOIN:]
        if not _OPEN.search(tail) or not hinted(tail):
            continue
        for later, string in enumerate(strings[number + 1 : number + 1 + FAR]):
            lead = _LEAD.match(string.text[:JOIN])
            if lead is None or (lead.end() > 3 and not _GOES_ON.search(lead.group())):
                continue
            if later < 1 and not lead.end() and len(text) == len(begun.text):
                continue  # neighbours are read joined anyway
            yield from _over(begun, len(text), string, lead.end(), find)


def _over(begun: _String, end: int, string: _String, start: int, find: Finder) -> Iterator[Finding]:
    tail, head = begun.text[max(0, end - JOIN) : end], string.text[start : start + JOIN]
    for separator in ("", " "):
        for match in _crossing(tail, separator, head, find):
            if _was_cut(match, tail, head, find):
                before = [(begun, end - len(tail) + n) for n in range(match.start, len(tail))]
                after = [(string, start + n) for n in range(match.end - len(tail) - len(separator))]
                yield from _in_each(match, [*before, *after])


def _in_each(match: Match, touched: Sequence[_Place]) -> Iterator[Finding]:
    """A finding over several strings, as one in each of them."""
    spans: dict[_String, tuple[int, int]] = {}
    for string, offset in touched:
        start, _ = spans.get(string, (offset, 0))
        spans[string] = (start, offset + 1)
    for string, (start, end) in spans.items():
        at = string.segment.offset
        yield Finding(match.kind, "joined", string.segment.where, start + at, end + at, match.confidence, match.entity)
