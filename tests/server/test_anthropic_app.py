"""Messages on the wire, by the official client over real sockets."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import pytest
from sent_documents import png
from server_fakes import SECRET, ScriptedBackend, Setup, plays, raw, says, served, setup

from nemora.backends.local import LocalBackend
from nemora.core import Delta, Message, StopReason, TextPart, Thinking, ToolCall, ToolCallDelta, Usage
from nemora.errors import (
    BackendError,
    BackendRefused,
    BackendTimeout,
    ContextLengthExceeded,
    NemoraError,
    Overloaded,
    OverrideNeeded,
)
from nemora.server.anthropic_format import anthropic_error
from scripted_model import ScriptedModel, scripted
from small_family import keys

WEATHER: dict[str, Any] = {
    "name": "weather",
    "input_schema": {"type": "object", "properties": {"town": {"type": "string"}}},
}
ASK: dict[str, Any] = {"model": "local", "max_tokens": 99, "messages": [{"role": "user", "content": "hi"}]}
CALLED = (
    Delta(reasoning="let me"),
    Delta(reasoning=" see"),
    Delta(text="one moment"),
    Delta(tool_call=ToolCallDelta(0, "c0", "weather", '{"town":')),
    Delta(tool_call=ToolCallDelta(0, arguments=' "Bonn"}')),
    Delta(tool_call=ToolCallDelta(1, "c1", "weather", "{}")),
    Delta(finish=StopReason.TOOL_CALLS, usage=Usage(9, 5, cached_tokens=4)),
)


@pytest.fixture(scope="module")
def server() -> Iterator[Setup]:
    with served(setup(more=[ScriptedBackend("second", "org/other")])) as running:
        yield running


@pytest.fixture
def client(server: Setup) -> Iterator[anthropic.Anthropic]:
    server.local.script, server.local.up, server.cloud.script = says("Hello", " you"), True, says("From afar")
    with anthropic.Anthropic(base_url=server.url, api_key="none", max_retries=0) as made:
        yield made


def test_a_chat_is_answered(client: anthropic.Anthropic) -> None:
    answer = client.messages.create(**ASK)
    assert [block.to_dict() for block in answer.content] == [{"type": "text", "text": "Hello you"}]
    assert (answer.type, answer.role, answer.model, answer.stop_reason) == ("message", "assistant", "tiny", "end_turn")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (3, 2)
    assert answer.id.startswith("msg_") and (answer._request_id or "").startswith("req_")


def test_a_stream_says_what_the_whole_answer_says(server: Setup, client: anthropic.Anthropic) -> None:
    server.local.script = plays(*CALLED)
    whole = client.messages.create(**ASK, tools=[WEATHER])
    with client.messages.stream(**ASK, tools=[WEATHER]) as stream:
        assert "".join(stream.text_stream) == "one moment"
        final = stream.get_final_message()
    assert [b.to_dict() for b in final.content] == [b.to_dict() for b in whole.content]
    assert final.usage.to_dict() == whole.usage.to_dict() and final.stop_reason == whole.stop_reason == "tool_use"
    thought, text, first, second = whole.content
    assert thought.type == "thinking" and thought.thinking == "let me see" and thought.signature
    assert text.type == "text" and first.type == second.type == "tool_use"
    assert (first.id, first.name, first.input, second.input) == ("c0", "weather", {"town": "Bonn"}, {})
    assert (whole.usage.input_tokens, whole.usage.cache_read_input_tokens) == (5, 4)


def test_an_answer_with_calls_and_thoughts_can_be_sent_back(server: Setup, client: anthropic.Anthropic) -> None:
    server.local.script = plays(*CALLED)
    answer = client.messages.create(**ASK, tools=[WEATHER])
    results = [
        {"type": "tool_result", "tool_use_id": b.id, "content": "rain"} for b in answer.content if b.type == "tool_use"
    ]
    turns = [*ASK["messages"], {"role": "assistant", "content": answer.content}, {"role": "user", "content": results}]
    server.local.script = says("It rains.")
    last = client.messages.create(**{**ASK, "messages": turns}, tools=[WEATHER], system="Be brief.")
    assert last.content[0].to_dict()["text"] == "It rains."
    assert server.local.requests[-1].messages == (
        Message("system", "Be brief."),
        Message("user", "hi"),
        Message(
            "assistant",
            (TextPart("one moment"),),
            tool_calls=(ToolCall("c0", "weather", '{"town": "Bonn"}'), ToolCall("c1", "weather", "{}")),
            reasoning="let me see",
        ),
        Message("tool", "rain", tool_call_id="c0"),
        Message("tool", "rain", tool_call_id="c1"),
    )


def test_the_ledger_knows_the_endpoint_and_headers_say_the_route(server: Setup, client: anthropic.Anthropic) -> None:
    for content, side in (("What is a tide?", "cloud"), (SECRET, "local")):
        asked = {**ASK, "model": "auto", "messages": [{"role": "user", "content": content}]}
        response = client.messages.with_raw_response.create(**asked, metadata={"user_id": "u"})
        assert response.headers["x-nemora-route"] == side
        assert response.headers["x-nemora-ignored-fields"] == "metadata"
    assert {row.endpoint for row in server.rows() if row.kind == "decision"} == {"/v1/messages"}


@pytest.mark.parametrize("place", ["system", "tool_result", "thinking", "input", "schema", "metadata", "title"])
def test_a_secret_anywhere_stays(server: Setup, client: anthropic.Anthropic, place: str) -> None:
    use = {"type": "tool_use", "id": "t", "name": "weather", "input": {"town": SECRET if place == "input" else "Bonn"}}
    thought = {"type": "thinking", "thinking": SECRET if place == "thinking" else "hm", "signature": "s"}
    result = {"type": "tool_result", "tool_use_id": "t", "content": SECRET if place == "tool_result" else "rain"}
    document = {
        "type": "document",
        "title": SECRET if place == "title" else "Tides",
        "source": {"type": "text", "media_type": "text/plain", "data": "Ebb and flow."},
    }
    turns = [
        *ASK["messages"],
        {"role": "assistant", "content": [thought, use]},
        {"role": "user", "content": [result, document]},
    ]
    asked = len(server.cloud.requests)
    response = client.messages.with_raw_response.create(
        model="auto",
        max_tokens=9,
        messages=turns,
        system=SECRET if place == "system" else "Be brief.",
        tools=[{**WEATHER, "description": SECRET if place == "schema" else "Tells it."}],
        metadata={"user_id": SECRET if place == "metadata" else "u"},
    )
    assert response.headers["x-nemora-route"] == "local" and len(server.cloud.requests) == asked


def test_what_holds_no_secret_does_go_out(server: Setup, client: anthropic.Anthropic) -> None:
    asked = len(server.cloud.requests)
    client.messages.create(**{**ASK, "model": "auto"}, system="Be brief.", tools=[WEATHER])
    assert len(server.cloud.requests) == asked + 1


def test_naming_the_cloud_does_not_open_the_boundary(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.PermissionDeniedError) as raised:
        client.messages.create(**{**ASK, "model": "big"}, system=SECRET)
    error = raised.value.response.json()
    assert error["error"]["type"] == "permission_error" and error["error"]["code"] == "privacy_refused"
    assert SECRET not in raised.value.response.text


@pytest.mark.parametrize(
    ("error", "kind", "name"),
    [
        (ContextLengthExceeded("The prompt has 9 tokens of 8."), anthropic.BadRequestError, "invalid_request_error"),
        (BackendError("It failed."), anthropic.InternalServerError, "api_error"),
        (BackendTimeout("It was silent."), anthropic.InternalServerError, "timeout_error"),
        (BackendRefused("It said no.", status=429), anthropic.RateLimitError, "rate_limit_error"),
        (Overloaded("Too many.", retry_after=3), anthropic.RateLimitError, "rate_limit_error"),
        (RuntimeError(SECRET), anthropic.InternalServerError, "api_error"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_before_the_first_delta_have_their_status_and_shape(
    server: Setup,
    client: anthropic.Anthropic,
    error: Exception,
    kind: type[anthropic.APIStatusError],
    name: str,
    stream: bool,
) -> None:
    server.local.script = plays(error)
    with pytest.raises(kind) as raised:
        client.messages.create(**ASK, stream=stream)
    body = raised.value.response.json()
    assert body["type"] == "error" and body["error"]["type"] == name
    assert body["request_id"] == raised.value.response.headers["request-id"]
    assert SECRET not in raised.value.response.text


def test_a_prompt_that_is_too_long_is_said_in_the_words_that_clients_know(
    server: Setup, client: anthropic.Anthropic
) -> None:
    server.local.script = plays(
        ContextLengthExceeded("The prompt has 900 tokens, and the context of 800 must hold it.")
    )
    with pytest.raises(anthropic.BadRequestError, match=r"prompt is too long: .*900.*800"):
        client.messages.create(**ASK)


def test_an_error_in_the_middle_of_a_stream_is_an_error_event(server: Setup, client: anthropic.Anthropic) -> None:
    for broken, words in ((BackendError("It broke."), "It broke"), (RuntimeError(SECRET), "server failed")):
        server.local.script = plays(Delta(text="half"), broken)
        with pytest.raises(anthropic.APIStatusError, match=words) as raised:
            list(client.messages.create(**ASK, stream=True))
        assert SECRET not in str(raised.value.body)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "kind"),
    [
        ("GET", "/v1/messages", "", 405, "invalid_request_error"),
        ("GET", "/v1/messages/batches", "", 404, "not_found_error"),
        ("POST", "/v1/messages", "content-type: text/plain\r\n", 415, "invalid_request_error"),
        ("POST", "/v1/messages/count_tokens", "content-type: application/json\r\ncontent-length: 0\r\n", 400, "invalid_request_error"),
        ("POST", "/v1/messages", "content-type: application/json\r\ncontent-length: 99999999999\r\n", 413, "request_too_large"),
        ("POST", "/v1/messages", "origin: https://evil.example\r\n", 403, "permission_error"),
        ("GET", "/nothing", "anthropic-version: 2023-06-01\r\n", 404, "not_found_error"),
    ],
)  # fmt: skip
def test_what_the_guards_refuse_has_the_shape_too(
    server: Setup, method: str, path: str, headers: str, status: int, kind: str
) -> None:
    head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n"
    answer, _, body = raw(server, head.encode()).partition(b"\r\n\r\n")
    assert answer.split(b" ")[1] == str(status).encode()
    told = json.loads(body)
    assert (told["type"], told["error"]["type"]) == ("error", kind) and told["request_id"].startswith("req_")


def test_other_paths_keep_their_shape(server: Setup) -> None:
    for path in ("/nothing", "/v1/models/none"):
        assert set(httpx2.get(server.url + path).json()) == {"error"}
    versioned = {"anthropic-version": "2023-06-01"}
    response = httpx2.post(server.url + "/v1/chat/completions", json={}, headers=versioned)
    assert set(response.json()) == {"error"}


def test_every_error_has_a_name_of_anthropics() -> None:
    pending, names = [NemoraError], set()
    while pending:
        kind = pending.pop()
        pending += kind.__subclasses__()
        error = kind.__new__(kind)
        NemoraError.__init__(error, "Wrong.")
        if isinstance(error, OverrideNeeded):
            error.token, error.reasons, error.seconds = "t", ("r",), 9
            assert json.loads(anthropic_error(error))["error"]["override"]["token"] == "t"
        names.add(json.loads(anthropic_error(error))["error"]["type"])
    assert names <= {
        *("invalid_request_error", "authentication_error", "permission_error", "not_found_error", "api_error"),
        *("request_too_large", "rate_limit_error", "timeout_error", "overloaded_error"),
    }


def test_the_key_is_taken_in_either_header_and_its_lack_has_the_shape() -> None:
    with served(setup(), api_key="s3cret") as keyed:
        for named in ({"api_key": "s3cret"}, {"auth_token": "s3cret"}):
            with anthropic.Anthropic(base_url=keyed.url, max_retries=0, **named) as client:
                assert client.messages.create(**ASK).stop_reason == "end_turn"
        assert httpx2.get(keyed.url + "/v1/models", headers={"x-api-key": "s3cret"}).status_code == 200
        assert httpx2.get(keyed.url + "/v1/models", headers={"x-api-key": "s3cre"}).status_code == 401
        with anthropic.Anthropic(base_url=keyed.url, api_key="wrong", max_retries=0) as client:
            for ask in (lambda: client.messages.create(**ASK), client.models.list):
                with pytest.raises(anthropic.AuthenticationError) as raised:
                    ask()
                assert raised.value.response.json()["error"]["type"] == "authentication_error"


def test_models_are_listed_and_looked_up_in_the_shape_of_the_client(client: anthropic.Anthropic) -> None:
    listed = list(client.models.list())
    assert [model.id for model in listed] == ["auto", "local", "tiny", "org/other", "big"]
    found = client.models.retrieve("org/other")
    assert found.type == "model" and found.display_name == "org/other" and found.created_at.year >= 2024
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("none")


def test_betas_are_tolerated(client: anthropic.Anthropic) -> None:
    answer = client.beta.messages.create(**ASK, betas=["interleaved-thinking-2025-05-14", "context-1m-2025-08-07"])
    assert answer.stop_reason == "end_turn"


def test_counting_asks_nobody(server: Setup, client: anthropic.Anthropic) -> None:
    """These backends cannot count; that is said, and no cloud does it instead."""
    asked = len(server.cloud.requests)
    with pytest.raises(anthropic.BadRequestError, match="in this process"):
        client.messages.count_tokens(model="big", messages=ASK["messages"])
    with pytest.raises(anthropic.NotFoundError):
        client.messages.count_tokens(model="none", messages=ASK["messages"])
    assert len(server.cloud.requests) == asked


@pytest.fixture(scope="module")
def real() -> Iterator[tuple[anthropic.Anthropic, list[str]]]:
    """A client of the real engine and its parsers, whose model says what stands in the list."""
    model, script = scripted("nemotron-3-nano-30b-a3b", keys("chatml")), []
    prepare, inner = model.prepare, model._model
    assert isinstance(inner, ScriptedModel)

    def prepared(request: Any, tenant: str = "") -> Any:
        found = prepare(request, tenant)
        pieces = model.tokenizer.split_special(script[-1])
        inner.start = len(found.ids)
        inner.script = [i for p in pieces for i in ([p] if isinstance(p, int) else model.tokenizer.encode(p))]
        return found

    model.prepare = prepared  # type: ignore[method-assign]
    what = setup(with_cloud=False)
    what.gateway.local = (LocalBackend(model),)
    with served(what) as running, anthropic.Anthropic(base_url=running.url, api_key="k", max_retries=0) as client:
        yield client, script


CALL = "<tool_call>\n<function=weather>\n<parameter=town>\nBonn\n</parameter>\n</function>\n</tool_call>"
THINK: dict[str, Any] = {"thinking": {"type": "enabled", "budget_tokens": 1024}}


def test_a_local_model_thinks_calls_and_goes_on(real: tuple[anthropic.Anthropic, list[str]]) -> None:
    client, script = real
    script.append(f"where?\n</think>\n\n{CALL}")
    asked = {**ASK, "max_tokens": 400, "tools": [WEATHER], "extra_body": {"temperature": 0}, **THINK}
    answer = client.messages.create(**asked)
    assert [block.type for block in answer.content] == ["thinking", "tool_use"] and answer.stop_reason == "tool_use"
    assert answer.content[0].to_dict()["thinking"] == "where?" and answer.content[1].to_dict()["input"] == {
        "town": "Bonn"
    }
    use = answer.content[1].to_dict()["id"]
    turns = [
        *ASK["messages"],
        {"role": "assistant", "content": answer.content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use, "content": "rain"}]},
    ]
    script.append("</think>It rains. END and more")
    with client.messages.stream(**{**asked, "messages": turns}, stop_sequences=["END"]) as stream:
        last = stream.get_final_message()
    assert (last.content[-1].to_dict()["text"], last.stop_reason, last.stop_sequence) == (
        "It rains. ",
        "stop_sequence",
        "END",
    )
    counted = client.messages.count_tokens(model="auto", messages=turns, tools=[WEATHER], **THINK)
    usage = last.usage
    assert counted.input_tokens == usage.input_tokens + (usage.cache_read_input_tokens or 0) > 100


def test_what_the_local_model_cannot_do_is_one_clear_sentence(real: tuple[anthropic.Anthropic, list[str]]) -> None:
    client, script = real
    script.append("no")
    data = base64.b64encode(png()).decode()
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    for asked, words in (
        ({"messages": [{"role": "user", "content": [image]}]}, "reads text only"),
        ({"messages": [{"role": "user", "content": "far too long " * 2000}]}, r"prompt is too long: .*\d+.*8192"),
    ):
        with pytest.raises(anthropic.BadRequestError, match=words) as raised:
            client.messages.create(**{**ASK, **asked})
        assert data not in raised.value.response.text
    with pytest.raises(anthropic.BadRequestError, match="reads text only"):
        client.messages.count_tokens(model="local", messages=[{"role": "user", "content": [image]}])


def test_a_budget_is_a_hint_to_models_that_cannot_be_told_one(server: Setup, client: anthropic.Anthropic) -> None:
    client.messages.create(**{**ASK, "max_tokens": 2048}, **THINK)
    assert server.local.requests[-1].thinking == Thinking(enabled=True, budget=1024, budget_is_hint=True)


def test_thinking_may_be_left_to_the_model(
    server: Setup, client: anthropic.Anthropic, real: tuple[anthropic.Anthropic, list[str]]
) -> None:
    adaptive: Any = {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}
    client.messages.create(**{**ASK, "model": "local"}, **adaptive)
    assert server.local.requests[-1].thinking == Thinking(effort="low", adaptive=True)
    local, script = real
    script.append("hm</think>Yes.")
    answer = local.messages.create(**{**ASK, "max_tokens": 400}, extra_body={"temperature": 0}, **adaptive)
    assert [block.to_dict()[block.type] for block in answer.content] == ["hm", "Yes."]
    counted = local.messages.count_tokens(model="auto", messages=ASK["messages"], **adaptive)
    assert counted.input_tokens == answer.usage.input_tokens + (answer.usage.cache_read_input_tokens or 0)
