"""OpenAI's chat completions, read: a JSON body becomes a `ChatRequest`.

Every field is on a list. What changes the answer and is supported is read; what cannot change it is
accepted and named in a response header; the rest is refused by name. docs.openai.com's reference of
the endpoint is the source, with the fields that local servers add (top_k, min_p, reasoning).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from nemora.core import ChatRequest, Json, Message, OpaquePart, Part, Role, TextPart, Tool, ToolCall
from nemora.core import ToolChoice as Choice
from nemora.errors import RequestError, UnsupportedField
from nemora.server import response_format
from nemora.server.fields import a_list, an_object, flag, integer, model_name, neutral_only, only, optional_text, text
from nemora.server.sampling_fields import MAX_TOKENS, SAMPLING, max_tokens_of, sampling_of, stops_of
from nemora.server.thinking_fields import thinking_of
from nemora.server.wire_format import ParsedRequest

MAX_CHOICES = 16
MAX_PRIORITY = 2**31 - 1
MAX_SALT = 256

READ = frozenset(
    (
        *("model", "messages", "stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls"),
        *("n", "priority", "cache_salt", "add_generation_prompt", "continue_final_message"),
        *("reasoning_effort", "chat_template_kwargs", "thinking_budget", "thinking_token_budget"),
        *SAMPLING,
        *response_format.FIELDS,
    )
)
"""Fields that become part of the request."""

IGNORED = frozenset(
    (
        *("user", "metadata", "store", "service_tier", "safety_identifier"),
        *("prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"),
    )
)
"""Fields that change no answer: inspected, never sent on."""

NEUTRAL: Mapping[str, tuple[Json, ...]] = {
    "modalities": (["text"],),
    "functions": ([],),
    "function_call": ("auto", "none"),
    "verbosity": (),
    "audio": (),
    "prediction": (),
    "web_search_options": (),
    "moderation": (),
}
"""Fields that are not supported, with the values that ask for nothing and are therefore accepted; null always is."""

MESSAGE_FIELDS: Mapping[str, frozenset[str]] = {
    "system": frozenset({"role", "content", "name"}),
    "developer": frozenset({"role", "content", "name"}),
    "user": frozenset({"role", "content", "name"}),
    "assistant": frozenset(
        (
            *("role", "content", "name", "tool_calls", "reasoning", "reasoning_content", "refusal", "annotations"),
            *("parsed", "provider_specific_fields"),
        )
    ),
    "tool": frozenset({"role", "content", "name", "tool_call_id"}),
}
"""By role. What clients add to an answer when they send it back is dropped, and its text counts: `parsed` and
`parsed_arguments` of a call (OpenAI's), `provider_specific_fields` (litellm's)."""
ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
EMPTY_ANYWHERE = ("tool_calls", "tool_call_id", "audio", "function_call", "refusal", "annotations", "name", "reasoning")
"""Message fields that clients send as null from a dumped answer, whatever the role."""
OPAQUE_PARTS = ("image_url", "input_audio", "video_url", "file", "refusal")
TOOL_NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")


def parse_chat_request(body: Json) -> ParsedRequest:
    """Read a chat completions body.

    Raises:
        RequestError: a field has a wrong type or value; `param` is its JSON pointer.
        UnsupportedField: a field, or this value of it, is not supported.
    """
    table = an_object(body, "")
    only(table, READ | IGNORED | NEUTRAL.keys(), "")
    neutral_only(table, NEUTRAL)
    messages = a_list(table.get("messages"), "/messages")
    if not messages:
        raise RequestError("/messages must hold at least one message.", param="/messages")
    tools = tools_of(table.get("tools"))
    ignored = {name: value for name, value in table.items() if name in IGNORED}
    begins, goes_on = _prompt_end(table, messages)
    request = ChatRequest(
        model=model_name(table.get("model")),
        messages=tuple(_message(item, f"/messages/{i}") for i, item in enumerate(messages)),
        tools=tools,
        tool_choice=_tool_choice(table.get("tool_choice"), tools),
        parallel_tool_calls=flag(table.get("parallel_tool_calls"), "/parallel_tool_calls"),
        response_format=response_format.response_format_of(table),
        sampling=sampling_of(table),
        thinking=thinking_of(table),
        max_tokens=max_tokens_of(table),
        stop=stops_of(table.get("stop"), "/stop"),
        stream=flag(table.get("stream"), "/stream") or False,
        include_usage=include_usage_of(table.get("stream_options")),
        choices=integer(table.get("n"), "/n", 1, MAX_CHOICES) or 1,
        priority=_priority(table.get("priority")),
        cache_salt=_salt(table.get("cache_salt")),
        generation_prompt=begins,
        continue_final=goes_on,
        unsent=ignored,
    )
    return ParsedRequest(request, tuple(sorted(name for name, value in ignored.items() if value is not None)))


def _priority(value: Json) -> int:
    """vLLM's: what has the lower number comes first. There are three classes of it."""
    asked = integer(value, "/priority", -MAX_PRIORITY, MAX_PRIORITY) or 0
    return (asked < 0) - (asked > 0)


def _salt(value: Json) -> str | None:
    return None if value is None else text(value, "/cache_salt", empty=False, longest=MAX_SALT)


def _prompt_end(table: dict[str, Json], messages: list[Json]) -> tuple[bool, bool]:
    """Whether an answer is begun, or the last message goes on. The fields are vLLM's, where one excludes the other."""
    begin = flag(table.get("add_generation_prompt"), "/add_generation_prompt")
    goes_on = flag(table.get("continue_final_message"), "/continue_final_message") or False
    if goes_on and begin:
        raise RequestError(
            "/continue_final_message and /add_generation_prompt exclude each other; send one of them.",
            param="/continue_final_message",
        )
    last = messages[-1]
    if goes_on and isinstance(last, dict) and (last.get("role") != "assistant" or not last.get("content")):
        raise RequestError(
            "/continue_final_message needs an assistant's message with content at the end of /messages.",
            param="/continue_final_message",
        )
    return begin is not False and not goes_on, goes_on


def include_usage_of(value: Json) -> bool:
    """Whether `stream_options` ask for usage at the end."""
    if value is None:
        return False
    options = an_object(value, "/stream_options")
    only(options, {"include_usage", "include_obfuscation"}, "/stream_options")
    if flag(options.get("include_obfuscation"), "/stream_options/include_obfuscation"):
        raise UnsupportedField(
            "/stream_options/include_obfuscation is not supported; leave it out.",
            param="/stream_options/include_obfuscation",
        )
    return flag(options.get("include_usage"), "/stream_options/include_usage") or False


def tools_of(value: Json) -> tuple[Tool, ...]:
    """The functions of /tools."""
    tools = tuple(_tool(item, f"/tools/{i}") for i, item in enumerate(a_list([] if value is None else value, "/tools")))
    if len({tool.name for tool in tools}) != len(tools):
        raise RequestError("/tools holds two functions of the same name; give each its own.", param="/tools")
    return tools


def _tool(value: Json, where: str) -> Tool:
    table = an_object(value, where)
    if table.get("type") != "function":
        raise UnsupportedField(f'{where}/type must be "function"; no other tools are supported.', param=f"{where}/type")
    only(table, {"type", "function"}, where)
    function = an_object(table.get("function"), f"{where}/function")
    only(function, {"name", "description", "parameters", "strict"}, f"{where}/function")
    parameters = function.get("parameters")
    return Tool(
        name=tool_name(function.get("name"), f"{where}/function/name"),
        description=optional_text(function.get("description"), f"{where}/function/description"),
        parameters=None if parameters is None else an_object(parameters, f"{where}/function/parameters"),
        strict=flag(function.get("strict"), f"{where}/function/strict"),
    )


def tool_name(value: Json, where: str) -> str:
    """The name of a function, checked."""
    name = text(value, where)
    if not TOOL_NAME.fullmatch(name):
        raise RequestError(f"{where} must be 1 to 128 letters, digits or any of _ - . : /", param=where)
    return name


def _tool_choice(value: Json, tools: tuple[Tool, ...]) -> Choice | None:
    if value is None:
        return None
    choice: Choice
    if value == "none":
        choice = Choice("none")
    elif value == "auto":
        choice = Choice("auto")
    elif value == "required":
        choice = Choice("required")
    elif isinstance(value, dict) and value.get("type") == "function":
        only(value, {"type", "function"}, "/tool_choice")
        function = an_object(value.get("function"), "/tool_choice/function")
        only(function, {"name"}, "/tool_choice/function")
        choice = Choice("named", tool_name(function.get("name"), "/tool_choice/function/name"))
    else:
        raise UnsupportedField(
            '/tool_choice must be "none", "auto", "required" or {"type": "function", "function": {"name": …}}.',
            param="/tool_choice",
        )
    return with_its_tool(choice, tools)


def with_its_tool(choice: Choice, tools: tuple[Tool, ...]) -> Choice:
    """The choice, if /tools holds what it asks for. Raises `RequestError`."""
    if choice.mode == "required" and not tools:
        raise RequestError("/tool_choice asks for a tool and /tools holds none.", param="/tool_choice")
    if choice.name is not None and choice.name not in {tool.name for tool in tools}:
        raise RequestError("/tool_choice names a function that /tools does not hold.", param="/tool_choice")
    return choice


def _message(value: Json, where: str) -> Message:
    table = an_object(value, where)
    role = table.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise RequestError(f"{where}/role must be one of {', '.join(ROLES)}.", param=f"{where}/role")
    table = {key: item for key, item in table.items() if item not in (None, []) or key not in EMPTY_ANYWHERE}
    only(table, MESSAGE_FIELDS[role], where, unsupported=("audio", "function_call"))
    for empty in ("refusal", "annotations"):
        if empty in table:
            raise UnsupportedField(f"{where}/{empty} is not supported; leave it out.", param=f"{where}/{empty}")
    calls = a_list(table.get("tool_calls", []), f"{where}/tool_calls")
    message = Message(
        role=ROLES[role],
        content=_content(table.get("content"), f"{where}/content"),
        name=optional_text(table.get("name"), f"{where}/name"),
        tool_calls=tuple(_tool_call(item, f"{where}/tool_calls/{i}") for i, item in enumerate(calls)),
        tool_call_id=optional_text(table.get("tool_call_id"), f"{where}/tool_call_id"),
        reasoning=_reasoning(table, where),
    )
    if message.content is None and (role != "assistant" or not (message.tool_calls or message.reasoning)):
        raise RequestError(f"{where}/content is missing; send a string or a list of parts.", param=f"{where}/content")
    if role == "tool" and not message.tool_call_id:
        raise RequestError(
            f"{where}/tool_call_id is missing; a tool message needs the id of the call that it answers.",
            param=f"{where}/tool_call_id",
        )
    return message


def _reasoning(table: dict[str, Json], where: str) -> str | None:
    """Servers name it `reasoning` or `reasoning_content`; this one answers with both, so both may come back."""
    first = optional_text(table.get("reasoning"), f"{where}/reasoning")
    second = optional_text(table.get("reasoning_content"), f"{where}/reasoning_content")
    if first is not None and second is not None and first != second:
        raise RequestError(
            f"{where}/reasoning and {where}/reasoning_content differ; send one of them.", param=f"{where}/reasoning"
        )
    return first if first is not None else second


def _content(value: Json, where: str) -> str | tuple[Part, ...] | None:
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise RequestError(f"{where} must be a string or a list of parts.", param=where)
    if not value:
        raise RequestError(f"{where} must hold at least one part.", param=where)
    return tuple(_part(item, f"{where}/{i}") for i, item in enumerate(value))


def _part(value: Json, where: str) -> Part:
    table = an_object(value, where)
    kind = table.get("type")
    if kind == "text":
        only(table, {"type", "text"}, where)
        return TextPart(text(table.get("text"), f"{where}/text"))
    if isinstance(kind, str) and kind in OPAQUE_PARTS:
        return OpaquePart(kind, table)
    raise UnsupportedField(f"{where}/type must be text or one of {', '.join(OPAQUE_PARTS)}.", param=f"{where}/type")


def _tool_call(value: Json, where: str) -> ToolCall:
    table = an_object(value, where)
    if table.get("type", "function") != "function":
        raise UnsupportedField(f'{where}/type must be "function"; no other calls are supported.', param=f"{where}/type")
    only(table, {"id", "type", "function", "index"}, where)
    integer(table.get("index"), f"{where}/index", 0, MAX_TOKENS)
    function = an_object(table.get("function"), f"{where}/function")
    only(function, {"name", "arguments", "parsed_arguments"}, f"{where}/function")
    return ToolCall(
        id=text(table.get("id"), f"{where}/id", empty=False),
        name=tool_name(function.get("name"), f"{where}/function/name"),
        arguments=text(function.get("arguments"), f"{where}/function/arguments"),
    )
