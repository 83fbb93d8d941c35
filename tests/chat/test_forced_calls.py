"""Calls under a grammar: whatever a model says, its reader finds calls whose arguments fit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grammar_world import EOS, LONGER, mask_of, matchers_of, said, vocabulary
from nemora.chat.answer import AnswerReader
from nemora.chat.answer_grammar import answer_grammar
from nemora.chat.format import TOOL_FORMATS, Format
from nemora.chat.grammar_compiler import GrammarCompiler
from nemora.chat.tool_calls import hermes, llama3_json, nemotron_json, nemotron_xml
from nemora.core import ChatRequest, Message, ResponseFormat, StopReason, Tool, ToolChoice
from nemora.errors import RequestError, UnsupportedField

WEATHER = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "maxLength": 6},
        "days": {"type": "integer", "minimum": 1, "maximum": 14},
        "unit": {"enum": ["C", "F", None]},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 2},
        "exact": {"type": "boolean"},
        "code": {"type": "string", "pattern": "^[A-Z]{2}$"},
        "note": {"anyOf": [{"$ref": "#/$defs/Word"}, {"type": "null"}]},
        "any": {},
    },
    "required": ["city", "days"],
    "$defs": {"Word": {"type": "string", "minLength": 1, "maxLength": 3}},
}
OTHER = {
    "type": "object",
    "properties": {"level": {"type": "number", "minimum": 0, "maximum": 1}},
    "required": ["level"],
}
TOOLS = (Tool("weather", parameters=WEATHER), Tool("set.level", parameters=OTHER), Tool("stop"))
FORMATS = {
    module.__name__.rpartition(".")[2]: Format(
        tool_parser=module.parser, call_rules=module.rules, call_tags=module.TAGS, markup=module.MARKUP
    )
    for module in TOOL_FORMATS
}
MARKUP = {True: vocabulary("<tool_call>", "</tool_call>", "<TOOLCALL>", "</TOOLCALL>"), False: vocabulary()}
MATCHERS = {one_token: matchers_of(tokenizer) for one_token, tokenizer in MARKUP.items()}
END_VALUE = 256 + LONGER.index(b"\n</parameter>\n")
formats = st.sampled_from(sorted(FORMATS))


def request(tools: Sequence[Tool] = TOOLS, **more: Any) -> ChatRequest:
    return ChatRequest(model="m", messages=(Message("user", "a"),), tools=tuple(tools), **more)


def answer(
    asked: ChatRequest, format: str, one_token: bool, seed: int, free: int = 30
) -> tuple[str, list[tuple[str, Any]], StopReason]:
    """The text, the calls and the end of a random model's answer."""
    tokenizer = MARKUP[one_token]
    grammar = answer_grammar(asked, asked.tools, FORMATS[format], tokenizer.special.ids)
    assert grammar is not None
    ids = said(mask_of(grammar, MATCHERS[one_token]), seed, free=free, prefer=[END_VALUE, ord("\n")])
    offered = {tool.name: tool.parameters for tool in asked.tools}
    single = asked.parallel_tool_calls is False
    reader = AnswerReader(tokenizer, FORMATS[format], prompt_tokens=1, offered=offered, max_calls=1 if single else None)
    deltas = [*reader.feed(ids), *reader.finish(StopReason.STOP)]
    calls = [(d.tool_call.name or "", json.loads(d.tool_call.arguments)) for d in deltas if d.tool_call is not None]
    assert deltas[-1].finish is not None
    return "".join(d.text for d in deltas), calls, deltas[-1].finish


def fits(calls: Sequence[tuple[str, Any]]) -> None:
    schemas = {tool.name: tool.parameters or {"type": "object"} for tool in TOOLS}
    for name, arguments in calls:
        jsonschema.validate(arguments, schemas[name])


@settings(max_examples=24)
@given(format=formats, one_token=st.booleans(), seed=st.integers(0, 2**32))
def test_a_required_call_is_made_and_its_arguments_fit(format: str, one_token: bool, seed: int) -> None:
    text, calls, finish = answer(request(tool_choice=ToolChoice("required")), format, one_token, seed)
    assert calls and not text.strip() and finish is StopReason.TOOL_CALLS
    fits(calls)


@settings(max_examples=12)
@given(format=formats, one_token=st.booleans(), seed=st.integers(0, 2**32))
def test_without_parallel_calls_exactly_one_is_made(format: str, one_token: bool, seed: int) -> None:
    asked = request(tool_choice=ToolChoice("required"), parallel_tool_calls=False)
    text, calls, _ = answer(asked, format, one_token, seed)
    assert len(calls) == 1 and not text.strip()
    fits(calls)


@settings(max_examples=12)
@given(format=formats, seed=st.integers(0, 2**32), name=st.sampled_from([tool.name for tool in TOOLS]))
def test_a_named_tool_is_called_once_and_no_other(format: str, seed: int, name: str) -> None:
    text, calls, _ = answer(request(tool_choice=ToolChoice("named", name)), format, True, seed)
    assert [called for called, _ in calls] == [name] and not text.strip()
    fits(calls)


STRICT = tuple(Tool(tool.name, parameters=tool.parameters, strict=True) for tool in TOOLS)


@pytest.mark.parametrize("one_token", [True, False])
@pytest.mark.parametrize("format", [f for f in sorted(FORMATS) if FORMATS[f].call_tags])
def test_arguments_of_strict_tools_fit_once_a_call_begins(format: str, one_token: bool) -> None:
    tokenizer, tags = MARKUP[one_token], FORMATS[format].call_tags
    assert tags is not None
    grammar = answer_grammar(request(STRICT), STRICT, FORMATS[format], tokenizer.special.ids)
    assert grammar is not None
    for seed in range(3):
        mask = mask_of(grammar, MATCHERS[one_token])
        begun = [*b"so: ", *([tokenizer.special.ids[tags[0]]] if one_token else tags[0].encode())]
        for token_id in begun:
            assert mask.allowed()[token_id]
            mask.accept(token_id)
        ids = begun + said(mask, seed, prefer=[END_VALUE])
        reader = AnswerReader(
            tokenizer, FORMATS[format], prompt_tokens=1, offered={t.name: t.parameters for t in STRICT}
        )
        deltas = [*reader.feed(ids), *reader.finish(StopReason.STOP)]
        calls = [(d.tool_call.name or "", json.loads(d.tool_call.arguments)) for d in deltas if d.tool_call is not None]
        assert calls and "".join(d.text for d in deltas).startswith("so:")
        fits(calls)


def test_tools_that_are_not_strict_leave_the_answer_free() -> None:
    for format in FORMATS.values():
        assert answer_grammar(request(), TOOLS, format, {}) is None


def test_strict_needs_tags_or_a_call_that_is_required() -> None:
    with pytest.raises(UnsupportedField) as caught:
        answer_grammar(request(STRICT), STRICT, FORMATS["llama3_json"], {})
    assert caught.value.param == "/tools"


@settings(max_examples=12)
@given(format=formats, seed=st.integers(0, 2**32))
def test_with_a_form_an_answer_is_calls_or_a_text_of_that_form(format: str, seed: int) -> None:
    asked = request(STRICT, response_format=ResponseFormat("json_schema", schema=OTHER))
    text, calls, _ = answer(asked, format, True, seed)
    assert bool(calls) != bool(text)
    fits(calls)
    if text:
        jsonschema.validate(json.loads(text), OTHER)


@pytest.mark.parametrize(
    "schema", [{"type": "array"}, {"type": "object", "properties": {"a": {"type": "string", "not": {}}}}]
)
@pytest.mark.parametrize("format", sorted(FORMATS))
def test_a_schema_that_cannot_be_forced_is_refused_at_the_tools(format: str, schema: dict[str, Any]) -> None:
    asked = request([Tool("f", parameters=schema)], tool_choice=ToolChoice("required"))
    with pytest.raises(RequestError) as caught:
        compiled(asked, FORMATS[format])
    assert caught.value.param == "/tools"


def compiled(asked: ChatRequest, format: Format) -> None:
    compiler = GrammarCompiler(MARKUP[True], MARKUP[True].size)
    try:
        grammar = answer_grammar(asked, asked.tools, format, {})
        assert grammar is not None
        compiler.compile(grammar)
    finally:
        compiler.close()


XML_REFUSED = {
    "conditions": {"properties": {"a": {"type": "string"}}, "anyOf": [{"required": ["a"]}]},
    "two forms at once": {"properties": {"a": {"allOf": [{"type": "string"}, {"minLength": 2}]}}},
    "a loop": {
        "properties": {"a": {"$ref": "#/$defs/L"}},
        "$defs": {"L": {"anyOf": [{"$ref": "#/$defs/L"}, {"type": "string"}]}},
    },
    "a key with brackets": {"properties": {"<a>": {"type": "string"}}},
    "a choice between anchors": {"properties": {"a": {"type": "string", "pattern": "^a|b$"}}},
    "no text": {"properties": {"a": {"type": "string", "enum": [1]}}},
}


@pytest.mark.parametrize("schema", XML_REFUSED.values(), ids=XML_REFUSED.keys())
def test_what_plain_values_cannot_show_is_refused(schema: dict[str, Any]) -> None:
    asked = request([Tool("f", parameters={"type": "object", **schema})], tool_choice=ToolChoice("required"))
    with pytest.raises(RequestError) as caught:
        answer_grammar(asked, asked.tools, FORMATS["nemotron_xml"], {})
    assert caught.value.param == "/tools"


def test_every_format_of_calls_has_rules() -> None:
    assert {nemotron_xml, hermes, nemotron_json, llama3_json} == set(TOOL_FORMATS)
    assert all(format.call_rules is not None for format in FORMATS.values()) and EOS
