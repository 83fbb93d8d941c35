"""Conversations to learn from, one JSON object a line, in the form that other trainers read too.

    {"messages": [{"role": "system", "content": "…"}, {"role": "user", …}, {"role": "assistant", …}], "tools": […]}
    {"prompt": "…", "completion": "…"}                     one question of a user and its answer
    {"prompt": [message, …], "completion": [message, …]}   the answers in `completion` are learned, those before are not

Roles are system, developer, user, assistant and tool. An assistant's message may have `reasoning_content` and
`tool_calls` in OpenAI's form; `tools` are OpenAI's too. Every key is known or refused, and no message here repeats what
a line says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, get_args

from nemora.core import Message, Role, Tool, ToolCall
from nemora.errors import UsageError

ROLES: tuple[Role, ...] = get_args(Role)
MESSAGE_KEYS: Mapping[str, frozenset[str]] = {
    "system": frozenset({"role", "content", "name"}),
    "developer": frozenset({"role", "content", "name"}),
    "user": frozenset({"role", "content", "name"}),
    "assistant": frozenset({"role", "content", "name", "reasoning_content", "tool_calls"}),
    "tool": frozenset({"role", "content", "name", "tool_call_id"}),
}
MAX_LINE_BYTES = 1 << 26


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation. The assistant's messages from number `learned_from` on are to be learned.

    `where` says in which line of which file it stands.
    """

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...]
    learned_from: int
    where: str


def read_chats(path: Path) -> list[Chat]:
    """Every conversation of a .jsonl file, in its order. Empty lines are passed over.

    Raises:
        UsageError: the file cannot be read, is empty, or a line has not the form above; the error names the line.
    """
    chats = [_chat(line, f"{path.name}, line {number}") for number, line in _lines(path)]
    if not chats:
        raise UsageError(f"{path.name} holds no conversation; one JSON object a line was expected.")
    return chats


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""), 1):
                if len(line) > MAX_LINE_BYTES:
                    _refuse(f"{path.name}, line {number}", f"it has more than {MAX_LINE_BYTES:,} bytes")
                if line.strip():
                    yield number, line
    except OSError as error:
        raise UsageError(f"{path.name} cannot be read ({error.strerror}).") from None


def _chat(line: bytes, where: str) -> Chat:
    row = _json(line, where)
    if not isinstance(row, dict):
        _refuse(where, "it is no JSON object")
    if "messages" in row:
        _only(row, {"messages", "tools"}, where, "it")
        messages, learned_from = _messages(row["messages"], where, "messages"), 0
    elif "prompt" in row and "completion" in row:
        _only(row, {"prompt", "completion", "tools"}, where, "it")
        before = _turns(row["prompt"], "user", where, "prompt")
        messages = (*before, *_turns(row["completion"], "assistant", where, "completion"))
        learned_from = len(before)
    else:
        _refuse(where, 'it has neither "messages" nor "prompt" and "completion"')
    if not any(message.role == "assistant" for message in messages[learned_from:]):
        _refuse(where, "it has no assistant message to learn from")
    return Chat(messages, _tools(row.get("tools"), where), learned_from, where)


def _json(line: bytes, where: str) -> Any:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        _refuse(where, "it is not UTF-8")
    try:
        row = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
        json.dumps(row, ensure_ascii=False).encode("utf-8")  # escapes may spell lone surrogates
    except UnicodeEncodeError:
        _refuse(where, "it holds lone surrogates, which are not Unicode text")
    except (ValueError, RecursionError):
        _refuse(where, "it is not JSON, or an object has a key twice")
    return row


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. Of a key that comes twice nobody could say which was meant."""
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key comes twice")
    return table


def _no_number(text: str) -> NoReturn:
    raise ValueError("NaN and infinities are not JSON")


def _turns(value: Any, role: Role, where: str, name: str) -> tuple[Message, ...]:
    """A string is one message of that role."""
    if isinstance(value, str):
        if not value:
            _refuse(where, f'"{name}" is empty')
        return (Message(role, value),)
    return _messages(value, where, name)


def _messages(value: Any, where: str, name: str) -> tuple[Message, ...]:
    if not isinstance(value, list) or not value:
        _refuse(where, f'"{name}" is not a list with at least one message')
    return tuple(_message(item, where, f"{name}[{index}]") for index, item in enumerate(value))


def _message(value: Any, where: str, name: str) -> Message:
    if not isinstance(value, dict):
        _refuse(where, f"{name} is no object")
    role = value.get("role")
    if role not in ROLES:
        _refuse(where, f"the role of {name} is not one of {', '.join(ROLES)}")
    _only(value, MESSAGE_KEYS[role], where, name)
    calls = tuple(
        _call(item, where, f"{name}.tool_calls[{index}]")
        for index, item in enumerate(_list(value.get("tool_calls"), where, f"{name}.tool_calls"))
    )
    content = value.get("content")
    if not isinstance(content, str) and not (content is None and calls):
        _refuse(where, f"the content of {name} is no string")
    return Message(
        role=role,
        content=content,
        name=_text(value, "name", where, name),
        tool_calls=calls,
        tool_call_id=_text(value, "tool_call_id", where, name),
        reasoning=_text(value, "reasoning_content", where, name),
    )


def _call(value: Any, where: str, name: str) -> ToolCall:
    if not isinstance(value, dict) or not isinstance(function := value.get("function"), dict):
        _refuse(where, f"{name} is no tool call with a function")
    _only(value, {"id", "type", "function"}, where, name)
    _only(function, {"name", "arguments"}, where, f"{name}.function")
    arguments = function.get("arguments", {})
    if isinstance(arguments, dict):
        arguments = json.dumps(arguments, ensure_ascii=False)
    if not isinstance(arguments, str) or not isinstance(function.get("name"), str):
        _refuse(where, f"{name}.function has no name, or arguments that are no object and no string")
    return ToolCall(id=_text(value, "id", where, name) or "", name=function["name"], arguments=arguments)


def _tools(value: Any, where: str) -> tuple[Tool, ...]:
    tools = []
    for index, item in enumerate(_list(value, where, "tools")):
        name = f"tools[{index}]"
        function = item.get("function") if isinstance(item, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            _refuse(where, f"{name} is no function with a name")
        _only(item, {"type", "function"}, where, name)
        _only(function, {"name", "description", "parameters", "strict"}, where, f"{name}.function")
        parameters = function.get("parameters")
        if parameters is not None and not isinstance(parameters, dict):
            _refuse(where, f"{name}.function.parameters is no object")
        tools.append(Tool(function["name"], _text(function, "description", where, name), parameters))
    return tuple(tools)


def _list(value: Any, where: str, name: str) -> Sequence[Any]:
    if value is None:
        return ()
    if not isinstance(value, list):
        _refuse(where, f"{name} is no list")
    return value


def _text(table: Mapping[str, Any], key: str, where: str, name: str) -> str | None:
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        _refuse(where, f"{key} of {name} is no string")
    return value


def _only(table: Mapping[str, Any], known: frozenset[str] | set[str], where: str, name: str) -> None:
    """Keys may be somebody's words, so an unknown one is counted and not named."""
    unknown = sum(key not in known for key in table)
    if unknown:
        _refuse(where, f"{name} has {unknown} unknown keys; only {', '.join(sorted(known))} are known")


def _refuse(where: str, what: str) -> NoReturn:
    raise UsageError(f"{where} cannot be used: {what}.") from None
