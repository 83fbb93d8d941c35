"""OpenAI's chat completions, written: deltas become a completion object or a stream of chunks.

Reasoning text goes out as `reasoning` and as `reasoning_content`: clients are split over the name.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field

from nemora.core import Delta, Json, StopReason, TokenLogprob, Usage
from nemora.errors import BackendError, NemoraError
from nemora.server.broken_stream import ended_by_error
from nemora.server.transcript import Said, Transcript

DONE = b"data: [DONE]\n\n"


@dataclass(slots=True)
class Head:
    """What every object of one answer repeats."""

    model: str
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))


async def completion(head: Head, deltas: AsyncIterator[Delta], *, choices: int = 1) -> dict[str, Json]:
    """The `chat.completion` object of a whole answer, or of several."""
    said = Transcript(choices)
    async for delta in deltas:
        said.add(delta)
    if not said.whole:
        raise broken_off()
    return {
        "id": head.id,
        "object": "chat.completion",
        "created": head.created,
        "model": head.model,
        "choices": [_choice(index, one) for index, one in enumerate(said.choices)],
        "usage": usage_of(said.usage),
        "system_fingerprint": None,
    }


def _choice(index: int, said: Said) -> Json:
    answer = said.message()
    text = answer.text()
    message: dict[str, Json] = {"role": "assistant", "content": text, "refusal": None}
    if answer.tool_calls:
        message["content"] = text or None
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in answer.tool_calls
        ]
    if answer.reasoning is not None:
        message["reasoning"] = message["reasoning_content"] = answer.reasoning
    return {
        "index": index,
        "message": message,
        "logprobs": _logprobs(said.logprobs),
        "finish_reason": str(said.finish),
    }


def chunks(
    head: Head, deltas: AsyncIterator[Delta], *, include_usage: bool, choices: int = 1
) -> AsyncGenerator[bytes, None]:
    """Server-sent events of a streamed answer; an error after the first byte becomes an `error` event and ends it."""
    return ended_by_error(_chunks(head, deltas, include_usage, choices), error_event)


def error_event(error: NemoraError) -> tuple[bytes]:
    """The event that ends a stream which failed."""
    return (event({"error": dict(error.public())}),)


async def _chunks(
    head: Head, deltas: AsyncIterator[Delta], include_usage: bool, choices: int
) -> AsyncGenerator[bytes, None]:
    for index in range(choices):
        yield event(_chunk(head, {"role": "assistant", "content": "", "refusal": None}, index, include_usage))
    ends: dict[int, StopReason] = {}
    usage: Usage | None = None
    async for delta in deltas:
        logprobs = _logprobs(delta.logprobs)
        for piece in _pieces(delta):
            yield event(_chunk(head, piece, delta.index, include_usage, logprobs=logprobs))
            logprobs = None
        usage = delta.usage or usage
        if delta.finish is not None and delta.finish is not StopReason.CANCELLED:
            ends[delta.index] = delta.finish
            if len(ends) < choices:  # the last waits until nothing can go wrong any more
                yield event(_chunk(head, {}, delta.index, include_usage, finish=delta.finish))
    if len(ends) < choices:
        raise broken_off()
    last, finish = list(ends.items())[-1]
    yield event(_chunk(head, {}, last, include_usage, finish=finish))
    if include_usage:
        yield event({**_chunk(head, {}, 0, True), "choices": [], "usage": usage_of(usage)})
    yield DONE


def _pieces(delta: Delta) -> Iterator[dict[str, Json]]:
    if delta.reasoning:
        yield {"reasoning": delta.reasoning, "reasoning_content": delta.reasoning}
    if delta.text or (delta.logprobs and not delta.reasoning and delta.tool_call is None):
        yield {"content": delta.text}
    call = delta.tool_call
    if call is not None:
        function: dict[str, Json] = {"arguments": call.arguments}
        described: dict[str, Json] = {"index": call.index, "function": function}
        if call.id is not None:
            described = {"index": call.index, "id": call.id, "type": "function", "function": function}
        if call.name is not None:
            function["name"] = call.name
        yield {"tool_calls": [described]}


def _chunk(
    head: Head,
    delta: dict[str, Json],
    index: int,
    include_usage: bool,
    *,
    finish: StopReason | None = None,
    logprobs: Json = None,
) -> dict[str, Json]:
    choice: dict[str, Json] = {
        "index": index,
        "delta": delta,
        "logprobs": logprobs,
        "finish_reason": None if finish is None else str(finish),
    }
    chunk: dict[str, Json] = {
        "id": head.id,
        "object": "chat.completion.chunk",
        "created": head.created,
        "model": head.model,
        "system_fingerprint": None,
        "choices": [choice],
    }
    if include_usage:
        chunk["usage"] = None
    return chunk


def _logprobs(found: Sequence[TokenLogprob]) -> Json:
    """OpenAI's object of them; None where there are none."""
    if not found:
        return None
    content: list[Json] = [
        {**_token(each), "top_logprobs": [_token(alternative) for alternative in each.top]} for each in found
    ]
    return {"content": content, "refusal": None}


def _token(found: TokenLogprob) -> dict[str, Json]:
    return {"token": found.token, "logprob": found.logprob, "bytes": list(found.bytes)}


def event(value: dict[str, Json]) -> bytes:
    # ASCII on the wire: no line separator inside the data can end an event early, whatever splits the lines.
    return b"data: " + json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n\n"


def usage_of(usage: Usage | None) -> dict[str, Json] | None:
    """Usage as chat completions and completions write it."""
    if usage is None:
        return None
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def broken_off() -> BackendError:
    """For an answer without an end."""
    return BackendError("The model's answer broke off before its end; ask again.")
