"""The Messages body: each field is read, ignored by list, or refused by name; blocks become canonical messages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.core import (
    ChatRequest,
    Message,
    OpaquePart,
    ResponseFormat,
    Sampling,
    TextPart,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
)
from nemora.errors import RequestError, UnsupportedField
from nemora.server.anthropic_content import BLOCKS, FIELDS, SERVER_BLOCKS, TOOL_FAILED
from nemora.server.anthropic_messages import IGNORED, NEUTRAL, READ, parse_messages
from nemora.server.wire_format import ParsedRequest

CANARY = "CANARY-7f3a"
WEATHER: dict[str, Any] = {"name": "weather", "input_schema": {"type": "object"}}
CACHED = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
HI = {"role": "user", "content": "hi"}


def parsed(**fields: Any) -> ParsedRequest:
    return parse_messages({"model": "auto", "max_tokens": 9, "messages": [HI], **fields})


def request_of(**fields: Any) -> ChatRequest:
    return parsed(**fields).request


def messages_of(*turns: dict[str, Any]) -> tuple[Message, ...]:
    return request_of(messages=[*turns, HI]).messages[:-1]


def refusal(**fields: Any) -> RequestError:
    with pytest.raises(RequestError) as raised:
        parsed(**fields)
    assert CANARY not in json.dumps(raised.value.public())
    return raised.value


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def result(of: str, content: Any = None, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": of, **({} if content is None else {"content": content}), **more}


def source(kind: str, **fields: Any) -> dict[str, Any]:
    return {"source": {"type": kind, **fields}}


def test_every_supported_field_is_read() -> None:
    request = request_of(
        system="Be brief.",
        max_tokens=12,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        stop_sequences=["a", "b"],
        stream=True,
        tools=[{**WEATHER, "type": "custom", "description": "Tells it.", "strict": True}],
        tool_choice={"type": "tool", "name": "weather", "disable_parallel_tool_use": True},
        thinking={"type": "enabled", "budget_tokens": 1024},
        output_config={"effort": "low"},
    )
    assert request == ChatRequest(
        model="auto",
        messages=(Message("system", "Be brief."), Message("user", "hi")),
        max_tokens=12,
        sampling=Sampling(temperature=0.5, top_p=0.9, top_k=40),
        stop=("a", "b"),
        stream=True,
        include_usage=True,
        tools=(Tool("weather", "Tells it.", {"type": "object"}, strict=True),),
        tool_choice=ToolChoice("named", "weather"),
        parallel_tool_calls=False,
        thinking=Thinking(enabled=True, effort="low", budget=1024, budget_is_hint=True),
        endpoint="/v1/messages",
    )


FORM: dict[str, Any] = {"type": "json_schema", "schema": {"type": "object"}}


def test_the_form_of_an_answer_is_read_at_both_its_places() -> None:
    expected = ResponseFormat("json_schema", schema={"type": "object"}, name="answer")
    assert request_of(output_config={"format": FORM, "effort": "low"}).response_format == expected
    assert request_of(output_format=FORM).response_format == expected
    assert request_of(output_config={"format": None}, output_format=None).response_format is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Thinking()),
        ({"thinking": None, "output_config": {}}, Thinking()),
        ({"output_config": {"effort": "high"}}, Thinking(effort="high")),
        ({"thinking": {"type": "adaptive", "display": "summarized"}}, Thinking(adaptive=True)),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, Thinking(effort="max", adaptive=True)),
        ({"thinking": {"type": "disabled"}}, Thinking(enabled=False)),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}, Thinking(enabled=False, effort="low")),
    ],
)
def test_thinking_is_read(fields: dict[str, Any], expected: Thinking) -> None:
    assert request_of(**fields).thinking == expected


@pytest.mark.parametrize(
    ("choice", "expected", "parallel"),
    [
        ({"type": "auto"}, ToolChoice("auto"), None),
        ({"type": "auto", "disable_parallel_tool_use": False}, ToolChoice("auto"), None),
        ({"type": "any", "disable_parallel_tool_use": True}, ToolChoice("required"), False),
        ({"type": "none"}, ToolChoice("none"), None),
        ({"type": "tool", "name": "weather"}, ToolChoice("named", "weather"), None),
    ],
)
def test_the_choice_of_tools_is_read(choice: dict[str, Any], expected: ToolChoice, parallel: bool | None) -> None:
    request = request_of(tools=[WEATHER], tool_choice=choice)
    assert (request.tool_choice, request.parallel_tool_calls) == (expected, parallel)


def test_tool_results_become_messages_of_the_tool_in_their_order() -> None:
    call = {"type": "tool_use", "id": "t1", "name": "weather", "input": {"town": "Köln"}}
    assert messages_of(
        HI,
        {"role": "assistant", "content": [text("one "), call, text("moment"), {**call, "id": "t2", "input": {}}]},
        user(
            result("t1", "rain"),
            result("t2", [text("no"), text("thing")], is_error=True),
            text("and"),
            text(" now?"),
            result("t3"),
        ),
    ) == (
        Message("user", "hi"),
        Message(
            "assistant",
            (TextPart("one "), TextPart("moment")),
            tool_calls=(ToolCall("t1", "weather", '{"town": "Köln"}'), ToolCall("t2", "weather", "{}")),
        ),
        Message("tool", "rain", tool_call_id="t1"),
        Message("tool", (TextPart(TOOL_FAILED), TextPart("no"), TextPart("thing")), tool_call_id="t2"),
        Message("user", (TextPart("and"), TextPart(" now?"))),
        Message("tool", "", tool_call_id="t3"),
    )


def test_a_failure_without_parts_is_said_in_its_text() -> None:
    assert messages_of(user(result("t", "no disk", is_error=True)))[0].text() == f"{TOOL_FAILED}no disk"
    assert messages_of(user(result("t", "a disk", is_error=False)))[0].text() == "a disk"


def test_turns_of_one_role_may_follow_each_other_and_instructions_may_come_later() -> None:
    turns = [{"role": role, "content": role} for role in ("user", "user", "assistant", "assistant", "system")]
    assert [m.role for m in messages_of(*turns)] == ["user", "user", "assistant", "assistant", "system"]
    blocks = request_of(system=[text("a"), {**text("b"), **CACHED}])
    assert blocks.messages[0] == Message("system", (TextPart("a"), TextPart("b")))
    assert request_of(system="").messages == request_of(system=[]).messages == (Message("user", "hi"),)


def test_thinking_is_kept_in_the_history_and_what_is_encrypted_is_not() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "anything"}
    both = parsed(
        messages=[
            {"role": "assistant", "content": [thought, {"type": "redacted_thinking", "data": CANARY}, text("yes")]},
            {"role": "assistant", "content": [thought]},
            HI,
        ]
    )
    assert both.request.messages[0] == Message("assistant", (TextPart("yes"),), reasoning="hm")
    assert both.request.messages[1] == Message("assistant", "", reasoning="hm")
    assert both.ignored_fields == ("redacted_thinking",) and CANARY not in repr(both.request)


def test_pictures_and_files_come_in_the_form_that_is_read() -> None:
    picture = {"type": "image", **source("base64", media_type="image/png", data="QUJD")}
    pdf = {"type": "document", **source("base64", media_type="application/pdf", data="QUJD")}
    (message,) = messages_of(user(text("a"), picture, {**pdf, "title": "Annual", "context": "of 2019"}))
    first, image, head, file = message.content or ()
    assert isinstance(image, OpaquePart) and isinstance(file, OpaquePart)
    assert first == TextPart("a") and head == TextPart("\n[document: Annual: of 2019]\n")
    for part, media_type in ((image, "image/png"), (file, "application/pdf")):
        inline = part.inline()
        assert inline is not None and inline.data() == b"ABC" and inline.media_type == media_type
    (tool,) = messages_of(user(result("t", [picture])))
    assert tool.role == "tool" and tool.opaque_parts() == (image,)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("image", source("url", url="https://example.com/a.png")),
        ("image", source("file", file_id="f_1")),
        ("document", source("url", url="https://example.com/a.pdf")),
        ("document", source("file", file_id="f_1")),
    ],
)
def test_what_stands_elsewhere_has_no_bytes_to_be_read(kind: str, fields: dict[str, Any]) -> None:
    (part,) = messages_of(user({"type": kind, **fields}))[0].opaque_parts()
    assert part.inline() is None and list(fields["source"].values())[1] in repr(part.raw)


def test_documents_of_text_are_text() -> None:
    plain = {"type": "document", **source("text", media_type="text/plain", data="Tides."), "title": "Sea"}
    blocks = {"type": "document", **source("content", content=[text("Ebb"), text(" and flow.")])}
    string = {"type": "document", **source("content", content="Moon."), "citations": {"enabled": False}}
    (message,) = messages_of(user(plain, blocks, string))
    end = "\n[end of document]\n"
    assert message.text() == (f"\n[document: Sea]\nTides.{end}\n[document]\nEbb and flow.{end}\n[document]\nMoon.{end}")


def test_what_has_no_effect_is_named_and_kept_for_inspection_or_dropped() -> None:
    both = parsed(
        metadata={"user_id": "u"},
        service_tier="auto",
        speed=None,
        system=[{**text("s"), **CACHED}],
        tools=[{**WEATHER, **CACHED, "eager_input_streaming": True, "allowed_callers": ["direct"]}],
        thinking={"type": "adaptive", "display": "omitted"},
        messages=[user({**result("t", [{**text("x"), **CACHED}]), **CACHED}), HI],
    )
    named = ("cache_control", "eager_input_streaming", "metadata", "service_tier", "thinking.display")
    assert both.ignored_fields == named
    assert both.request.unsent == {"metadata": {"user_id": "u"}, "service_tier": "auto", "speed": None}
    assert "ephemeral" not in repr(both.request)


@pytest.mark.parametrize("name", sorted(NEUTRAL))
def test_an_unsupported_field_is_accepted_at_its_default_and_refused_by_name_otherwise(name: str) -> None:
    for neutral in (None, *NEUTRAL[name]):
        assert request_of(**{name: neutral}) == request_of()
    error = refusal(**{name: [CANARY]})
    assert isinstance(error, UnsupportedField) and error.param == f"/{name}"


@pytest.mark.parametrize("kind", SERVER_BLOCKS)
def test_a_block_of_anthropics_own_tools_is_refused_by_name(kind: str) -> None:
    error = refusal(messages=[user({"type": kind, "content": CANARY})])
    assert kind in error.message and error.param == "/messages/0/content/0/type"


@pytest.mark.parametrize("kind", ["web_search_20260318", "bash_20250124", "computer_20250124", "mcp_toolset"])
def test_a_tool_of_anthropics_own_is_refused_by_name_and_an_unknown_one_without(kind: str) -> None:
    error = refusal(tools=[WEATHER, {"type": kind, "name": CANARY}])
    assert kind.split("_2")[0] in error.message and error.param == "/tools/1/type"
    assert "custom" in refusal(tools=[{"type": CANARY, "name": "x"}]).message


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": None}, "/max_tokens"),
        ({"max_tokens": 0}, "/max_tokens"),
        ({"messages": []}, "/messages"),
        ({"messages": "x"}, "/messages"),
        ({"messages": [CANARY]}, "/messages/0"),
        ({"messages": [{"role": CANARY, "content": "x"}]}, "/messages/0/role"),
        ({"messages": [{"role": "user", "content": None}]}, "/messages/0/content"),
        ({"messages": [{"role": "user", "content": []}]}, "/messages/0/content"),
        ({"messages": [{"role": "user", "content": "x", CANARY: 1}]}, "/messages/0"),
        ({"messages": [user(CANARY)]}, "/messages/0/content/0"),
        ({"messages": [user({"type": [CANARY]})]}, "/messages/0/content/0/type"),
        ({"messages": [user({"type": "thinking", "thinking": "x"})]}, "/messages/0/content/0/type"),
        ({"messages": [user({**text("x"), CANARY: 1})]}, "/messages/0/content/0"),
        ({"messages": [user({**text("x"), "citations": [CANARY]})]}, "/messages/0/content/0/citations"),
        ({"messages": [user({**text("x"), "cache_control": CANARY})]}, "/messages/0/content/0/cache_control"),
        ({"messages": [user(result("", "x"))]}, "/messages/0/content/0/tool_use_id"),
        ({"messages": [user(result("t", [result("t")]))]}, "/messages/0/content/0/content/0/type"),
        ({"messages": [user(result("t", "x", is_error=1))]}, "/messages/0/content/0/is_error"),
        ({"messages": [user({"type": "image"})]}, "/messages/0/content/0/source"),
        ({"messages": [user({"type": "image", **source(CANARY)})]}, "/messages/0/content/0/source/type"),
        (
            {"messages": [user({"type": "image", **source("base64", media_type=f"image/png;{CANARY}", data="QQ==")})]},
            "/messages/0/content/0/source/media_type",
        ),
        (
            {"messages": [user({"type": "document", **source("base64", media_type="text/plain", data="QQ==")})]},
            "/messages/0/content/0/source/media_type",
        ),
        (
            {
                "messages": [
                    user({"type": "document", **source("content", content="x"), "citations": {"enabled": True}})
                ]
            },
            "/messages/0/content/0/citations",
        ),
        ({"messages": [HI, {"role": "assistant", "content": "The answer is ("}]}, "/messages"),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f"}]}, HI]},
            "/messages/0/content/0/input",
        ),
        ({"system": 3}, "/system"),
        ({"system": [{"type": "image"}]}, "/system/0/type"),
        ({"model": ""}, "/model"),
        ({"temperature": 1.5}, "/temperature"),
        ({"top_p": 0}, "/top_p"),
        ({"top_k": -1}, "/top_k"),
        ({"stop_sequences": "x"}, "/stop_sequences"),
        ({"stop_sequences": [""]}, "/stop_sequences/0"),
        ({"stop_sequences": ["x"] * 17}, "/stop_sequences"),
        ({"stream": "yes"}, "/stream"),
        ({"thinking": CANARY}, "/thinking"),
        ({"thinking": {"type": CANARY}}, "/thinking/type"),
        ({"thinking": {"type": "between_tools"}}, "/thinking/type"),
        ({"thinking": {"type": "enabled"}}, "/thinking/budget_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": 4716_2093_8854_1000}}, "/thinking/budget_tokens"),
        ({"thinking": {"type": "adaptive", "budget_tokens": 5}}, "/thinking"),
        ({"thinking": {"type": "adaptive", "display": CANARY}}, "/thinking/display"),
        ({"output_config": {"effort": CANARY}}, "/output_config/effort"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "/output_config/format/schema"),
        ({"output_config": {"format": {"type": CANARY, "schema": {}}}}, "/output_config/format/type"),
        ({"output_config": {"format": {"type": "json_schema", "schema": {}, CANARY: 1}}}, "/output_config/format"),
        ({"output_config": {"task_budget": {"type": "tokens"}}}, "/output_config/task_budget"),
        ({"output_format": CANARY}, "/output_format"),
        ({"output_format": FORM, "output_config": {"format": FORM}}, "/output_format"),
        ({"tools": [{"name": f"bad {CANARY}", "input_schema": {}}]}, "/tools/0/name"),
        ({"tools": [{"name": "f"}]}, "/tools/0/input_schema"),
        ({"tools": [{**WEATHER, "defer_loading": True}]}, "/tools/0/defer_loading"),
        ({"tools": [{**WEATHER, "input_examples": [{"a": CANARY}]}]}, "/tools/0/input_examples"),
        ({"tools": [{**WEATHER, CANARY: 1}]}, "/tools/0"),
        ({"tools": [WEATHER, WEATHER]}, "/tools"),
        ({"tool_choice": "auto"}, "/tool_choice"),
        ({"tool_choice": {"type": CANARY}}, "/tool_choice/type"),
        ({"tool_choice": {"type": "any"}}, "/tool_choice"),
        ({"tool_choice": {"type": "tool", "name": "other"}, "tools": [WEATHER]}, "/tool_choice"),
    ],
)
def test_a_wrong_value_is_refused_at_its_pointer(fields: dict[str, Any], param: str) -> None:
    assert refusal(**fields).param == param


def test_an_unknown_field_is_refused_without_repeating_it() -> None:
    assert "field 4 of 4" in refusal(**{CANARY: 1}).message


def test_a_body_to_be_counted_needs_no_limit_and_may_end_anywhere() -> None:
    body: dict[str, Any] = {"model": "auto", "messages": [HI, {"role": "assistant", "content": "The"}]}
    assert parse_messages(body, counting=True).request.max_tokens is None


names = st.sampled_from(
    [
        *sorted(READ | IGNORED | NEUTRAL.keys() | {field for fields in FIELDS.values() for field in fields}),
        *("type", "role", "content", "effort", "media_type", "data", "url", "file_id", "cache_control", "name"),
        *("description", "input_schema", "budget_tokens", "disable_parallel_tool_use", "enabled", CANARY),
    ]
)
words = sorted({kind for kinds in BLOCKS.values() for kind in kinds})
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(-2, 3)
    | st.sampled_from(["user", "assistant", "base64", "content", "auto", "tool", "enabled", "image/png", "", CANARY])
    | st.sampled_from(words),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
    max_leaves=8,
)
inner = ("text", "source", "content", "input", "title", "id", "name", "thinking", "tool_use_id")
blocks = st.fixed_dictionaries({"type": st.sampled_from(words)}, optional=dict.fromkeys(inner, values))


@given(st.dictionaries(names, values, max_size=6), st.lists(blocks, max_size=3), st.sampled_from(["user", "assistant"]))
@settings(max_examples=150, deadline=None)
def test_any_json_gives_a_request_or_a_refusal_without_content(
    fields: dict[str, Any], content: list[Any], role: str
) -> None:
    whole = {"model": "auto", "max_tokens": 3, "messages": [{"role": role, "content": content}, HI]}
    for candidate in (fields, {**whole, **fields}, whole):
        try:
            request = parse_messages(candidate).request
        except RequestError as raised:
            shown = json.dumps(raised.public())
        else:
            assert isinstance(request, ChatRequest)
            continue
        assert CANARY not in shown
