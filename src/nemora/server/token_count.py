"""How many tokens a prompt of Anthropic's Messages has: counted by the local model, so nothing is decided or sent."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from nemora.server.answering import admitted
from nemora.server.anthropic_messages import ENDPOINT, parse_messages
from nemora.server.caller import caller_of
from nemora.server.gateway import Gateway
from nemora.server.limits import read_body, unless_gone
from nemora.server.rate_limits import RateLimits
from nemora.server.wire import parse_json
from nemora.server.wire_format import ParsedRequest
from nemora.settings import ServerSettings

PATH = f"{ENDPOINT}/count_tokens"


class TokenCount:
    """The endpoint that counts."""

    def __init__(self, gateway: Gateway, settings: ServerSettings, limits: RateLimits) -> None:
        self._limits = limits
        self._gateway = gateway
        self._settings = settings

    async def respond(self, request: Request) -> Response:
        """The count of a POST, whose body is as for an answer. It is a request of its caller's key like any other."""
        caller = caller_of(request)
        left = admitted(caller, self._limits)
        body = await read_body(
            request.scope,
            request.receive,
            max_bytes=self._settings.max_body_bytes,
            seconds=self._settings.body_seconds,
        )
        parsed = await asyncio.to_thread(_parse, body)
        count = await unless_gone(request.receive, self._gateway.count_tokens(parsed.request))
        self._limits.spend(caller.key, count)
        headers = {"x-nemora-route": "local", **left}
        if parsed.ignored_fields:
            headers["x-nemora-ignored-fields"] = ",".join(parsed.ignored_fields)
        return JSONResponse({"input_tokens": count}, headers=headers)


def _parse(body: bytes) -> ParsedRequest:
    return parse_messages(parse_json(body), counting=True)
