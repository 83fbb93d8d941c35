"""The OpenAPI document says what the server does: schemathesis asks every endpoint as it describes it, and against it.

NEMORA_OPENAPI_EXAMPLES asks each endpoint more often, with other seeds than the fixed one.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
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

    async def detokenize(self, ids: Sequence[int]) -> str:
        return "a" * len(ids)

    def describe(self) -> Description:
        return Description(
            architecture="tiny", kind="gguf", context_length=4096, bytes=1, calls_tools=True, reasons=True
        )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    folder = tmp_path_factory.mktemp("models")
    what = setup(with_cloud=False)
    what.gateway.local = (Talker(),)
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
        max_examples=EXAMPLES or 6,
        derandomize=not EXAMPLES,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    def ask(case: Any) -> None:
        case.call_and_validate(checks=CHECKS)

    ask()
