"""Anthropic's Messages, written: deltas become the events of a stream, and a whole answer is what its events say.

The order of the events: https://docs.anthropic.com/en/api/messages-streaming. Thinking and text go out as they come.
Tool calls go out when they are whole, after the text: only then is it known that their arguments are an object.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Collection, Iterator
from typing import Any

from nemora.core import Delta, Json, StopReason, ToolCall, Usage
from nemora.errors import BackendError
from nemora.server.call_arguments import object_of
from nemora.server.transcript import Transcript

Event = dict[str, Json]

SIGNATURE = "bmVtb3Jh"
"""Stands under thinking that nobody signed. It says nothing, and is accepted with anything before it."""
STOP_REASONS = {
    StopReason.STOP: "end_turn",
    StopReason.LENGTH: "max_tokens",
    StopReason.CONTENT_FILTER: "refusal",
}
_EMPTY: dict[str, Event] = {
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
    "text": {"type": "text", "text": ""},
}


class MessageEvents:
    """The events of one answer, in order: `start`, then `feed` for each delta, then `end`.

    `stops` are the request's own stop strings: no other is ever said to have been met.
    """

    def __init__(self, model: str, stops: Collection[str] = ()) -> None:
        self._model = model
        self._id = f"msg_{secrets.token_hex(12)}"
        self._stops = stops
        self._said = Transcript()
        self._stop: str | None = None
        self._index = 0
        self._open: str | None = None
        self._signature = ""

    def start(self) -> Event:
        """The first event. How many tokens were read is known at the end."""
        message: Event = {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": _usage(None),
        }
        return {"type": "message_start", "message": message}

    def feed(self, delta: Delta) -> Iterator[Event]:
        """The events of one delta."""
        self._said.add(delta)
        if delta.stop in self._stops:
            self._stop = delta.stop
        if delta.reasoning:
            if self._signature:
                yield from self._close()  # what was signed is over
            yield from self._piece("thinking", {"type": "thinking_delta", "thinking": delta.reasoning})
        if self._open == "thinking":
            self._signature += delta.signature
        if delta.text:
            yield from self._piece("text", {"type": "text_delta", "text": delta.text})

    def end(self) -> Iterator[Event]:
        """What was held back, and the last events.

        Raises:
            BackendError: the answer broke off.
        """
        if not self._said.whole:
            raise BackendError("The model's answer broke off before its end; ask again.")
        yield from self._close()
        calls = [(call, object_of(call.arguments)) for call in self._said.message().tool_calls]
        for call, arguments in calls:
            yield from self._text(call) if arguments is None else self._call(call)
        reason, stop = self._reason(called=any(arguments is not None for _, arguments in calls))
        ended: Event = {"stop_reason": reason, "stop_sequence": stop}
        yield {"type": "message_delta", "delta": ended, "usage": _usage(self._said.usage)}
        yield {"type": "message_stop"}

    def _reason(self, *, called: bool) -> tuple[str, str | None]:
        finish = self._said.finish
        if called and finish in (StopReason.STOP, StopReason.TOOL_CALLS):
            return "tool_use", None
        if finish is StopReason.STOP and self._stop is not None:
            return "stop_sequence", self._stop
        return STOP_REASONS.get(finish or StopReason.STOP, "end_turn"), None

    def _piece(self, kind: str, delta: Event) -> Iterator[Event]:
        if self._open != kind:
            yield from self._close()
            self._open = kind
            yield self._start(dict(_EMPTY[kind]))
        yield self._delta(delta)

    def _close(self) -> Iterator[Event]:
        if self._open is None:
            return
        if self._open == "thinking":
            yield self._delta({"type": "signature_delta", "signature": self._signature or SIGNATURE})
            self._signature = ""
        self._open = None
        yield self._stopped()

    def _call(self, call: ToolCall) -> Iterator[Event]:
        yield self._start({"type": "tool_use", "id": call.id, "name": call.name, "input": {}})
        yield self._delta({"type": "input_json_delta", "partial_json": call.arguments.strip() or "{}"})
        yield self._stopped()

    def _text(self, call: ToolCall) -> Iterator[Event]:
        """A call whose arguments are no object: it cannot be a call here, and is not dropped either."""
        yield self._start(dict(_EMPTY["text"]))
        yield self._delta({"type": "text_delta", "text": f"{call.name}({call.arguments})"})
        yield self._stopped()

    def _start(self, block: Event) -> Event:
        return {"type": "content_block_start", "index": self._index, "content_block": block}

    def _delta(self, delta: Event) -> Event:
        return {"type": "content_block_delta", "index": self._index, "delta": delta}

    def _stopped(self) -> Event:
        self._index += 1
        return {"type": "content_block_stop", "index": self._index - 1}


async def events(said: MessageEvents, deltas: AsyncIterator[Delta]) -> AsyncIterator[Event]:
    """All events of an answer. Raises `BackendError` where it broke off."""
    yield said.start()
    async for delta in deltas:
        for event in said.feed(delta):
            yield event
    for event in said.end():
        yield event


async def message_of(told: AsyncIterator[Event]) -> dict[str, Json]:
    """The message that a stream of events tells."""
    message: dict[str, Any] = {}
    blocks: list[dict[str, Any]] = []
    pieces: list[dict[str, list[str]]] = []
    async for event in told:
        kind: dict[str, Any] = event
        if kind["type"] == "message_start":
            message = kind["message"]
        elif kind["type"] == "content_block_start":
            blocks.append(kind["content_block"])
            pieces.append({})
        elif kind["type"] == "content_block_delta":
            field, piece = next((key, value) for key, value in kind["delta"].items() if key != "type")
            pieces[kind["index"]].setdefault(field, []).append(piece)
        elif kind["type"] == "message_delta":
            message |= {**kind["delta"], "usage": kind["usage"]}
    for block, parts in zip(blocks, pieces, strict=True):
        for field, texts in parts.items():
            whole = "".join(texts)
            block |= {"input": object_of(whole)} if field == "partial_json" else {field: whole}
    return {**message, "content": blocks}


def encode_event(event: Event) -> bytes:
    """A server-sent event. ASCII, so that no line separator inside the data can end it early."""
    data = json.dumps(event, separators=(",", ":"), allow_nan=False)
    return f"event: {event['type']}\ndata: {data}\n\n".encode("ascii")


def _usage(usage: Usage | None) -> Event:
    """Tokens, zero where they are not known; those that were read before are not counted as read."""
    known = usage or Usage(0, 0)
    return {
        "input_tokens": max(0, known.prompt_tokens - known.cached_tokens),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": known.cached_tokens,
        "output_tokens": known.completion_tokens,
    }
