"""What each of the family's formats makes of an answer: reasoning x tools x thinking x truncation, at every split.

A split may fall inside a tag, a call, or a character: the bytes of an answer are cut anywhere, and each piece is a token
of its own. What comes of the pieces is what comes of the whole, and of a whole answer it is written here.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from small_vocabulary import small_tokenizer

from nemora.chat.answer import AnswerReader
from nemora.chat.family_template import TEMPLATES
from nemora.chat.format import Format, format_of
from nemora.chat.template import ChatTemplate
from nemora.core import StopReason

STOP, LENGTH, CALLS = StopReason.STOP, StopReason.LENGTH, StopReason.TOOL_CALLS
OFFERED = {"f": {"properties": {"n": {"type": "integer"}, "t": {"type": "string"}}}}
XML = "<tool_call>\n<function=f>\n<parameter=n>\n5\n</parameter>\n<parameter=t>\né\n</parameter>\n</function>\n</tool_call>"
LIST = '<TOOLCALL>[{"name": "f", "arguments": {"n": 5, "t": "é"}}]</TOOLCALL>'
CALL = {name: XML if "nemotron-3" in name else LIST for name in TEMPLATES}
SAID, THOUGHT = "So 日:\n", "why é?"
CASES = list(itertools.product([True, False], [True, False], [True, False]))
"""Thinking is on, the model thinks, tools are offered."""


@pytest.fixture(scope="module")
def formats() -> Iterator[dict[str, Format]]:
    templates = {name: ChatTemplate(source, small_tokenizer()) for name, (source, _) in TEMPLATES.items()}
    yield {name: format_of(template, chat_format=name) for name, template in templates.items()}
    for template in templates.values():
        template.close()


def tail_of(name: str, *, on: bool) -> str:
    """The end of the prompt: Llama-Nemotron opens the tag itself, or does not."""
    return "" if "llama" in name else "<think>\n" if on else "<think></think>"


def answer_of(name: str, *, on: bool, thinks: bool) -> bytes:
    opened = "<think>\n" if "llama" in name else ""
    thought = f"{opened}{THOUGHT}\n</think>\n\n" if on and thinks else "</think>" if on and not opened else ""
    return f"{thought}{SAID}{CALL[name]}".encode()


def read(
    format: Format, pieces: Sequence[bytes], *, tail: str, tools: bool, reason: StopReason
) -> tuple[str, str, list[Any], StopReason | None]:
    special = SimpleNamespace(hidden=frozenset(), ids={})
    tokenizer: Any = SimpleNamespace(special=special, bytes_of=pieces.__getitem__)
    reader = AnswerReader(tokenizer, format, prompt_tokens=1, tail=tail, offered=OFFERED if tools else {})
    deltas = [*reader.feed(range(len(pieces))), *reader.finish(reason)]
    calls = [json.loads(delta.tool_call.arguments) for delta in deltas if delta.tool_call is not None]
    return "".join(d.reasoning for d in deltas), "".join(d.text for d in deltas), calls, deltas[-1].finish


def by_byte(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize(("on", "thinks", "tools"), CASES)
def test_an_answer_is_what_is_written_here_at_every_split(
    formats: dict[str, Format], name: str, on: bool, thinks: bool, tools: bool
) -> None:
    format, data = formats[name], answer_of(name, on=on, thinks=thinks)
    calls = tools and format.tool_parser is not None
    golden = (
        THOUGHT if on and thinks else "",
        SAID if calls else SAID + CALL[name],
        [{"n": 5, "t": "é"}] if calls else [],
    )
    splits = [by_byte(data), *((data[:at], data[at:]) for at in range(len(data)))]
    for pieces in splits:
        found = read(format, pieces, tail=tail_of(name, on=on), tools=tools, reason=STOP)
        assert found == (*golden, CALLS if calls else STOP), pieces
    assert read(format, splits[0], tail=tail_of(name, on=on), tools=tools, reason=LENGTH) == (*golden, LENGTH)


@pytest.mark.parametrize("name", ["nemotron-3", "nemotron-nano-v2", "llama-nemotron-v1.5", "llama-nemotron-v1"])
@pytest.mark.parametrize(("on", "thinks", "tools"), CASES)
def test_an_answer_cut_at_every_byte_is_the_same_streamed_and_whole(
    formats: dict[str, Format], name: str, on: bool, thinks: bool, tools: bool
) -> None:
    whole = answer_of(name, on=on, thinks=thinks)
    for length in range(len(whole)):
        data = whole[:length]
        for pieces in ([data[: length // 2], data[length // 2 :]], by_byte(data)):
            streamed = read(formats[name], pieces, tail=tail_of(name, on=on), tools=tools, reason=LENGTH)
            assert streamed == read(formats[name], [data], tail=tail_of(name, on=on), tools=tools, reason=LENGTH)
            assert streamed[3] is LENGTH and all(call == {"n": 5, "t": "é"} for call in streamed[2])
