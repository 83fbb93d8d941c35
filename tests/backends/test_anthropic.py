"""A server that speaks Messages, over real sockets. Its wire forms are written from the public documentation."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.backends.anthropic import AnthropicBackend
from nemora.backends.anthropic_answer import MessageReader
from nemora.backends.anthropic_body import messages_body
from nemora.backends.meter import METER
from nemora.core import (
    ChatRequest,
    Delta,
    Message,
    OpaquePart,
    ResponseFormat,
    Sampling,
    StopReason,
    TextPart,
    Thinking,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolChoice,
    Usage,
)
from nemora.errors import BackendError, BackendRefused, BackendTimeout, NemoraError, RequestError, UnsupportedField
from nemora.settings import RemoteServer

CANARY = "CANARY-7f3a"
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
WHOLE = STREAM.replace(b"text/event-stream", b"application/json")
REQUEST = ChatRequest(
    model="auto",
    messages=(
        Message("system", "Be brief."),
        Message("user", (TextPart("What is the weather"), TextPart(" in Lima?")), name="otto"),
        Message("assistant", None, tool_calls=(ToolCall("toolu_1", "weather", '{"town":"Lima"}'),), reasoning="hm"),
        Message("tool", "18 degrees", tool_call_id="toolu_1"),
        Message("user", "And tomorrow?"),
    ),
    tools=(Tool("weather", "Tells the weather.", {"type": "object", "properties": {"town": {"type": "string"}}}),),
    tool_choice=ToolChoice("required"),
    parallel_tool_calls=False,
    sampling=Sampling(temperature=1.5, top_p=0.9, top_k=40),
    max_tokens=64,
    stop=("END",),
    unsent={"user": CANARY, "metadata": {CANARY: CANARY}},
)
SENT = {
    "model": "big",
    "max_tokens": 64,
    "messages": [
        {
            "role": "user",
            "content": [{"type": "text", "text": "What is the weather"}, {"type": "text", "text": " in Lima?"}],
        },
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"town": "Lima"}}],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "18 degrees"},
                {"type": "text", "text": "And tomorrow?"},
            ],
        },
    ],
    "stream": True,
    "system": "Be brief.",
    "temperature": 1.0,
    "top_p": 0.9,
    "top_k": 40,
    "stop_sequences": ["END"],
    "tools": [
        {
            "name": "weather",
            "input_schema": {"type": "object", "properties": {"town": {"type": "string"}}},
            "description": "Tells the weather.",
        }
    ],
    "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
}


def sse(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def start(index: int, **block: Any) -> bytes:
    return sse("content_block_start", index=index, content_block=block)


def piece(index: int, **delta: Any) -> bytes:
    return sse("content_block_delta", index=index, delta=delta)


BEGIN = sse("message_start", message={"usage": {"input_tokens": 5, "cache_read_input_tokens": 2, "output_tokens": 1}})
ANSWER = (
    BEGIN
    + start(0, type="thinking", thinking="")
    + piece(0, type="thinking_delta", thinking="Lima...")
    + piece(0, type="signature_delta", signature="xx")
    + sse("ping")
    + start(1, type="text", text="")
    + piece(1, type="text_delta", text="Let me ")
    + piece(1, type="text_delta", text="look.")
    + sse("content_block_stop", index=1)
    + start(2, type="tool_use", id="toolu_9", name="weather", input={})
    + piece(2, type="input_json_delta", partial_json='{"town":')
    + piece(2, type="input_json_delta", partial_json='"Lima"}')
    + sse("something_new", value=1)
    + sse("message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 12})
    + sse("message_stop")
)


def ask(answer: bytes, request: ChatRequest = REQUEST, cuts: int = 0) -> tuple[list[Delta], bytes]:
    """What a server that says `answer` makes of `request`, and all that it was sent."""
    received = b""
    done = asyncio.Event()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            received = head + await reader.readexactly(length)
            for at in range(0, len(answer), cuts or len(answer)):
                writer.write(answer[at : at + (cuts or len(answer))])
                await writer.drain()
            if answer == STREAM:
                await reader.read()
        writer.close()
        done.set()

    async def run() -> list[Delta]:
        listening = await asyncio.start_server(connected, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}/v1"
        server = RemoteServer(
            name="far", base_url=url, model="big", trust="cloud", api_key="key", api="anthropic", read_seconds=0.5
        )
        backend = AnthropicBackend(server)
        try:
            return [delta async for delta in backend.stream(request)]
        finally:
            await backend.close()
            listening.close()
            await asyncio.wait_for(done.wait(), 5)
            await asyncio.sleep(0.01)  # transports close in the loop's next rounds

    return asyncio.run(run()), received


def test_what_is_sent_is_what_the_documentation_describes_and_holds_no_field_that_is_not_sent() -> None:
    before = METER.counts().get("far")
    deltas, sent = ask(STREAM + ANSWER)
    head, _, body = sent.partition(b"\r\n\r\n")
    lines = {line.split(b":")[0].lower(): line for line in head.split(b"\r\n")[1:]}
    assert head.startswith(b"POST /v1/messages HTTP/1.1\r\n") and json.loads(body) == SENT
    assert lines[b"x-api-key"].endswith(b" key") and lines[b"anthropic-version"].endswith(b" 2023-06-01")
    assert b"authorization" not in lines and CANARY.encode() not in sent and b"otto" not in sent
    assert deltas[-1] == Delta(finish=StopReason.TOOL_CALLS, usage=Usage(7, 12, cached_tokens=2))
    assert "".join(delta.text for delta in deltas) == "Let me look."
    assert "".join(delta.reasoning for delta in deltas) == "Lima..."
    calls = [delta.tool_call for delta in deltas if delta.tool_call]
    assert calls[0] == ToolCallDelta(0, "toolu_9", "weather", "")
    assert "".join(call.arguments for call in calls) == '{"town":"Lima"}'
    counted = METER.counts()["far"]
    bodies, heads = (before.bodies, before.heads) if before else (0, 0)
    assert (counted.bodies - bodies, counted.heads - heads) == (len(body), len(head) + 4)


def test_a_schema_of_the_answer_is_sent_where_this_api_has_it() -> None:
    form = ResponseFormat("json_schema", schema={"type": "object"}, name="answer", strict=True)
    sent = messages_body(replace(REQUEST, response_format=form), "big")
    assert sent["output_config"] == {"format": {"type": "json_schema", "schema": {"type": "object"}}}


@pytest.mark.parametrize("cuts", [1, 7, 100])
def test_an_answer_is_the_same_however_it_is_cut(cuts: int) -> None:
    assert ask(STREAM + ANSWER, cuts=cuts)[0][-1] == ask(STREAM + ANSWER)[0][-1]


def test_an_answer_that_comes_whole_is_read_too() -> None:
    content = [{"type": "text", "text": "Hi."}, {"type": "tool_use", "id": "t", "name": "weather", "input": {"a": 1}}]
    message = {"type": "message", "content": content, "stop_reason": "tool_use"}
    deltas, _ = ask(WHOLE + json.dumps({**message, "usage": {"input_tokens": 3, "output_tokens": 4}}).encode())
    assert deltas[0].text == "Hi." and deltas[1].tool_call == ToolCallDelta(0, "t", "weather", '{"a": 1}')
    assert deltas[-1] == Delta(finish=StopReason.TOOL_CALLS, usage=Usage(3, 4))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("end_turn", StopReason.STOP),
        ("max_tokens", StopReason.LENGTH),
        ("stop_sequence", StopReason.STOP),
        ("refusal", StopReason.CONTENT_FILTER),
        ("something_new", StopReason.STOP),
    ],
)
def test_every_reason_to_stop_has_its_meaning(said: str, meant: StopReason) -> None:
    end = sse("message_delta", delta={"stop_reason": said}, usage={"output_tokens": 1})
    assert ask(STREAM + BEGIN + start(0, type="text", text="Hi") + end)[0][-1].finish is meant


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (STREAM + BEGIN + start(0, type="text", text="Hi"), BackendError),
        (STREAM + sse("error", error={"type": "overloaded_error", "message": CANARY}), BackendError),
        (STREAM + start(0, type="tool_use", id="t", name=CANARY, input={}), BackendError),
        (STREAM + piece(3, type="input_json_delta", partial_json="{"), BackendError),
        (STREAM + b"data: nothing\n\n", BackendError),
        (STREAM, BackendTimeout),
        (WHOLE + b'{"type": "error"}', BackendError),
        (STREAM.replace(b"200 OK", b"429 Slow"), BackendRefused),
        (STREAM.replace(b"200 OK", b"529 Overloaded"), BackendError),
        (STREAM.replace(b"200 OK", b"302 Found"), BackendError),
    ],
)
def test_what_a_server_does_wrong_is_an_error_that_repeats_nothing(answer: bytes, error: type[NemoraError]) -> None:
    with pytest.raises(error) as raised:
        ask(answer)
    assert CANARY not in str(raised.value)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"sampling": Sampling(seed=1)}, UnsupportedField),
        ({"sampling": Sampling(min_p=0.1)}, UnsupportedField),
        ({"thinking": Thinking(enabled=True)}, UnsupportedField),
        ({"sampling": Sampling(logit_bias={1: 2.0})}, UnsupportedField),
        ({"sampling": Sampling(logprobs=0)}, UnsupportedField),
        ({"sampling": Sampling(bad_words=(CANARY,))}, UnsupportedField),
        ({"choices": 2}, UnsupportedField),
        ({"response_format": ResponseFormat("json_object")}, UnsupportedField),
        ({"response_format": ResponseFormat("choice", choices=(CANARY,))}, UnsupportedField),
        ({"generation_prompt": False, "continue_final": True}, UnsupportedField),
        ({"thinking": Thinking(limit=64)}, UnsupportedField),
        ({"messages": (Message("user", (OpaquePart("image_url", {"url": CANARY}),)),)}, UnsupportedField),
        ({"messages": (Message("tool", (OpaquePart("image_url", {}),), tool_call_id="1"),)}, UnsupportedField),
        ({"messages": (Message("assistant", None, tool_calls=(ToolCall("1", "a", "[1]"),)),)}, RequestError),
        ({"messages": (Message("assistant", None, tool_calls=(ToolCall("1", "a", CANARY),)),)}, RequestError),
        *(
            ({"messages": (Message("assistant", None, tool_calls=(ToolCall("1", "a", text),)),)}, RequestError)
            for text in ('{"a": NaN}', '{"a": 1e999}', '{"a": "\\ud800"}', '{"a": ' + "[" * 99_999)
        ),
    ],
)
def test_what_this_api_cannot_be_told_is_refused_by_name_and_not_left_out(
    changes: dict[str, Any], error: type[NemoraError]
) -> None:
    backend_server = RemoteServer(name="far", base_url="http://127.0.0.1:1/v1", model="big", trust="cloud")
    with pytest.raises(error) as raised:
        AnthropicBackend(backend_server).outbound(ChatRequest(**{"model": "m", "messages": REQUEST.messages} | changes))
    assert CANARY not in str(raised.value)


json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.sampled_from(["text", "tool_use", "weather", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "index", "delta", "content_block", "text", "name", "id", "usage", "message"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
kinds = st.sampled_from(["message_start", "content_block_start", "content_block_delta", "message_delta", 3, None])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(kinds, json_values), max_size=6))
def test_no_answer_raises_anything_but_a_backend_error(events: list[Any]) -> None:
    reader = MessageReader("far", frozenset({"weather"}))
    with suppress(BackendError):
        for kind, value in events:
            reader.event(json.dumps({**(value if isinstance(value, dict) else {"delta": value}), "type": kind}))
        reader.end(complete=False)
    with suppress(BackendError):
        reader.whole(json.dumps({"type": "message", "content": [value for _, value in events]}).encode())
