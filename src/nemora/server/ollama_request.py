"""Ollama's chat and generate, read: a JSON body becomes a `ChatRequest`.

Ollama's API reference is the source. It streams unless told otherwise, its arguments of calls are objects, and its
calls have no ids: answers of tools belong to the calls before them, by name where they say it and else by order.
Every field is on a list: read, accepted without effect and named in a header, or refused by name.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import replace

from nemora.core import (
    ChatRequest,
    Effort,
    Json,
    Message,
    OpaquePart,
    Part,
    ResponseFormat,
    Role,
    Sampling,
    TextPart,
    Thinking,
    Tool,
    ToolCall,
)
from nemora.errors import RequestError
from nemora.server.fields import (
    a_list,
    an_object,
    flag,
    integer,
    keep_alive,
    model_name,
    neutral_only,
    number,
    only,
    optional_text,
    text,
)
from nemora.server.ollama_answer import now
from nemora.server.openai_chat import tool_name, tools_of
from nemora.server.sampling_fields import MAX_TOKENS, stops_of
from nemora.server.wire_format import Order, ParsedRequest, Settled

CHAT = frozenset({"model", "messages", "tools", "think", "stream", "options", "keep_alive", "format"})
GENERATE = frozenset(
    (
        *("model", "prompt", "system", "images", "think", "stream", "options", "keep_alive", "format"),
        *("suffix", "template", "context", "raw"),
    )
)
UNSUPPORTED = ("logprobs", "top_logprobs", "width", "height", "steps")
MESSAGE = frozenset({"role", "content", "thinking", "images", "tool_calls", "tool_name", "tool_call_id"})
ROLES: Mapping[str, Role] = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
NEUTRAL: Mapping[str, tuple[Json, ...]] = {
    "suffix": ("",),
    "template": ("",),
    "context": ([],),
    "raw": (False,),
}
"""Fields that are not supported, with what asks for nothing; null always does."""
READ_OPTIONS = frozenset(
    (
        *("temperature", "top_p", "top_k", "min_p", "seed", "num_predict", "stop"),
        *("repeat_penalty", "presence_penalty", "frequency_penalty"),
    )
)
NEUTRAL_OPTIONS: Mapping[str, tuple[Json, ...]] = {
    "typical_p": (1,),
    "tfs_z": (1,),
    "mirostat": (0,),
}
WITHOUT_EFFECT = frozenset(
    (
        *("num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "num_keep", "use_mmap", "use_mlock", "numa"),
        *("low_vram", "vocab_only", "f16_kv", "repeat_last_n", "mirostat_eta", "mirostat_tau", "penalize_newline"),
    )
)
"""Options of Ollama's own engine: this server's settings say how its model is loaded."""
MAX_OPEN = 128
"""Calls that may wait for their answers at a time."""
EFFORTS: Mapping[str, Effort] = {"low": "low", "medium": "medium", "high": "high", "max": "max"}

PICTURES = {"iVBORw0KGgo": "image/png", "/9j/": "image/jpeg", "R0lGOD": "image/gif", "UklGR": "image/webp"}
"""Media types by how the base64 of such a file begins."""


def parse_chat(body: Json) -> ParsedRequest | Settled:
    """Read a body of /api/chat.

    Raises:
        RequestError: a field has a wrong type or value; `param` is its JSON pointer.
        UnsupportedField: a field, or this value of it, is not supported.
    """
    table = an_object(body, "")
    only(table, CHAT, "", unsupported=UNSUPPORTED)
    messages = a_list(table.get("messages") or [], "/messages")
    parsed = _parsed(table, _messages(messages), tools_of(table.get("tools")), "/api/chat")
    return parsed if messages else _order(parsed, {"message": {"role": "assistant", "content": ""}})


def parse_generate(body: Json) -> ParsedRequest | Settled:
    """Read a body of /api/generate: a user's turn, after an optional turn of the system. Raises as `parse_chat`."""
    table = an_object(body, "")
    only(table, GENERATE, "", unsupported=UNSUPPORTED)
    prompt = text(table.get("prompt") or "", "/prompt")
    images = _images(table.get("images"), "/images")
    system = optional_text(table.get("system"), "/system")
    first = (Message("system", system),) if system else ()
    parsed = _parsed(table, (*first, Message("user", _content(prompt, images))), (), "/api/generate")
    return parsed if prompt or images else _order(parsed, {"response": ""})


def _order(parsed: ParsedRequest, nothing: dict[str, Json]) -> Settled:
    """Who asks nothing wants a model loaded or, with `keep_alive` 0, let go."""
    model, seconds = parsed.request.model, parsed.request.keep_alive
    done = {"done_reason": "unload" if seconds == 0 else "load", "done": True}
    value = {"model": model, "created_at": now(), **nothing, **done}
    return Settled(Order(model.removesuffix(":latest"), seconds == 0, seconds), value)


def _parsed(
    table: dict[str, Json], messages: tuple[Message, ...], tools: tuple[Tool, ...], endpoint: str
) -> ParsedRequest:
    neutral_only(table, NEUTRAL)
    options = an_object(table.get("options") or {}, "/options")
    only(options, READ_OPTIONS | NEUTRAL_OPTIONS.keys() | WITHOUT_EFFECT, "/options")
    neutral_only(options, NEUTRAL_OPTIONS, "/options")
    ignored = {f"options.{name}": value for name, value in options.items() if name in WITHOUT_EFFECT}
    request = ChatRequest(
        model=model_name(table.get("model")),
        messages=messages,
        tools=tools,
        sampling=_sampling(options),
        response_format=_form(table.get("format")),
        thinking=_thinking(table.get("think")),
        max_tokens=_most(options.get("num_predict")),
        stop=stops_of(options.get("stop"), "/options/stop"),
        stream=flag(table.get("stream"), "/stream") is not False,
        include_usage=True,
        unsent=ignored,
        keep_alive=keep_alive(table.get("keep_alive")),
        endpoint=endpoint,
    )
    return ParsedRequest(request, tuple(sorted(name for name, value in ignored.items() if value is not None)))


def _sampling(options: dict[str, Json]) -> Sampling:
    return Sampling(
        temperature=number(options.get("temperature"), "/options/temperature", 0, 2),
        top_p=number(options.get("top_p"), "/options/top_p", 0, 1, above=True),
        top_k=integer(options.get("top_k"), "/options/top_k", 0, MAX_TOKENS) or None,  # 0 means: off
        min_p=number(options.get("min_p"), "/options/min_p", 0, 1) or None,
        repetition_penalty=number(options.get("repeat_penalty"), "/options/repeat_penalty", 0, 10, above=True),
        presence_penalty=number(options.get("presence_penalty"), "/options/presence_penalty", -2, 2),
        frequency_penalty=number(options.get("frequency_penalty"), "/options/frequency_penalty", -2, 2),
        seed=integer(options.get("seed"), "/options/seed", -(2**63), 2**63 - 1),
    )


def _most(value: Json) -> int | None:
    """Tokens of an answer: -1 is no bound, -2 is the context."""
    most = integer(value, "/options/num_predict", -2, MAX_TOKENS)
    if most == 0:
        raise RequestError("/options/num_predict must not be 0; -1 sets no bound.", param="/options/num_predict")
    return None if most is None or most < 0 else most


def _thinking(value: Json) -> Thinking:
    if isinstance(value, str) and value in EFFORTS:
        return Thinking(enabled=True, effort=EFFORTS[value])
    if value is None or isinstance(value, bool):
        return Thinking(enabled=value)
    raise RequestError(f"/think must be true, false or one of {', '.join(EFFORTS)}.", param="/think")


def _form(value: Json) -> ResponseFormat | None:
    """ "json", or a JSON schema."""
    if value is None or value == "":
        return None
    if value == "json":
        return ResponseFormat("json_object")
    if not isinstance(value, dict):
        raise RequestError('/format must be "json" or a JSON schema.', param="/format")
    return ResponseFormat("json_schema", schema=value, name="answer")


def _messages(values: list[Json]) -> tuple[Message, ...]:
    messages: list[Message] = []
    open_calls: deque[ToolCall] = deque()
    calls = 0
    for i, value in enumerate(values):
        message = _message(value, f"/messages/{i}", calls)
        calls += len(message.tool_calls)
        if len(open_calls) + len(message.tool_calls) > MAX_OPEN:
            raise RequestError(f"More than {MAX_OPEN} calls of tools wait for their answers.", param=f"/messages/{i}")
        if message.role == "tool":
            message = _answering(message, open_calls, f"/messages/{i}")
        open_calls.extend(message.tool_calls)
        messages.append(message)
    return tuple(messages)


def _message(value: Json, where: str, calls_before: int) -> Message:
    table = an_object(value, where)
    only(table, MESSAGE, where)
    role = table.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise RequestError(f"{where}/role must be one of {', '.join(ROLES)}.", param=f"{where}/role")
    calls = a_list(table.get("tool_calls") or [], f"{where}/tool_calls")
    if calls and role != "assistant":
        raise RequestError(f"{where}/tool_calls belongs to assistant messages only.", param=f"{where}/tool_calls")
    content = _content(
        text(table.get("content") or "", f"{where}/content"), _images(table.get("images"), f"{where}/images")
    )
    return Message(
        role=ROLES[role],
        content=content,
        name=optional_text(table.get("tool_name"), f"{where}/tool_name") if role == "tool" else None,
        tool_calls=tuple(_call(call, f"{where}/tool_calls/{i}", calls_before + i) for i, call in enumerate(calls)),
        tool_call_id=optional_text(table.get("tool_call_id"), f"{where}/tool_call_id") if role == "tool" else None,
        reasoning=optional_text(table.get("thinking"), f"{where}/thinking") or None,
    )


def _call(value: Json, where: str, number_of_call: int) -> ToolCall:
    table = an_object(value, where)
    only(table, {"id", "type", "function"}, where)
    function = an_object(table.get("function"), f"{where}/function")
    only(function, {"name", "arguments", "index", "description"}, f"{where}/function")
    integer(function.get("index"), f"{where}/function/index", 0, MAX_TOKENS)
    arguments = an_object(function.get("arguments") or {}, f"{where}/function/arguments")
    return ToolCall(
        id=optional_text(table.get("id"), f"{where}/id") or f"call_{number_of_call}",
        name=tool_name(function.get("name"), f"{where}/function/name"),
        arguments=json.dumps(arguments, ensure_ascii=False),
    )


def _answering(message: Message, open_calls: deque[ToolCall], where: str) -> Message:
    """The tool's message with the id of the call that it answers."""
    for call in open_calls:
        if message.tool_call_id in (None, call.id) and message.name in (None, "", call.name):
            open_calls.remove(call)
            return replace(message, tool_call_id=call.id, name=message.name or None)
    raise RequestError(f"{where} answers no call before it; a tool's message follows the call.", param=where)


def _images(value: Json, where: str) -> tuple[OpaquePart, ...]:
    images = a_list(value or [], where)
    return tuple(_image(text(image, f"{where}/{i}", empty=False)) for i, image in enumerate(images))


def _image(encoded: str) -> OpaquePart:
    kind = next((kind for begin, kind in PICTURES.items() if encoded.startswith(begin)), "application/octet-stream")
    url = f"data:{kind};base64,{encoded}"
    return OpaquePart("image_url", {"type": "image_url", "image_url": {"url": url}})


def _content(said: str, images: tuple[OpaquePart, ...]) -> str | tuple[Part, ...]:
    return (*((TextPart(said),) if said else ()), *images) if images else said
