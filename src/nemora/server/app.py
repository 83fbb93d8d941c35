"""The HTTP application: its endpoints behind the guards. What is not listed here is a 404 and goes nowhere."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from nemora.core import ChatRequest, Delta
from nemora.errors import LocalModelDown, MethodNotAllowed, NemoraError, RequestError, UnknownEndpoint, UnknownModel
from nemora.privacy.policy_file import POLL_SECONDS
from nemora.server.envelope import Errors, error_response
from nemora.server.explanation import coarse, decision_headers, explain_to, only_owner
from nemora.server.gateway import Gateway
from nemora.server.guard import HostCheck, JsonOnly, KeyCheck, OriginCheck
from nemora.server.limits import Concurrency, read_body, unless_gone
from nemora.server.metrics import CONTENT_TYPE, InFlight
from nemora.server.openai_chat import ParsedRequest, parse_chat_request
from nemora.server.openai_encode import Head, chunks, completion
from nemora.server.overrides import REASON_HEADER, TOKEN_HEADER, Override, override_of
from nemora.server.wire import parse_json
from nemora.settings import ServerSettings

PARSE_IN_THREAD_BYTES = 64 * 1024


def build_app(gateway: Gateway, settings: ServerSettings, *, bound: str) -> Starlette:
    """The application, which closes `gateway` when it shuts down. `bound` is the address that the socket has."""
    endpoints = Endpoints(gateway, settings)
    # A log handler that fails would print the exception that is being handled, whose text may be content.
    logging.raiseExceptions = False

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
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
            Route("/v1/models", endpoints.models),
            Route("/v1/models/{name:path}", endpoints.model),
            Route("/v1/nemora/decisions/{id}", endpoints.decision),
            Route("/v1/chat/completions", endpoints.chat, methods=["POST"]),
        ],
        middleware=[
            Middleware(Errors),
            Middleware(HostCheck, bound=bound, allowed=settings.allowed_hosts),
            Middleware(OriginCheck),
            Middleware(KeyCheck, key=settings.api_key),
            Middleware(Concurrency, limit=settings.max_requests),
            Middleware(JsonOnly),
            Middleware(InFlight, metrics=gateway.metrics),
        ],
        exception_handlers={HTTPException: _http_exception},
        lifespan=lifespan,
    )


class Endpoints:
    """One method per endpoint."""

    def __init__(self, gateway: Gateway, settings: ServerSettings) -> None:
        self._gateway = gateway
        self._settings = settings
        self._started = int(time.time())

    async def live(self, _request: Request) -> Response:
        """The process answers. Touches nothing else."""
        return JSONResponse({"status": "live"})

    async def ready(self, _request: Request) -> Response:
        """The local model could answer."""
        if not await self._gateway.ready():
            raise LocalModelDown("The local model is not ready.", retry_after=2)
        return JSONResponse({"status": "ready"})

    async def policy(self, _request: Request) -> Response:
        """Which policy is in force, and whether its file is wrong: then the one before it still is."""
        await self._gateway.policy()
        return JSONResponse(self._gateway.policies.health())

    async def metrics(self, request: Request) -> Response:
        """Counters for Prometheus: without content, for the owner on this machine."""
        only_owner(request.client.host if request.client is not None else "", self._settings)
        text = self._gateway.metrics.text()
        return Response(text, headers={"content-type": CONTENT_TYPE, "cache-control": "no-store"})

    async def models(self, _request: Request) -> Response:
        data = [self._model(name, owner) for name, owner in self._gateway.models().items()]
        return JSONResponse({"object": "list", "data": data})

    async def model(self, request: Request) -> Response:
        name = request.path_params["name"]
        owner = self._gateway.models().get(name)
        if owner is None:
            raise UnknownModel("There is no model of that name; GET /v1/models lists the names.", param="model")
        return JSONResponse(self._model(name, owner))

    async def decision(self, request: Request) -> Response:
        """Why a request was decided as it was, from the ledger: without content, for the owner on this machine."""
        peer = request.client.host if request.client is not None else ""
        return JSONResponse(await explain_to(peer, request.path_params["id"], self._gateway, self._settings))

    async def chat(self, request: Request) -> Response:
        """Chat completions, streamed or whole."""
        body = await read_body(
            request.scope,
            request.receive,
            max_bytes=self._settings.max_body_bytes,
            seconds=self._settings.body_seconds,
        )
        override = override_of(request.headers.get(TOKEN_HEADER), request.headers.get(REASON_HEADER))
        parsed = await asyncio.to_thread(_parse, body) if len(body) > PARSE_IN_THREAD_BYTES else _parse(body)
        return await unless_gone(request.receive, self._answer(parsed, request.state.request_id, override))

    async def _answer(self, parsed: ParsedRequest, request_id: str, override: Override | None) -> Response:
        """A response whose status is certain: the answer is whole, or its first delta is there."""
        try:
            answer = await self._gateway.answer(parsed.request, request_id=request_id, override=override)
        except NemoraError as error:
            raise coarse(error, self._settings) from None
        headers = decision_headers(answer, parsed.ignored_fields, self._settings)
        head = Head(answer.model)
        try:
            if not parsed.request.stream:
                async with aclosing(answer.deltas) as deltas:
                    return JSONResponse(await completion(head, deltas, choices=parsed.request.choices), headers=headers)
            first = await _first(answer.deltas)
        except NemoraError as error:
            return error_response(error, headers)
        return EventStream(head, first, answer.deltas, parsed.request, headers)

    def _model(self, name: str, owner: str) -> dict[str, str | int]:
        return {"id": name, "object": "model", "created": self._started, "owned_by": owner}


class EventStream(Response):
    """Server-sent events, cancelled as soon as the client is gone."""

    def __init__(
        self,
        head: Head,
        first: Delta | None,
        rest: AsyncGenerator[Delta, None],
        request: ChatRequest,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(headers={**headers, "cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self.headers["content-type"] = "text/event-stream; charset=utf-8"
        self._deltas = rest
        self._events = chunks(head, _chained(first, rest), include_usage=request.include_usage, choices=request.choices)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._deltas):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await unless_gone(receive, self._send(send))

    async def _send(self, send: Send) -> None:
        async for event in self._events:
            await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _watch_policy(gateway: Gateway) -> None:
    """Look at the policy's file also when nobody asks, so that a mistake in it is said at once."""
    while True:
        await asyncio.sleep(POLL_SECONDS)
        await gateway.policy()


def _parse(body: bytes) -> ParsedRequest:
    return parse_chat_request(parse_json(body))


async def _first(deltas: AsyncGenerator[Delta, None]) -> Delta | None:
    """The first delta: what fails before it can still have a status of its own."""
    try:
        return await anext(deltas, None)
    except BaseException:
        await deltas.aclose()
        raise


async def _chained(first: Delta | None, rest: AsyncGenerator[Delta, None]) -> AsyncIterator[Delta]:
    if first is not None:
        yield first
    async for delta in rest:
        yield delta


async def _http_exception(_request: Request, raised: Exception) -> Response:
    """What the router itself refuses."""
    status = raised.status_code if isinstance(raised, HTTPException) else 500
    if status == 404:
        return error_response(UnknownEndpoint("There is no such endpoint; nothing was forwarded."))
    if status == 405:
        allow = (raised.headers or {}) if isinstance(raised, HTTPException) else {}
        return error_response(MethodNotAllowed("This endpoint does not have that method; see the allow header."), allow)
    return error_response(RequestError("The request could not be read."))
