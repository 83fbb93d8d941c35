"""The input of OpenAI's Responses, read: a string or items become messages.

Each item is read field by field into the messages of the canonical request, and into the item that is kept for a
stored response. What an assistant thought, said and called in a row is one message, as in chat completions.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from nemora.core import Json, Message, OpaquePart, Part, Role, TextPart, ToolCall
from nemora.errors import RequestError, UnsupportedField
from nemora.server.fields import a_list, an_object, only, optional_text, text
from nemora.server.openai_chat import tool_name

ROLES: Mapping[str, Role] = {"system": "system", "developer": "developer", "user": "user", "assistant": "assistant"}
STATUSES = ("in_progress", "completed", "incomplete")
PHASES = ("commentary", "final_answer")
NOT_SUPPORTED = (
    *("item_reference", "file_search_call", "web_search_call", "computer_call", "computer_call_output"),
    *("code_interpreter_call", "image_generation_call", "local_shell_call", "local_shell_call_output", "shell_call"),
    *("shell_call_output", "apply_patch_call", "apply_patch_call_output", "mcp_list_tools", "mcp_approval_request"),
    *("mcp_approval_response", "mcp_call", "custom_tool_call", "custom_tool_call_output", "compaction"),
    *("compaction_trigger", "tool_search_call", "tool_search_output", "additional_tools", "configuration_update"),
    *("program", "program_output"),
)
"""Types of items that OpenAI knows and this server does not."""
SUPPORTED = ("message", "function_call", "function_call_output", "reasoning")


@dataclass(frozen=True, slots=True)
class Input:
    """What a client sent: as messages, and as the items that a stored response lists."""

    messages: tuple[Message, ...]
    items: tuple[dict[str, Json], ...]


def read_input(value: Json, where: str = "/input") -> Input:
    """The input of a request.

    Raises:
        RequestError: an item has a wrong type or value; `param` is its JSON pointer.
        UnsupportedField: an item of a type, or with a field, that is not supported.
    """
    if isinstance(value, str):
        value = [{"role": "user", "content": value}]
    if not isinstance(value, list) or not value:
        raise RequestError(f"{where} must be a string, or a list of at least one item.", param=where)
    turns = Turns()
    items = tuple(_item(item, f"{where}/{i}", turns) for i, item in enumerate(value))
    return Input(turns.messages(), items)


@dataclass(slots=True)
class Turns:
    """Puts messages together. What the assistant does in a row is one message, until it begins anew."""

    _done: list[Message] = field(default_factory=list)
    _reasoning: list[str] = field(default_factory=list)
    _content: str | tuple[Part, ...] | None = None
    _calls: list[ToolCall] = field(default_factory=list)

    def messages(self) -> tuple[Message, ...]:
        """All of them, in order."""
        self._close()
        return tuple(self._done)

    def thought(self, reasoning: str) -> None:
        if self._content is not None or self._calls:
            self._close()
        self._reasoning.append(reasoning)

    def said(self, content: str | tuple[Part, ...]) -> None:
        if self._content is not None or self._calls:
            self._close()
        self._content = content

    def called(self, call: ToolCall) -> None:
        self._calls.append(call)

    def other(self, message: Message) -> None:
        self._close()
        self._done.append(message)

    def _close(self) -> None:
        if self._reasoning or self._content is not None or self._calls:
            reasoning = "\n".join(self._reasoning) if self._reasoning else None
            self._done.append(Message("assistant", self._content, tool_calls=tuple(self._calls), reasoning=reasoning))
        self._reasoning, self._content, self._calls = [], None, []


def _item(value: Json, where: str, turns: Turns) -> dict[str, Json]:
    table = an_object(value, where)
    kind = table.get("type", "message")
    if kind is None:
        kind = "message"
    read = READERS.get(kind) if isinstance(kind, str) else None
    if read is not None:
        return read({key: item for key, item in table.items() if item is not None}, where, turns)
    named = f" {kind}" if isinstance(kind, str) and kind in NOT_SUPPORTED else ""
    raise UnsupportedField(
        f"{where} is an item of a type{named} that is not supported; supported are {', '.join(SUPPORTED)}.",
        param=f"{where}/type",
    )


def _message(table: dict[str, Json], where: str, turns: Turns) -> dict[str, Json]:
    role = table.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise RequestError(f"{where}/role must be one of {', '.join(ROLES)}.", param=f"{where}/role")
    known = {"type", "id", "role", "content", "status"}
    only(table, known | {"phase"} if role == "assistant" else known, where)
    if "phase" in table and table["phase"] not in PHASES:
        raise RequestError(f"{where}/phase must be one of {', '.join(PHASES)}.", param=f"{where}/phase")
    content = _content(table.get("content"), f"{where}/content")
    if role == "assistant":
        turns.said(content)
    else:
        turns.other(Message(ROLES[role], content))
    described: dict[str, Json] = {
        "type": "message",
        "id": _id(table, where, "msg"),
        "role": role,
        "status": _status(table, where),
        "content": _described(content, by_assistant=role == "assistant"),
    }
    return described


def _function_call(table: dict[str, Json], where: str, turns: Turns) -> dict[str, Json]:
    only(
        table,
        {"type", "id", "call_id", "name", "arguments", "status"},
        where,
        unsupported=("namespace", "caller", "async"),
    )
    call = ToolCall(
        id=text(table.get("call_id"), f"{where}/call_id", empty=False),
        name=tool_name(table.get("name"), f"{where}/name"),
        arguments=text(table.get("arguments"), f"{where}/arguments"),
    )
    turns.called(call)
    return {
        "type": "function_call",
        "id": _id(table, where, "fc"),
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
        "status": _status(table, where),
    }


def _function_call_output(table: dict[str, Json], where: str, turns: Turns) -> dict[str, Json]:
    only(table, {"type", "id", "call_id", "output", "status"}, where, unsupported=("namespace", "caller", "name"))
    call_id = text(table.get("call_id"), f"{where}/call_id", empty=False)
    output = _content(table.get("output"), f"{where}/output")
    turns.other(Message("tool", output, tool_call_id=call_id))
    return {
        "type": "function_call_output",
        "id": _id(table, where, "fco"),
        "call_id": call_id,
        "output": output if isinstance(output, str) else _described(output, by_assistant=False),
        "status": _status(table, where),
    }


def _reasoning(table: dict[str, Json], where: str, turns: Turns) -> dict[str, Json]:
    only(table, {"type", "id", "summary", "content", "status"}, where, unsupported=("encrypted_content",))
    content = _texts(table.get("content", []), f"{where}/content", "reasoning_text")
    summary = _texts(table.get("summary", []), f"{where}/summary", "summary_text")
    if content or summary:
        turns.thought("".join(content) if content else "\n".join(summary))
    thoughts: list[Json] = [{"type": "reasoning_text", "text": each} for each in content]
    summaries: list[Json] = [{"type": "summary_text", "text": each} for each in summary]
    return {
        "type": "reasoning",
        "id": _id(table, where, "rs"),
        "summary": summaries,
        "content": thoughts,
        "encrypted_content": None,
        "status": _status(table, where),
    }


READERS: Mapping[str, Callable[[dict[str, Json], str, Turns], dict[str, Json]]] = {
    "message": _message,
    "function_call": _function_call,
    "function_call_output": _function_call_output,
    "reasoning": _reasoning,
}


def _content(value: Json, where: str) -> str | tuple[Part, ...]:
    """A single piece of text is its string: one form for what is the same conversation, however it was sent."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise RequestError(f"{where} must be a string or a list of parts.", param=where)
    parts = tuple(_part(item, f"{where}/{i}") for i, item in enumerate(value))
    if len(parts) == 1 and isinstance(parts[0], TextPart):
        return parts[0].text
    return parts or ""


def _part(value: Json, where: str) -> Part:
    table: dict[str, Json] = {key: item for key, item in an_object(value, where).items() if item not in (None, [])}
    kind = table.get("type")
    if kind == "input_text":
        only(table, {"type", "text"}, where, unsupported=("prompt_cache_breakpoint",))
        return TextPart(text(table.get("text"), f"{where}/text"))
    if kind == "output_text":
        only(table, {"type", "text"}, where, unsupported=("annotations", "logprobs"))
        return TextPart(text(table.get("text"), f"{where}/text"))
    if kind == "refusal":
        only(table, {"type", "refusal"}, where)
        return OpaquePart("refusal", {"type": "refusal", "refusal": text(table.get("refusal"), f"{where}/refusal")})
    if kind == "input_image":
        return _image(table, where)
    if kind == "input_file":
        return _file(table, where)
    if kind == "input_audio":
        only(table, {"type", "input_audio"}, where)
        sound = an_object(table.get("input_audio"), f"{where}/input_audio")
        return OpaquePart("input_audio", {"type": "input_audio", "input_audio": sound})
    raise UnsupportedField(
        f"{where}/type must be input_text, output_text, refusal, input_image, input_file or input_audio.",
        param=f"{where}/type",
    )


def _image(table: dict[str, Json], where: str) -> OpaquePart:
    only(table, {"type", "image_url", "detail"}, where, unsupported=("file_id", "prompt_cache_breakpoint"))
    holder: dict[str, Json] = {"url": text(table.get("image_url"), f"{where}/image_url", empty=False)}
    if "detail" in table:
        holder["detail"] = text(table["detail"], f"{where}/detail")
    return OpaquePart("image_url", {"type": "image_url", "image_url": holder})


def _file(table: dict[str, Json], where: str) -> OpaquePart:
    elsewhere = ("file_id", "file_url", "detail", "prompt_cache_breakpoint")
    only(table, {"type", "file_data", "filename"}, where, unsupported=elsewhere)
    holder: dict[str, Json] = {"file_data": text(table.get("file_data"), f"{where}/file_data", empty=False)}
    if "filename" in table:
        holder["filename"] = text(table["filename"], f"{where}/filename")
    return OpaquePart("file", {"type": "file", "file": holder})


def _described(content: str | tuple[Part, ...], *, by_assistant: bool) -> list[Json]:
    """The parts of a message as its item lists them."""
    parts = (TextPart(content),) if isinstance(content, str) else content
    return [_described_part(part, by_assistant=by_assistant) for part in parts]


def _described_part(part: Part, *, by_assistant: bool) -> dict[str, Json]:
    if isinstance(part, TextPart):
        if by_assistant:
            return {"type": "output_text", "text": part.text, "annotations": [], "logprobs": []}
        return {"type": "input_text", "text": part.text}
    holder = part.raw[part.kind]
    if part.kind == "image_url" and isinstance(holder, dict):
        return {"type": "input_image", "image_url": holder["url"], "detail": holder.get("detail", "auto")}
    if part.kind == "file" and isinstance(holder, dict):
        return {"type": "input_file", **holder}
    return dict(part.raw)


def _texts(value: Json, where: str, kind: str) -> list[str]:
    """The texts of a reasoning item's content or summary."""
    found = []
    for i, item in enumerate(a_list(value, where)):
        table = an_object(item, f"{where}/{i}")
        only(table, {"type", "text"}, f"{where}/{i}")
        if table.get("type") != kind:
            raise UnsupportedField(f"{where}/{i}/type must be {kind}.", param=f"{where}/{i}/type")
        found.append(text(table.get("text"), f"{where}/{i}/text"))
    return found


def _status(table: dict[str, Json], where: str) -> str:
    status = optional_text(table.get("status"), f"{where}/status") or "completed"
    if status not in STATUSES:
        raise RequestError(f"{where}/status must be one of {', '.join(STATUSES)}.", param=f"{where}/status")
    return status


def _id(table: dict[str, Json], where: str, prefix: str) -> str:
    """The item's id, or a new one. It is never sent on."""
    return optional_text(table.get("id"), f"{where}/id") or f"{prefix}_{secrets.token_hex(12)}"
