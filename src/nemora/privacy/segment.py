"""Every string of a request, with a JSON pointer to it in the shape of OpenAI's chat completions.

A field of `core` that is not read here fails a test: what is not read must not leave.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from nemora.core import ChatRequest, Json, Message, OpaquePart, ResponseFormat, TextPart, Tool, ToolCall
from nemora.privacy.protocols import Segment

_JSON_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*+)("?)(\s*+:)?|(-?\d[\d.eE+-]{0,40})|([{\[])|([}\]])', re.DOTALL)
FIELD = 200
"""A longer value inside JSON text says no more by itself than within that text."""
_PLAIN_KEY = re.compile(r"(?![^\d]*(?:\d[^\d]*){5})[A-Za-z_$][\w.$-]{0,39}", re.ASCII)
LONG_NUMBER = 10**8
PICTURE = "picture"
"""Label of an opaque segment whose text was read, and only what a picture shows beside it was not."""


def segments(request: ChatRequest) -> list[Segment]:
    """All text of `request`, in the order in which a client wrote it."""
    found = [Segment("/model", request.model)]
    for index, message in enumerate(request.messages):
        found.extend(_message(f"/messages/{index}", message))
    for index, tool in enumerate(request.tools):
        found.extend(_tool(f"/tools/{index}/function", tool))
    if request.tool_choice is not None and request.tool_choice.name is not None:
        found.append(Segment("/tool_choice/function/name", request.tool_choice.name))
    if request.response_format is not None:
        found.extend(_response_format(request.response_format))
    for index, question in enumerate(request.questions):
        found.append(Segment(f"/questions/{index}/question", question.text))
        found.extend(Segment(f"/questions/{index}/options/{n}", text) for n, text in enumerate(question.answers))
    found.extend(Segment(f"/stop/{index}", stop) for index, stop in enumerate(request.stop))
    found.extend(Segment(f"/bad_words/{index}", word) for index, word in enumerate(request.sampling.bad_words))
    if request.cache_salt is not None:
        found.append(Segment("/cache_salt", request.cache_salt))
    found.extend(_numbers(request))
    found.extend(_json("", dict(request.unsent), ""))
    return [segment for segment in found if segment.text or segment.opaque]


def _message(where: str, message: Message) -> Iterator[Segment]:
    if message.name is not None:
        yield Segment(f"{where}/name", message.name, "name")
    if isinstance(message.content, str):
        yield Segment(f"{where}/content", message.content)
        if message.content.lstrip()[:1] in ("{", "["):
            yield from _json_text(f"{where}/content", message.content)
    elif message.content is not None:
        for index, part in enumerate(message.content):
            if isinstance(part, TextPart):
                yield Segment(f"{where}/content/{index}/text", part.text)
                if part.text.lstrip()[:1] in ("{", "["):
                    yield from _json_text(f"{where}/content/{index}/text", part.text)
            else:
                yield from _opaque(f"{where}/content/{index}", part)
    if message.reasoning is not None:
        yield Segment(f"{where}/reasoning", message.reasoning)
    for index, call in enumerate(message.tool_calls):
        yield from _tool_call(f"{where}/tool_calls/{index}", call)
    if message.tool_call_id is not None:
        yield Segment(f"{where}/tool_call_id", message.tool_call_id)


def _opaque(where: str, part: OpaquePart) -> Iterator[Segment]:
    """A document's text, as far as it was read, and whatever else the part carries: a file's name, a URL."""
    raw = dict(part.raw)
    if part.read is None or not part.read.complete:
        is_picture = part.read is not None and part.read.only_pictures_unread
        yield Segment(where, "", PICTURE if is_picture else "", opaque=True)
    if part.read is not None:
        for passage in part.read.passages:
            yield Segment(f"{where}/{passage.where}", passage.text, passage.label)
        for label in dict.fromkeys(passage.label for passage in part.read.passages):
            yield Segment(where, label)
        raw = _without_bytes(part)
    yield Segment(f"{where}/type", part.kind)
    yield from _json(where, raw, "")


def _without_bytes(part: OpaquePart) -> dict[str, Json]:
    """A part without the encoded bytes, which were read as a document."""
    inline, raw = part.inline(), dict(part.raw)
    if inline is not None:
        outer, inner = inline.keys
        holder = raw[outer]
        assert isinstance(holder, dict)  # `inline` has seen to that
        raw[outer] = {**holder, inner: inline.header}
    return raw


def _tool_call(where: str, call: ToolCall) -> Iterator[Segment]:
    yield Segment(f"{where}/id", call.id)
    yield Segment(f"{where}/function/name", call.name)
    pointer = f"{where}/function/arguments"
    yield Segment(pointer, call.arguments)
    yield from _json_text(pointer, call.arguments)


def _json_text(where: str, text: str) -> Iterator[Segment]:
    """Short values inside JSON text under their keys. Need not be valid JSON: a model wrote it, or a limit cut it."""
    label = ""
    above: list[str] = []
    for match in _JSON_TOKEN.finditer(text):
        value, closed, colon, number, opens, closes = match.groups()
        if opens:
            above.append(label)
        elif closes:
            label = above.pop() if above else ""
        elif colon and closed:
            label = value[:64]
        elif label and number:
            yield Segment(where, number, label, match.start(4))
        elif label and value and len(value) <= FIELD:
            yield Segment(where, value, label, match.start(1))


def _tool(where: str, tool: Tool) -> Iterator[Segment]:
    yield Segment(f"{where}/name", tool.name)
    if tool.description is not None:
        yield Segment(f"{where}/description", tool.description)
    if tool.parameters is not None:
        yield from _json(f"{where}/parameters", dict(tool.parameters), "")


def _response_format(form: ResponseFormat) -> Iterator[Segment]:
    """Every text of it, at the places where OpenAI's API and vLLM's have it."""
    where = "/response_format/json_schema"
    if form.name is not None:
        yield Segment(f"{where}/name", form.name)
    if form.description is not None:
        yield Segment(f"{where}/description", form.description)
    if form.schema is not None:
        yield from _json(f"{where}/schema", dict(form.schema), "")
    if form.text is not None:
        yield Segment("/structured_outputs/text", form.text)
    yield from (Segment(f"/structured_outputs/choice/{i}", choice) for i, choice in enumerate(form.choices))


def _numbers(request: ChatRequest) -> Iterator[Segment]:
    """Numbers that are sent on and long enough to identify something."""
    sampling = request.sampling
    fields = [
        ("seed", sampling.seed),
        ("top_k", sampling.top_k),
        ("max_tokens", request.max_tokens),
        ("chat_template_kwargs/reasoning_budget", request.thinking.budget),
        ("thinking_token_budget", request.thinking.limit),
        ("min_tokens", sampling.min_tokens),
        ("top_logprobs", sampling.logprobs),
        ("n", request.choices),
        ("priority", request.priority),
    ]
    for name, number in fields:
        if number is not None and abs(number) >= LONG_NUMBER:
            yield Segment(f"/{name}", str(number), name.rpartition("/")[2])
    # Each is short, and all together are as long as anybody likes.
    if sampling.stop_token_ids:
        yield Segment("/stop_token_ids", " ".join(map(str, sampling.stop_token_ids)))
    if sampling.logit_bias:
        pairs = (f"{token_id} {_number(value)}" for token_id, value in sampling.logit_bias.items())
        yield Segment("/logit_bias", " ".join(pairs))


def _json(where: str, value: Json, label: str) -> Iterator[Segment]:
    """Every leaf of a JSON value as text, and every key: a key may carry data as well.

    A pointer is printed and recorded, so it must not carry data: a key is read at the object that holds it, and a key
    that is more than a plain word does not become part of a pointer.
    """
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield Segment(where, key)
            yield from _json(f"{where}/{key}" if is_plain_key(key) else where, inner, key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _json(f"{where}/{index}", inner, label)
    elif isinstance(value, str):
        yield Segment(where, value, label)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield Segment(where, _number(value), label)


def is_plain_key(key: str) -> bool:
    """Whether a key may be part of a pointer: a word without a number that could identify something."""
    return _PLAIN_KEY.fullmatch(key) is not None


def _number(value: int | float) -> str:
    """Digits as they would be written out: a card number may come as 4.1e15."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return json.dumps(value)
