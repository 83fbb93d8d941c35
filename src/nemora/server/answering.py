"""A request on its way through one API: read, parsed, answered by the gateway, written. The same for every API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from nemora.core import ChatRequest, Delta
from nemora.errors import NemoraError, RequestError
from nemora.server.caller import Caller, asking_caller
from nemora.server.envelope import error_response
from nemora.server.explanation import coarse, decision_headers, refusal_headers
from nemora.server.gateway import Gateway
from nemora.server.limits import unless_gone
from nemora.server.model_orders import ORDER_PATHS, carried_out, permitted
from nemora.server.overrides import REASON_HEADER, TOKEN_HEADER, Override, override_of
from nemora.server.prompt_tokens import with_texts
from nemora.server.rate_limits import RateLimits
from nemora.server.receiving import Received, Receiving
from nemora.server.streamed import Streamed
from nemora.server.transcript import Transcript
from nemora.server.wire_format import AnswerWriter, ParsedRequest, Settled, WireFormat
from nemora.settings import ServerSettings

CHARACTERS_PER_TOKEN = 4


class Answering:
    """The endpoint of one API."""

    def __init__(self, api: WireFormat, gateway: Gateway, settings: ServerSettings, limits: RateLimits) -> None:
        self._receiving = Receiving(settings, limits)
        self._api = api
        self._gateway = gateway
        self._settings = settings

    async def respond(self, request: Request) -> Response:
        """The response to a POST of this API, streamed or whole."""
        received = await self._receiving.receive(request, orders=request.scope["path"] in ORDER_PATHS)
        override = override_of(request.headers.get(TOKEN_HEADER), request.headers.get(REASON_HEADER))
        try:
            parsed = await received.parsed(self._api.parse)
        except RequestError:
            asking_caller(request)  # who may not ask learns nothing of what it sent
            raise
        if isinstance(parsed, Settled):
            await unless_gone(request.receive, carried_out(parsed.order, self._gateway, received.caller))
            return JSONResponse(parsed.value, headers=received.left)
        asking_caller(request)
        parsed = permitted(parsed, self._gateway, received.caller)
        work = self._answer(parsed, received, request.state.request_id, override)
        return await unless_gone(request.receive, work)

    async def _answer(
        self,
        parsed: ParsedRequest,
        received: Received,
        request_id: str,
        override: Override | None,
    ) -> Response:
        """A response whose status is certain: the answer is whole, or its first delta is there."""
        parsed = await with_texts(parsed, self._gateway.local)
        try:
            answer = await self._gateway.answer(
                parsed.request, request_id=request_id, tenant=received.caller.tenant, override=override
            )
        except NemoraError as error:
            told, extra = coarse(error, self._settings), refusal_headers(error, request_id, self._settings)
            if not extra:
                raise told from None
            told.request_id = request_id
            return error_response(told, {**extra, **received.left}, write=self._api.error)
        headers = {**decision_headers(answer, parsed.ignored_fields, self._settings), **received.left}
        deltas = self._counted(answer.deltas, received.caller, parsed.request)
        writer = self._api.writer(answer.model, parsed)
        try:
            if not parsed.request.stream:
                async with aclosing(deltas):
                    return JSONResponse(await writer.whole(deltas), headers=headers)
            first = await _first(deltas)
        except NemoraError as error:
            error.request_id = request_id
            return error_response(error, headers, write=self._api.error)
        return StreamedAnswer(writer, first, deltas, headers)

    async def _counted(
        self, deltas: AsyncGenerator[Delta, None], caller: Caller, request: ChatRequest
    ) -> AsyncGenerator[Delta, None]:
        """The deltas as they come; in the end, whatever it is, the tokens are counted for the caller's key."""
        said = Transcript(request.choices)
        try:
            async with aclosing(deltas):
                async for delta in deltas:
                    said.add(delta)
                    yield delta
        finally:
            self._receiving.spend(caller, _tokens(said, request))


class StreamedAnswer(Streamed):
    """The pieces of an answer as they come."""

    def __init__(
        self, writer: AnswerWriter, first: Delta | None, rest: AsyncGenerator[Delta, None], headers: Mapping[str, str]
    ) -> None:
        super().__init__(writer.stream(_chained(first, rest)), writer.media_type, headers)
        self._deltas = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._deltas):  # after the pieces, which may be waiting for them
            await super().__call__(scope, receive, send)


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


def _tokens(said: Transcript, request: ChatRequest) -> int:
    """What an answer took: as its model says, or else a token for about four characters."""
    if said.usage is not None:
        return said.usage.prompt_tokens + said.usage.completion_tokens
    asked = sum(len(message.text()) for message in request.messages)
    return (asked + said.characters) // CHARACTERS_PER_TOKEN
