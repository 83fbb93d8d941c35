"""OpenAI's Responses as one of the server's APIs: the response object, whole or told in events."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field

from nemora.core import Delta, Json, StopReason, Usage
from nemora.errors import NemoraError, Overloaded, RequestError
from nemora.server.broken_stream import ended_by_error
from nemora.server.envelope import envelope
from nemora.server.openai_chat_format import EVENT_STREAM
from nemora.server.openai_encode import broken_off
from nemora.server.openai_responses import ParsedResponse, parse_responses_request
from nemora.server.openai_responses_items import Event, OutputItems
from nemora.server.responses_store import PER_MESSAGE, ResponseStore, StoredResponse, size_of
from nemora.server.transcript import Transcript
from nemora.server.wire_format import ParsedRequest

INCOMPLETE: Mapping[StopReason | None, str] = {
    StopReason.LENGTH: "max_output_tokens",
    StopReason.CONTENT_FILTER: "content_filter",
}


class OpenAIResponses:
    """A `WireFormat` for the requests of one tenant, whose responses `store` keeps."""

    def __init__(self, store: ResponseStore, tenant: str) -> None:
        self._store = store
        self._tenant = tenant

    def parse(self, body: Json) -> ParsedRequest:
        return parse_responses_request(body, lambda response_id: self._store.get(self._tenant, response_id))

    def writer(self, model: str, parsed: ParsedRequest) -> ResponsesWriter:
        assert isinstance(parsed, ParsedResponse)  # `parse` makes no other
        return ResponsesWriter(model, parsed, self._store, self._tenant)

    def error(self, error: NemoraError) -> bytes:
        return envelope(error)


@dataclass(slots=True)
class ResponsesWriter:
    """An `AnswerWriter`. The same events make a streamed answer and a whole one."""

    model: str
    parsed: ParsedResponse
    store: ResponseStore
    tenant: str
    id: str = field(default_factory=lambda: f"resp_{secrets.token_hex(24)}")
    created: int = field(default_factory=lambda: int(time.time()))
    media_type: str = EVENT_STREAM
    _items: OutputItems = field(default_factory=OutputItems)
    _said: Transcript = field(default_factory=Transcript)

    async def whole(self, deltas: AsyncIterator[Delta]) -> dict[str, Json]:
        async for delta in deltas:
            for _ in self._add(delta):
                pass
        *_, last = self._end()
        response = last["response"]
        assert isinstance(response, dict)
        return response

    async def stream(self, deltas: AsyncIterator[Delta]) -> AsyncIterator[bytes]:
        number = -1
        async for event in ended_by_error(self._events(deltas), self._failure):
            number += 1
            yield _sent({**event, "sequence_number": number})

    async def _events(self, deltas: AsyncIterator[Delta]) -> AsyncGenerator[Event, None]:
        yield {"type": "response.created", "response": self._response("in_progress")}
        yield {"type": "response.in_progress", "response": self._response("in_progress")}
        async for delta in deltas:
            for event in self._add(delta):
                yield event
        for event in self._end():
            yield event

    def _add(self, delta: Delta) -> Iterator[Event]:
        self._said.add(delta)
        yield from self._items.add(delta)

    def _end(self) -> Iterator[Event]:
        """The last events. The response is kept before its client hears of its end.

        Raises:
            BackendError: the answer did not come to its end.
        """
        if not self._said.whole:
            raise broken_off()
        reason = INCOMPLETE.get(self._said.finish)
        yield from self._items.close("completed" if reason is None else "incomplete")
        status = "completed" if reason is None else "incomplete"
        response = self._response(status, usage=self._said.usage, reason=reason)
        yield {"type": f"response.{status}", "response": self._kept(response)}

    def _failure(self, error: NemoraError) -> Iterator[Event]:
        public = error.public()
        yield {"type": "error", "code": public["code"], "message": public["message"], "param": public["param"]}
        failed = self._response("failed", usage=self._said.usage)
        failed["error"] = {"code": _error_code(error), "message": error.message}
        yield {"type": "response.failed", "response": {**failed, "store": False}}

    def _kept(self, response: dict[str, Json]) -> dict[str, Json]:
        """The response as it is kept, or with `store` false where it was not to be, or is too large."""
        unkept: dict[str, Json] = {**response, "store": False}
        if not self.parsed.store:
            return unkept
        parsed = self.parsed
        before = parsed.previous.size if parsed.previous is not None else 0
        own = list(parsed.items[len(parsed.previous.all_items()) if parsed.previous is not None else 0 :])
        said = self._items.messages()
        size = before + size_of(response, *own) + PER_MESSAGE * (len(own) + len(said))
        stored = StoredResponse(response, parsed.items, (*parsed.conversation, *said), size)
        return response if self.store.put(self.tenant, self.id, stored) else unkept

    def _response(self, status: str, *, usage: Usage | None = None, reason: str | None = None) -> dict[str, Json]:
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "completed_at": int(time.time()) if status == "completed" else None,
            "status": status,
            "error": None,
            "incomplete_details": None if reason is None else {"reason": reason},
            "model": self.model,
            "output": list(self._items.done),
            "usage": _usage(usage),
            "store": self.parsed.store,
            **self.parsed.echo,
        }


def _usage(usage: Usage | None) -> dict[str, Json] | None:
    if usage is None:
        return None
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }


def _error_code(error: NemoraError) -> str:
    """One of the words that OpenAI has for a response that failed."""
    if isinstance(error, Overloaded):
        return "rate_limit_exceeded"
    return "invalid_prompt" if isinstance(error, RequestError) else "server_error"


def _sent(event: Event) -> bytes:
    # ASCII on the wire: no line separator inside the data can end an event early, whatever splits the lines.
    data = json.dumps(event, separators=(",", ":"), allow_nan=False).encode("ascii")
    return b"event: " + str(event["type"]).encode("ascii") + b"\ndata: " + data + b"\n\n"
