"""Where a labelled text stands in a request: as the user's words, deep in a long context, in what a tool gave or gets.

Each place gives a request, and where the text's gold spans are in it. The words around are harmless and invented.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nemora.cli.eval_rows import Gold, Row
from nemora.core import ChatRequest, Message, ToolCall
from nemora.privacy.segment import segments
from nemora.server.openai_chat import parse_chat_request

FILLER_CHARS = 3000
"""Harmless text on the long side of a text that is placed deep in a context."""
_THINGS = ("rivers", "glaciers", "volcanoes", "compilers", "telescopes", "forests", "bridges", "magnets", "tides")
_DO = ["are often described by", "can be compared with", "differ from", "depend on", "are studied together with"]
_WHAT = ("pressure", "gravity", "heat", "light", "friction", "memory", "rainfall", "symmetry", "chance", "salt")
_END = ["in textbooks", "for beginners", "in a few simple steps", "without any formulas", "in most climates"]


@dataclass(frozen=True, slots=True)
class Span:
    """A gold span in a request: `where` is a JSON pointer as in findings, code points of the string there."""

    where: str
    start: int
    end: int
    identifies: bool


@dataclass(frozen=True, slots=True)
class Placed:
    """A request with the gold spans in it. `position` names the place."""

    position: str
    request: ChatRequest
    gold: tuple[Span, ...]


def filler(chars: int, seed: int) -> str:
    """About so many characters of harmless sentences; another text for every seed."""
    chance = random.Random(seed)  # noqa: S311 - words, not secrets
    parts: list[str] = []
    size = 0
    while size < chars:
        thing, other = chance.choice(_THINGS), chance.choice(_WHAT)
        parts.append(f"{thing.capitalize()} {chance.choice(_DO)} {other} {chance.choice(_END)}. ")
        size += len(parts[-1])
    return "".join(parts)


def as_it_is(row: Row) -> Placed:
    """The row's own request, or its text as the only message. Raises `RequestError` for a body that is none."""
    if row.text is not None:
        return _user(row.text, row, "as it is", "", "")
    assert row.body is not None  # a row holds a text or a body
    request = parse_chat_request(row.body).request
    return Placed("as it is", request, _looked_up(request, row.gold))


def everywhere(row: Row) -> list[Placed]:
    """The row's text in each place that there is; a row that is a whole request stands where it stands."""
    if row.text is None:
        return [as_it_is(row)]
    return [place(row.text, row) for place in PLACES.values()]


def _user(text: str, row: Row, position: str, before: str, after: str) -> Placed:
    request = ChatRequest(model="auto", messages=(Message("user", before + text + after),))
    return Placed(position, request, _shifted(row, text, "/messages/0/content", lambda n: len(before) + n))


def _start(text: str, row: Row) -> Placed:
    return _user(text, row, "start", "", "\n\n" + filler(2 * FILLER_CHARS, row.number))


def _middle(text: str, row: Row) -> Placed:
    return _user(
        text, row, "middle", filler(FILLER_CHARS, row.number) + "\n\n", "\n\n" + filler(FILLER_CHARS, -row.number)
    )


def _end(text: str, row: Row) -> Placed:
    return _user(text, row, "end", filler(2 * FILLER_CHARS, row.number) + "\n\n", "")


def _system(text: str, row: Row) -> Placed:
    messages = (Message("system", text), Message("user", "Please go on."))
    gold = _shifted(row, text, "/messages/0/content", lambda n: n)
    return Placed("system", ChatRequest(model="auto", messages=messages), gold)


def _tool_result(text: str, row: Row) -> Placed:
    call = ToolCall("call_1", "read_file", '{"path": "notes.txt"}')
    messages = (
        Message("user", "Please read the file and go on."),
        Message("assistant", None, tool_calls=(call,)),
        Message("tool", text, tool_call_id="call_1"),
    )
    gold = _shifted(row, text, "/messages/2/content", lambda n: n)
    return Placed("tool result", ChatRequest(model="auto", messages=messages), gold)


def _tool_arguments(text: str, row: Row) -> Placed:
    before = '{"content": '
    arguments = before + json.dumps(text, ensure_ascii=False) + "}"
    messages = (
        Message("user", "Please write the file."),
        Message("assistant", None, tool_calls=(ToolCall("call_1", "write_file", arguments),)),
        Message("tool", "done", tool_call_id="call_1"),
    )

    def escaped(n: int) -> int:
        return len(before) + len(json.dumps(text[:n], ensure_ascii=False)) - 1

    gold = _shifted(row, text, "/messages/1/tool_calls/0/function/arguments", escaped)
    return Placed("tool arguments", ChatRequest(model="auto", messages=messages), gold)


PLACES: dict[str, Callable[[str, Row], Placed]] = {
    "user": lambda text, row: _user(text, row, "user", "", ""),
    "start": _start,
    "middle": _middle,
    "end": _end,
    "system": _system,
    "tool result": _tool_result,
    "tool arguments": _tool_arguments,
}


def _shifted(row: Row, text: str, where: str, place: Callable[[int], int]) -> tuple[Span, ...]:
    """The gold spans of `text` where the request has it; a value is looked up, once."""
    spans = []
    for gold in row.gold:
        start = text.find(gold.value) if gold.value else gold.start
        end = start + len(gold.value) if gold.value else gold.end
        if 0 <= start < end <= len(text):
            spans.append(Span(where, place(start), place(end), gold.identifies))
    return tuple(spans)


def _looked_up(request: ChatRequest, gold: Sequence[Gold]) -> tuple[Span, ...]:
    """Where the values stand in a whole request; offsets mean nothing there and are left out."""
    return tuple(
        Span(segment.where, segment.offset + start, segment.offset + start + len(each.value), each.identifies)
        for each in gold
        if each.value
        for segment in segments(request)
        if segment.offset == 0 and (start := segment.text.find(each.value)) >= 0
    )
