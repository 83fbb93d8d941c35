"""Anthropic's Messages as one of the server's APIs: the answers, the errors, and the names of models in its shapes."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from datetime import UTC, datetime

from starlette.datastructures import Headers
from starlette.types import Scope

from nemora.core import Delta, Json
from nemora.errors import ContextLengthExceeded, NemoraError, OverrideNeeded
from nemora.server.anthropic_encode import MessageEvents, encode_event, events, message_of
from nemora.server.anthropic_messages import ENDPOINT, parse_messages
from nemora.server.broken_stream import ended_by_error
from nemora.server.keep_alive import kept_alive
from nemora.server.wire_format import ParsedRequest

PING_SECONDS = 10.0
PING = encode_event({"type": "ping"})
TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
}
"""Anthropic's names of errors by status; https://docs.anthropic.com/en/api/errors."""
TOO_LONG = "prompt is too long: "
"""By these words clients know that they must shorten the conversation."""


class AnthropicMessages:
    """A `WireFormat`."""

    def parse(self, body: Json) -> ParsedRequest:
        return parse_messages(body)

    def writer(self, model: str, parsed: ParsedRequest) -> AnthropicWriter:
        return AnthropicWriter(MessageEvents(model, parsed.request.stop))

    def error(self, error: NemoraError) -> bytes:
        return anthropic_error(error)


class AnthropicWriter:
    """An `AnswerWriter`."""

    media_type = "text/event-stream; charset=utf-8"

    def __init__(self, said: MessageEvents) -> None:
        self._said = said

    async def whole(self, deltas: AsyncIterator[Delta]) -> dict[str, Json]:
        return await message_of(events(self._said, deltas))

    def stream(self, deltas: AsyncIterator[Delta]) -> AsyncIterator[bytes]:
        pieces = ended_by_error(self._pieces(deltas), lambda error: (encode_event(_described(error)),))
        return kept_alive(pieces, PING, PING_SECONDS)

    async def _pieces(self, deltas: AsyncIterator[Delta]) -> AsyncGenerator[bytes, None]:
        async for event in events(self._said, deltas):
            yield encode_event(event)
            if event["type"] == "message_start":
                yield PING


def anthropic_error(error: NemoraError) -> bytes:
    """The body of an error response: with our code beside the type, which has fewer words."""
    return json.dumps({**_described(error), "request_id": error.request_id}).encode("ascii")


def speaks_messages(scope: Scope) -> bool:
    """Whether a request that no API of a model answers is one of this API's: by its path, or the header it sends."""
    path: str = scope["path"]
    return path == ENDPOINT or path.startswith(f"{ENDPOINT}/") or "anthropic-version" in Headers(scope=scope)


def model_info(name: str, since: int) -> dict[str, Json]:
    """A model, known since `since` (seconds since 1970), as this API describes one."""
    created = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"type": "model", "id": name, "display_name": name, "created_at": created, "lifecycle": "active"}


def model_list(owners: Mapping[str, str], since: int) -> dict[str, Json]:
    """All models on one page, whatever page was asked for."""
    names = list(owners)
    data: list[Json] = [model_info(name, since) for name in names]
    return {"data": data, "has_more": False, "first_id": names[0], "last_id": names[-1]}


def _described(error: NemoraError) -> dict[str, Json]:
    public = error.public()
    kind = TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "api_error")
    if isinstance(error, OverrideNeeded):
        kind = error.type
    elif error.code == "shutting_down":
        kind = "overloaded_error"
    message = TOO_LONG + error.message if isinstance(error, ContextLengthExceeded) else error.message
    told: dict[str, Json] = {"type": kind, "message": message, "code": error.code}
    if "override" in public:
        told["override"] = public["override"]
    return {"type": "error", "error": told}
