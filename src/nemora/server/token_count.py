"""How many tokens a prompt of Anthropic's Messages has: counted by the local model, so nothing is decided or sent."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from nemora.core import Json
from nemora.server.anthropic_messages import ENDPOINT, parse_messages
from nemora.server.gateway import Gateway
from nemora.server.limits import unless_gone
from nemora.server.rate_limits import RateLimits
from nemora.server.receiving import Receiving, ignored_header
from nemora.server.wire_format import ParsedRequest
from nemora.settings import ServerSettings

PATH = f"{ENDPOINT}/count_tokens"


class TokenCount:
    """The endpoint that counts."""

    def __init__(self, gateway: Gateway, settings: ServerSettings, limits: RateLimits) -> None:
        self._receiving = Receiving(settings, limits)
        self._gateway = gateway

    async def respond(self, request: Request) -> Response:
        """The count of a POST, whose body is as for an answer. It is a request of its caller's key like any other."""
        received = await self._receiving.receive(request)
        parsed = await received.parsed(_parse)
        count = await unless_gone(request.receive, self._gateway.count_tokens(parsed.request))
        self._receiving.spend(received.caller, count)
        headers = {"x-nemora-route": "local", **received.left, **ignored_header(parsed.ignored_fields)}
        return JSONResponse({"input_tokens": count}, headers=headers)


def _parse(body: Json) -> ParsedRequest:
    return parse_messages(body, counting=True)
