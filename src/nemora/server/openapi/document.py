"""The OpenAPI document of the server: every endpoint with its bodies, answers and errors.

It is built from the lists by which bodies are read. What JSON Schema cannot say (that a tool is on the list, that a
grammar compiles) is said by the error: a body that fits may still be refused with status 400.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import nemora
from nemora.core import Json
from nemora.server.openapi import (
    anthropic_schemas,
    ollama_schemas,
    openai_schemas,
    own_schemas,
    responses_schemas,
)
from nemora.server.openapi.schema import TEXT, Schema, integer, ref, words
from nemora.server.responses_endpoints import MOST_ITEMS

PATH = "/openapi.json"
EVENTS = "text/event-stream"
LINES = "application/x-ndjson"
EVENT: Schema = {
    "type": "object",
    "description": "One server-sent event. Its data is JSON in the form of the API's own documentation, or [DONE].",
    "properties": {"event": TEXT, "data": {"type": "string", "contentMediaType": "application/json"}},
    "required": ["data"],
}
"""What a schema of `text/event-stream` is of: each event."""

STATUSES: Mapping[int, str] = {
    400: "The request is wrong, or asks for what is not supported; the message says where.",
    401: "The server has keys, and this request has none of them.",
    402: "A cloud server wants to be paid.",
    403: "The policy keeps this request here, the key is not for this, or it comes from a foreign page.",
    404: "There is no such model, response, decision or endpoint.",
    405: "The endpoint does not have that method.",
    408: "The body came too slowly.",
    409: "The policy asks the user; the error holds the token by which the request may be sent again. Or another model "
    "than the one whose tokens are asked for is loaded.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    429: "Too many requests, or the day's costs are spent.",
    500: "A mistake of the server, or the ledger cannot be used.",
    502: "A server behind this one failed.",
    503: "The local model is down, or a server behind this one cannot be reached.",
    504: "A server behind this one is too slow.",
}
BEFORE_A_BODY = (401, 403, 404, 405, 429, 500, 503)
"""What an endpoint without a body may say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path. `takes` and `gives` are names of schemas; `streams` is the type of a streamed answer."""

    path: str
    says: str
    gives: str | None = None
    method: str = "get"
    takes: str | None = None
    streams: str | None = None
    errors: str = "Error"
    query: tuple[tuple[str, Schema], ...] = ()
    media_type: str = "application/json"

    def document(self) -> dict[str, Json]:
        """As OpenAPI has it."""
        known = STATUSES if self.takes is not None or self.query or self.method != "get" else BEFORE_A_BODY
        problems = {str(status): _response(STATUSES[status], ref(self.errors)) for status in sorted(known)}
        found: dict[str, Json] = {
            "summary": self.says,
            "operationId": f"{self.method}{self.path}".replace("/", "_").translate(str.maketrans("", "", "{}.")),
            "responses": {"200": self._success(), **problems},
        }
        parameters: list[Json] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
            for name in self._names()
        ]
        parameters += [{"name": name, "in": "query", "schema": schema} for name, schema in self.query]
        if parameters:
            found["parameters"] = parameters
        if self.takes is not None:
            found["requestBody"] = {"required": True, "content": {"application/json": {"schema": ref(self.takes)}}}
        return found

    def _success(self) -> Json:
        schema = TEXT if self.gives is None else ref(self.gives)
        content: dict[str, Json] = {self.media_type: {"schema": schema}}
        if self.streams is not None:
            content[self.streams] = {"schema": EVENT if self.streams == EVENTS else ref(self.gives or "")}
        return {"description": "The answer.", "content": content}

    def _names(self) -> list[str]:
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]


def _response(said: str, schema: Schema) -> Json:
    return {"description": said, "content": {"application/json": {"schema": schema}}}


def _post(path: str, says: str, takes: str, gives: str, streams: str | None = None, errors: str = "Error") -> Operation:
    return Operation(path=path, says=says, method="post", takes=takes, gives=gives, streams=streams, errors=errors)


_PAGE: tuple[tuple[str, Schema], ...] = (
    ("after", {"type": "string"}),
    ("limit", integer(1, MOST_ITEMS)),
    ("order", words("asc", "desc")),
)
_ONE = "/v1/responses/{id}"
OPERATIONS: Sequence[Operation] = (
    _post("/v1/chat/completions", "Answer a conversation.", "ChatRequest", "ChatCompletion", EVENTS),
    _post("/v1/completions", "Continue texts, on this machine.", "CompletionRequest", "Completion", EVENTS),
    _post("/v1/responses", "Answer a conversation of items.", "ResponsesRequest", "Response", EVENTS),
    Operation(path=_ONE, says="A stored response.", gives="Response"),
    Operation(path=_ONE, says="Drop a stored response.", gives="DeletedResponse", method="delete"),
    Operation(path=f"{_ONE}/input_items", says="What a stored response was asked.", gives="InputItems", query=_PAGE),
    _post("/v1/embeddings", "Vectors of texts.", "EmbeddingRequest", "Embeddings"),
    _post("/v1/tokenize", "Text to tokens.", "TokenizeRequest", "Tokens"),
    _post("/v1/detokenize", "Tokens to text.", "DetokenizeRequest", "DetokenizedText"),
    Operation(path="/v1/models", says="All names that may be asked for.", gives="ModelList"),
    Operation(path="/v1/models/{name}", says="One of them.", gives="Model"),
    _post("/v1/messages", "Anthropic's Messages.", "MessagesRequest", "MessagesAnswer", EVENTS, "AnthropicError"),
    _post("/v1/messages/count_tokens", "Tokens of a prompt.", "CountRequest", "TokenCount", errors="AnthropicError"),
    _post("/api/chat", "Ollama's chat.", "OllamaChatRequest", "OllamaChat", LINES, "OllamaError"),
    _post("/api/generate", "Ollama's generate.", "OllamaGenerateRequest", "OllamaGenerated", LINES, "OllamaError"),
    _post("/api/embed", "Ollama's vectors of texts.", "OllamaEmbedRequest", "OllamaEmbeddings", errors="OllamaError"),
    _post("/api/show", "What is known of a model.", "OllamaNamed", "OllamaModel", errors="OllamaError"),
    _post("/api/pull", "Fetch a model.", "OllamaPullRequest", "OllamaPulled", LINES, "OllamaError"),
    Operation(path="/api/tags", says="All names, as Ollama has them.", gives="OllamaTags", errors="OllamaError"),
    Operation(path="/api/ps", says="Models that run here.", gives="OllamaLoaded", errors="OllamaError"),
    Operation(path="/api/version", says="The version of Ollama's API.", gives="OllamaVersion", errors="OllamaError"),
    _post("/v1/decisions", "Answers of fixed forms, with probabilities.", "DecisionsRequest", "Decisions"),
    Operation(path="/v1/nemora/decisions/{id}", says="Why a request was decided as it was.", gives="RecordedDecision"),
    Operation(path="/health/live", says="The process answers.", gives="Live"),
    Operation(path="/health/ready", says="The local model could answer.", gives="Ready"),
    Operation(path="/health/policy", says="Which policy is in force.", gives="PolicyHealth"),
    Operation(path="/metrics", says="Counters for Prometheus.", media_type="text/plain"),
    Operation(path=PATH, says="This document.", gives="Document"),
)
"""Every endpoint that the server has."""


@cache
def openapi_document() -> dict[str, Json]:
    """The whole document. It is the same for every caller and holds nothing of the settings."""
    paths: dict[str, Json] = {}
    for operation in OPERATIONS:
        at = paths.setdefault(operation.path, {})
        assert isinstance(at, dict)
        at[operation.method] = operation.document()
    schemas: dict[str, Json] = {
        **openai_schemas.schemas(),
        **responses_schemas.schemas(),
        **anthropic_schemas.schemas(),
        **ollama_schemas.schemas(),
        **own_schemas.schemas(),
        **own_schemas.errors(),
        "Document": {"type": "object"},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Nemora",
            "version": nemora.__version__,
            "description": "Nemotron models on your own hardware, behind one endpoint that decides what may leave it.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
        },
        "security": [{"bearer": []}, {"key": []}, {}],
    }
