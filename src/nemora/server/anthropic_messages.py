"""Anthropic's Messages, read: a JSON body becomes a `ChatRequest`.

Every field is on a list, as for OpenAI's chat completions: read, ignored and named in a response header, or refused by
name. https://docs.anthropic.com/en/api/messages is the source, with the fields of its betas.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from nemora.core import ChatRequest, Effort, Json, ResponseFormat, Sampling, Thinking, Tool, ToolChoice
from nemora.errors import RequestError, UnsupportedField
from nemora.server.anthropic_content import TurnReader
from nemora.server.fields import a_list, an_object, flag, integer, model_name, number, only, optional_text, text
from nemora.server.openai_chat import tool_name
from nemora.server.sampling_fields import MAX_STOPS, MAX_TOKENS
from nemora.server.thinking_fields import MAX_BUDGET
from nemora.server.wire_format import ParsedRequest

ENDPOINT = "/v1/messages"

READ = frozenset(
    (
        *("model", "messages", "system", "max_tokens", "stream", "tools", "tool_choice", "thinking", "output_config"),
        *("temperature", "top_p", "top_k", "stop_sequences", "output_format"),
    )
)
"""Fields that become part of the request."""

IGNORED = frozenset(
    (
        *("metadata", "service_tier", "inference_geo", "speed", "diagnostics", "user_profile_id", "billing_policy"),
        "cache_control",
    )
)
"""Fields that change no answer: inspected, never sent on."""

NEUTRAL: Mapping[str, tuple[Json, ...]] = {
    "container": (),
    "mcp_servers": ([],),
    "context_management": ({"edits": []}, {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}),
    "compaction": (),
    "fallbacks": ([],),
    "fallback_credit_token": (),
    "thread": (),
}
"""Fields that are not supported, with the values that ask for nothing and are therefore accepted; null always is."""

SERVER_TOOL = re.compile(
    r"(web_search|web_fetch|code_execution|bash|text_editor|computer|memory|tool_search_tool_(?:regex|bm25)"
    r"|mcp_toolset|advisor|(?:computer|browser)_toolset)(?:_\d{8})?",
    re.ASCII,
)
"""Types of the tools that Anthropic runs or has taught its models, without their date."""
EFFORTS: Mapping[str, Effort] = {"low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
THINKING_FIELDS: Mapping[str, frozenset[str]] = {
    "enabled": frozenset({"type", "budget_tokens", "display"}),
    "adaptive": frozenset({"type", "display"}),
    "disabled": frozenset({"type"}),
}
CHOICES: Mapping[str, ToolChoice] = {
    "auto": ToolChoice("auto"),
    "any": ToolChoice("required"),
    "none": ToolChoice("none"),
}


def parse_messages(body: Json, *, counting: bool = False) -> ParsedRequest:
    """Read a Messages body; `counting`: one whose tokens are to be counted, which may leave out `max_tokens`.

    Raises:
        RequestError: a field has a wrong type or value; `param` is its JSON pointer.
        UnsupportedField: a field, or this value of it, is not supported.
    """
    table = an_object(body, "")
    only(table, READ | IGNORED | NEUTRAL.keys(), "")
    for name, neutral in NEUTRAL.items():
        if table.get(name) is not None and table[name] not in neutral:
            raise UnsupportedField(f"/{name} is not supported; leave it out.", param=f"/{name}")
    turns = TurnReader()
    system = turns.system(table.get("system"), "/system")
    messages = turns.messages(table.get("messages"), "/messages")
    if messages[-1].role == "assistant" and not counting:
        raise UnsupportedField(
            "/messages ends with a turn of the assistant; continuing one is not supported, so end with the user's.",
            param="/messages",
        )
    tools = _tools(table.get("tools"), turns)
    choice, parallel = _tool_choice(table.get("tool_choice"), tools)
    unsent = {name: value for name, value in table.items() if name in IGNORED}
    request = ChatRequest(
        model=model_name(table.get("model")),
        messages=(*system, *messages),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=parallel,
        response_format=_form(table),
        sampling=_sampling(table),
        thinking=_thinking(table, turns.ignored),
        max_tokens=_max_tokens(table.get("max_tokens"), counting=counting),
        stop=_stop(table.get("stop_sequences")),
        stream=flag(table.get("stream"), "/stream") or False,
        include_usage=True,
        unsent=unsent,
        endpoint=ENDPOINT,
    )
    ignored = turns.ignored | {name for name, value in unsent.items() if value is not None}
    return ParsedRequest(request, tuple(sorted(ignored)))


def _sampling(table: dict[str, Json]) -> Sampling:
    return Sampling(
        temperature=number(table.get("temperature"), "/temperature", 0, 1),
        top_p=number(table.get("top_p"), "/top_p", 0, 1, above=True),
        top_k=integer(table.get("top_k"), "/top_k", 0, MAX_TOKENS) or None,  # 0 means: off, as leaving it out does
    )


def _max_tokens(value: Json, *, counting: bool) -> int | None:
    if value is None and not counting:
        raise RequestError("/max_tokens must be given: the most tokens that the answer may have.", param="/max_tokens")
    return integer(value, "/max_tokens", 1, MAX_TOKENS)


def _stop(value: Json) -> tuple[str, ...]:
    stops = a_list([] if value is None else value, "/stop_sequences")
    if len(stops) > MAX_STOPS:
        raise RequestError(f"/stop_sequences must hold at most {MAX_STOPS} strings.", param="/stop_sequences")
    return tuple(text(item, f"/stop_sequences/{i}", empty=False) for i, item in enumerate(stops))


def _thinking(table: dict[str, Json], ignored: set[str]) -> Thinking:
    """`thinking` and the effort. A budget is a hint, as it is there: without the means to be told, it is not missed."""
    effort = _effort(table.get("output_config"))
    value = table.get("thinking")
    if value is None:
        return Thinking(effort=effort)
    config, where = an_object(value, "/thinking"), "/thinking"
    kind = config.get("type")
    if not isinstance(kind, str) or kind not in THINKING_FIELDS:
        raise UnsupportedField(
            f"{where}/type must be one of {', '.join(THINKING_FIELDS)}; no other is supported.", param=f"{where}/type"
        )
    only(config, THINKING_FIELDS[kind], where)
    if (display := config.get("display")) is not None:
        if display not in ("summarized", "omitted"):
            raise RequestError(f"{where}/display must be summarized or omitted.", param=f"{where}/display")
        ignored.add("thinking.display")
    if kind != "enabled":
        return Thinking(enabled=False if kind == "disabled" else None, effort=effort, adaptive=kind == "adaptive")
    budget = integer(config.get("budget_tokens"), f"{where}/budget_tokens", 1, MAX_BUDGET)
    if budget is None:
        raise RequestError(f"{where}/budget_tokens must be given.", param=f"{where}/budget_tokens")
    return Thinking(enabled=True, effort=effort, budget=budget, budget_is_hint=True)


def _effort(value: Json) -> Effort | None:
    config = an_object({} if value is None else value, "/output_config")
    only(config, {"effort", "format"}, "/output_config", unsupported=("task_budget",))
    effort = config.get("effort")
    if effort is None:
        return None
    if not isinstance(effort, str) or effort not in EFFORTS:
        raise RequestError(f"/output_config/effort must be one of {', '.join(EFFORTS)}.", param="/output_config/effort")
    return EFFORTS[effort]


def _form(table: Mapping[str, Json]) -> ResponseFormat | None:
    """The schema of the answer: at its place in `output_config`, or where the beta had it."""
    config = table.get("output_config")
    given = {
        "/output_config/format": config.get("format") if isinstance(config, dict) else None,
        "/output_format": table.get("output_format"),
    }
    asked = {where: value for where, value in given.items() if value is not None}
    if len(asked) > 1:
        raise RequestError("/output_format is /output_config/format of before; send one.", param="/output_format")
    for where, value in asked.items():
        form = an_object(value, where)
        if form.get("type") != "json_schema":
            raise UnsupportedField(f"{where}/type must be json_schema.", param=f"{where}/type")
        only(form, {"type", "schema"}, where)
        return ResponseFormat("json_schema", schema=an_object(form.get("schema"), f"{where}/schema"), name="answer")
    return None


def _tools(value: Json, turns: TurnReader) -> tuple[Tool, ...]:
    items = a_list([] if value is None else value, "/tools")
    tools = tuple(_tool(item, f"/tools/{i}", turns) for i, item in enumerate(items))
    if len({tool.name for tool in tools}) != len(tools):
        raise RequestError("/tools holds two tools of the same name; give each its own.", param="/tools")
    return tools


def _tool(value: Json, where: str, turns: TurnReader) -> Tool:
    table = turns.cached(an_object(value, where), where)
    kind = table.get("type")
    if kind not in (None, "custom"):
        found = SERVER_TOOL.fullmatch(kind) if isinstance(kind, str) else None
        named = f"the tool {found[1]} of Anthropic's is not offered here" if found else "such tools are not known"
        raise UnsupportedField(
            f"{where}/type: {named}; offer tools of your own, of type custom.", param=f"{where}/type"
        )
    for name, neutral in (("defer_loading", False), ("input_examples", []), ("allowed_callers", ["direct"])):
        if table.pop(name, None) not in (None, neutral):
            raise UnsupportedField(f"{where}/{name} is not supported; leave it out.", param=f"{where}/{name}")
    if flag(table.pop("eager_input_streaming", None), f"{where}/eager_input_streaming") is not None:
        turns.ignored.add("eager_input_streaming")
    only(table, {"type", "name", "description", "input_schema", "strict"}, where)
    return Tool(
        name=tool_name(table.get("name"), f"{where}/name"),
        description=optional_text(table.get("description"), f"{where}/description"),
        parameters=an_object(table.get("input_schema"), f"{where}/input_schema"),
        strict=flag(table.get("strict"), f"{where}/strict"),
    )


def _tool_choice(value: Json, tools: tuple[Tool, ...]) -> tuple[ToolChoice | None, bool | None]:
    """The choice, and False where several calls at once are ruled out."""
    if value is None:
        return None, None
    table, where = an_object(value, "/tool_choice"), "/tool_choice"
    kind = table.get("type")
    if not isinstance(kind, str) or kind not in (*CHOICES, "tool"):
        raise RequestError(f"{where}/type must be one of {', '.join((*CHOICES, 'tool'))}.", param=f"{where}/type")
    only(table, {"type", "disable_parallel_tool_use"} | ({"name"} if kind == "tool" else set()), where)
    parallel = False if flag(table.get("disable_parallel_tool_use"), f"{where}/disable_parallel_tool_use") else None
    if kind == "tool":
        name = tool_name(table.get("name"), f"{where}/name")
        if name not in {tool.name for tool in tools}:
            raise RequestError(f"{where} names a tool that /tools does not hold.", param=where)
        return ToolChoice("named", name), parallel
    if kind == "any" and not tools:
        raise RequestError(f"{where} asks for a tool and /tools holds none.", param=where)
    return CHOICES[kind], parallel
