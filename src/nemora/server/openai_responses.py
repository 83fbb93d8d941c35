"""OpenAI's Responses, read: a JSON body becomes a `ChatRequest`, with the stored conversation before it.

Every field is on a list. What changes the answer and is supported is read; what cannot change it is accepted and named
in a response header; the rest is refused by name. The types of OpenAI's Python client are the source, with the fields
that local servers add (top_k, min_p, seed).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from nemora.core import ChatRequest, Effort, Json, Message, ResponseFormat, Thinking, Tool
from nemora.core import ToolChoice as Choice
from nemora.errors import RequestError, UnsupportedField
from nemora.server.fields import a_list, an_object, flag, integer, model_name, neutral_only, only, optional_text, text
from nemora.server.openai_chat import include_usage_of, tool_name, with_its_tool
from nemora.server.openai_responses_input import read_input
from nemora.server.response_format import named_schema
from nemora.server.responses_store import StoredResponse
from nemora.server.sampling_fields import MAX_TOKENS, sampling_of
from nemora.server.thinking_fields import EFFORTS
from nemora.server.wire_format import ParsedRequest

PATH = "/v1/responses"

READ = frozenset(
    (
        *("model", "input", "instructions", "previous_response_id", "store", "include", "metadata"),
        *("tools", "tool_choice", "parallel_tool_calls", "reasoning", "text", "max_output_tokens"),
        *("temperature", "top_p", "top_k", "min_p", "seed", "stream", "stream_options"),
    )
)
"""Fields that become part of the request or of the response."""

IGNORED = frozenset(
    (
        *("user", "safety_identifier", "service_tier", "max_tool_calls"),
        *("prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"),
    )
)
"""Fields that change no answer: inspected, never sent on. `max_tool_calls` counts hosted tools only."""

NEUTRAL: Mapping[str, tuple[Json, ...]] = {
    "truncation": ("disabled",),
    "top_logprobs": (0,),
    "background": (False,),
    "context_management": ([],),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "conversation": (),
    "prompt": (),
    "moderation": (),
    "image": (),
    "access_programs": (),
    "background_options": (),
}
"""Fields that are not supported, with the values that ask for nothing and are therefore accepted; null always is."""

INCLUDE_NOTHING = frozenset(
    (
        *("reasoning.encrypted_content", "message.input_image.image_url", "web_search_call.action.sources"),
        *("web_search_call.results", "code_interpreter_call.outputs", "computer_call_output.output.image_url"),
        "file_search_call.results",
    )
)
"""Of `include`: what is there anyway, or belongs to hosted tools; reasoning stands there in the clear."""

HOSTED = (
    *("file_search", "web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11"),
    *("computer", "computer_use_preview", "mcp", "code_interpreter", "image_generation", "local_shell", "shell"),
    *("custom", "namespace", "tool_search", "apply_patch", "programmatic_tool_calling"),
)
"""Tools that OpenAI knows and this server does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedResponse(ParsedRequest):
    """A request with what its response repeats, and what is kept of it."""

    echo: Mapping[str, Json] = field(default_factory=dict)
    items: tuple[dict[str, Json], ...] = ()
    """All input items, those of the conversation before included."""
    conversation: tuple[Message, ...] = ()
    """All messages but the instructions, which do not carry over."""
    previous: StoredResponse | None = None
    store: bool = True


def parse_responses_request(body: Json, stored: Callable[[str], StoredResponse | None]) -> ParsedResponse:
    """Read a body. `stored` finds an earlier response by its id.

    Raises:
        RequestError: a field has a wrong type or value; `param` is its JSON pointer.
        UnsupportedField: a field, or this value of it, is not supported.
    """
    table = an_object(body, "")
    only(table, READ | IGNORED | NEUTRAL.keys(), "")
    neutral_only(table, NEUTRAL)
    previous = _previous(table.get("previous_response_id"), stored)
    sent = read_input(table.get("input"))
    conversation = (*(previous.messages if previous is not None else ()), *sent.messages)
    instructions = optional_text(table.get("instructions"), "/instructions")
    first = (Message("system", instructions),) if instructions else ()
    tools = _tools(table.get("tools"))
    include_usage_of(table.get("stream_options"))
    most = integer(table.get("max_output_tokens"), "/max_output_tokens", 1, MAX_TOKENS)
    metadata = _metadata(table.get("metadata"))
    unsent = {name: value for name, value in table.items() if name in IGNORED and value is not None}
    text_, form = text_format(table.get("text"))
    request = ChatRequest(
        model=model_name(table.get("model")),
        messages=(*first, *conversation),
        tools=tools,
        tool_choice=_tool_choice(table.get("tool_choice"), tools),
        parallel_tool_calls=flag(table.get("parallel_tool_calls"), "/parallel_tool_calls"),
        sampling=sampling_of({k: v for k, v in table.items() if k in READ}),
        response_format=form,
        thinking=_thinking(table.get("reasoning")),
        max_tokens=most,
        stream=flag(table.get("stream"), "/stream") or False,
        unsent={**unsent, "metadata": metadata} if metadata else unsent,
        endpoint=PATH,
    )
    ignored = (*unsent, *_without_effect(table))
    return ParsedResponse(
        request,
        tuple(sorted(ignored)),
        echo={**_echo(table, request), "metadata": metadata, "text": {"format": text_}},
        items=(*(previous.all_items() if previous is not None else ()), *sent.items),
        conversation=conversation,
        previous=previous,
        store=flag(table.get("store"), "/store") is not False,
    )


def text_format(value: Json) -> tuple[dict[str, Json], ResponseFormat | None]:
    """What `text` asks of the answer's form: as the response repeats it, and as the request has it."""
    table = an_object({} if value is None else value, "/text")
    only(table, {"format", "verbosity"}, "/text")
    neutral_only(table, {"verbosity": ("medium",)}, "/text")
    where = "/text/format"
    asked = an_object({"type": "text"} if table.get("format") is None else table["format"], where)
    kind, rest = asked.get("type"), {key: item for key, item in asked.items() if key != "type"}
    if kind == "json_schema":
        form = named_schema(rest, where)
        if form.schema is None:
            raise RequestError(f"{where}/schema must be an object.", param=f"{where}/schema")
        described: dict[str, Json] = {"type": "json_schema", "name": form.name, "schema": dict(form.schema)}
        return described | {"description": form.description, "strict": form.strict}, form
    if kind not in ("text", "json_object"):
        raise UnsupportedField(f"{where}/type must be text, json_object or json_schema.", param=f"{where}/type")
    only(rest, (), where)
    return {"type": kind}, ResponseFormat("json_object") if kind == "json_object" else None


def _previous(value: Json, stored: Callable[[str], StoredResponse | None]) -> StoredResponse | None:
    if value is None:
        return None
    found = stored(text(value, "/previous_response_id", empty=False))
    if found is None:
        error = RequestError(
            "There is no stored response with /previous_response_id: it was not stored, or it has been dropped since; "
            "send the conversation as /input.",
            param="/previous_response_id",
        )
        error.code = "previous_response_not_found"
        raise error
    return found


def _tools(value: Json) -> tuple[Tool, ...]:
    tools = tuple(_tool(item, f"/tools/{i}") for i, item in enumerate(a_list([] if value is None else value, "/tools")))
    if len({tool.name for tool in tools}) != len(tools):
        raise RequestError("/tools holds two functions of the same name; give each its own.", param="/tools")
    return tools


def _tool(value: Json, where: str) -> Tool:
    table = an_object(value, where)
    kind = table.get("type")
    if kind != "function":
        named = f" {kind}" if isinstance(kind, str) and kind in HOSTED else ""
        raise UnsupportedField(
            f'{where} is a tool of a type{named} that is not supported; only "function" is.', param=f"{where}/type"
        )
    beyond: dict[str, tuple[Json, ...]] = {
        "async": (False,),
        "defer_loading": (False,),
        "allowed_callers": (["direct"],),
        "output_schema": (),
    }
    only(table, {"type", "name", "description", "parameters", "strict"} | beyond.keys(), where)
    neutral_only(table, beyond, where)
    parameters = table.get("parameters")
    return Tool(
        name=tool_name(table.get("name"), f"{where}/name"),
        description=optional_text(table.get("description"), f"{where}/description"),
        parameters=None if parameters is None else an_object(parameters, f"{where}/parameters"),
        strict=flag(table.get("strict"), f"{where}/strict"),
    )


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
        only(value, {"type", "name"}, "/tool_choice")
        choice = Choice("named", tool_name(value.get("name"), "/tool_choice/name"))
    else:
        raise UnsupportedField(
            '/tool_choice must be "none", "auto", "required" or {"type": "function", "name": …}.', param="/tool_choice"
        )
    return with_its_tool(choice, tools)


def _thinking(value: Json) -> Thinking:
    """`context` says whether the reasoning of earlier turns stays in the prompt. Summaries are never made."""
    table = an_object({} if value is None else value, "/reasoning")
    only(table, {"effort", "summary", "generate_summary", "context", "mode"}, "/reasoning")
    neutral_only(table, {"summary": ("auto",), "generate_summary": ("auto",), "mode": ("standard",)}, "/reasoning")
    context = table.get("context")
    if context not in (None, "auto", "current_turn", "all_turns"):
        raise RequestError("/reasoning/context must be auto, current_turn or all_turns.", param="/reasoning/context")
    keep: Mapping[Json, bool] = {"current_turn": False, "all_turns": True}
    return Thinking(effort=_effort(table.get("effort")), keep_history=keep.get(context))


def _effort(value: Json) -> Effort | None:
    if value is None:
        return None
    if not isinstance(value, str) or value not in EFFORTS:
        raise RequestError(f"/reasoning/effort must be one of {', '.join(EFFORTS)}.", param="/reasoning/effort")
    return EFFORTS[value]


def _without_effect(table: Mapping[str, Json]) -> tuple[str, ...]:
    """Further fields that were accepted and do nothing."""
    include = a_list([] if table.get("include") is None else table["include"], "/include")
    for i, item in enumerate(include):
        if not isinstance(item, str) or item not in INCLUDE_NOTHING:
            raise UnsupportedField(
                f"/include/{i} asks for what is not supported; accepted without effect are "
                f"{', '.join(sorted(INCLUDE_NOTHING))}.",
                param=f"/include/{i}",
            )
    reasoning = table.get("reasoning")
    summary = isinstance(reasoning, dict) and (reasoning.get("summary") or reasoning.get("generate_summary"))
    return (*(("include",) if include else ()), *(("reasoning.summary",) if summary else ()))


def _metadata(value: Json) -> dict[str, Json]:
    """Up to 16 short strings, which the response repeats."""
    table = an_object({} if value is None else value, "/metadata")
    fits = all(len(key) <= 64 and isinstance(item, str) and len(item) <= 512 for key, item in table.items())
    if len(table) > 16 or not fits:
        raise RequestError(
            "/metadata must hold at most 16 strings of at most 512 characters, under keys of at most 64.",
            param="/metadata",
        )
    return table


def _echo(table: Mapping[str, Json], request: ChatRequest) -> dict[str, Json]:
    """What the response repeats of the request, with OpenAI's defaults where it says nothing."""
    tools: list[Json] = [
        {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": None if tool.parameters is None else dict(tool.parameters),
            "strict": tool.strict,
        }
        for tool in request.tools
    ]
    choice = request.tool_choice
    sampling = request.sampling
    named: Json = {"type": "function", "name": choice.name} if choice is not None and choice.name is not None else None
    calls = integer(table.get("max_tool_calls"), "/max_tool_calls", 0, MAX_TOKENS)
    return {
        "instructions": table.get("instructions"),
        "previous_response_id": table.get("previous_response_id"),
        "tools": tools,
        "tool_choice": named or ("auto" if choice is None else choice.mode),
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "temperature": 1.0 if sampling.temperature is None else sampling.temperature,
        "top_p": 1.0 if sampling.top_p is None else sampling.top_p,
        "max_output_tokens": request.max_tokens,
        "max_tool_calls": calls,
        "reasoning": {"effort": request.thinking.effort, "summary": None},
        "safety_identifier": optional_text(table.get("safety_identifier"), "/safety_identifier"),
        "prompt_cache_key": optional_text(table.get("prompt_cache_key"), "/prompt_cache_key"),
        "user": optional_text(table.get("user"), "/user"),
        "service_tier": "default",
        "truncation": "disabled",
        "top_logprobs": 0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "background": False,
    }
