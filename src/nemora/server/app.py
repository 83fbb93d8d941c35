"""The HTTP application: its endpoints behind the guards. What is not listed here is a 404 and goes nowhere."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from nemora.errors import (
    LocalModelDown,
    MethodNotAllowed,
    NemoraError,
    RequestError,
    UnknownEndpoint,
    UnknownModel,
)
from nemora.privacy.policy_file import POLL_SECONDS
from nemora.server.answering import Answering
from nemora.server.anthropic_format import (
    AnthropicMessages,
    anthropic_error,
    model_info,
    model_list,
    speaks_messages,
)
from nemora.server.api_keys import ApiKeys
from nemora.server.caller import caller_of
from nemora.server.decisions import Decisions
from nemora.server.drain import Drain, Draining
from nemora.server.embeddings import Embeddings
from nemora.server.envelope import Errors, envelope, error_response
from nemora.server.explanation import explain_to, only_owner
from nemora.server.gateway import Gateway
from nemora.server.guard import HostCheck, JsonOnly, KeyCheck, OriginCheck
from nemora.server.limits import Concurrency
from nemora.server.local_side import start_looking_after
from nemora.server.metrics import CONTENT_TYPE, InFlight
from nemora.server.model_metrics import model_lines
from nemora.server.model_pull import ModelPulls
from nemora.server.ollama_answer import error_line
from nemora.server.ollama_format import OllamaChat, OllamaGenerate
from nemora.server.ollama_models import OLLAMA_PATHS, OllamaModels
from nemora.server.openai_chat_format import OpenAIChat
from nemora.server.openai_completions import OpenAICompletions
from nemora.server.openapi.document import PATH as OPENAPI
from nemora.server.openapi.document import openapi_document
from nemora.server.rate_limits import RateLimits
from nemora.server.responses_endpoints import ResponsesEndpoints
from nemora.server.token_count import PATH as TOKEN_COUNT
from nemora.server.token_count import TokenCount
from nemora.server.tokenization import Tokenization
from nemora.server.wire_format import WireFormat
from nemora.settings import ServerSettings

APIS: Mapping[str, WireFormat] = {
    "/v1/chat/completions": OpenAIChat(),
    "/v1/completions": OpenAICompletions(),
    "/api/chat": OllamaChat(),
    "/api/generate": OllamaGenerate(),
    "/v1/messages": AnthropicMessages(),
    "/v1/decisions": Decisions(),
}
"""Every API in which a model is asked, by its path."""


def build_app(
    gateway: Gateway,
    settings: ServerSettings,
    *,
    bound: str,
    keys: ApiKeys | None = None,
    drain: Drain | None = None,
    pulls: ModelPulls | None = None,
) -> Starlette:
    """The application, which closes `gateway` when it shuts down.

    Args:
        bound: the address that the socket has.
        keys: those of clients, beside `settings.api_key`.
        drain: from when on new requests are refused; None: never.
        pulls: fetches models; None: none are fetched.
    """
    drain = drain or Drain(settings.drain)
    limits = RateLimits()
    answering = {path: Answering(api, gateway, settings, limits) for path, api in APIS.items()}
    endpoints = Endpoints(gateway, settings, drain)
    responses = ResponsesEndpoints(lambda api: Answering(api, gateway, settings, limits))
    tokenization = Tokenization(gateway, settings, limits)
    # A log handler that fails would print the exception that is being handled, whose text may be content.
    logging.raiseExceptions = False

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        start_looking_after(gateway.local)
        watch = asyncio.create_task(_watch_policy(gateway))
        yield
        watch.cancel()
        await gateway.close()

    return Starlette(
        routes=[
            Route("/health/live", endpoints.live),
            Route("/health/ready", endpoints.ready),
            Route("/health/policy", endpoints.policy),
            Route("/metrics", endpoints.metrics),
            Route(OPENAPI, endpoints.openapi),
            Route("/v1/models", endpoints.models),
            Route("/v1/models/{name:path}", endpoints.model),
            Route("/v1/nemora/decisions/{id}", endpoints.decision),
            *responses.routes(),
            Route("/v1/tokenize", tokenization.tokenize, methods=["POST"]),
            Route("/v1/detokenize", tokenization.detokenize, methods=["POST"]),
            *OllamaModels(gateway, settings, pulls).routes(),
            Route(TOKEN_COUNT, TokenCount(gateway, settings, limits).respond, methods=["POST"]),
            *Embeddings(gateway, settings, limits).routes(),
            *(Route(path, each.respond, methods=["POST"]) for path, each in answering.items()),
        ],
        middleware=[
            Middleware(Errors, shape=error_shape),
            Middleware(HostCheck, bound=bound, allowed=settings.allowed_hosts),
            Middleware(OriginCheck),
            Middleware(KeyCheck, key=settings.api_key, keys=keys),
            Middleware(Draining, drain=drain),
            Middleware(Concurrency, limit=settings.max_requests),
            Middleware(JsonOnly),
            Middleware(InFlight, metrics=gateway.metrics),
        ],
        exception_handlers={HTTPException: _http_exception},
        lifespan=lifespan,
    )


class Endpoints:
    """One method per endpoint."""

    def __init__(self, gateway: Gateway, settings: ServerSettings, drain: Drain) -> None:
        self._gateway = gateway
        self._settings = settings
        self._drain = drain
        self._started = int(time.time())

    async def live(self, _request: Request) -> Response:
        """The process answers. Touches nothing else."""
        return JSONResponse({"status": "live"})

    async def ready(self, _request: Request) -> Response:
        """The local model could answer, and new requests are taken."""
        if self._drain.begun:
            raise self._drain.refusal()
        if not await self._gateway.ready():
            raise LocalModelDown("The local model is not ready.", retry_after=2)
        return JSONResponse({"status": "ready"})

    async def policy(self, _request: Request) -> Response:
        """Which policy is in force, and whether its file is wrong: then the one before it still is."""
        await self._gateway.policy()
        return JSONResponse(self._gateway.policies.health())

    async def metrics(self, request: Request) -> Response:
        """Counters for Prometheus: without content, for the owner on this machine."""
        only_owner(_peer(request), caller_of(request), self._settings)
        text = self._gateway.metrics.text() + model_lines(self._gateway.local)
        return Response(text, headers={"content-type": CONTENT_TYPE, "cache-control": "no-store"})

    async def openapi(self, _request: Request) -> Response:
        """What the endpoints take and give, for programs. The same for everybody."""
        return JSONResponse(openapi_document())

    async def models(self, request: Request) -> Response:
        """All names, in the shape of the API whose client asks."""
        if speaks_messages(request.scope):
            return JSONResponse(model_list(self._gateway.models(), self._started))
        data = [self._model(name, owner) for name, owner in self._gateway.models().items()]
        return JSONResponse({"object": "list", "data": data})

    async def model(self, request: Request) -> Response:
        name = request.path_params["name"]
        owner = self._gateway.models().get(name)
        if owner is None:
            raise UnknownModel("There is no model of that name; GET /v1/models lists the names.", param="model")
        if speaks_messages(request.scope):
            return JSONResponse(model_info(name, self._started))
        return JSONResponse(self._model(name, owner))

    async def decision(self, request: Request) -> Response:
        """Why a request was decided as it was, from the ledger: without content, for the owner on this machine."""
        only_owner(_peer(request), caller_of(request), self._settings)
        return JSONResponse(await explain_to(request.path_params["id"], self._gateway))

    def _model(self, name: str, owner: str) -> dict[str, str | int]:
        return {"id": name, "object": "model", "created": self._started, "owned_by": owner}


def _peer(request: Request) -> str:
    """The client's address."""
    return request.client.host if request.client is not None else ""


def error_shape(scope: Scope) -> Callable[[NemoraError], bytes]:
    """Who writes the body of an error: the API at that path, or the one whose client asks."""
    api = APIS.get(scope["path"])
    if api is not None:
        return api.error
    if scope["path"] in OLLAMA_PATHS:
        return error_line
    return anthropic_error if speaks_messages(scope) else envelope


async def _watch_policy(gateway: Gateway) -> None:
    """Look at the policy's file also when nobody asks, so that a mistake in it is said at once."""
    while True:
        await asyncio.sleep(POLL_SECONDS)
        await gateway.policy()


async def _http_exception(request: Request, raised: Exception) -> Response:
    """What the router itself refuses."""
    status = raised.status_code if isinstance(raised, HTTPException) else 500
    allow = (raised.headers if isinstance(raised, HTTPException) and status == 405 else None) or {}
    error = RequestError("The request could not be read.")
    if status == 404:
        error = UnknownEndpoint("There is no such endpoint; nothing was forwarded.")
    elif status == 405:
        error = MethodNotAllowed("This endpoint does not have that method; see the allow header.")
    error.request_id = request.state.request_id
    return error_response(error, allow, write=error_shape(request.scope))
