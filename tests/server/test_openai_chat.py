"""The chat completions body: each field is read, ignored by list, or refused by name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.core import ChatRequest, OpaquePart, Sampling, TextPart, Thinking, ToolCall, ToolChoice
from nemora.errors import RequestError, UnsupportedField
from nemora.server.openai_chat import IGNORED, MESSAGE_FIELDS, NEUTRAL, READ, parse_chat_request

CANARY = "CANARY-7f3a"
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


def body(**fields: Any) -> dict[str, Any]:
    return {"model": "auto", "messages": [{"role": "user", "content": "hi"}], **fields}


def request_of(**fields: Any) -> ChatRequest:
    return parse_chat_request(body(**fields)).request


def refusal(**fields: Any) -> RequestError:
    with pytest.raises(RequestError) as raised:
        parse_chat_request(body(**fields))
    assert CANARY not in json.dumps(raised.value.public())
    return raised.value


def test_every_supported_field_is_read() -> None:
    request = request_of(
        messages=[
            {"role": "system", "content": "s", "name": "boss"},
            {"role": "developer", "content": [{"type": "text", "text": "d"}]},
            {
                "role": "user",
                "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "x"}}],
            },
            {
                "role": "assistant",
                "content": None,
                "reasoning": "r",
                "reasoning_content": "r",
                "refusal": None,
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}],
            },
            {"role": "tool", "content": "rain", "tool_call_id": "c1"},
        ],
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        min_p=0.05,
        seed=-7,
        max_completion_tokens=12,
        stop=["a", "b"],
        stream=True,
        stream_options={"include_usage": True},
        tools=[WEATHER],
        tool_choice={"type": "function", "function": {"name": "weather"}},
        parallel_tool_calls=False,
    )
    assert [m.role for m in request.messages] == ["system", "developer", "user", "assistant", "tool"]
    assert request.messages[0].name == "boss"
    assert request.messages[1].content == (TextPart("d"),)
    assert request.messages[2].content == (
        TextPart("a"),
        OpaquePart("image_url", {"type": "image_url", "image_url": {"url": "x"}}),
    )
    assert request.messages[3].tool_calls == (ToolCall("c1", "weather", "{}"),)
    assert request.messages[3].reasoning == "r"
    assert request.messages[4].tool_call_id == "c1"
    assert request.sampling == Sampling(temperature=0.5, top_p=0.9, top_k=40, min_p=0.05, seed=-7)
    assert (request.max_tokens, request.stop, request.stream, request.include_usage) == (12, ("a", "b"), True, True)
    assert request.tools[0].name == "weather" and request.tools[0].parameters == {"type": "object"}
    assert request.tool_choice == ToolChoice("named", "weather")
    assert request.parallel_tool_calls is False


def test_fields_without_effect_are_named_and_kept_for_inspection() -> None:
    parsed = parse_chat_request(body(user="u", metadata={"k": "v"}, store=None, prompt_cache_key="p"))
    assert parsed.ignored_fields == ("metadata", "prompt_cache_key", "user")
    assert parsed.request.unsent == {"user": "u", "metadata": {"k": "v"}, "store": None, "prompt_cache_key": "p"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Thinking()),
        ({"reasoning_effort": None, "chat_template_kwargs": {}}, Thinking()),
        ({"reasoning_effort": "none"}, Thinking(effort="none")),
        ({"reasoning_effort": "xhigh"}, Thinking(effort="xhigh")),
        ({"chat_template_kwargs": {"enable_thinking": False}}, Thinking(enabled=False)),
        ({"chat_template_kwargs": {"enable_thinking": True, "low_effort": True}}, Thinking(True, "low")),
        ({"chat_template_kwargs": {"medium_effort": True, "low_effort": False}}, Thinking(effort="medium")),
        ({"chat_template_kwargs": {"reasoning_budget": 512}}, Thinking(budget=512)),
        ({"chat_template_kwargs": {"truncate_history_thinking": False}}, Thinking(keep_history=True)),
    ],
)
def test_thinking_is_read(fields: dict[str, Any], expected: Thinking) -> None:
    assert request_of(**fields).thinking == expected


@pytest.mark.parametrize(
    "fields",
    [
        {"reasoning_effort": CANARY},
        {"reasoning_effort": 3},
        {"reasoning_effort": ["low"]},
        {"chat_template_kwargs": CANARY},
        {"chat_template_kwargs": {CANARY: True}},
        {"chat_template_kwargs": {"documents": [CANARY]}},
        {"chat_template_kwargs": {"enable_thinking": CANARY}},
        {"chat_template_kwargs": {"enable_thinking": 1}},
        {"chat_template_kwargs": {"low_effort": "true"}},
        {"chat_template_kwargs": {"reasoning_budget": CANARY}},
        {"chat_template_kwargs": {"reasoning_budget": 0}},
        {"chat_template_kwargs": {"reasoning_budget": 4716_2093_8854_1000}},
        {"chat_template_kwargs": {"low_effort": True, "medium_effort": True}},
        {"chat_template_kwargs": {"enable_thinking": True}, "reasoning_effort": "none"},
        {"chat_template_kwargs": {"low_effort": True}, "reasoning_effort": "high"},
    ],
)
def test_no_text_comes_in_as_a_templates_variable(fields: dict[str, Any]) -> None:
    assert refusal(**fields).param


@pytest.mark.parametrize("name", sorted(NEUTRAL))
def test_an_unsupported_field_is_accepted_at_its_default_and_refused_by_name_otherwise(name: str) -> None:
    assert request_of(**{name: None}) == request_of()
    for neutral in NEUTRAL[name]:
        assert request_of(**{name: neutral}) == request_of()
    error = refusal(**{name: [CANARY]})
    assert isinstance(error, UnsupportedField) and error.param == f"/{name}"


def test_false_is_not_zero_and_zero_is_not_false() -> None:
    assert refusal(logprobs=0).param == "/logprobs"
    assert refusal(frequency_penalty=False).param == "/frequency_penalty"
    assert request_of(frequency_penalty=0.0, n=1.0, top_logprobs=0, logit_bias={}) == request_of()


def test_every_sampling_field_of_vllm_and_openai_is_read() -> None:
    request = request_of(
        frequency_penalty=0.5,
        presence_penalty=-0.5,
        repetition_penalty=1.1,
        logit_bias={"7": -100, "12": 1.5},
        bad_words=["a b", "c"],
        stop_token_ids=[5, 6.0],
        min_tokens=3,
        ignore_eos=True,
        logprobs=True,
        top_logprobs=4,
        n=3,
        priority=-5,
        cache_salt="salt",
        thinking_token_budget=0,
        messages=[{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Well"}],
        add_generation_prompt=False,
        continue_final_message=True,
    )
    assert request.sampling == Sampling(
        frequency_penalty=0.5,
        presence_penalty=-0.5,
        repetition_penalty=1.1,
        logit_bias={7: -100.0, 12: 1.5},
        bad_words=("a b", "c"),
        stop_token_ids=(5, 6),
        min_tokens=3,
        ignore_eos=True,
        logprobs=4,
    )
    assert (request.choices, request.priority, request.cache_salt) == (3, 1, "salt")
    assert request.thinking == Thinking(limit=0)
    assert (request.generation_prompt, request.continue_final) == (False, True)
    assert [request_of(priority=value).priority for value in (None, 0, 9, -9)] == [0, 0, -1, 1]
    assert request_of(logprobs=True).sampling.logprobs == 0
    assert request_of(thinking_budget=9, thinking_token_budget=9).thinking == Thinking(limit=9)
    assert request_of(add_generation_prompt=True) == request_of()


def test_an_unknown_field_is_refused_without_repeating_it() -> None:
    assert "field 3 of 3" in refusal(**{CANARY: 1}).message
    inner = refusal(messages=[{"role": "user", "content": "x", CANARY: 1}])
    assert inner.param == "/messages/0" and "field 3 of 3" in inner.message
    assert refusal(tools=[{"type": "function", "function": {"name": "f", CANARY: 1}}]).param == "/tools/0/function"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "/messages"),
        ({"messages": None}, "/messages"),
        ({"messages": "x"}, "/messages"),
        ({"messages": [CANARY]}, "/messages/0"),
        ({"messages": [{"role": CANARY, "content": "x"}]}, "/messages/0/role"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "/messages/0/role"),
        ({"messages": [{"role": "user"}]}, "/messages/0/content"),
        ({"messages": [{"role": "user", "content": None}]}, "/messages/0/content"),
        ({"messages": [{"role": "user", "content": []}]}, "/messages/0/content"),
        ({"messages": [{"role": "user", "content": 7}]}, "/messages/0/content"),
        ({"messages": [{"role": "user", "content": [{"type": CANARY}]}]}, "/messages/0/content/0/type"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]}, "/messages/0/content/0/text"),
        ({"messages": [{"role": "assistant"}]}, "/messages/0/content"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "/messages/0/tool_call_id"),
        ({"messages": [{"role": "user", "content": "x", "tool_calls": [1]}]}, "/messages/0"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": ""}]}]}, "/messages/0/tool_calls/0/function"),
        ({"messages": [{"role": "assistant", "content": "x", "refusal": CANARY}]}, "/messages/0/refusal"),
        ({"messages": [{"role": "assistant", "content": "x", "audio": {"id": CANARY}}]}, "/messages/0/audio"),
        ({"messages": [{"role": "assistant", "reasoning": "a", "reasoning_content": "b"}]}, "/messages/0/reasoning"),
        ({"model": ""}, "/model"),
        ({"model": 3}, "/model"),
        ({"temperature": 3}, "/temperature"),
        ({"temperature": True}, "/temperature"),
        ({"temperature": CANARY}, "/temperature"),
        ({"top_p": 0}, "/top_p"),
        ({"top_k": 0}, "/top_k"),
        ({"top_k": 1.5}, "/top_k"),
        ({"min_p": -1}, "/min_p"),
        ({"seed": 2**63}, "/seed"),
        ({"max_tokens": 0}, "/max_tokens"),
        ({"max_tokens": -5}, "/max_tokens"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "/max_tokens"),
        ({"n": 17}, "/n"),
        ({"n": 0}, "/n"),
        ({"frequency_penalty": 2.5}, "/frequency_penalty"),
        ({"presence_penalty": CANARY}, "/presence_penalty"),
        ({"repetition_penalty": 0}, "/repetition_penalty"),
        ({"logit_bias": [1]}, "/logit_bias"),
        ({"logit_bias": {CANARY: 1}}, "/logit_bias"),
        ({"logit_bias": {"-1": 1}}, "/logit_bias"),
        ({"logit_bias": {"7": 1, "07": 2}}, "/logit_bias"),
        ({"logit_bias": {"7": None}}, "/logit_bias"),
        ({"logit_bias": {"7": 101}}, "/logit_bias"),
        ({"logit_bias": {"4716209388541000": 1}}, "/logit_bias"),
        ({"bad_words": CANARY}, "/bad_words"),
        ({"bad_words": [""]}, "/bad_words/0"),
        ({"stop_token_ids": [None]}, "/stop_token_ids"),
        ({"stop_token_ids": [4716209388541000]}, "/stop_token_ids/0"),
        ({"min_tokens": -1}, "/min_tokens"),
        ({"ignore_eos": 1}, "/ignore_eos"),
        ({"top_logprobs": 2}, "/top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "/top_logprobs"),
        ({"priority": "high"}, "/priority"),
        ({"cache_salt": ""}, "/cache_salt"),
        ({"cache_salt": "x" * 257}, "/cache_salt"),
        ({"thinking_budget": 1, "thinking_token_budget": 2}, "/thinking_budget"),
        ({"thinking_budget": -1}, "/thinking_budget"),
        ({"continue_final_message": True}, "/continue_final_message"),
        ({"continue_final_message": True, "add_generation_prompt": True}, "/continue_final_message"),
        ({"stop": ["x"] * 17}, "/stop"),
        ({"stop": [""]}, "/stop/0"),
        ({"stop": 5}, "/stop"),
        ({"stream": "yes"}, "/stream"),
        ({"stream_options": {"include_usage": 1}}, "/stream_options/include_usage"),
        ({"tools": [{"type": "web_search"}]}, "/tools/0/type"),
        ({"tools": ""}, "/tools"),
        ({"tools": [{"type": "function", "function": {"name": f"bad {CANARY}"}}]}, "/tools/0/function/name"),
        ({"tools": [WEATHER, WEATHER]}, "/tools"),
        ({"tool_choice": "required"}, "/tool_choice"),
        ({"tool_choice": CANARY}, "/tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}, "tools": [WEATHER]}, "/tool_choice"),
    ],
)
def test_a_wrong_value_is_refused_at_its_pointer(fields: dict[str, Any], param: str) -> None:
    assert refusal(**fields).param == param


def test_a_body_that_is_no_object_is_refused() -> None:
    with pytest.raises(RequestError):
        parse_chat_request([body()])


def test_what_clients_add_to_an_answer_is_dropped_and_no_part_of_the_request() -> None:
    said = {"role": "assistant", "content": "a", "parsed": {"k": CANARY}, "provider_specific_fields": {"r": CANARY}}
    function = {"name": "weather", "arguments": "{}", "parsed_arguments": {"k": CANARY}}
    called = {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": function}]}
    request = request_of(messages=[said, called])
    assert CANARY not in repr(request) and request.messages[1].tool_calls == (ToolCall("1", "weather", "{}"),)
    with pytest.raises(UnsupportedField):
        request_of(messages=[{"role": "user", "content": "a", "parsed": {}}])


def test_a_dumped_answer_can_be_sent_back_as_history() -> None:
    openai = pytest.importorskip("openai")
    dumped = openai.types.chat.ChatCompletionMessage(role="assistant", content="hello").model_dump()
    request = request_of(messages=[{"role": "user", "content": "hi"}, dumped])
    assert request.messages[1].content == "hello"


names = st.sampled_from(
    [
        *sorted(READ | IGNORED | NEUTRAL.keys() | {f for fields in MESSAGE_FIELDS.values() for f in fields}),
        "type",
        "text",
        "function",
        "parameters",
        "arguments",
        "id",
        "index",
        CANARY,
    ]
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(-2, 3)
    | st.sampled_from(["user", "tool", "assistant", "function", "text", "auto", "image_url", "", CANARY]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
    max_leaves=25,
)


@given(st.dictionaries(names, values, max_size=6), values)
@settings(max_examples=500, deadline=None)
def test_any_json_gives_a_request_or_a_refusal_without_content(fields: dict[str, Any], message: Any) -> None:
    for candidate in (fields, {**fields, "model": "auto", "messages": [message]}):
        try:
            parsed = parse_chat_request(candidate)
        except RequestError as raised:
            shown = json.dumps(raised.public())
        else:
            assert isinstance(parsed.request, ChatRequest)
            continue
        assert CANARY not in shown
