"""The turns of Anthropic's Messages, read: content blocks become canonical messages.

A tool's result is a block of a user's turn there, and a message of its own here; the order is kept. Pictures and
documents become parts as OpenAI has them, which is the form that the document reader knows. The forms of the blocks:
https://docs.anthropic.com/en/api/messages.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from nemora.core import Json, Message, OpaquePart, Part, Role, TextPart, ToolCall
from nemora.errors import RequestError, UnsupportedField
from nemora.server.fields import a_list, an_object, flag, only, optional_text, text
from nemora.server.openai_chat import tool_name

MAX_MESSAGES = 100_000
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
TOOL_FAILED = "The tool failed: "
"""Stands before the result of a call that failed: the canonical message has no field for it."""
SERVER_BLOCKS = (
    *("server_tool_use", "web_search_tool_result", "web_fetch_tool_result", "code_execution_tool_result"),
    *("bash_code_execution_tool_result", "text_editor_code_execution_tool_result", "tool_search_tool_result"),
    *("container_upload", "tool_reference", "search_result", "mcp_tool_use", "mcp_tool_result", "compaction"),
    *("browser_state", "connector_text"),
)
"""Blocks of tools that Anthropic runs, and of what it keeps: refused by name."""
ROLES: Mapping[str, Role] = {"user": "user", "assistant": "assistant", "system": "system"}
BLOCKS: Mapping[str, tuple[str, ...]] = {
    "system": ("text",),
    "user": ("text", "image", "document", "tool_result"),
    "assistant": ("text", "thinking", "redacted_thinking", "tool_use"),
    "tool_result": ("text", "image", "document"),
    "document": ("text", "image"),
}
"""The blocks that may stand in what."""
FIELDS: Mapping[str, frozenset[str]] = {
    "text": frozenset({"text", "citations"}),
    "image": frozenset({"source"}),
    "document": frozenset({"source", "title", "context", "citations"}),
    "tool_result": frozenset({"tool_use_id", "content", "is_error"}),
    "thinking": frozenset({"thinking", "signature"}),
    "redacted_thinking": frozenset({"data"}),
    "tool_use": frozenset({"id", "name", "input", "caller"}),
}
"""The fields of each block, beside its type and `cache_control`."""


class TurnReader:
    """Reads the turns of one request. `ignored` holds the names of what was passed over.

    Every method raises `RequestError` and `UnsupportedField` as `WireFormat.parse` does.
    """

    def __init__(self) -> None:
        self.ignored: set[str] = set()

    def system(self, value: Json, where: str) -> tuple[Message, ...]:
        """The instructions as one message; none where there are none."""
        content = self._content(value, where, "system") if value is not None else ()
        return (Message("system", content),) if content else ()

    def messages(self, value: Json, where: str) -> tuple[Message, ...]:
        """All turns. A user's turn becomes several messages where it holds tool results."""
        turns = a_list(value, where)
        if not 1 <= len(turns) <= MAX_MESSAGES:
            raise RequestError(f"{where} must hold from 1 to {MAX_MESSAGES} messages.", param=where)
        return tuple(message for i, turn in enumerate(turns) for message in self._turn(turn, f"{where}/{i}"))

    def cached(self, table: Mapping[str, Json], where: str) -> dict[str, Json]:
        """`table` without its `cache_control`, which is ignored: what was read once is kept here anyway."""
        if table.get("cache_control") is not None:
            an_object(table["cache_control"], f"{where}/cache_control")
            self.ignored.add("cache_control")
        return {key: value for key, value in table.items() if key != "cache_control"}

    def _turn(self, value: Json, where: str) -> list[Message]:
        table = an_object(value, where)
        only(table, {"role", "content"}, where)
        role, content, place = table.get("role"), table.get("content"), f"{where}/content"
        if not isinstance(role, str) or role not in ROLES:
            raise RequestError(f"{where}/role must be one of {', '.join(ROLES)}.", param=f"{where}/role")
        if isinstance(content, str):
            return [Message(ROLES[role], content)]
        if role == "system":
            return [Message("system", self._content(content, place, "system"))]
        blocks = self._blocks(content, place, role)
        if not blocks:
            raise RequestError(f"{place} must hold at least one block.", param=place)
        return [self._assistant(blocks)] if role == "assistant" else self._user(blocks)

    def _user(self, blocks: list[tuple[str, dict[str, Json]]]) -> list[Message]:
        """Runs of other blocks are messages of the user, each tool result one of the tool."""
        messages: list[Message] = []
        parts: list[Part] = []
        for where, block in blocks:
            if block["type"] != "tool_result":
                parts.extend(self._parts(block, where))
                continue
            if parts:
                messages.append(Message("user", tuple(parts)))
                parts = []
            messages.append(self._tool_result(block, where))
        return [*messages, Message("user", tuple(parts))] if parts else messages

    def _assistant(self, blocks: list[tuple[str, dict[str, Json]]]) -> Message:
        """One message: its text, its thinking and its calls, each in their order."""
        parts: list[Part] = []
        thoughts: list[str] = []
        calls: list[ToolCall] = []
        for where, block in blocks:
            if block["type"] == "text":
                parts.extend(self._parts(block, where))
            elif block["type"] == "thinking":
                optional_text(block.get("signature"), f"{where}/signature")  # ours says nothing, and no other is known
                thoughts.append(text(block.get("thinking"), f"{where}/thinking"))
            elif block["type"] == "redacted_thinking":
                self.ignored.add("redacted_thinking")  # encrypted: nobody here can read it, and it is never sent
            else:
                calls.append(_tool_use(block, where))
        content = tuple(parts) or (None if calls else "")
        return Message("assistant", content, tool_calls=tuple(calls), reasoning="".join(thoughts) or None)

    def _tool_result(self, block: dict[str, Json], where: str) -> Message:
        value = block.get("content")
        content = "" if value is None else self._content(value, f"{where}/content", "tool_result")
        if flag(block.get("is_error"), f"{where}/is_error"):
            content = f"{TOOL_FAILED}{content}" if isinstance(content, str) else (TextPart(TOOL_FAILED), *content)
        return Message(
            "tool", content, tool_call_id=text(block.get("tool_use_id"), f"{where}/tool_use_id", empty=False)
        )

    def _content(self, value: Json, where: str, holder: str) -> str | tuple[Part, ...]:
        """Content that may be a string."""
        if isinstance(value, str):
            return value
        blocks = self._blocks(value, where, holder)
        return tuple(part for place, block in blocks for part in self._parts(block, place)) or ""

    def _blocks(self, value: Json, where: str, holder: str) -> list[tuple[str, dict[str, Json]]]:
        """The blocks of a list with their pointers, each of a kind that may stand in `holder` and with its fields."""
        if not isinstance(value, list):
            raise RequestError(f"{where} must be a string or a list of blocks.", param=where)
        return [(f"{where}/{i}", self._block(item, f"{where}/{i}", holder)) for i, item in enumerate(value)]

    def _block(self, value: Json, where: str, holder: str) -> dict[str, Json]:
        block = self.cached(an_object(value, where), where)
        kind = block.get("type")
        if not isinstance(kind, str) or kind not in BLOCKS[holder]:
            named = f"{where}/type {kind} is not supported" if kind in SERVER_BLOCKS else f"{where}/type is not known"
            raise UnsupportedField(
                f"{named}; here it must be one of {', '.join(BLOCKS[holder])}.", param=f"{where}/type"
            )
        only(block, FIELDS[kind] | {"type"}, where, unsupported=("toolset_name",))
        return block

    def _parts(self, block: dict[str, Json], where: str) -> list[Part]:
        """The parts that a block of text, a picture or a document becomes."""
        if block["type"] == "text":
            if block.get("citations") not in (None, []):
                raise _no_citations(where)
            return [TextPart(text(block.get("text"), f"{where}/text"))]
        source, place = an_object(block.get("source"), f"{where}/source"), f"{where}/source"
        return [_picture(source, place)] if block["type"] == "image" else self._document(block, source, place, where)

    def _document(self, block: dict[str, Json], source: dict[str, Json], place: str, where: str) -> list[Part]:
        """A file as one part. What is told as text is text, between lines that say where it begins and ends."""
        cited = an_object({} if block.get("citations") is None else block["citations"], f"{where}/citations")
        only(cited, {"enabled"}, f"{where}/citations")
        if flag(cited.get("enabled"), f"{where}/citations/enabled"):
            raise _no_citations(where)
        said = [optional_text(block.get(name), f"{where}/{name}") for name in ("title", "context")]
        about = "".join(f": {words}" for words in said if words)
        kind = source.get("type")
        if kind in ("text", "content"):
            return [TextPart(f"\n[document{about}]\n"), *self._told(source, place), TextPart("\n[end of document]\n")]
        head: list[Part] = [TextPart(f"\n[document{about}]\n")] if about else []
        return [*head, _file(source, place)]

    def _told(self, source: dict[str, Json], place: str) -> list[Part]:
        if source["type"] == "text":
            only(source, {"type", "media_type", "data"}, place)
            _one_of(source.get("media_type"), ("text/plain",), f"{place}/media_type")
            return [TextPart(text(source.get("data"), f"{place}/data"))]
        only(source, {"type", "content"}, place)
        content = self._content(source.get("content"), f"{place}/content", "document")
        return [TextPart(content)] if isinstance(content, str) else list(content)


def _picture(source: dict[str, Json], where: str) -> OpaquePart:
    def inline(data: str, media_type: str) -> OpaquePart:
        url: dict[str, Json] = {"url": f"data:{media_type};base64,{data}"}
        return OpaquePart("image_url", {"type": "image_url", "image_url": url})

    if source.get("type") == "url":
        only(source, {"type", "url"}, where)
        address: dict[str, Json] = {"url": text(source.get("url"), f"{where}/url", empty=False)}
        return OpaquePart("image_url", {"type": "image_url", "image_url": address})
    return _inline_or_id(source, where, PICTURES, inline)


def _file(source: dict[str, Json], where: str) -> OpaquePart:
    def inline(data: str, media_type: str) -> OpaquePart:
        held: dict[str, Json] = {"file_data": f"data:{media_type};base64,{data}"}
        return OpaquePart("file", {"type": "file", "file": held})

    if source.get("type") == "url":
        only(source, {"type", "url"}, where)
        address: dict[str, Json] = {"file_url": text(source.get("url"), f"{where}/url", empty=False)}
        return OpaquePart("file", {"type": "file", "file": address})
    return _inline_or_id(source, where, ("application/pdf",), inline)


def _inline_or_id(
    source: dict[str, Json], where: str, media_types: tuple[str, ...], inline: Callable[[str, str], OpaquePart]
) -> OpaquePart:
    if source.get("type") == "base64":
        only(source, {"type", "media_type", "data"}, where)
        media_type = _one_of(source.get("media_type"), media_types, f"{where}/media_type")
        return inline(text(source.get("data"), f"{where}/data", empty=False), media_type)
    if source.get("type") == "file":
        only(source, {"type", "file_id"}, where)
        held: dict[str, Json] = {"file_id": text(source.get("file_id"), f"{where}/file_id", empty=False)}
        return OpaquePart("file", {"type": "file", "file": held})
    raise UnsupportedField(f"{where}/type is not a kind of source that is known here.", param=f"{where}/type")


def _tool_use(block: dict[str, Json], where: str) -> ToolCall:
    if block.get("caller") not in (None, {"type": "direct"}):
        raise UnsupportedField(f'{where}/caller must be {{"type": "direct"}}.', param=f"{where}/caller")
    arguments = an_object(block.get("input"), f"{where}/input")
    return ToolCall(
        id=text(block.get("id"), f"{where}/id", empty=False),
        name=tool_name(block.get("name"), f"{where}/name"),
        arguments=json.dumps(arguments, ensure_ascii=False),
    )


def _one_of(value: Json, words: tuple[str, ...], where: str) -> str:
    if not isinstance(value, str) or value not in words:
        raise RequestError(f"{where} must be one of {', '.join(words)}.", param=where)
    return value


def _no_citations(where: str) -> UnsupportedField:
    return UnsupportedField(f"{where}/citations is not supported; leave it out.", param=f"{where}/citations")
