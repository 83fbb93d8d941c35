"""Messages, written: what is streamed and what comes whole say the same, and both say all that the model said."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.core import Delta, StopReason, ToolCallDelta, Usage
from nemora.errors import BackendError
from nemora.server.anthropic_encode import SIGNATURE, MessageEvents
from nemora.server.anthropic_format import AnthropicWriter
from nemora.server.keep_alive import kept_alive

DONE = Delta(finish=StopReason.STOP, usage=Usage(11, 7, cached_tokens=4))


async def played(deltas: Iterable[Delta]) -> AsyncIterator[Delta]:
    for delta in deltas:
        yield delta


def whole(*deltas: Delta, stops: Sequence[str] = ()) -> dict[str, Any]:
    return asyncio.run(AnthropicWriter(MessageEvents("m", stops)).whole(played(deltas)))


def streamed(*deltas: Delta, stops: Sequence[str] = ()) -> list[dict[str, Any]]:
    async def run() -> bytes:
        writer = AnthropicWriter(MessageEvents("m", stops))
        return b"".join([piece async for piece in writer.stream(played(deltas))])

    told = []
    for event in asyncio.run(run()).decode("ascii").split("\n\n")[:-1]:
        name, data = event.split("\n")
        told.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {told[-1]['type']}"
    return told


def put_together(told: list[dict[str, Any]]) -> dict[str, Any]:
    """What a client makes of a stream, by the documentation alone."""
    assert (told[0]["type"], told[-1]["type"]) == ("message_start", "message_stop")
    message, content, inputs = told[0]["message"], [], {}
    for event in told[1:]:
        if event["type"] == "content_block_start":
            assert event["index"] == len(content)
            content.append(event["content_block"])
        elif event["type"] == "content_block_delta":
            (field,) = event["delta"].keys() - {"type"}
            block = content[event["index"]]
            if field == "partial_json":
                inputs[event["index"]] = inputs.get(event["index"], "") + event["delta"][field]
                continue
            block[field] += event["delta"][field]
        elif event["type"] == "message_delta":
            message |= {**event["delta"], "usage": event["usage"]}
    for index, text in inputs.items():
        content[index]["input"] = json.loads(text)
    return {**message, "content": content}


def call(arguments: str, index: int = 0, name: str = "f") -> Delta:
    return Delta(tool_call=ToolCallDelta(index, f"c{index}", name, arguments))


def test_the_events_come_in_anthropics_order() -> None:
    told = streamed(Delta(reasoning="hm"), Delta(text="so"), call('{"a": 1}'), DONE)
    assert [event["type"] if "delta" not in event else event["delta"].get("type", "ended") for event in told] == [
        "message_start",
        "ping",
        "content_block_start",
        "thinking_delta",
        "signature_delta",
        "content_block_stop",
        "content_block_start",
        "text_delta",
        "content_block_stop",
        "content_block_start",
        "input_json_delta",
        "content_block_stop",
        "ended",
        "message_stop",
    ]
    assert [e["index"] for e in told if "index" in e] == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert told[0]["message"]["content"] == [] and told[0]["message"]["stop_reason"] is None
    assert told[-2]["delta"]["stop_reason"] == "tool_use"
    assert told[-2]["usage"] == {
        "input_tokens": 7,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 4,
        "output_tokens": 7,
    }


@pytest.mark.parametrize(
    ("last", "reason", "stop"),
    [
        (Delta(finish=StopReason.STOP), "end_turn", None),
        (Delta(finish=StopReason.LENGTH), "max_tokens", None),
        (Delta(finish=StopReason.CONTENT_FILTER), "refusal", None),
        (Delta(finish=StopReason.STOP, stop="END"), "stop_sequence", "END"),
        (Delta(finish=StopReason.STOP, stop="not asked for"), "end_turn", None),
    ],
)
def test_the_reason_to_stop_is_said_in_anthropics_words(last: Delta, reason: str, stop: str | None) -> None:
    message = whole(Delta(text="a"), last, stops=["END"])
    assert (message["stop_reason"], message["stop_sequence"]) == (reason, stop)


@pytest.mark.parametrize(
    "arguments",
    ['{"a": ', "[1]", "7", '"x"', '{"a": NaN}', '{"a": 1e999}', '{"a": 1, "a": 2}', "{} {}", "[" * 5000, "Berlin"],
    ids=range(10),
)
def test_a_call_without_an_object_is_told_as_text_and_nothing_is_lost(arguments: str) -> None:
    last = Delta(finish=StopReason.TOOL_CALLS)
    message = whole(call(arguments), last)
    assert [block["type"] for block in message["content"]] == ["text"]
    assert arguments in message["content"][0]["text"] and message["stop_reason"] == "end_turn"
    both = whole(call(arguments), call("{}", 1), last)
    assert [block["type"] for block in both["content"]] == ["text", "tool_use"] and both["stop_reason"] == "tool_use"


def test_a_call_without_arguments_is_a_call_with_none() -> None:
    (block,) = whole(call(""), DONE)["content"]
    assert block == {"type": "tool_use", "id": "c0", "name": "f", "input": {}}


@pytest.mark.parametrize("last", [(), (Delta(finish=StopReason.CANCELLED),)])
def test_an_answer_that_breaks_off_is_an_error(last: tuple[Delta, ...]) -> None:
    with pytest.raises(BackendError, match="broke off"):
        whole(Delta(text="half"), *last)
    told = streamed(Delta(text="half"), *last)
    assert told[-1]["type"] == "error" and told[-1]["error"]["type"] == "api_error"


texts = st.text(st.characters(codec="utf-8"), max_size=12)
arguments = st.one_of(
    st.dictionaries(texts, st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts).map(
        json.dumps
    ),
    texts,
)
pieces = st.lists(
    st.one_of(
        st.tuples(st.just("reasoning"), texts),
        st.tuples(st.just("text"), texts),
        st.tuples(st.just("call"), arguments),
    ),
    max_size=8,
)


def split(said: list[tuple[str, str]], cut: list[int]) -> list[Delta]:
    """The same said in pieces of the sizes in `cut`, again and again; pieces of calls come between others."""
    sizes = itertools.cycle(cut)
    deltas, late, calls = [], [], 0
    for kind, words in said:
        if kind == "call":
            deltas.append(Delta(tool_call=ToolCallDelta(calls, f"c{calls}", "f")))
        at = 0
        while at < len(words):
            size = next(sizes)
            piece, at = words[at : at + size], at + size
            if kind == "call":
                late.append(Delta(tool_call=ToolCallDelta(calls, arguments=piece)))
            else:
                deltas.append(Delta(**{kind: piece}))
        calls += kind == "call"
        if size_of_wait := next(sizes) % 3:
            deltas, late = [*deltas, *late[:size_of_wait]], late[size_of_wait:]
    return [*deltas, *late, DONE]


@given(pieces, st.lists(st.integers(1, 5), min_size=1, max_size=4))
@settings(max_examples=80, deadline=None)
def test_streamed_and_whole_say_the_same_and_all_of_it_at_any_split(
    said: list[tuple[str, str]], cut: list[int]
) -> None:
    deltas = split(said, cut)
    message = whole(*deltas)
    again = put_together(streamed(*deltas))
    assert {**again, "id": ""} == {**message, "id": ""}
    of: dict[str, str] = {
        kind: "".join(block[kind] for block in message["content"] if block["type"] == kind)
        for kind in ("text", "thinking")
    }
    assert of["thinking"] == "".join(words for kind, words in said if kind == "reasoning")
    inputs = [block["input"] for block in message["content"] if block["type"] == "tool_use"]
    told, objects = "".join(words for kind, words in said if kind == "text"), []
    for kind, words in said:
        if kind == "call":
            try:
                value = json.loads(words.strip() or "{}")
            except ValueError:
                value = None
            if isinstance(value, dict):
                objects.append(value)
            else:
                told += f"f({words})"
    assert (of["text"], inputs) == (told, objects)
    assert all(block["signature"] == SIGNATURE for block in message["content"] if block["type"] == "thinking")


def test_a_silent_source_is_covered_by_pings_and_stopped_with_its_reader() -> None:
    async def run() -> tuple[list[bytes], bool]:
        go, closed = asyncio.Event(), False

        async def slow() -> AsyncIterator[bytes]:
            nonlocal closed
            try:
                yield b"a"
                await go.wait()
                yield b"b"
                await asyncio.Event().wait()
            finally:
                closed = True

        got = []
        stream = kept_alive(slow(), b"ping", 0.01)
        async for piece in stream:
            got.append(piece)
            if len(got) == 3:
                go.set()
            if len(got) > 3 and got[-2:] == [b"b", b"ping"]:
                break
        await stream.aclose()
        return got, closed

    got, closed = asyncio.run(run())
    assert closed and got[:3] == [b"a", b"ping", b"ping"] and got[-2:] == [b"b", b"ping"]
