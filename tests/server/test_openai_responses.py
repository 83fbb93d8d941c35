"""OpenAI's Responses, by the official client over a real socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from openai.types.responses.response_item_list import ResponseItemList
from openai_strictly import no_more_than_named, strict_event, strict_response
from server_fakes import SECRET, Setup, plays, says, served, setup

from nemora.core import (
    Delta,
    Message,
    OpaquePart,
    ResponseFormat,
    StopReason,
    Thinking,
    ToolCall,
    ToolCallDelta,
    ToolChoice,
    Usage,
)
from nemora.errors import BackendError, Overloaded

WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": True,
}
THINKS_AND_CALLS = plays(
    Delta(reasoning="let me"),
    Delta(reasoning=" see"),
    Delta(text="one "),
    Delta(text="moment"),
    Delta(tool_call=ToolCallDelta(0, "c0", "weather", '{"city":')),
    Delta(tool_call=ToolCallDelta(0, arguments=' "Bonn"}')),
    Delta(tool_call=ToolCallDelta(1, "c1", "weather", "{}")),
    Delta(finish=StopReason.TOOL_CALLS, usage=Usage(7, 5, cached_tokens=2, reasoning_tokens=3)),
)


@pytest.fixture(scope="module")
def server() -> Iterator[Setup]:
    with served(setup()) as running:
        yield running


@pytest.fixture(scope="module")
def one_client(server: Setup) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0) as made:
        yield made


@pytest.fixture
def client(server: Setup, one_client: openai.OpenAI) -> openai.OpenAI:
    server.local.script, server.local.up, server.cloud.script = says("Hello", " you"), True, says("From afar")
    return one_client


@pytest.fixture(scope="module")
def http(server: Setup) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.url) as made:
        yield made


def test_a_string_is_answered(server: Setup, client: openai.OpenAI) -> None:
    answer = client.responses.create(model="local", input="hi", instructions="Be short.", max_output_tokens=9)
    assert answer.output_text == "Hello you" and answer.status == "completed" and answer.model == "tiny"
    assert answer.id.startswith("resp_") and answer.usage is not None and answer.usage.total_tokens == 5
    asked = server.local.requests[-1]
    assert asked.messages == (Message("system", "Be short."), Message("user", "hi"))
    assert asked.endpoint == "/v1/responses" and asked.max_tokens == 9
    assert server.rows()[-1].endpoint in (None, "/v1/responses")
    no_more_than_named(answer)


def test_every_field_of_a_request_reaches_the_model_or_comes_back(server: Setup, client: openai.OpenAI) -> None:
    given: dict[str, Any] = {
        "instructions": "Be short.",
        "tools": [WEATHER],
        "tool_choice": {"type": "function", "name": "weather"},
        "parallel_tool_calls": False,
        "temperature": 0.5,
        "top_p": 0.25,
        "max_output_tokens": 77,
        "metadata": {"ticket": "9"},
    }
    more: dict[str, Any] = {
        "reasoning": {"effort": "low", "context": "all_turns", "summary": "auto"},
        "text": {"format": {"type": "text"}},
        "truncation": "disabled",
        "include": ["reasoning.encrypted_content"],
        "user": "me",
        "store": False,
        "extra_body": {"top_k": 3, "min_p": 0.1, "seed": 4},
    }
    raw = client.responses.with_raw_response.create(model="local", input="hi", **given, **more)
    body = json.loads(raw.text)
    strict_response(body)
    assert {name: body[name] for name in given} == {**given, "tools": [{**WEATHER, "description": None}]}
    assert body["reasoning"] == {"effort": "low", "summary": None} and body["store"] is False
    assert raw.headers["x-nemora-ignored-fields"] == "include,reasoning.summary,user"
    asked = server.local.requests[-1]
    assert asked.thinking == Thinking(effort="low", keep_history=True)
    assert asked.tool_choice == ToolChoice("named", "weather") and asked.tools[0].strict is True
    assert asked.unsent == {"user": "me", "metadata": {"ticket": "9"}}
    sampling = asked.sampling
    assert (sampling.top_k, sampling.min_p, sampling.seed, sampling.temperature) == (3, 0.1, 4, 0.5)


def test_thoughts_words_and_calls_are_items_of_their_own(server: Setup, client: openai.OpenAI) -> None:
    server.local.script = THINKS_AND_CALLS
    raw = client.responses.with_raw_response.create(model="local", input="hi", tools=[WEATHER])
    answer = strict_response(json.loads(raw.text))
    assert [item.type for item in answer.output] == ["reasoning", "message", "function_call", "function_call"]
    thought, said, first, second = map(dict, answer.output)
    assert thought["content"][0].text == "let me see" and said["content"][0].text == "one moment"
    assert (first["call_id"], first["arguments"]) == ("c0", '{"city": "Bonn"}')
    assert (second["call_id"], second["arguments"]) == ("c1", "{}")
    assert answer.usage.input_tokens_details.cached_tokens == 2
    assert answer.usage.output_tokens_details.reasoning_tokens == 3


def test_a_stream_tells_every_step_in_order(server: Setup, client: openai.OpenAI, http: httpx2.Client) -> None:
    server.local.script = THINKS_AND_CALLS
    body = {"model": "local", "input": "hi", "tools": [WEATHER], "stream": True}
    events = streamed(http, body)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    text = ["response.output_item.added", "response.content_part.added"]
    done = ["response.content_part.done", "response.output_item.done"]
    call = "response.function_call_arguments"
    assert [event["type"] for event in events] == [
        *("response.created", "response.in_progress"),
        *(*text, *["response.reasoning_text.delta"] * 2, "response.reasoning_text.done", *done),
        *(*text, *["response.output_text.delta"] * 2, "response.output_text.done", *done),
        *("response.output_item.added", f"{call}.delta", f"{call}.delta", f"{call}.done", "response.output_item.done"),
        *("response.output_item.added", f"{call}.delta", f"{call}.done", "response.output_item.done"),
        "response.completed",
    ]
    final = events[-1]["response"]
    assert final["output"] == [e["item"] for e in events if e["type"] == "response.output_item.done"]
    assert len({event["response"]["id"] for event in events if "response" in event}) == 1


def streamed(http: httpx2.Client, body: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of a stream, each held to the client's type."""
    events = []
    with http.stream("POST", "/v1/responses", json=body) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for block in "".join(response.iter_text()).split("\n\n")[:-1]:
            name, data = block.split("\n")
            events.append(json.loads(data.removeprefix("data: ")))
            assert name == f"event: {events[-1]['type']}"
            strict_event(events[-1])
    return events


def test_the_clients_own_reader_of_streams_gets_the_whole(server: Setup, client: openai.OpenAI) -> None:
    server.local.script = THINKS_AND_CALLS
    with client.responses.stream(model="local", input="hi", tools=[WEATHER]) as stream:
        said = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert said == "one moment" and final.output_text == "one moment" and final.usage.output_tokens == 5
    assert final.output[2].parsed_arguments == {"city": "Bonn"}


def test_a_loop_of_tools_comes_back_as_one_conversation(server: Setup, client: openai.OpenAI) -> None:
    server.local.script = THINKS_AND_CALLS
    first = client.responses.create(model="local", input="hi", tools=[WEATHER])
    results = [{"type": "function_call_output", "call_id": f"c{n}", "output": f"{n} degrees"} for n in range(2)]
    told = (
        Message("user", "hi"),
        Message(
            "assistant",
            "one moment",
            tool_calls=(ToolCall("c0", "weather", '{"city": "Bonn"}'), ToolCall("c1", "weather", "{}")),
            reasoning="let me see",
        ),
        Message("tool", "0 degrees", tool_call_id="c0"),
        Message("tool", "1 degrees", tool_call_id="c1"),
    )
    server.local.script = says("Cold.")
    client.responses.create(model="local", input=results, tools=[WEATHER], previous_response_id=first.id)
    by_id = server.local.requests[-1]
    again: Any = [{"role": "user", "content": "hi"}, *(item.to_dict() for item in first.output), *results]
    client.responses.create(model="local", input=again, tools=[WEATHER])
    assert by_id.messages == server.local.requests[-1].messages == told


def test_a_stored_conversation_goes_on_without_its_instructions(server: Setup, client: openai.OpenAI) -> None:
    first = client.responses.create(model="local", input="one", instructions="Be short.")
    with client.responses.stream(
        model="local", input="two", instructions="Be long.", previous_response_id=first.id
    ) as stream:
        second = stream.get_final_response()
    third = client.responses.create(model="local", input="three", previous_response_id=second.id)
    turns = [(m.role, m.text()) for m in server.local.requests[-1].messages]
    hello = ("assistant", "Hello you")
    assert turns == [("user", "one"), hello, ("user", "two"), hello, ("user", "three")]
    assert third.previous_response_id == second.id and third.instructions is None
    listed = client.responses.input_items.list(third.id, order="asc")
    assert [item.type for item in listed.data] == ["message"] * 5
    assert [i.content[0].text for i in listed.data] == ["one", "Hello you", "two", "Hello you", "three"]
    page = client.responses.input_items.list(third.id, limit=2)
    assert [i.content[0].text for i in page.data] == ["three", "Hello you"] and page.has_more
    assert [i.content[0].text for i in page] == ["three", "Hello you", "two", "Hello you", "one"]


def test_what_is_stored_is_fetched_as_it_was_and_deleted(server: Setup, client: openai.OpenAI) -> None:
    made = client.responses.create(model="local", input="one", metadata={"a": "b"})
    assert client.responses.retrieve(made.id).to_dict() == made.to_dict()
    client.responses.delete(made.id)
    for gone in (
        lambda: client.responses.retrieve(made.id),
        lambda: client.responses.delete(made.id),
        lambda: client.responses.input_items.list(made.id),
    ):
        with pytest.raises(openai.NotFoundError) as raised:
            gone()
        assert raised.value.code == "response_not_found"
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="local", input="two", previous_response_id=made.id)
    assert refused.value.code == "previous_response_not_found"


def test_what_is_not_to_be_stored_is_not(server: Setup, client: openai.OpenAI) -> None:
    made = client.responses.create(model="local", input="one", store=False)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)


@pytest.mark.parametrize(
    ("finish", "reason"), [(StopReason.LENGTH, "max_output_tokens"), (StopReason.CONTENT_FILTER, "content_filter")]
)
def test_an_answer_that_was_cut_is_incomplete(
    server: Setup, client: openai.OpenAI, finish: StopReason, reason: str, http: httpx2.Client
) -> None:
    server.local.script = plays(Delta(reasoning="so"), Delta(text="hal"), Delta(finish=finish, usage=Usage(1, 2)))
    answer = client.responses.create(model="local", input="hi")
    assert answer.status == "incomplete" and answer.incomplete_details.reason == reason
    assert [item.status for item in answer.output] == ["completed", "incomplete"]
    events = streamed(http, {"model": "local", "input": "hi", "stream": True})
    assert events[-1]["type"] == "response.incomplete" and events[-1]["response"]["completed_at"] is None


def test_an_error_before_the_first_delta_has_its_status(server: Setup, client: openai.OpenAI) -> None:
    server.local.script = plays(Overloaded("Too many.", retry_after=1))
    for stream in (True, False):
        with pytest.raises(openai.RateLimitError):
            client.responses.create(model="local", input="hi", stream=stream)


@pytest.mark.parametrize("error", [BackendError("It broke."), RuntimeError(SECRET), None])
def test_a_stream_that_breaks_says_so_and_fails(
    server: Setup, client: openai.OpenAI, error: Exception | None, http: httpx2.Client
) -> None:
    server.local.script = plays(Delta(text="half"), *([error] if error is not None else []))
    events = streamed(http, {"model": "local", "input": "hi", "stream": True})
    assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]
    failed = events[-1]["response"]
    assert failed["status"] == "failed" and failed["error"]["code"] == "server_error" and failed["output"] == []
    assert SECRET not in json.dumps(events)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(failed["id"])
    with pytest.raises(openai.InternalServerError):
        client.responses.create(model="local", input="hi")


def test_a_form_reaches_the_model_and_is_repeated(server: Setup, client: openai.OpenAI) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string", "description": "where"}}}
    form: Any = {"type": "json_schema", "name": "place", "schema": schema, "strict": True}
    answer = client.responses.create(model="local", input="hi", text={"format": form})
    asked = server.local.requests[-1].response_format
    assert asked == ResponseFormat("json_schema", schema=schema, name="place", strict=True)
    assert answer.text.format.to_dict()["schema"] == schema and answer.text.format.strict is True
    client.responses.create(model="local", input="hi", text={"format": {"type": "json_object"}})
    assert server.local.requests[-1].response_format == ResponseFormat("json_object")


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"background": True}, "/background"),
    ({"truncation": "auto"}, "/truncation"),
    ({"top_logprobs": 3}, "/top_logprobs"),
    ({"conversation": "conv_1"}, "/conversation"),
    ({"prompt": {"id": "p"}}, "/prompt"),
    ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "/text/format/schema"),
    ({"text": {"format": {"type": "xml"}}}, "/text/format/type"),
    ({"text": {"verbosity": "low"}}, "/text/verbosity"),
    ({"reasoning": {"summary": "detailed"}}, "/reasoning/summary"),
    ({"reasoning": {"effort": SECRET}}, "/reasoning/effort"),
    ({"include": ["message.output_text.logprobs"]}, "/include/0"),
    ({"tools": [{"type": "web_search"}]}, "/tools/0/type"),
    ({"tools": [{"type": "mcp", "server_label": SECRET}]}, "/tools/0/type"),
    ({"tool_choice": "required"}, "/tool_choice"),
    ({"tool_choice": {"type": "file_search"}}, "/tool_choice"),
    ({"input": []}, "/input"),
    ({"input": None}, "/input"),
    ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "/input/0/type"),
    ({"input": [{"type": SECRET}]}, "/input/0/type"),
    ({"input": [{"type": "web_search_call", "id": "w", "status": "completed"}]}, "/input/0/type"),
    ({"input": [{"role": "tool", "content": "x"}]}, "/input/0/role"),
    ({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]}, "/input/0/content/0/file_id"),
    ({"input": [{"type": "reasoning", "summary": [], "encrypted_content": "x"}]}, "/input/0/encrypted_content"),
    ({"input": [{"type": "function_call_output", "output": "x"}]}, "/input/0/call_id"),
    ({"metadata": {"a": 1}}, "/metadata"),
    ({"previous_response_id": "resp_0"}, "/previous_response_id"),
    ({"stream_options": {"include_obfuscation": True}}, "/stream_options/include_obfuscation"),
    ({SECRET: 1}, None),  # type: ignore[list-item]
]


@pytest.mark.parametrize(("fields", "param"), REFUSED)
def test_what_is_not_supported_is_refused_by_its_place(
    server: Setup, client: openai.OpenAI, fields: dict[str, Any], param: str, http: httpx2.Client
) -> None:
    asked = len(server.local.requests)
    response = http.post("/v1/responses", json={"model": "local", "input": "hi", **fields})
    assert response.status_code == 400 and response.json()["error"]["param"] == param
    assert SECRET not in response.text and len(server.local.requests) == asked


def test_hosted_tools_and_items_are_named(server: Setup, http: httpx2.Client) -> None:
    body = {"model": "local", "input": "hi", "tools": [{"type": "code_interpreter"}]}
    message = http.post("/v1/responses", json=body).json()["error"]["message"]
    assert "code_interpreter" in message
    body = {"model": "local", "input": [{"type": "item_reference", "id": "x"}]}
    assert "item_reference" in http.post("/v1/responses", json=body).json()["error"]["message"]


def test_pictures_and_files_stay_here_unless_they_are_read(server: Setup, client: openai.OpenAI) -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"}
    file = {"type": "input_file", "file_data": "data:text/plain;base64,aGk=", "filename": "a.txt"}
    content: Any = [{"type": "input_text", "text": "see"}, picture, file]
    raw = client.responses.with_raw_response.create(model="auto", input=[{"role": "user", "content": content}])
    assert raw.headers["x-nemora-route"] == "local"
    parts = server.local.requests[-1].messages[0].content
    assert isinstance(parts, tuple) and isinstance(parts[1], OpaquePart) and isinstance(parts[2], OpaquePart)
    assert parts[1].inline() is not None and parts[2].inline() is not None
    items = client.responses.input_items.list(raw.parse().id)
    no_more_than_named(ResponseItemList.model_validate(items.to_dict()))
    assert [part.to_dict() for part in items.data[0].content] == content


@pytest.mark.parametrize(
    "fields",
    [
        {"instructions": f"Know that {SECRET}."},
        {"input": SECRET},
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": SECRET}]}]},
        {
            "input": [
                {"role": "user", "content": "x"},
                {"type": "function_call_output", "call_id": "c", "output": SECRET},
            ]
        },
        {"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": SECRET}]},
        {"input": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": SECRET}]}]},
        {"input": [{"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": SECRET}]}]},
        {"tools": [{**WEATHER, "description": SECRET}]},
        {"user": SECRET},
        {"metadata": {"note": SECRET}},
        {"metadata": {SECRET: "note"}},
        {"safety_identifier": SECRET},
        {"prompt_cache_key": SECRET},
    ],
)
def test_a_secret_anywhere_stays_here(server: Setup, client: openai.OpenAI, fields: dict[str, Any]) -> None:
    asked = len(server.cloud.requests)
    raw = client.responses.with_raw_response.create(**{"model": "auto", "input": "hi", **fields})
    assert raw.headers["x-nemora-route"] == "local" and len(server.cloud.requests) == asked


def test_a_secret_in_an_earlier_response_keeps_what_goes_on_from_it_here(server: Setup, client: openai.OpenAI) -> None:
    first = client.responses.create(model="auto", input="hi")
    assert first.model == "big"
    second = client.responses.create(model="auto", input=f"My password is {SECRET}", previous_response_id=first.id)
    third = client.responses.create(model="auto", input="Go on", previous_response_id=second.id)
    assert second.model == third.model == "tiny"
    with pytest.raises(openai.PermissionDeniedError):
        client.responses.create(model="big", input="Go on", previous_response_id=third.id)
    beside = client.responses.create(model="auto", input="Go on", previous_response_id=first.id)
    assert beside.model == "big"


def test_other_questions_about_a_stored_response_are_refused(
    server: Setup, client: openai.OpenAI, http: httpx2.Client
) -> None:
    made = client.responses.create(model="local", input="one")
    for query in ("?stream=true", f"?{SECRET}=1", "?include[]=message.output_text.logprobs"):
        refused = http.get(f"/v1/responses/{made.id}{query}")
        assert refused.status_code == 400 and SECRET not in refused.text
    for query in ("?limit=0", "?limit=101", "?order=up", "?after=nothing"):
        assert http.get(f"/v1/responses/{made.id}/input_items{query}").status_code == 400
    assert http.post(f"/v1/responses/{made.id}/cancel", json={}).status_code == 404
    assert http.get("/v1/responses").status_code == 405
