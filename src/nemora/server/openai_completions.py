"""OpenAI's legacy completions: a text is continued as it stands, without a chat template.

The text is one user message of a raw `ChatRequest`, so the privacy boundary reads it like every other. Only the model
in this process can continue it; the request never leaves.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from nemora.core import ChatRequest, Delta, Json, Message, StopReason
from nemora.errors import NemoraError, RequestError, UnsupportedField
from nemora.server.envelope import envelope, unexpected
from nemora.server.fields import an_object, flag, integer, neutral_only, only, text
from nemora.server.openai_chat import include_usage_of
from nemora.server.openai_chat_format import EVENT_STREAM
from nemora.server.openai_encode import DONE, broken_off, event, usage_of
from nemora.server.sampling_fields import MAX_TOKENS, sampling_of, stops_of
from nemora.server.transcript import Transcript
from nemora.server.wire_format import ParsedRequest

PATH = "/v1/completions"
DEFAULT_MAX_TOKENS = 16

READ = frozenset(
    (
        *("model", "prompt", "stream", "stream_options", "max_tokens", "stop"),
        *("temperature", "top_p", "top_k", "min_p", "seed"),
    )
)
IGNORED = frozenset({"user"})
"""Fields that change no answer: inspected, never sent on."""

NEUTRAL: Mapping[str, tuple[Json, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "echo": (False,),
    "suffix": ("",),
    "logprobs": (),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "repetition_penalty": (1,),
    "logit_bias": ({},),
}
"""Fields that are not supported, with the values that ask for nothing; null always does."""


class OpenAICompletions:
    """A `WireFormat`."""

    def parse(self, body: Json) -> ParsedRequest:
        return parse_completion_request(body)

    def writer(self, model: str, parsed: ParsedRequest) -> CompletionWriter:
        return CompletionWriter(model, include_usage=parsed.request.include_usage)

    def error(self, error: NemoraError) -> bytes:
        return envelope(error)


def parse_completion_request(body: Json) -> ParsedRequest:
    """Read a completions body.

    Raises:
        RequestError: a field has a wrong type or value; `param` is its JSON pointer.
        UnsupportedField: a field, or this value of it, is not supported.
    """
    table = an_object(body, "")
    only(table, READ | IGNORED | NEUTRAL.keys(), "")
    neutral_only(table, NEUTRAL)
    ignored = {name: value for name, value in table.items() if name in IGNORED}
    most = integer(table.get("max_tokens"), "/max_tokens", 1, MAX_TOKENS)
    request = ChatRequest(
        model=text(table.get("model"), "/model", empty=False, longest=256),
        messages=(Message("user", prompt_of(table.get("prompt"))),),
        sampling=sampling_of({k: v for k, v in table.items() if k in READ}),
        max_tokens=DEFAULT_MAX_TOKENS if most is None else most,
        stop=stops_of(table.get("stop"), "/stop"),
        stream=flag(table.get("stream"), "/stream") or False,
        include_usage=include_usage_of(table.get("stream_options")),
        unsent=ignored,
        raw=True,
        endpoint=PATH,
    )
    return ParsedRequest(request, tuple(sorted(name for name, value in ignored.items() if value is not None)))


def prompt_of(value: Json) -> str:
    """The one text to continue."""
    if isinstance(value, list):
        if len(value) != 1:
            raise UnsupportedField("/prompt must be one string; several prompts are not supported.", param="/prompt")
        value = value[0]
    if isinstance(value, int | list) and not isinstance(value, bool):
        raise UnsupportedField("/prompt must be a string; token ids are not supported.", param="/prompt")
    if not isinstance(value, str) or not value:
        raise RequestError("/prompt must be a string that is not empty, or a list that holds one.", param="/prompt")
    return value


@dataclass(slots=True)
class CompletionWriter:
    """An `AnswerWriter`."""

    model: str
    include_usage: bool
    id: str = field(default_factory=lambda: f"cmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))
    media_type: str = EVENT_STREAM

    async def whole(self, deltas: AsyncIterator[Delta]) -> dict[str, Json]:
        said = Transcript()
        async for delta in deltas:
            said.add(delta)
        if not said.whole:
            raise broken_off()
        return {**self._object(said.message().text(), said.finish), "usage": usage_of(said.usage)}

    async def stream(self, deltas: AsyncIterator[Delta]) -> AsyncIterator[bytes]:
        try:
            said = Transcript()
            async for delta in deltas:
                said.add(delta)
                if delta.text:
                    yield event(self._chunk(delta.text, None))
            if not said.whole:
                raise broken_off()
            yield event(self._chunk("", said.finish))
            if self.include_usage:
                yield event({**self._chunk("", None), "choices": [], "usage": usage_of(said.usage)})
            yield DONE
        except NemoraError as error:
            yield event({"error": dict(error.public())})
        except Exception as error:  # noqa: BLE001 - the status is sent, so this is the only way to say it
            yield event({"error": dict(unexpected(error).public())})

    def _chunk(self, said: str, finish: StopReason | None) -> dict[str, Json]:
        usage: dict[str, Json] = {"usage": None} if self.include_usage else {}
        return {**self._object(said, finish), **usage}

    def _object(self, said: str, finish: StopReason | None) -> dict[str, Json]:
        reason = None if finish is None else str(finish)
        return {
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": self.model,
            "choices": [{"index": 0, "text": said, "logprobs": None, "finish_reason": reason}],
            "system_fingerprint": None,
        }
