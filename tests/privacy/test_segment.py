"""Nothing in a request goes unread."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemora.core import (
    ChatRequest,
    FixedQuestion,
    Message,
    OpaquePart,
    Passage,
    ReadDocument,
    ResponseFormat,
    Sampling,
    TextPart,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
)
from nemora.privacy.segment import segments


class Planter:
    """Fills every text field of the core nouns with a canary of its own."""

    def __init__(self) -> None:
        self.planted: list[str] = []

    def canary(self) -> str:
        self.planted.append(f"canary{len(self.planted)}x")
        return self.planted[-1]

    def number(self) -> int:
        self.planted.append(str(4716_2093_8854_1000 + len(self.planted)))
        return int(self.planted[-1])

    def fill(self, kind: type, **given: Any) -> Any:
        values = dict(given)
        for field in dataclasses.fields(kind):
            text = str(field.type)
            # A role, a mode, an effort and a form are words of a fixed list, which the wire formats check; an endpoint is ours.
            # Ids of a prompt say what its text says, which is read: the model checks it before it takes them.
            fixed = field.name in ("role", "mode", "effort", "form", "endpoint", "prompt_ids")
            if field.name in values or fixed or text.startswith(("bool", "float")):
                continue
            if text.startswith("int"):
                values[field.name] = self.number()
                continue
            if text.startswith(("tuple[int", "Mapping[int")):
                values[field.name] = (self.number(),) if text.startswith("tuple") else {self.number(): 1.0}
                continue
            assert text.startswith(("str", "Mapping", "tuple[str")), f"{kind.__name__}.{field.name} is new: read it"
            if text.startswith("str"):
                values[field.name] = self.canary()
            elif text.startswith("tuple"):
                values[field.name] = (self.canary(), self.canary())
            else:
                values[field.name] = {self.canary(): [self.canary(), {"k": {self.canary(): self.canary()}}], "n": 4716}
        return kind(**values)


def test_every_text_field_of_a_request_is_read() -> None:
    plant = Planter()
    call = plant.fill(ToolCall, arguments=json.dumps({plant.canary(): [plant.canary()]}))
    passage = plant.fill(Passage, where="page/1")
    read = ReadDocument("pdf", (passage,), complete=True)
    parts = (plant.fill(TextPart), plant.fill(OpaquePart, read=None), plant.fill(OpaquePart, read=read))
    request = plant.fill(
        ChatRequest,
        messages=(
            plant.fill(Message, role="user", content=plant.canary(), tool_calls=()),
            plant.fill(Message, role="assistant", content=parts, tool_calls=(call,)),
        ),
        tools=(plant.fill(Tool),),
        tool_choice=plant.fill(ToolChoice, mode="named"),
        response_format=plant.fill(ResponseFormat, form="regex"),
        sampling=plant.fill(Sampling),
        thinking=plant.fill(Thinking),
        questions=(plant.fill(FixedQuestion),),
    )
    read = " ".join(segment.text for segment in segments(request))
    assert [canary for canary in plant.planted if canary not in read] == []
    assert "4716" in read


def test_pointers_lead_to_the_text_in_the_clients_form() -> None:
    request = ChatRequest(
        model="auto",
        messages=(Message("user", "hello"), Message("user", (TextPart("a"), TextPart("b")))),
        unsent={"metadata": {"ticket": ["c"]}},
    )
    places = {segment.where: segment.text for segment in segments(request)}
    assert places["/messages/0/content"] == "hello"
    assert places["/messages/1/content/1/text"] == "b"
    assert places["/metadata/ticket/0"] == "c"


def test_values_in_arguments_keep_their_place_and_their_key() -> None:
    arguments = '{"user": {"password": "hunter2"}, "n": 12}'
    request = ChatRequest(
        model="auto", messages=(Message("assistant", None, tool_calls=(ToolCall("c", "f", arguments),)),)
    )
    found = [s for s in segments(request) if s.label == "password"]
    assert [(s.text, arguments[s.offset : s.offset + 7]) for s in found] == [("hunter2", "hunter2")]


def test_content_that_cannot_be_read_is_marked_and_its_names_are_read() -> None:
    part = OpaquePart("image_url", {"type": "image_url", "image_url": {"url": "https://x.test/anna-kowalska.png"}})
    found = segments(ChatRequest(model="auto", messages=(Message("user", (part,)),)))
    assert any(s.opaque and s.where == "/messages/0/content/0" for s in found)
    assert any("anna-kowalska" in s.text for s in found)


@pytest.mark.parametrize("key", ["anna.k@example.org", "4716209388541728", "a b", "a/b", "ключ", "", "x" * 50])
def test_a_key_that_may_be_data_stays_out_of_pointers(key: str) -> None:
    found = segments(
        ChatRequest(
            model="auto",
            messages=(Message("user", "x"),),
            unsent={"metadata": {key: {"note": "value"}}},
            tools=(Tool("f", parameters={"properties": {key: {"type": "string"}}}),),
        )
    )
    assert not key or any(segment.text == key for segment in found)
    assert all(part.isascii() and len(part) < 40 for segment in found for part in segment.where.split("/"))
    assert {segment.where for segment in found if segment.text == "value"} == {"/metadata/note"}


def test_values_in_json_text_have_the_key_above_them() -> None:
    text = '{"a": [1, {"b": "x"}, "y"], "c": {"d": {"e": 2.5}, "f": "z"}, "g": "cut off'
    request = ChatRequest(model="auto", messages=(Message("tool", text, tool_call_id="i"),))
    found = {s.text: s.label for s in segments(request) if s.label}
    assert found == {"1": "a", "x": "b", "y": "a", "2.5": "e", "z": "f", "cut off": "g"}


def test_a_number_is_read_digit_by_digit() -> None:
    request = ChatRequest(
        model="auto", messages=(Message("user", "x"),), unsent={"metadata": {"n": 4.716209388541728e15}}
    )
    assert "4716209388541728" in {segment.text for segment in segments(request)}


@given(st.text(alphabet='{}[]":,\\ab1 \n', max_size=80))
def test_any_text_may_stand_for_json(text: str) -> None:
    request = ChatRequest(model="auto", messages=(Message("assistant", tool_calls=(ToolCall("c", "f", text),)),))
    for segment in segments(request):
        if segment.where.endswith("arguments"):
            assert text[segment.offset : segment.offset + len(segment.text)] == segment.text


@pytest.mark.parametrize("role", ["user", "tool", "assistant"])
def test_json_is_read_alike_as_a_string_and_in_a_block(role: Any) -> None:
    text = json.dumps({"employee": {"id": 4711, "birth": "3.4.87"}})
    whole, block = (
        [(each.text, each.label) for each in segments(ChatRequest(model="m", messages=(Message(role, content),)))]
        for content in (text, (TextPart(text),))
    )
    assert whole == block and ("3.4.87", "birth") in block


def test_numbers_in_pieces_are_read_together() -> None:
    sampling = Sampling(stop_token_ids=(4111111, 1111111, 11), logit_bias={4716: 20.5})
    read = [each.text for each in segments(ChatRequest(model="m", messages=(), sampling=sampling))]
    assert "4111111 1111111 11" in read and any("4716 20.5" in text for text in read)
