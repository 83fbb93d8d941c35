"""The OpenAPI document says what the server does: schemathesis asks every endpoint as it describes it, and against it.

NEMORA_OPENAPI_EXAMPLES asks each endpoint more often, with other seeds than the fixed one.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import httpx2
import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    negative_data_rejection,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)
from server_fakes import ScriptedBackend, Setup, served, setup
from starlette.routing import Route

from nemora.backends.base import Description
from nemora.backends.embedding_model import EmbeddingModel
from nemora.core import ChatRequest, Delta, StopReason, TokenLogprob, ToolCallDelta, Usage
from nemora.errors import ModelNotLoaded
from nemora.server import anthropic_messages, openai_chat, openai_completions, openai_responses
from nemora.server.app import build_app
from nemora.server.embedder import Embedder
from nemora.server.openapi.document import OPERATIONS, Operation, openapi_document
from nemora.settings import ServerSettings
from tiny_bert import write_bert

EXAMPLES = int(os.environ.get("NEMORA_OPENAPI_EXAMPLES", "0"))
CHECKS = [
    content_type_conformance,
    negative_data_rejection,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
]


class Talker(ScriptedBackend):
    """Thinks, talks and calls, each choice for itself; knows its tokens, and answers questions evenly."""

    context = 4096

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        if request.questions:
            even = tuple(tuple(1 / len(one.answers) for _ in one.answers) for one in request.questions)
            yield Delta(finish=StopReason.STOP, usage=Usage(3, 0), probabilities=even)
            return
        rated = (TokenLogprob("hi", -0.5, b"hi", (TokenLogprob("hi", -0.5, b"hi"),)),)
        for index in range(request.choices):
            yield Delta(reasoning="hm", index=index)
            yield Delta(text="hi", index=index, logprobs=rated if request.sampling.logprobs is not None else ())
            if request.tools:
                yield Delta(tool_call=ToolCallDelta(0, "call_1", request.tools[0].name, "{}"), index=index)
            yield Delta(finish=StopReason.TOOL_CALLS if request.tools else StopReason.STOP, index=index)
        yield Delta(usage=Usage(3, 2))

    async def tokenize(self, request: ChatRequest) -> list[int]:
        return [ord(letter) for message in request.messages for letter in message.text()]

    async def detokenize(self, prompts: Sequence[Sequence[int]], *, swap: bool = False) -> list[str]:
        return ["a" * len(ids) for ids in prompts]

    def describe(self) -> Description:
        return Description(
            architecture="tiny", kind="gguf", context_length=4096, bytes=1, calls_tools=True, reasons=True
        )


class Unloaded(Talker):
    """Another model is loaded in its place."""

    async def tokenize(self, request: ChatRequest) -> list[int]:
        raise ModelNotLoaded("The model tiny is loaded.", param="/model")

    async def detokenize(self, prompts: Sequence[Sequence[int]], *, swap: bool = False) -> list[str]:
        raise ModelNotLoaded("The model tiny is loaded.", param="/model")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    folder = tmp_path_factory.mktemp("models")
    what = setup(with_cloud=False)
    what.gateway.local = (Talker(), Unloaded("there", "other"))
    what.gateway.embedder = Embedder(EmbeddingModel.load(str(write_bert(folder / "tiny-bert")), cache=folder))
    with served(what) as running:
        yield running


@pytest.fixture(scope="module")
def described(server: Setup) -> Any:
    """The document as it is served, with only the names of models that there are: other names are a 404."""
    document = httpx2.get(f"{server.url}/openapi.json").json()
    known = {"enum": ["auto", "local", "tiny", "tiny-bert"]}

    def named(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: named(known if key == "model" and "maxLength" in inner else inner) for key, inner in value.items()
            }
        return [named(inner) for inner in value] if isinstance(value, list) else value

    loaded = schemathesis.openapi.from_dict(named(document))
    loaded.config.update(base_url=server.url)
    return loaded


MODES = [
    (operation, mode)
    for operation in OPERATIONS
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or operation.takes is not None or operation.query
]


@pytest.mark.parametrize(
    ("operation", "mode"), MODES, ids=[f"{mode.value}-{one.method}-{one.path}" for one, mode in MODES]
)
def test_no_request_is_answered_otherwise_than_described(
    described: Any, operation: Operation, mode: GenerationMode
) -> None:
    @given(case=described[operation.path][operation.method].as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES or 3,
        derandomize=not EXAMPLES,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    def ask(case: Any) -> None:
        case.call_and_validate(checks=CHECKS)

    ask()


HI = [{"role": "user", "content": "hi"}]
CALL = {"name": "f", "description": "d", "parameters": {"type": "object"}}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {
        "messages": [
            *({"role": role, "content": "a", "name": None} for role in ("system", "developer", "user")),
            {
                "role": "assistant",
                "content": None,
                "refusal": None,
                "annotations": [],
                "parsed": None,
                "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "b"}]},
        ],
        "tools": [{"type": "function", "function": CALL}],
        "tool_choice": "auto",
        "n": 2,
        "logprobs": True,
    },
    "/v1/completions": {"prompt": ["a", "b"], "n": 2, "logprobs": 1, "temperature": None},
    "/v1/responses": {
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
            {"type": "reasoning", "id": "r", "summary": [], "content": [{"type": "reasoning_text", "text": "h"}]},
            {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "1", "output": "b"},
        ],
        "tools": [{"type": "function", **CALL, "strict": None}],
        "metadata": {"a": "b"},
    },
    "/v1/embeddings": {"input": ["a", "b"], "encoding_format": "base64"},
    "/v1/tokenize": {"messages": HI, "add_special_tokens": True},
    "/v1/detokenize": {"tokens": [1, 2]},
    "/v1/messages": {
        "max_tokens": 9,
        "system": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            *HI,
            {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "b"}]},
        ],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
    },
    "/v1/messages/count_tokens": {"messages": HI},
    "/api/chat": {"messages": [*HI, {"role": "assistant", "content": "a"}, *HI], "stream": False, "format": "json"},
    "/api/generate": {"prompt": "hi", "stream": False, "options": {"num_ctx": 9, "temperature": 0.5}},
    "/api/embed": {"input": "a"},
    "/api/show": {},
    "/api/pull": {"insecure": False},
    "/v1/decisions": {
        "input": HI,
        "questions": [
            {"type": "predicate", "question": "Is it?"},
            {"type": "choice", "question": "Which?", "options": ["a", "b"]},
            {"id": "s", "type": "score", "question": "How much?", "from": 1, "to": 5},
        ],
    },
}
"""A body for each endpoint that takes one."""


def test_what_is_described_is_accepted_and_answered_as_described(server: Setup) -> None:
    assert set(BODIES) == {operation.path for operation in OPERATIONS if operation.takes is not None}
    for operation in OPERATIONS:
        if operation.takes is None:
            continue
        body = {"model": "local", **BODIES[operation.path]}
        jsonschema.validate(body, schema_of({"$ref": f"#/components/schemas/{operation.takes}"}))
        answer = httpx2.post(server.url + operation.path, json=body)
        assert answer.status_code == 200, (operation.path, answer.text)
        jsonschema.validate(answer.json(), answer_schema(operation.path, "post"))


@pytest.mark.parametrize("path", ["/v1/tokenize", "/v1/detokenize", "/v1/messages/count_tokens"])
def test_that_another_model_is_loaded_is_said_as_described(server: Setup, path: str) -> None:
    answer = httpx2.post(server.url + path, json={"model": "other", **BODIES[path]})
    document: Any = openapi_document()
    described = document["paths"][path]["post"]["responses"]["409"]
    assert answer.status_code == 409 and "whose tokens" in described["description"]
    jsonschema.validate(answer.json(), schema_of(described["content"]["application/json"]["schema"]))


def test_what_was_stored_and_recorded_is_as_described(server: Setup) -> None:
    """Endpoints whose addresses hold an id that nobody can guess."""
    made = httpx2.post(f"{server.url}/v1/responses", json={"model": "local", "input": "hi"})
    stored = made.json()["id"]
    for path, method, id_ in (
        ("/v1/responses/{id}", "get", stored),
        ("/v1/responses/{id}/input_items", "get", stored),
        ("/v1/responses/{id}", "delete", stored),
        ("/v1/nemora/decisions/{id}", "get", made.headers["x-nemora-decision-id"]),
    ):
        answer = httpx2.request(method, server.url + path.replace("{id}", id_))
        assert answer.status_code == 200
        jsonschema.validate(answer.json(), answer_schema(path, method))


@pytest.mark.parametrize("streamed", ["/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages"])
def test_a_stream_has_the_media_type_that_is_described(server: Setup, streamed: str) -> None:
    words: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}
    body = {"/v1/completions": {"prompt": "hi"}, "/v1/responses": {"input": "hi"}}.get(streamed, words)
    body |= {"max_tokens": 5} if streamed == "/v1/messages" else {}
    answer = httpx2.post(server.url + streamed, json={"model": "local", "stream": True, **body})
    (operation,) = [one for one in OPERATIONS if one.path == streamed]
    assert answer.status_code == 200 and answer.headers["content-type"].partition(";")[0] == operation.streams


def answer_schema(path: str, method: str) -> dict[str, Any]:
    document: Any = openapi_document()
    content = document["paths"][path][method]["responses"]["200"]["content"]["application/json"]
    return schema_of(content["schema"])


def schema_of(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with all that it may refer to."""
    document: Any = openapi_document()
    return {**schema, "components": document["components"]}


def test_every_endpoint_is_described_and_no_other() -> None:
    what = setup(with_cloud=False)
    app = build_app(what.gateway, ServerSettings(port=0), bound="127.0.0.1")
    routes = {
        (route.path.replace(":path}", "}"), method.lower())
        for route in app.routes
        if isinstance(route, Route)
        for method in route.methods or ()
    }
    routes -= {(path, "head") for path, _ in routes}
    assert routes == {(operation.path, operation.method) for operation in OPERATIONS}


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("ChatRequest", openai_chat),
        ("CompletionRequest", openai_completions),
        ("ResponsesRequest", openai_responses),
        ("MessagesRequest", anthropic_messages),
    ],
)
def test_the_fields_of_a_body_are_those_on_the_lists(name: str, module: Any) -> None:
    document: Any = openapi_document()
    fields = document["components"]["schemas"][name]["properties"]
    assert set(fields) == module.READ | module.IGNORED | module.NEUTRAL.keys()


def test_every_schema_is_one_and_every_reference_leads_to_one() -> None:
    document: Any = openapi_document()
    schemas = document["components"]["schemas"]

    def references(value: Any) -> Iterator[str]:
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from references(inner)
        if isinstance(value, dict) and isinstance(value.get("$ref"), str):
            yield value["$ref"]

    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    assert set(references(document)) <= {f"#/components/schemas/{name}" for name in schemas}


def test_the_document_needs_the_key_that_other_endpoints_need() -> None:
    with served(setup(with_cloud=False), api_key="s3cret") as running:
        url = f"{running.url}/openapi.json"
        assert httpx2.get(url).status_code == 401
        told = httpx2.get(url, headers={"authorization": "Bearer s3cret"})
        assert told.status_code == 200 and told.json() == openapi_document()
        assert httpx2.get(url, headers={"origin": "https://evil.example"}).status_code == 403
