"""Ollama's chat and generate, written: one JSON object for a whole answer, or one a line as it comes.

Durations are nanoseconds. Only the whole time is known here; how it divides between the prompt and the answer is taken
from when the first piece came.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from datetime import UTC, datetime

from nemora.core import Delta, Json, StopReason, ToolCall, Usage
from nemora.errors import NemoraError
from nemora.server.broken_stream import ended_by_error
from nemora.server.call_arguments import object_of
from nemora.server.openai_encode import broken_off
from nemora.server.transcript import Transcript

REASONS = {StopReason.LENGTH: "length"}


class OllamaWriter:
    """An `AnswerWriter`. `chat` says which of the two APIs it is: one has messages, the other a response."""

    media_type = "application/x-ndjson"

    def __init__(self, model: str, *, chat: bool) -> None:
        self._model = model
        self._chat = chat
        self._started = time.monotonic_ns()
        self._first: int | None = None

    async def whole(self, deltas: AsyncIterator[Delta]) -> dict[str, Json]:
        said = Transcript()
        async for delta in deltas:
            self._first = self._first or time.monotonic_ns()
            said.add(delta)
        if not said.whole:
            raise broken_off()
        message = said.message()
        return self._object(message.text(), message.reasoning or "", message.tool_calls, self._end(said))

    def stream(self, deltas: AsyncIterator[Delta]) -> AsyncIterator[bytes]:
        return ended_by_error(self._pieces(deltas), lambda error: (line({"error": error.message}),))

    async def _pieces(self, deltas: AsyncIterator[Delta]) -> AsyncGenerator[bytes, None]:
        """Calls of tools come whole, each once it is: Ollama's arguments are objects."""
        said, sent = Transcript(), 0
        async for delta in deltas:
            self._first = self._first or time.monotonic_ns()
            said.add(delta)
            if delta.text or delta.reasoning:
                yield line(self._object(delta.text, delta.reasoning, ()))
            if delta.tool_call is not None and delta.tool_call.index > sent:
                calls = said.message().tool_calls
                yield line(self._object("", "", calls[sent : delta.tool_call.index]))
                sent = delta.tool_call.index
        if not said.whole:
            raise broken_off()
        if left := said.message().tool_calls[sent:]:
            yield line(self._object("", "", left))
        yield line(self._object("", "", (), self._end(said)))

    def _object(
        self, text: str, reasoning: str, calls: tuple[ToolCall, ...], end: Mapping[str, Json] | None = None
    ) -> dict[str, Json]:
        said: dict[str, Json] = {"role": "assistant", "content": text} if self._chat else {"response": text}
        if reasoning:
            said["thinking"] = reasoning
        if calls:
            said["tool_calls"] = [_call(call) for call in calls]
        content: dict[str, Json] = {"message": said} if self._chat else said
        return {"model": self._model, "created_at": now(), **content, "done": end is not None, **(end or {})}

    def _end(self, said: Transcript) -> dict[str, Json]:
        now = time.monotonic_ns()
        first = self._first or now
        usage = said.usage or Usage(0, 0)
        reason = REASONS.get(said.finish, "stop") if said.finish is not None else "stop"
        return {
            "done_reason": reason,
            "total_duration": now - self._started,
            "load_duration": 0,
            "prompt_eval_count": usage.prompt_tokens,
            "prompt_eval_duration": first - self._started,
            "eval_count": usage.completion_tokens,
            "eval_duration": now - first,
        }


def now() -> str:
    """The time, as Ollama writes it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def error_line(error: NemoraError) -> bytes:
    """An error in Ollama's shape, which has no place for more: what an override needs stands beside it."""
    public = error.public()
    return json.dumps({"error": error.message, **{k: v for k, v in public.items() if k == "override"}}).encode("ascii")


def _call(call: ToolCall) -> Json:
    """Arguments that are no object stay text under a key of their own: nothing that a model wrote is lost."""
    arguments = object_of(call.arguments)
    if arguments is None:
        arguments = {"arguments": call.arguments}
    return {"id": call.id, "function": {"name": call.name, "arguments": arguments}}


def line(value: dict[str, Json]) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"
