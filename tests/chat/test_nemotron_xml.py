"""Nemotron 3's tool calls: at any split, typed by the schema, and text where they are malformed."""

from __future__ import annotations

import json
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.chat.tool_calls import nemotron_xml
from nemora.chat.tool_calls.call import Call
from nemora.chat.tool_calls.coerce import coerced

SCHEMA = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "count": {"type": "integer"},
        "ratio": {"type": "number"},
        "on": {"type": "boolean"},
        "nothing": {"type": "null"},
        "list": {"type": "array", "items": {"type": "integer"}},
        "table": {"type": "object", "properties": {"a": {"type": "object"}}},
        "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "maybe_count": {"type": ["integer", "null"]},
        "either": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        "level": {"enum": [1, 2, 3]},
        "word": {"enum": ["1", "2"]},
        "named": {"$ref": "#/$defs/Named"},
        "loop": {"$ref": "#/$defs/Loop"},
    },
    "$defs": {"Named": {"type": "integer"}, "Loop": {"anyOf": [{"$ref": "#/$defs/Loop"}, {"type": "boolean"}]}},
}
OFFERED = {"f": SCHEMA, "bare": None}


def parse(parts: list[str]) -> list[str | Call]:
    parser = nemotron_xml.parser(OFFERED)
    items = [item for part in parts for item in parser.feed(part)] + parser.flush()
    merged: list[str | Call] = []
    for item in items:
        if isinstance(item, str) and merged and isinstance(merged[-1], str):
            merged[-1] += item
        else:
            merged.append(item)
    return merged


def block(name: str = "f", **values: str) -> str:
    parameters = "".join(f"<parameter={key}>\n{value}\n</parameter>\n" for key, value in values.items())
    return f"<tool_call>\n<function={name}>\n{parameters}</function>\n</tool_call>"


def call(name: str = "f", **values: object) -> Call:
    return Call(name, json.dumps(values, ensure_ascii=False))


BROKEN = "<tool_call>\n<function=f>\n<parameter=text>\na\n</function>\n</tool_call>"
CASES = [
    (block(text="hi"), [call(text="hi")]),
    (block("bare"), [call("bare")]),
    ("Sure.\n\n" + block(text="a") + "\n" + block("bare") + "\n", ["Sure.\n\n", call(text="a"), call("bare")]),
    (block(text="a") + " so.", [call(text="a"), "so."]),
    (block(text="1\n\n 2 \n"), [call(text="1\n\n 2 \n")]),
    (block(text=""), [call(text="")]),
    ("<tool_call><function=f><parameter=text>a b</parameter></function></tool_call>", [call(text="a b")]),
    (block(text="a</parameter> b </tool_call> </function> <tool_call>", count="3"), [call(text="a</parameter> b </tool_call> </function> <tool_call>", count=3)]),
    (block(text='<function=rm>\n<parameter=x>\n{"é": "日"}'), [call(text='<function=rm>\n<parameter=x>\n{"é": "日"}')]),
    (block(text="a").removesuffix("</tool_call>"), [call(text="a")]),
    (BROKEN, [BROKEN]),
    (BROKEN + block(text="good"), [BROKEN, call(text="good")]),
    (block("rm", text="x"), [block("rm", text="x")]),
    (block("rm", text="<tool_call>\n<function=f>"), [block("rm", text="<tool_call>\n<function=f>")]),
    ("<tool_call>\n<function=f>\n<parameter=text>\na\n</param", ["<tool_call>\n<function=f>\n<parameter=text>\na\n</param"]),
    ("<tool_call>\n<function=f>\nhm\n</function>\n</tool_call>", ["<tool_call>\n<function=f>\nhm\n</function>\n</tool_call>"]),
    ('<tool_call>{"name": "f"}</tool_call>', ['<tool_call>{"name": "f"}</tool_call>']),
    ("The tag <tool_call> opens; " + block("bare"), ["The tag <tool_call> opens; ", call("bare")]),
    ("<tool_call><tool_call>\n<function=bare></function></tool_call>", ["<tool_call>", call("bare")]),
    ("<tool_c", ["<tool_c"]),
    (block(text="a").replace("<parameter=text>\na\n</parameter>\n", "<parameter=text>\na\n</parameter>\n" * 2), None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_answer_is_read_the_same_at_any_split(text, expected):
    expected = [text] if expected is None else expected
    assert parse([text]) == expected
    assert parse(list(text)) == expected
    for seed in range(20):
        cuts = sorted(random.Random(seed).choices(range(len(text) + 1), k=5))
        assert parse([text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]) == expected


PIECES = ["<tool_call>", "</tool_call>", "<function=f>", "<function=bare>", "<function=rm>", "</function>", "<parameter=text>", "<parameter=count>", "</parameter>", "\n", " ", "1", "x", "<tool", "<function", "</"]  # fmt: skip
pieces = st.lists(st.sampled_from([*PIECES, block(text="1"), block("bare")]), max_size=14)


@settings(max_examples=500)
@given(pieces)
def test_any_split_gives_what_the_whole_gives_and_no_text_is_lost(parts):
    text = "".join(parts)
    items = parse(parts)
    assert items == parse([text]) == parse(list(text))
    rest = text
    for item in items:
        if isinstance(item, str):
            at = rest.find(item.strip())
            assert at >= 0
            before, rest = rest[:at], rest[at + len(item.strip()) :]
        else:
            found = re.match(
                r"\s*<tool_call>\s*<function=(f|bare)>.*?</function>(\s*</tool_call>|\s*\Z)", rest, re.DOTALL
            )
            assert found is not None and found[1] == item.name
            before, rest = "", rest[found.end() :]
            assert isinstance(json.loads(item.arguments), dict)
        assert not before.strip()
    assert not rest.strip()


plain = st.text(alphabet="ab1 .\n<>/{}\"'é日", max_size=20).filter(lambda t: "<" not in t or "parameter" not in t)


@settings(max_examples=200)
@given(st.lists(st.tuples(plain, st.integers(-(10**20), 10**20), st.booleans()), max_size=4), st.integers(1, 9))
def test_calls_written_as_the_template_writes_them_come_back(values, step):
    written = "\n".join(block(text=t, count=str(n), on=str(b)) for t, n, b in values)
    expected = [call(text=t, count=n, on=b) for t, n, b in values]
    assert parse([written[i : i + step] for i in range(0, len(written), step)]) == expected


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("text", "5", "5"),
        ("text", "true", "true"),
        ("text", "null", "null"),
        ("text", '{"a": 1}', '{"a": 1}'),
        ("count", "5", 5),
        ("count", " -12\n", -12),
        ("count", "5.0", 5),
        ("count", "5.5", "5.5"),
        ("count", "many", "many"),
        ("count", "9" * 5000, "9" * 5000),
        ("ratio", "0.25", 0.25),
        ("ratio", "1e3", 1000.0),
        ("ratio", "3", 3),
        ("ratio", "NaN", "NaN"),
        ("ratio", "1e999", "1e999"),
        ("on", "true", True),
        ("on", "False", False),
        ("on", "1", "1"),
        ("nothing", "null", None),
        ("nothing", "None", None),
        ("list", "[1, 2]", [1, 2]),
        ("list", "1, 2", "1, 2"),
        ("list", '{"a": 1}', '{"a": 1}'),
        ("list", "[" * 100_000, "[" * 100_000),
        ("list", "[NaN]", "[NaN]"),
        ("table", '{\n "a": {"b": [1, null]}\n}', {"a": {"b": [1, None]}}),
        ("maybe", "null", None),
        ("maybe", "true", "true"),
        ("maybe_count", "None", None),
        ("maybe_count", "7", 7),
        ("either", "7", "7"),
        ("level", "2", 2),
        ("word", "2", "2"),
        ("named", "2", 2),
        ("loop", "true", True),
        ("unknown", "5", "5"),
    ],
)
def test_value_has_the_type_that_the_schema_asks_for(key, text, value):
    (found,) = parse([block(**{key: text})])
    assert isinstance(found, Call)
    read = json.loads(found.arguments)[key]
    expected = text if isinstance(value, str) and value.strip() == text.strip() else value
    assert read == expected and type(read) is type(value)


def test_without_a_schema_values_are_text():
    assert parse([block("bare", a="5", b="[1]")]) == [call("bare", a="5", b="[1]")]


@pytest.mark.parametrize("schema", [None, 5, [], {"type": 7}, {"enum": 3}, {"anyOf": {}}, {"$ref": "#/no/where"}, {"$ref": "http://x.test"}, {"$ref": 1}])  # fmt: skip
def test_schema_that_says_nothing_leaves_text(schema):
    assert coerced("5", schema, {}) == "5"


def test_schema_of_many_choices_is_read_once():
    widening = {"anyOf": [{"$ref": "#/$defs/a"}] * 50}
    assert coerced("5", {"$ref": "#/$defs/a"}, {"$defs": {"a": widening}}) == "5"


def test_plain_text_is_not_held_back():
    assert nemotron_xml.parser(OFFERED).feed("Hello") == ["Hello"]


def test_long_value_of_tags_is_read():
    value = "</function> </tool_call " * 2000
    assert parse([block(text=value)]) == parse(list(block(text=value))) == [call(text=value)]
