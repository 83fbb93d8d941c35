"""OpenAI's chat completions as one of the server's APIs."""

from __future__ import annotations

from collections.abc import AsyncIterator

from nemora.core import ChatRequest, Delta, Json
from nemora.errors import NemoraError
from nemora.server.envelope import envelope
from nemora.server.openai_chat import parse_chat_request
from nemora.server.openai_encode import Head, chunks, completion
from nemora.server.wire_format import ParsedRequest

EVENT_STREAM = "text/event-stream; charset=utf-8"


class OpenAIChat:
    """A `WireFormat`."""

    def parse(self, body: Json) -> ParsedRequest:
        return parse_chat_request(body)

    def writer(self, model: str, parsed: ParsedRequest) -> OpenAIChatWriter:
        return OpenAIChatWriter(Head(model), parsed.request)

    def error(self, error: NemoraError) -> bytes:
        return envelope(error)


class OpenAIChatWriter:
    """An `AnswerWriter`."""

    media_type = EVENT_STREAM

    def __init__(self, head: Head, request: ChatRequest) -> None:
        self._head = head
        self._request = request

    async def whole(self, deltas: AsyncIterator[Delta]) -> dict[str, Json]:
        return await completion(self._head, deltas, choices=self._request.choices)

    def stream(self, deltas: AsyncIterator[Delta]) -> AsyncIterator[bytes]:
        request = self._request
        return chunks(self._head, deltas, include_usage=request.include_usage, choices=request.choices)
