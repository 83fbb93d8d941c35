"""A remote server over real sockets: what is sent to it, and what it may do wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.backends.openai import OpenAIBackend, chat_body
from nemora.backends.openai_answer import AnswerReader
from nemora.core import (
    ChatRequest,
    Delta,
    Message,
    OpaquePart,
    Sampling,
    StopReason,
    TextPart,
    Thinking,
    TokenLogprob,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolChoice,
    Usage,
)
from nemora.errors import (
    BackendError,
    BackendRefused,
    BackendTimeout,
    BackendUnreachable,
    NemoraError,
    SettingsError,
    UnsupportedField,
)
from nemora.settings import RemoteServer

CANARY = "CANARY-7f3a"
REQUEST = ChatRequest(
    model="auto",
    messages=(Message("user", "hello"),),
    tools=(Tool("weather"),),
    unsent={"user": CANARY, "metadata": {CANARY: CANARY}},
)
Handler = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


def remote(port: int, **changes: Any) -> RemoteServer:
    fields: dict[str, Any] = {"name": "far", "model": "big", "trust": "cloud", "api_key": "key", "read_seconds": 0.5}
    fields["base_url"] = f"http://127.0.0.1:{port}/v1"
    return RemoteServer(**{**fields, **changes})


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[int]:
    """A server that reads one request and then does what `handler` wants."""

    serving: set[asyncio.Task[Any]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            await answer(reader, writer)
        finally:
            writer.close()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
            )
            await handler(head + await reader.readexactly(length), reader, writer)

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await asyncio.sleep(0.01)  # transports close in the loop's next rounds


def says(*pieces: bytes, head: bytes = HEAD) -> Handler:
    async def handler(_request: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return handler


def event(**chunk: Any) -> bytes:
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def text(content: str, finish: str | None = None) -> bytes:
    return event(choices=[{"index": 0, "delta": {"content": content}, "finish_reason": finish}])


DONE = b"data: [DONE]\n\n"


def ask(handler: Handler, request: ChatRequest = REQUEST, **changes: Any) -> list[Delta]:
    async def run() -> list[Delta]:
        async with server(handler) as port:
            backend = OpenAIBackend(remote(port, **changes))
            try:
                return [delta async for delta in backend.stream(request)]
            finally:
                await backend.close()

    return asyncio.run(run())


def failure(handler: Handler, **changes: Any) -> NemoraError:
    with pytest.raises(NemoraError) as raised:
        ask(handler, **changes)
    assert CANARY not in json.dumps(raised.value.public())
    return raised.value


def test_a_stream_becomes_deltas_and_the_last_has_finish_and_usage() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 3}}
    deltas = ask(
        says(
            event(choices=[{"index": 0, "delta": {"role": "assistant", "content": ""}}]),
            b": keep-alive\n\n",
            event(choices=[{"index": 0, "delta": {"reasoning_content": "hm", "reasoning": "hm"}}]),
            text("He"),
            text("llo", "stop"),
            event(choices=[], usage=usage),
            DONE,
        )
    )
    assert deltas == [
        Delta(reasoning="hm"),
        Delta(text="He"),
        Delta(text="llo"),
        Delta(finish=StopReason.STOP, usage=Usage(5, 2, cached_tokens=3)),
    ]


def test_tool_calls_come_in_pieces() -> None:
    first = {"index": 0, "id": "c1", "function": {"name": "weather", "arguments": ""}}
    deltas = ask(
        says(
            event(choices=[{"delta": {"tool_calls": [first]}}]),
            event(choices=[{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}}]),
            event(choices=[{"delta": {}, "finish_reason": "tool_calls"}]),
            DONE,
        )
    )
    assert [d.tool_call for d in deltas[:2]] == [ToolCallDelta(0, "c1", "weather"), ToolCallDelta(0, arguments="{}")]
    assert deltas[-1].finish is StopReason.TOOL_CALLS


def test_a_stream_without_done_is_whole_when_it_gave_a_reason() -> None:
    assert ask(says(text("x", "length")))[-1].finish is StopReason.LENGTH


def test_an_answer_that_is_no_stream_is_read() -> None:
    answer = json.dumps({"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\nconnection: close\r\n\r\n"
    assert ask(says(answer, head=head)) == [Delta(text="hi"), Delta(finish=StopReason.STOP)]


def test_a_server_that_keeps_the_line_open_after_the_end_is_not_waited_for() -> None:
    async def handler(_request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + text("x", "stop"))
        await reader.read()

    assert ask(handler)[-1].finish is StopReason.STOP


def test_half_a_surrogate_pair_in_an_answer_is_replaced() -> None:
    line = b'data: {"choices": [{"delta": {"content": "a\\ud83d"}, "finish_reason": "stop"}]}\n\n'
    assert ask(says(line, DONE))[0].text == "a\ufffd"


@pytest.mark.parametrize(
    ("handler", "kind", "says_"),
    [
        (says(head=b"HTTP/1.1 500 E\r\ncontent-length: 11\r\n\r\nCANARY-7f3a"), BackendError, "HTTP 500"),
        (says(head=b"HTTP/1.1 401 E\r\ncontent-length: 11\r\n\r\nCANARY-7f3a"), BackendRefused, "API key"),
        (says(head=b"HTTP/1.1 429 E\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n"), BackendRefused, "rate limit"),
        (says(head=b"HTTP/1.1 204 N\r\n\r\n"), BackendError, "HTTP 204"),
        (says(head=b"CANARY-7f3a garbage\r\n\r\n"), BackendError, "broke"),
        (says(b"<html>CANARY-7f3a</html>"), BackendError, "not a chat completion"),
        (says(b"data: CANARY-7f3a\n\n"), BackendError, "not a chat completion"),
        (says(b"data: " + b"[" * 100_000 + b"\n\n"), BackendError, "not a chat completion"),
        (says(event(choices="CANARY-7f3a")), BackendError, "not a chat completion"),
        (says(event(choices=[{"delta": {"content": ["CANARY-7f3a"]}}])), BackendError, "not a chat completion"),
        (says(event(error={"message": CANARY})), BackendError, "broke off"),
        (says(text("half")), BackendError, "in the middle"),
        (says(), BackendError, "not a chat completion"),
        (says(b"data: \xff\n\n"), BackendError, "UTF-8"),
        (says(b"data: " + b"x" * 5_000_000), BackendError, "more than"),
        (
            says(head=b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 0\r\n\r\n"),
            BackendError,
            "compressed",
        ),
    ],
)
def test_a_fault_is_one_clear_error_without_the_servers_words(handler: Handler, kind: type, says_: str) -> None:
    error = failure(handler)
    assert type(error) is kind and says_ in error.message


def test_a_refusal_keeps_its_status_and_when_to_come_back() -> None:
    error = failure(says(head=b"HTTP/1.1 429 E\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n"))
    assert (error.status, error.retry_after) == (429, 7)


@pytest.mark.parametrize(
    "call",
    [
        {"index": 0, "id": "c", "function": {"name": f"rm_{CANARY}", "arguments": "{}"}},
        {"index": 0, "function": {"arguments": CANARY}},
        {"index": 10**9, "id": "c", "function": {"name": "weather"}},
    ],
)
def test_a_tool_call_that_nobody_offered_is_dropped(call: dict[str, Any]) -> None:
    async def run() -> list[Delta]:
        seen: list[Delta] = []
        async with server(says(text("ok"), event(choices=[{"delta": {"tool_calls": [call]}}]), DONE)) as port:
            backend = OpenAIBackend(remote(port))
            stream = backend.stream(REQUEST)
            seen.append(await anext(stream))
            with pytest.raises(BackendError) as raised:
                await anext(stream)
            await backend.close()
        assert CANARY not in raised.value.message
        return seen

    assert asyncio.run(run()) == [Delta(text="ok")]


def test_silence_is_a_timeout_and_so_are_bytes_that_complete_no_line() -> None:
    async def never(_request: bytes, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def drips(_request: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        for _ in range(200):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    assert type(failure(never)) is BackendTimeout
    assert type(failure(drips)) is BackendTimeout


def test_nobody_listening_is_unreachable() -> None:
    async def run() -> None:
        async with server(says()) as port:
            pass
        backend = OpenAIBackend(remote(port))
        with pytest.raises(BackendUnreachable):
            _ = [delta async for delta in backend.stream(REQUEST)]
        await backend.close()

    asyncio.run(run())


def test_a_redirect_is_not_followed() -> None:
    elsewhere: list[bytes] = []

    async def lands(request: bytes, _reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        elsewhere.append(request)

    async def run() -> None:
        async with server(lands) as other:
            head = f"HTTP/1.1 307 Go\r\nlocation: http://127.0.0.1:{other}/\r\ncontent-length: 0\r\n\r\n".encode()
            async with server(says(head=head)) as port:
                backend = OpenAIBackend(remote(port))
                with pytest.raises(BackendError, match="redirects are not followed"):
                    _ = [delta async for delta in backend.stream(REQUEST)]
                await backend.close()

    asyncio.run(run())
    assert elsewhere == []


def test_only_our_headers_and_the_canonical_body_are_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login x password {CANARY}")
    monkeypatch.setenv("NETRC", str(netrc))
    sent: list[bytes] = []

    async def handler(request: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent.append(request)
        writer.write(HEAD.replace(b"\r\n\r\n", b"\r\nset-cookie: a=b; path=/\r\n\r\n") + text("x", "stop") + DONE)

    async def run() -> bytes:
        async with server(handler) as port:
            backend = OpenAIBackend(remote(port))
            for _ in range(2):
                _ = [delta async for delta in backend.stream(REQUEST)]
            await backend.close()
            return backend.outbound(REQUEST)

    outbound = asyncio.run(run())
    assert len(sent) == 2
    for request in sent:
        head, _, body = request.partition(b"\r\n\r\n")
        names = {line.split(b":")[0].lower() for line in head.split(b"\r\n")[1:]}
        assert names == {
            *(b"host", b"accept", b"accept-encoding", b"content-type", b"user-agent", b"authorization"),
            *(b"connection", b"content-length"),
        }
        assert b"authorization: bearer key" in head.lower()
        assert body == outbound
        assert CANARY.encode() not in request


def test_the_body_is_rebuilt_from_every_field_that_was_read() -> None:
    request = ChatRequest(
        model="auto",
        messages=(
            Message("developer", "d", name="n"),
            Message("user", (TextPart("a"), OpaquePart("image_url", {"type": "image_url", "image_url": {"url": "u"}}))),
            Message("assistant", None, tool_calls=(ToolCall("c", "f", "{}"),), reasoning="r"),
            Message("tool", "t", tool_call_id="c"),
        ),
        tools=(Tool("f", "what", {"type": "object"}, True),),
        tool_choice=ToolChoice("named", "f"),
        parallel_tool_calls=False,
        sampling=Sampling(
            temperature=0.0,
            top_p=0.5,
            top_k=3,
            min_p=0.1,
            seed=1,
            frequency_penalty=0.2,
            presence_penalty=0.3,
            repetition_penalty=1.1,
            logit_bias={5: -1.0},
            bad_words=("w",),
            stop_token_ids=(7,),
            min_tokens=2,
            ignore_eos=True,
            logprobs=3,
        ),
        thinking=Thinking(enabled=True, effort="low", budget=8, keep_history=True, limit=40),
        max_tokens=9,
        stop=("z",),
        choices=2,
        priority=1,
        cache_salt=CANARY,
        generation_prompt=False,
        continue_final=True,
        unsent={"user": CANARY},
    )
    function = {"name": "f", "description": "what", "parameters": {"type": "object"}, "strict": True}
    body: dict[str, Any] = {
        "model": "big",
        "messages": [
            {"role": "system", "content": "d", "name": "n"},
            {
                "role": "user",
                "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "u"}}],
            },
            {
                "role": "assistant",
                "content": None,
                "reasoning_content": "r",
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "content": "t", "tool_call_id": "c"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": [{"type": "function", "function": function}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "parallel_tool_calls": False,
        "temperature": 0.0,
        "top_p": 0.5,
        "top_k": 3,
        "min_p": 0.1,
        "seed": 1,
        "frequency_penalty": 0.2,
        "presence_penalty": 0.3,
        "repetition_penalty": 1.1,
        "logit_bias": {"5": -1.0},
        "bad_words": ["w"],
        "stop_token_ids": [7],
        "min_tokens": 2,
        "ignore_eos": True,
        "logprobs": True,
        "top_logprobs": 3,
        "add_generation_prompt": False,
        "continue_final_message": True,
        "n": 2,
        "thinking_token_budget": 40,
        "reasoning_effort": "low",
        "chat_template_kwargs": {"enable_thinking": True, "reasoning_budget": 8, "truncate_history_thinking": False},
        "max_tokens": 9,
        "stop": ["z"],
    }
    assert chat_body(request, "big") == body
    with pytest.raises(UnsupportedField, match="continue_final_message"):
        chat_body(request, "big", dialect="openai")
    own = chat_body(replace(request, generation_prompt=True, continue_final=False), "big", dialect="openai")
    assert own["max_completion_tokens"] == 9 and "max_tokens" not in own
    assert own["reasoning_effort"] == "low" and "chat_template_kwargs" not in own
    assert "reasoning" not in json.dumps(own["messages"]) and '"developer"' in json.dumps(own)


@pytest.mark.parametrize("url", ["http://127.0.0.1.example.com/v1", "http://10.0.0.5/v1", "http://[2001:db8::1]/v1"])
def test_a_local_server_must_stand_at_loopback_or_a_pinned_address(url: str) -> None:
    with pytest.raises(SettingsError):
        OpenAIBackend(remote(1, base_url=url, trust="local"))


def test_localhost_is_connected_to_as_the_loopback_address() -> None:
    async def run() -> list[Delta]:
        async with server(says(text("x", "stop"), DONE)) as port:
            backend = OpenAIBackend(remote(port, base_url=f"http://localhost:{port}/v1", trust="local"))
            assert await backend.ready()
            deltas = [delta async for delta in backend.stream(REQUEST)]
        assert not await backend.ready()
        await backend.close()
        return deltas

    assert asyncio.run(run())[0].text == "x"


def test_closing_the_iterator_closes_the_connection() -> None:
    async def run() -> None:
        gone = asyncio.Event()

        async def handler(_request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(HEAD + text("x"))
            assert await reader.read() == b""
            gone.set()

        async with server(handler) as port:
            backend = OpenAIBackend(remote(port, read_seconds=30.0))
            stream = backend.stream(REQUEST)
            await anext(stream)
            await stream.aclose()  # type: ignore[attr-defined]
            await asyncio.wait_for(gone.wait(), 10)
            await backend.close()

    asyncio.run(run())


keys = st.sampled_from(
    [
        "choices",
        "delta",
        "message",
        "content",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "index",
        "id",
        "usage",
        "finish_reason",
        "error",
        "prompt_tokens",
        "completion_tokens",
        "completion_tokens_details",
        "reasoning",
    ]
)
answers = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 200) | st.sampled_from(["weather", "stop", "", CANARY, "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)


CHANCE = {"token": "\u00e9", "logprob": -0.5, "bytes": [195, 169], "top_logprobs": []}


def chunk(index: int, text: str = "", finish: str | None = None, **more: Any) -> str:
    return json.dumps({"choices": [{"index": index, "delta": {"content": text}, "finish_reason": finish, **more}]})


def test_several_answers_come_mixed_and_each_has_its_end() -> None:
    reader = AnswerReader("far", frozenset(), 2)
    events = [chunk(1, "b"), chunk(0, "a"), chunk(1, "c", "length"), chunk(7, "x"), chunk(0, "", "stop")]
    assert not reader.finished
    deltas = [delta for event in events for delta in reader.event(event)]
    assert reader.finished
    assert [(delta.index, delta.text) for delta in deltas if delta.text] == [(1, "b"), (0, "a"), (1, "c")]
    assert [(delta.index, delta.finish) for delta in deltas if delta.finish] == [(1, StopReason.LENGTH)]
    assert reader.end(complete=True) == Delta(finish=StopReason.STOP)


def test_a_server_that_gives_fewer_answers_than_asked_for_is_said_to() -> None:
    reader = AnswerReader("far", frozenset(), 2)
    reader.event(chunk(0, "a", "stop"))
    with pytest.raises(BackendError, match="fewer answers"):
        reader.end(complete=True)


def test_chances_of_tokens_are_read_and_bounded() -> None:
    top = [{"token": "a", "logprob": -(10**400)}, {"token": "b", "logprob": float("-inf"), "bytes": None}]
    found = AnswerReader("far", frozenset()).event(
        chunk(0, "é", logprobs={"content": [{**CHANCE, "top_logprobs": top}]})
    )
    assert found == [
        Delta(
            text="é",
            logprobs=(
                TokenLogprob(
                    "é", -0.5, b"\xc3\xa9", (TokenLogprob("a", -9999.0, b"a"), TokenLogprob("b", -9999.0, b"b"))
                ),
            ),
        )
    ]


@pytest.mark.parametrize(
    "wrong",
    [{"token": 1}, {"logprob": "x"}, {"logprob": float("nan")}, {"logprob": True}, {"bytes": [256]}, {"bytes": ["x"]}],
)
def test_chances_that_are_none_are_no_chat_completion(wrong: dict[str, Any]) -> None:
    with pytest.raises(BackendError):
        AnswerReader("far", frozenset()).event(chunk(0, "é", logprobs={"content": [{**CHANCE, **wrong}]}))


@given(st.lists(st.dictionaries(keys, answers, max_size=4), max_size=3))
@settings(max_examples=400, deadline=None)
def test_any_json_from_a_server_gives_deltas_or_a_backend_error(chunks: list[dict[str, Any]]) -> None:
    reader = AnswerReader("far", frozenset({"weather"}))
    try:
        for chunk in chunks:
            for delta in reader.event(json.dumps(chunk)):
                delta.text.encode()
                assert delta.tool_call is None or delta.tool_call.name in (None, "weather")
        reader.whole(json.dumps(chunks[0] if chunks else {}).encode())
    except BackendError as raised:
        message = raised.message
    else:
        return
    assert CANARY not in message


def test_a_connection_that_fails_after_a_byte_was_written_is_not_called_unreachable() -> None:
    backend = OpenAIBackend(remote(1))
    for error in (httpx2.ConnectError("x"), httpx2.ConnectTimeout("x"), httpx2.PoolTimeout("x")):
        assert type(backend._failure(error, untouched=True)) is BackendUnreachable
        assert type(backend._failure(error, untouched=False)) is not BackendUnreachable
