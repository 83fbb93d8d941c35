from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.chat.tool_calls import hermes, llama3_json, nemotron_json
from nemora.chat.tool_calls.call import Call

OFFERED = {"weather": None, "time": None}
FORMATS = [hermes, nemotron_json, llama3_json]


def parse(tool_format, parts):
    parser = tool_format.parser(OFFERED)
    items = [item for part in parts for item in parser.feed(part)] + parser.flush()
    merged: list[str | Call] = []
    for item in items:
        if isinstance(item, str) and merged and isinstance(merged[-1], str):
            merged[-1] += item
        else:
            merged.append(item)
    return merged


CALL = '{"name": "weather", "arguments": {"city": "Köln </tool_call> \\"x\\""}}'
READ = Call("weather", '{"city": "Köln </tool_call> \\"x\\""}')
CASES = [
    (hermes, f"<tool_call>\n{CALL}\n</tool_call>", [READ]),
    (hermes, f"Let me see.\n<tool_call>{CALL}</tool_call>\n<tool_call>{CALL}</tool_call>\n", ["Let me see.\n", READ, READ]),
    (hermes, f"<tool_call>{CALL}", [READ]),
    (hermes, f"<tool_call>{CALL}</tool_call> and so on", [READ, "and so on"]),
    (hermes, '<tool_call>{"name": "time"}</tool_call>', [Call("time", "{}")]),
    (hermes, '<tool_call>{"name": "time", "arguments": "{\\"a\\": 1}"}</tool_call>', [Call("time", '{"a": 1}')]),
    (hermes, "<tool_call>{broken</tool_call> rest", ["<tool_call>{broken</tool_call> rest"]),
    (hermes, '<tool_call>{"name": "rm"}</tool_call>', ['<tool_call>{"name": "rm"}</tool_call>']),
    (hermes, '<tool_call>{"name": "time", "arguments": [1]}</tool_call>', ['<tool_call>{"name": "time", "arguments": [1]}</tool_call>']),
    (hermes, '<tool_call>{"name": "wea', ['<tool_call>{"name": "wea']),
    (hermes, "a <tool_ b </tool_call> c", ["a <tool_ b </tool_call> c"]),
    (hermes, "<tool_call>" + "[" * 5000 + "</tool_call>", ["<tool_call>" + "[" * 5000 + "</tool_call>"]),
    (nemotron_json, f'<TOOLCALL>[{CALL}, {{"name": "time"}}]</TOOLCALL>', [READ, Call("time", "{}")]),
    (nemotron_json, "<TOOLCALL>[]</TOOLCALL>", ["<TOOLCALL>[]</TOOLCALL>"]),
    (nemotron_json, '<TOOLCALL>[{"name": "time"}, 5]</TOOLCALL>', ['<TOOLCALL>[{"name": "time"}, 5]</TOOLCALL>']),
    (llama3_json, '{"name": "time", "parameters": {"z": "utc"}}', [Call("time", '{"z": "utc"}')]),
    (llama3_json, '<|python_tag|>{"name": "time", "parameters": {}}; {"name": "weather"}', [Call("time", "{}"), Call("weather", "{}")]),
    (llama3_json, '{"name": "time", "parameters": {}} that was it', ['{"name": "time", "parameters": {}} that was it']),
    (llama3_json, '{"answer": 42}', ['{"answer": 42}']),
    (llama3_json, '  {"name": "time"', ['  {"name": "time"']),
    (llama3_json, "Plain {text}", ["Plain {text}"]),
    (llama3_json, "<|pyth", ["<|pyth"]),
    (llama3_json, " \n", [" \n"]),
]  # fmt: skip


@pytest.mark.parametrize(("tool_format", "text", "expected"), CASES)
def test_answer_is_read_the_same_at_any_split(tool_format, text, expected):
    assert parse(tool_format, [text]) == expected
    if len(text) < 500:
        assert parse(tool_format, list(text)) == expected
    for seed in range(10):
        cuts = sorted(random.Random(seed).choices(range(len(text) + 1), k=4))
        parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        assert parse(tool_format, parts) == expected


@settings(max_examples=150)
@given(
    st.sampled_from(FORMATS),
    st.lists(
        st.sampled_from(["<tool_call>", "</tool_call>", "<TOOLCALL>", "</TOOLCALL>", "<|python_tag|>", '{"name": "time"}', "{", "}", "[", "]", '"', "x", " ", ";", "\n", "<tool"]),
        max_size=10,
    ),
)  # fmt: skip
def test_nothing_but_calls_and_space_is_lost(tool_format, parts):
    text = "".join(parts)
    items = parse(tool_format, parts)
    assert items == parse(tool_format, [text])
    if not any(isinstance(item, Call) for item in items):
        assert "".join(items) == text
    for item in items:
        assert isinstance(item, str) or (item.name in OFFERED and isinstance(json.loads(item.arguments), dict))


def test_plain_text_is_not_held_back():
    for tool_format in FORMATS:
        assert tool_format.parser(OFFERED).feed("Hello") == ["Hello"]


def test_families_are_recognised_by_what_their_template_teaches():
    hermes_like = '<tool_call>\n{\\"name\\": <name>, \\"arguments\\": <args>}\n</tool_call>'
    xml_like = '<tool_call>\n<function=NAME>\n<parameter=KEY>\n"arguments"'
    llama_like = '<|start_header_id|>{"name": function name, "parameters": dictionary}'
    nemotron_like = '<|start_header_id|>\'<TOOLCALL>[{{"name"'
    for tool_format, sample in ((hermes, hermes_like), (llama3_json, llama_like), (nemotron_json, nemotron_like)):
        assert tool_format.recognises(sample)
    assert not any(f.recognises(xml_like) for f in FORMATS)
    assert not any(f.recognises("<|im_start|>") for f in FORMATS)
