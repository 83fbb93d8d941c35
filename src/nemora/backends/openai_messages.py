"""Messages and tools as Python users write them, dicts in the shape of OpenAI's API, to the canonical ones.

The server has its own, stricter reader for the wire: `server.openai_chat`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, get_args

from nemora.core import Message, Part, Role, TextPart, Tool, ToolCall
from nemora.errors import RequestError, UnsupportedField

MESSAGE_KEYS = {"role", "content", "name", "tool_calls", "tool_call_id", "reasoning", "reasoning_content"}


def messages_of(messages: Sequence[Message | Mapping[str, Any]]) -> tuple[Message, ...]:
    """Canonical messages.

    Raises:
        RequestError: there are none, or one has not the shape of a message.
    """
    if not messages:
        raise RequestError("messages is empty; at least one message was expected.", param="messages")
    return tuple(m if isinstance(m, Message) else _message(m, f"messages[{i}]") for i, m in enumerate(messages))


def tools_of(tools: Sequence[Tool | Mapping[str, Any]]) -> tuple[Tool, ...]:
    """Canonical tools.

    Raises:
        RequestError: one has not the shape of a function tool.
    """
    return tuple(t if isinstance(t, Tool) else _tool(t, f"tools[{i}]") for i, t in enumerate(tools))


def _message(message: Mapping[str, Any], where: str) -> Message:
    if not isinstance(message, Mapping):
        _wrong(where, "a Message or a dict")
    if unknown := set(message) - MESSAGE_KEYS:
        raise UnsupportedField(f"{where} has {len(unknown)} unknown keys; known are {', '.join(sorted(MESSAGE_KEYS))}.")
    if message.get("role") not in get_args(Role):
        _wrong(f"{where}.role", f"one of {', '.join(get_args(Role))}")
    reasoning = _text(message, "reasoning", where)
    return Message(
        role=message["role"],
        content=_content(message.get("content"), f"{where}.content"),
        name=_text(message, "name", where),
        tool_calls=tuple(_call(c, f"{where}.tool_calls[{i}]") for i, c in enumerate(message.get("tool_calls") or ())),
        tool_call_id=_text(message, "tool_call_id", where),
        reasoning=_text(message, "reasoning_content", where) if reasoning is None else reasoning,
    )


def _content(content: Any, where: str) -> str | tuple[Part, ...] | None:
    if content is None or isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        _wrong(where, "a string or a list of parts")
    parts: list[Part] = []
    for index, part in enumerate(content):
        if not isinstance(part, Mapping) or part.get("type") != "text" or not isinstance(part.get("text"), str):
            raise UnsupportedField(f"{where}[{index}] is not a text part; the local model reads text only.")
        parts.append(TextPart(part["text"]))
    return tuple(parts)


def _call(call: Any, where: str) -> ToolCall:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        _wrong(where, "a dict with id and function: {name, arguments}")
    arguments = function.get("arguments", "{}")
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return ToolCall(id=str(call.get("id", "")), name=function["name"], arguments=arguments)


def _tool(tool: Any, where: str) -> Tool:
    function = tool.get("function") if isinstance(tool, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        _wrong(where, 'a Tool or a dict {"type": "function", "function": {name, …}}')
    parameters = function.get("parameters")
    if parameters is not None and not isinstance(parameters, Mapping):
        _wrong(f"{where}.function.parameters", "a JSON schema as a dict")
    return Tool(name=function["name"], description=_text(function, "description", where), parameters=parameters)


def _text(table: Mapping[str, Any], key: str, where: str) -> str | None:
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        _wrong(f"{where}.{key}", "text")
    return value


def _wrong(where: str, expected: str) -> NoReturn:
    raise RequestError(f"{where} must be {expected}.", param=where)
