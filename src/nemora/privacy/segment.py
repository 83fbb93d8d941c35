"""Every string of a request, with a JSON pointer to it in the shape of OpenAI's chat completions.

A field of `core` that is not read here fails a test: what is not read must not leave.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from nemora.core import ChatRequest, Json, Message, OpaquePart, TextPart, Tool, ToolCall
from nemora.privacy.protocols import Segment

# A key and its scalar value inside JSON text; the groups keep their places, so that findings can be mapped.
_JSON_PAIR = re.compile(
    r'"((?:[^"\\]|\\.){1,64})"\s{0,8}:\s{0,8}(?:"((?:[^"\\]|\\.)*)"|(-?\d[\d.eE+-]{0,40}))', re.DOTALL
)


def segments(request: ChatRequest) -> list[Segment]:
    """All text of `request`, in the order in which a client wrote it."""
    found = [Segment("/model", request.model)]
    for index, message in enumerate(request.messages):
        found.extend(_message(f"/messages/{index}", message))
    for index, tool in enumerate(request.tools):
        found.extend(_tool(f"/tools/{index}/function", tool))
    if request.tool_choice is not None and request.tool_choice.name is not None:
        found.append(Segment("/tool_choice/function/name", request.tool_choice.name))
    found.extend(Segment(f"/stop/{index}", stop) for index, stop in enumerate(request.stop))
    found.extend(_json("", dict(request.unsent), ""))
    return [segment for segment in found if segment.text or segment.opaque]


def _message(where: str, message: Message) -> Iterator[Segment]:
    if message.name is not None:
        yield Segment(f"{where}/name", message.name, "name")
    if isinstance(message.content, str):
        yield Segment(f"{where}/content", message.content)
    elif message.content is not None:
        for index, part in enumerate(message.content):
            if isinstance(part, TextPart):
                yield Segment(f"{where}/content/{index}/text", part.text)
            else:
                yield from _opaque(f"{where}/content/{index}", part)
    if message.reasoning is not None:
        yield Segment(f"{where}/reasoning", message.reasoning)
    for index, call in enumerate(message.tool_calls):
        yield from _tool_call(f"{where}/tool_calls/{index}", call)
    if message.tool_call_id is not None:
        yield Segment(f"{where}/tool_call_id", message.tool_call_id)


def _opaque(where: str, part: OpaquePart) -> Iterator[Segment]:
    """Content that cannot be read; what text it carries (a file's name, a URL) is read all the same."""
    yield Segment(where, "", opaque=True)
    yield Segment(f"{where}/type", part.kind)
    yield from _json(where, dict(part.raw), "")


def _tool_call(where: str, call: ToolCall) -> Iterator[Segment]:
    yield Segment(f"{where}/id", call.id)
    yield Segment(f"{where}/function/name", call.name)
    pointer = f"{where}/function/arguments"
    yield Segment(pointer, call.arguments)
    for match in _JSON_PAIR.finditer(call.arguments):
        group = 2 if match.group(2) is not None else 3
        yield Segment(pointer, match.group(group), match.group(1), match.start(group))


def _tool(where: str, tool: Tool) -> Iterator[Segment]:
    yield Segment(f"{where}/name", tool.name)
    if tool.description is not None:
        yield Segment(f"{where}/description", tool.description)
    if tool.parameters is not None:
        yield from _json(f"{where}/parameters", dict(tool.parameters), "")


def _json(where: str, value: Json, label: str) -> Iterator[Segment]:
    """Every leaf of a JSON value as text, and every key: a key may carry data as well."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            pointer = f"{where}/{_escaped(key)}"
            yield Segment(pointer, key)
            yield from _json(pointer, inner, key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _json(f"{where}/{index}", inner, label)
    elif isinstance(value, str):
        yield Segment(where, value, label)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield Segment(where, json.dumps(value), label)


def _escaped(key: str) -> str:
    """A key inside a JSON pointer (RFC 6901, section 3)."""
    return key.replace("~", "~0").replace("/", "~1")
