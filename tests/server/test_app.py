"""The wire, by the official OpenAI client over real sockets."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from server_fakes import (
    SECRET,
    ScriptedBackend,
    Setup,
    plays,
    raw,
    says,
    served,
    setup,
    talks_for_ever,
    thinks_for_ever,
)

from nemora.core import Delta, StopReason, Thinking, ToolCallDelta, Usage
from nemora.errors import (
    BackendError,
    BackendRefused,
    BackendTimeout,
    ContextLengthExceeded,
    NemoraError,
)

USER = [{"role": "user", "content": "hi"}]
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


@pytest.fixture(scope="module")
def server() -> Iterator[Setup]:
    with served(setup(more=[ScriptedBackend("second", "org/other")])) as running:
        yield running


@pytest.fixture
def client(server: Setup) -> Iterator[openai.OpenAI]:
    server.local.script, server.local.up, server.cloud.script = says("Hello", " you"), True, says("From afar")
    server.inspection.breaks = None
    with openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0) as made:
        yield made


def test_a_chat_is_answered(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="local", messages=USER)
    assert answer.choices[0].message.content == "Hello you"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "tiny" and answer.id.startswith("chatcmpl-")
    assert answer.usage is not None and answer.usage.total_tokens == 5


def test_a_stream_says_the_same_with_usage_in_the_last_chunk(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="local", messages=USER, stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Hello you"
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].choices == [] and chunks[-1].usage.prompt_tokens == 3
    assert len({c.id for c in chunks}) == 1


def test_a_stream_without_usage_has_none(client: openai.OpenAI) -> None:
    chunks = list(client.chat.completions.create(model="local", messages=USER, stream=True))
    assert all(c.choices for c in chunks) and all(c.usage is None for c in chunks)


def test_reasoning_and_tool_calls_stream_and_do_not_stream_equally(server: Setup, client: openai.OpenAI) -> None:
    server.local.script = plays(
        Delta(reasoning="let me"),
        Delta(reasoning=" see"),
        Delta(text="one moment"),
        Delta(tool_call=ToolCallDelta(0, "c0", "weather", '{"city":')),
        Delta(tool_call=ToolCallDelta(0, arguments=' "Bonn"}')),
        Delta(tool_call=ToolCallDelta(1, "c1", "weather", "{}")),
        Delta(finish=StopReason.TOOL_CALLS, usage=Usage(1, 1)),
    )
    ask: dict[str, Any] = {"model": "local", "messages": USER, "tools": [WEATHER]}
    whole = client.chat.completions.create(**ask)
    message = whole.choices[0].message
    assert whole.choices[0].finish_reason == "tool_calls"
    assert [(c.id, c.function.name, c.function.arguments) for c in message.tool_calls] == [
        ("c0", "weather", '{"city": "Bonn"}'),
        ("c1", "weather", "{}"),
    ]
    assert message.reasoning == message.reasoning_content == "let me see"
    with client.chat.completions.stream(**ask) as stream:
        assert stream.get_final_completion().choices[0].message.tool_calls[1].id == "c1"
    chunks = list(client.chat.completions.create(**ask, stream=True))
    reasoning = [getattr(c.choices[0].delta, "reasoning_content", None) or "" for c in chunks]
    assert "".join(reasoning) == "let me see"


def test_thinking_reaches_the_model_and_no_other_variable_of_a_template_does(
    server: Setup, client: openai.OpenAI
) -> None:
    ask: dict[str, Any] = {"model": "local", "messages": USER, "reasoning_effort": "low"}
    client.chat.completions.create(**ask, extra_body={"chat_template_kwargs": {"enable_thinking": True}})
    assert server.local.requests[-1].thinking == Thinking(enabled=True, effort="low")
    asked = len(server.local.requests)
    for smuggled in ({SECRET: True}, {"system": SECRET}, {"enable_thinking": SECRET}, {"reasoning_budget": [SECRET]}):
        with pytest.raises(openai.BadRequestError) as raised:
            client.chat.completions.create(**ask, extra_body={"chat_template_kwargs": smuggled})
        assert SECRET not in raised.value.response.text
    assert len(server.local.requests) == asked


def test_models_are_listed_and_looked_up(client: openai.OpenAI) -> None:
    assert [m.id for m in client.models.list()] == ["auto", "local", "tiny", "org/other", "big"]
    assert client.models.retrieve("org/other").owned_by == "second"
    with pytest.raises(openai.NotFoundError) as raised:
        client.models.retrieve(SECRET)
    assert SECRET not in raised.value.response.text


@pytest.mark.parametrize(
    ("model", "content", "route", "reason", "decision", "answered_by"),
    [
        ("auto", "hi", "cloud", "class:public", "cloud", "big"),
        ("auto", SECRET, "local", "finding:password", "local", "tiny"),
        ("local", "hi", "local", "asked_local", "cloud", "tiny"),
        ("tiny", "hi", "local", "asked_local", "cloud", "tiny"),
        ("here", "hi", "local", "asked_local", "cloud", "tiny"),
        ("org/other", "hi", "local", "asked_local", "cloud", "org/other"),
        ("big", "hi", "cloud", "class:public", "cloud", "big"),
    ],
)
def test_headers_say_route_and_reason(
    client: openai.OpenAI, model: str, content: str, route: str, reason: str, decision: str, answered_by: str
) -> None:
    messages = [{"role": "user", "content": content}]
    response = client.chat.completions.with_raw_response.create(model=model, messages=messages)
    headers = response.headers
    assert headers["x-nemora-route"] == route
    assert headers["x-nemora-reason"] == reason
    assert headers["x-nemora-decision"] == decision
    assert response.parse().model == answered_by
    assert headers["x-request-id"].startswith("req_")
    assert "x-nemora-ledger" not in headers


def test_ignored_fields_are_named_in_a_header(client: openai.OpenAI) -> None:
    response = client.chat.completions.with_raw_response.create(
        model="local", messages=USER, user="me", metadata={"a": "b"}, n=1, frequency_penalty=0
    )
    assert response.headers["x-nemora-ignored-fields"] == "metadata,user"


def test_naming_the_cloud_does_not_open_the_boundary(server: Setup, client: openai.OpenAI) -> None:
    asked = len(server.cloud.requests)
    with pytest.raises(openai.PermissionDeniedError) as raised:
        client.chat.completions.create(model="big", messages=[{"role": "user", "content": SECRET}])
    assert raised.value.code == "privacy_refused"
    assert SECRET not in raised.value.response.text
    assert len(server.cloud.requests) == asked


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (ContextLengthExceeded("The prompt has 9 tokens."), openai.BadRequestError, "context_length_exceeded"),
        (BackendError("It failed."), openai.InternalServerError, "upstream_error"),
        (BackendTimeout("It was silent."), openai.InternalServerError, "upstream_timeout"),
        (BackendRefused("It said no.", status=429), openai.RateLimitError, "upstream_refused"),
        (RuntimeError(SECRET), openai.InternalServerError, "internal_error"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_before_the_first_delta_have_their_status(
    server: Setup, client: openai.OpenAI, error: Exception, kind: type[openai.APIStatusError], code: str, stream: bool
) -> None:
    server.local.script = plays(error)
    with pytest.raises(kind) as raised:
        client.chat.completions.create(model="local", messages=USER, stream=stream)
    assert raised.value.code == code
    assert SECRET not in raised.value.response.text


def test_an_error_in_the_middle_of_a_stream_is_an_error_event(server: Setup, client: openai.OpenAI) -> None:
    server.local.script = plays(Delta(text="half"), BackendError("It broke."))
    stream = client.chat.completions.create(model="local", messages=USER, stream=True)
    with pytest.raises(openai.APIError, match="It broke"):
        list(stream)


def test_an_answer_that_breaks_off_is_an_error_and_not_a_short_answer(server: Setup, client: openai.OpenAI) -> None:
    server.local.script = plays(Delta(text="half"))
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="local", messages=USER)
    with pytest.raises(openai.APIError, match="broke off"):
        list(client.chat.completions.create(model="local", messages=USER, stream=True))


def test_an_unexpected_error_in_the_middle_of_a_stream_ends_it_without_content(
    server: Setup, capfd: pytest.CaptureFixture[str]
) -> None:
    server.local.script = plays(Delta(text="half"), RuntimeError(SECRET))
    with httpx2.stream("POST", server.url + "/v1/chat/completions", json=body(stream=True)) as response:
        text = "".join(response.iter_text())
    assert "half" in text and "internal_error" in text and SECRET not in text
    assert SECRET not in "".join(capfd.readouterr())


def test_a_log_handler_that_fails_prints_no_content(server: Setup, capfd: pytest.CaptureFixture[str]) -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            try:
                raise OSError("the disk is full")
            except OSError:
                self.handleError(record)

    broken = Broken()
    logging.getLogger("nemora").addHandler(broken)
    try:
        server.local.script = plays(Delta(text="half"), RuntimeError(SECRET))
        with httpx2.stream("POST", server.url + "/v1/chat/completions", json=body(stream=True)) as response:
            assert "internal_error" in "".join(response.iter_text())
    finally:
        logging.getLogger("nemora").removeHandler(broken)
    assert SECRET not in "".join(capfd.readouterr())


def test_a_local_model_that_is_down_is_an_error_and_never_the_cloud(server: Setup, client: openai.OpenAI) -> None:
    server.local.up = False
    asked = len(server.cloud.requests)
    with pytest.raises(openai.InternalServerError) as raised:
        client.chat.completions.create(model="auto", messages=[{"role": "user", "content": SECRET}])
    assert raised.value.status_code == 503 and raised.value.code == "local_model_down"
    assert raised.value.response.headers["x-nemora-route"] == "local"
    assert len(server.cloud.requests) == asked
    assert httpx2.get(server.url + "/health/ready").status_code == 503
    assert httpx2.get(server.url + "/health/live").json() == {"status": "live"}


def test_an_inspection_that_fails_keeps_the_request_here(server: Setup, client: openai.OpenAI) -> None:
    server.inspection.breaks = RuntimeError(SECRET)
    response = client.chat.completions.with_raw_response.create(model="auto", messages=USER)
    assert response.headers["x-nemora-route"] == "local"
    assert response.headers["x-nemora-reason"] == "incomplete"


def body(**fields: Any) -> dict[str, Any]:
    return {"model": "local", "messages": USER, **fields}


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "invalid_request"),
        (b"[" * 100_000, 400, "invalid_request"),
        (b'{"model": "local", "model": "auto", "messages": []}', 400, "invalid_request"),
        (b'{"model": "local", "messages": []}', 400, "invalid_request"),
        (b'{"model": "local", "messages": [{"role": "user", "content": "\\ud800"}]}', 400, "invalid_request"),
        (json.dumps(body(model="nope")).encode(), 404, "model_not_found"),
        (json.dumps(body(modalities=["audio"])).encode(), 400, "unsupported_field"),
        (json.dumps(body(temperature="hot")).encode(), 400, "invalid_request"),
    ],
)
def test_bad_bodies_get_one_envelope(server: Setup, content: bytes, status: int, code: str) -> None:
    url = server.url + "/v1/chat/completions"
    response = httpx2.post(url, content=content, headers={"content-type": "application/json"})
    assert response.status_code == status
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["code"] == code


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "unknown_endpoint"),
        ("GET", "/v1/files", 404, "unknown_endpoint"),
        ("GET", "/v1/models/", 404, "model_not_found"),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
        ("OPTIONS", "/v1/chat/completions", 405, "method_not_allowed"),
        ("GET", "//health/live", 404, "unknown_endpoint"),
        ("GET", "/v1/../health/live", 404, "unknown_endpoint"),
    ],
)
def test_other_paths_and_methods_get_the_envelope_too(
    server: Setup, method: str, path: str, status: int, code: str
) -> None:
    answer = raw(server, f"{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
    head, _, text = answer.partition(b"\r\n\r\n")
    assert head.split(b" ")[1] == str(status).encode()
    assert json.loads(text)["error"]["code"] == code
    assert b"access-control" not in head.lower() and b"server:" not in head.lower()


def test_what_is_no_http_gets_the_envelope(server: Setup) -> None:
    head, _, text = raw(server, b"\x16\x03\x01 hello\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400") and json.loads(text)["error"]["code"] == "invalid_request"


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_cancels_its_answer(server: Setup, stream: bool) -> None:
    server.local.script = talks_for_ever
    done = len([row for row in server.rows() if row.kind == "completion"])
    with (
        pytest.raises(httpx2.ReadTimeout)
        if not stream
        else httpx2.stream("POST", server.url + "/v1/chat/completions", json=body(stream=True)) as response
    ):
        if stream:
            next(response.iter_text())
        else:
            httpx2.post(server.url + "/v1/chat/completions", json=body(), timeout=0.3)
    assert server.local.cancelled.acquire(timeout=10)
    assert server.completions(done + 1)[-1].status == "cancelled"


def test_a_client_that_leaves_before_the_first_token_cancels_its_answer(server: Setup) -> None:
    server.local.script = thinks_for_ever
    done = len([row for row in server.rows() if row.kind == "completion"])
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.post(server.url + "/v1/chat/completions", json=body(stream=True), timeout=0.3)
    assert server.local.cancelled.acquire(timeout=10)
    assert server.completions(done + 1)[-1].status == "cancelled"


def test_the_ledger_and_the_taint_files_hold_no_content(tmp_path: Any) -> None:
    with served(setup(tmp_path)) as running, openai.OpenAI(base_url=running.url + "/v1", api_key="x") as client:
        running.local.script = says(f"You said {SECRET}")
        client.chat.completions.create(model="auto", messages=[{"role": "user", "content": f"{SECRET} " * 9}])
        assert running.ledger.verify().intact
    files = [file for file in tmp_path.iterdir() if file.is_file()]
    assert files
    for file in files:
        assert SECRET.encode() not in file.read_bytes()


def test_every_error_class_has_the_shape_of_the_envelope() -> None:
    pending = [NemoraError]
    while pending:
        kind = pending.pop()
        pending += kind.__subclasses__()
        assert 400 <= kind.status < 600 and kind.type.endswith("_error") and kind.code
