"""A request on its way through one API: read, parsed, answered by the gateway, written. The same for every API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from nemora.core import Delta
from nemora.errors import NemoraError
from nemora.server.envelope import error_response
from nemora.server.explanation import coarse, decision_headers
from nemora.server.gateway import Gateway
from nemora.server.limits import read_body, unless_gone
from nemora.server.overrides import REASON_HEADER, TOKEN_HEADER, Override, override_of
from nemora.server.wire import parse_json
from nemora.server.wire_format import AnswerWriter, ParsedRequest, WireFormat
from nemora.settings import ServerSettings

PARSE_IN_THREAD_BYTES = 64 * 1024


class Answering:
    """The endpoint of one API."""

    def __init__(self, api: WireFormat, gateway: Gateway, settings: ServerSettings) -> None:
        self._api = api
        self._gateway = gateway
        self._settings = settings

    async def respond(self, request: Request) -> Response:
        """The response to a POST of this API, streamed or whole."""
        body = await read_body(
            request.scope,
            request.receive,
            max_bytes=self._settings.max_body_bytes,
            seconds=self._settings.body_seconds,
        )
        override = override_of(request.headers.get(TOKEN_HEADER), request.headers.get(REASON_HEADER))
        large = len(body) > PARSE_IN_THREAD_BYTES
        parsed = await asyncio.to_thread(self._parse, body) if large else self._parse(body)
        return await unless_gone(request.receive, self._answer(parsed, request.state.request_id, override))

    def _parse(self, body: bytes) -> ParsedRequest:
        return self._api.parse(parse_json(body))

    async def _answer(self, parsed: ParsedRequest, request_id: str, override: Override | None) -> Response:
        """A response whose status is certain: the answer is whole, or its first delta is there."""
        try:
            answer = await self._gateway.answer(parsed.request, request_id=request_id, override=override)
        except NemoraError as error:
            raise coarse(error, self._settings) from None
        headers = decision_headers(answer, parsed.ignored_fields, self._settings)
        writer = self._api.writer(answer.model, parsed)
        try:
            if not parsed.request.stream:
                async with aclosing(answer.deltas) as deltas:
                    return JSONResponse(await writer.whole(deltas), headers=headers)
            first = await _first(answer.deltas)
        except NemoraError as error:
            return error_response(error, headers, write=self._api.error)
        return StreamedAnswer(writer, first, answer.deltas, headers)


class StreamedAnswer(Response):
    """The pieces of an answer as they come, cancelled as soon as the client is gone."""

    def __init__(
        self, writer: AnswerWriter, first: Delta | None, rest: AsyncGenerator[Delta, None], headers: Mapping[str, str]
    ) -> None:
        super().__init__(headers={**headers, "cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self.headers["content-type"] = writer.media_type
        self._deltas = rest
        self._pieces = writer.stream(_chained(first, rest))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._deltas):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await unless_gone(receive, self._send(send))

    async def _send(self, send: Send) -> None:
        async for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


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
