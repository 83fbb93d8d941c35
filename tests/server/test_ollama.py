"""Ollama's API, by its official client over real sockets."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import httpx2
import ollama
import pytest
from hypothesis import given
from hypothesis import strategies as st
from server_fakes import SECRET, Setup, plays, says, served, setup

from nemora.core import Delta, OpaquePart, ResponseFormat, StopReason, Thinking, ToolCallDelta, Usage
from nemora.errors import BackendError, NemoraError
from nemora.server.ollama_answer import OllamaWriter
from nemora.server.ollama_request import parse_chat, parse_generate

USER = [{"role": "user", "content": "hi"}]
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
CALLS = (
    Delta(reasoning="let me see"),
    Delta(tool_call=ToolCallDelta(0, "c0", "weather", '{"city":')),
    Delta(tool_call=ToolCallDelta(0, arguments=' "Bonn"}')),
    Delta(tool_call=ToolCallDelta(1, "c1", "weather", "{}")),
    Delta(finish=StopReason.TOOL_CALLS, usage=Usage(7, 4)),
)


@pytest.fixture(scope="module")
def server() -> Iterator[Setup]:
    with served(setup()) as running:
        yield running


@pytest.fixture
def client(server: Setup) -> Iterator[ollama.Client]:
    server.local.script, server.cloud.script = says("Hello", " you"), says("From afar")
    made = ollama.Client(host=server.url)
    yield made
    made._client.close()


def test_a_chat_is_answered_whole_and_streamed_alike(client: ollama.Client) -> None:
    whole = client.chat(model="local", messages=USER)
    assert whole.message.content == "Hello you" and whole.done and whole.done_reason == "stop"
    assert (whole.prompt_eval_count, whole.eval_count) == (3, 2) and whole.total_duration > 0
    pieces = list(client.chat(model="local", messages=USER, stream=True))
    assert "".join(piece.message.content for piece in pieces) == "Hello you"
    assert [piece.done for piece in pieces] == [False] * (len(pieces) - 1) + [True]


def test_a_prompt_is_a_turn_after_the_systems(server: Setup, client: ollama.Client) -> None:
    assert client.generate(model="local", prompt="hi", system="be brief").response == "Hello you"
    assert [(m.role, m.content) for m in server.local.requests[-1].messages] == [("system", "be brief"), ("user", "hi")]


def test_options_reach_the_model_and_those_without_effect_are_named(server: Setup, client: ollama.Client) -> None:
    options = {
        "temperature": 0.5,
        "top_k": 3,
        "seed": 4,
        "num_predict": 9,
        "stop": ["x"],
        "num_ctx": 4096,
        "repeat_penalty": 1.1,
    }
    client.chat(model="local", messages=USER, options=options, think="low", keep_alive="5m")
    asked = server.local.requests[-1]
    assert (asked.sampling.temperature, asked.sampling.top_k, asked.sampling.seed) == (0.5, 3, 4)
    assert asked.sampling.repetition_penalty == 1.1
    assert (asked.max_tokens, asked.stop, asked.thinking) == (9, ("x",), Thinking(enabled=True, effort="low"))
    answer = httpx2.post(
        server.url + "/api/chat",
        json={"model": "local", "messages": USER, "stream": False, "options": {"num_ctx": 1}, "keep_alive": 0},
    )
    assert answer.headers["x-nemora-ignored-fields"] == "keep_alive,options.num_ctx"
    with pytest.raises(ollama.ResponseError, match="mirostat"):
        client.chat(model="local", messages=USER, options={"mirostat": 2})


def test_a_form_reaches_the_model(server: Setup, client: ollama.Client) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    for asked, form in (
        ("json", ResponseFormat("json_object")),
        (schema, ResponseFormat("json_schema", schema=schema, name="answer")),
        ("", None),
    ):
        client.chat(model="local", messages=USER, format=asked)
        assert server.local.requests[-1].response_format == form


def test_a_loop_of_tools_finds_its_calls_again(server: Setup, client: ollama.Client) -> None:
    server.local.script = plays(*CALLS)
    first = client.chat(model="local", messages=USER, tools=[WEATHER])
    assert [(c.function.name, dict(c.function.arguments)) for c in first.message.tool_calls] == [
        ("weather", {"city": "Bonn"}),
        ("weather", {}),
    ]
    assert first.message.thinking == "let me see"
    server.local.script = says("Dry.")
    answers = [{"role": "tool", "tool_name": "weather", "content": text} for text in ("dry", "wet")]
    assert (
        client.chat(model="local", messages=[*USER, first.message, *answers], tools=[WEATHER]).message.content == "Dry."
    )
    turns = server.local.requests[-1].messages
    assert [call.id for call in turns[1].tool_calls] == [turn.tool_call_id for turn in turns[2:]]
    assert turns[1].reasoning == "let me see"


def test_pictures_are_parts_and_stay_here(server: Setup, client: ollama.Client) -> None:
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode()
    client.chat(model="auto", messages=[{"role": "user", "content": "what is it", "images": [picture]}])
    part = server.local.requests[-1].opaque_parts()[0]
    assert isinstance(part, OpaquePart) and part.inline() is not None and part.inline().media_type == "image/png"


@pytest.mark.parametrize("place", ["prompt", "system", "tool", "thinking", "option"])
def test_what_must_stay_stays_wherever_it_stands(server: Setup, client: ollama.Client, place: str) -> None:
    asked = len(server.cloud.requests)
    call = {"function": {"name": "f", "arguments": {"a": SECRET if place == "tool" else ""}}}
    said = {"role": "assistant", "content": "", "thinking": SECRET if place == "thinking" else "", "tool_calls": [call]}
    messages = [
        {"role": "system", "content": SECRET if place == "system" else "x"},
        {"role": "user", "content": SECRET if place == "prompt" else "x"},
        said,
        {"role": "tool", "content": "done"},
    ]
    options = {"stop": [SECRET]} if place == "option" else {}
    answer = client.chat(model="auto", messages=messages, options=options)
    assert answer.message.content == "Hello you" and len(server.cloud.requests) == asked


def test_what_may_leave_leaves(server: Setup, client: ollama.Client) -> None:
    assert client.generate(model="auto", prompt="hi").response == "From afar"
    assert {row.endpoint for row in server.rows()} >= {"/api/chat", "/api/generate"}


def test_models_are_listed_shown_and_not_fetched(client: ollama.Client) -> None:
    names = [model.model for model in client.list().models]
    assert names[:3] == ["auto", "local", "tiny"]
    assert client.show("tiny:latest").capabilities == ["completion", "tools"]
    assert client.ps().models == []
    assert client.pull("tiny").status == "success"
    for call in (client.show, client.pull):
        with pytest.raises(ollama.ResponseError) as raised:
            call(SECRET)
        assert SECRET not in str(raised.value)


def test_nothing_to_say_asks_no_model(server: Setup, client: ollama.Client) -> None:
    asked = len(server.local.requests)
    assert client.generate(model="local", prompt="").done_reason == "load"
    assert client.chat(model="local", messages=[]).done_reason == "load"
    with pytest.raises(ollama.ResponseError, match="no model of that name"):
        client.chat(model="nobody", messages=[])
    with pytest.raises(ollama.ResponseError, match="/options/temperature"):
        client.generate(model="local", prompt="", options={"temperature": 9})
    assert len(server.local.requests) == asked


def test_errors_have_ollamas_shape_and_come_in_the_stream_once_it_runs(server: Setup, client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="role") as raised:
        client.chat(model="local", messages=[{"role": "x", "content": SECRET}])
    assert raised.value.status_code == 400 and SECRET not in str(raised.value)
    server.local.script = plays(Delta(text="a"), BackendError("It broke."))
    with pytest.raises(ollama.ResponseError, match="It broke"):
        list(client.chat(model="local", messages=USER, stream=True))


async def _all(deltas: Sequence[Delta]) -> AsyncIterator[Delta]:
    for delta in deltas:
        yield delta


@given(st.lists(st.sampled_from(["a", "b c", "é", "\n", '"']), max_size=8), st.data())
def test_streamed_is_whole_for_every_split(texts: list[str], data: st.DataObject) -> None:
    arguments = json.dumps({"x": "".join(texts)})
    cuts = sorted(data.draw(st.lists(st.integers(0, len(arguments)), max_size=4)))
    pieces = [arguments[a:b] for a, b in zip([0, *cuts], [*cuts, len(arguments)], strict=True)]
    calls = [
        ToolCallDelta(n, f"c{n}" if i == 0 else None, "f" if i == 0 else None, piece)
        for n in (0, 1)
        for i, piece in enumerate(pieces)
    ]
    deltas = [
        *(Delta(text=t) for t in texts),
        *(Delta(tool_call=c) for c in calls),
        Delta(finish=StopReason.TOOL_CALLS),
    ]

    async def both() -> tuple[dict[str, Any], list[dict[str, Any]]]:
        whole = await OllamaWriter("m", chat=True).whole(_all(deltas))
        lines = [json.loads(line) async for line in OllamaWriter("m", chat=True).stream(_all(deltas))]
        return whole, lines

    whole, lines = asyncio.run(both())
    assert "".join(line["message"]["content"] for line in lines) == whole["message"]["content"]
    assert [c for line in lines for c in line["message"].get("tool_calls", [])] == whole["message"]["tool_calls"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = (
    "messages",
    "prompt",
    "system",
    "images",
    "options",
    "think",
    "tools",
    "format",
    "keep_alive",
    "stream",
)
_TURN = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("role", "content", "images", "tool_calls", "tool_name"), _JSON)
)


@given(
    _JSON
    | st.fixed_dictionaries(
        {"model": st.just("m")}, optional=dict.fromkeys(_FIELDS, _JSON | st.lists(_TURN, max_size=3))
    )
)
def test_no_body_makes_anything_but_an_error_of_ours(body: Any) -> None:
    for parse in (parse_chat, parse_generate):
        try:
            parse(body)
        except NemoraError:
            continue
