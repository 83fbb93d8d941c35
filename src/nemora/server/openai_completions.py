"""OpenAI's legacy completions: a text is continued as it stands, without a chat template.

Each text is a user message of a raw `ChatRequest`, so the privacy boundary reads it like every other; what comes as
token ids is made text first (`prompt_tokens.py`). Only the model in this process can continue it; the request never
leaves.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

from nemora.core import ChatRequest, Delta, Json, Message, StopReason, TokenLogprob
from nemora.errors import NemoraError, RequestError, UnsupportedField
from nemora.server.broken_stream import ended_by_error
from nemora.server.envelope import envelope
from nemora.server.fields import an_object, flag, integer, model_name, neutral_only, only
from nemora.server.openai_chat import MAX_CHOICES, include_usage_of
from nemora.server.openai_chat_format import EVENT_STREAM
from nemora.server.openai_encode import DONE, broken_off, error_event, event, usage_of
from nemora.server.sampling_fields import MAX_TOKENS, MAX_TOP_LOGPROBS, sampling_of, stops_of
from nemora.server.transcript import Transcript
from nemora.server.wire_format import ParsedRequest

PATH = "/v1/completions"
DEFAULT_MAX_TOKENS = 16
MAX_ANSWERS = 64
"""To all prompts of a request together."""

READ = frozenset(
    (
        *("model", "prompt", "stream", "stream_options", "max_tokens", "stop", "n", "echo", "logprobs"),
        *("temperature", "top_p", "top_k", "min_p", "seed"),
        *("frequency_penalty", "presence_penalty", "repetition_penalty", "logit_bias"),
    )
)
IGNORED = frozenset({"user"})
"""Fields that change no answer: inspected, never sent on."""

NEUTRAL: Mapping[str, tuple[Json, ...]] = {"best_of": (1,), "suffix": ("",)}
"""Fields that are not supported, with the values that ask for nothing; null always does."""


class OpenAICompletions:
    """A `WireFormat`."""

    def parse(self, body: Json) -> ParsedRequest:
        return parse_completion_request(body)

    def writer(self, model: str, parsed: ParsedRequest) -> CompletionWriter:
        assert isinstance(parsed, ParsedCompletion)
        return CompletionWriter(model, parsed.before(), include_usage=parsed.request.include_usage)

    def error(self, error: NemoraError) -> bytes:
        return envelope(error)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedCompletion(ParsedRequest):
    """A request, and whether each answer begins with its prompt."""

    echoes: bool

    def before(self) -> tuple[str, ...]:
        """What stands before each answer: the text of its prompt where that is asked for, else ""."""
        prompts = self.request.messages
        each = self.request.choices // len(prompts)
        return tuple(prompt.text() if self.echoes else "" for prompt in prompts for _ in range(each))


def parse_completion_request(body: Json) -> ParsedCompletion:
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
    prompts, ids = prompts_of(table.get("prompt"))
    each = integer(table.get("n"), "/n", 1, MAX_CHOICES) or 1
    if len(prompts) * each > MAX_ANSWERS:
        raise RequestError(f"/prompt and /n ask for more than {MAX_ANSWERS} answers together.", param="/prompt")
    logprobs = integer(table.get("logprobs"), "/logprobs", 0, MAX_TOP_LOGPROBS)
    echoes = flag(table.get("echo"), "/echo") or False
    if echoes and logprobs is not None:
        raise UnsupportedField("/echo with /logprobs is not supported: prompts are not rated.", param="/echo")
    sampled = {name: value for name, value in table.items() if name in READ and name != "logprobs"}
    request = ChatRequest(
        model=model_name(table.get("model")),
        messages=tuple(Message("user", prompt) for prompt in prompts),
        sampling=replace(sampling_of(sampled), logprobs=logprobs),
        max_tokens=DEFAULT_MAX_TOKENS if most is None else most,
        stop=stops_of(table.get("stop"), "/stop"),
        stream=flag(table.get("stream"), "/stream") or False,
        include_usage=include_usage_of(table.get("stream_options")),
        choices=len(prompts) * each,
        unsent=ignored,
        raw=True,
        prompt_ids=ids,
        endpoint=PATH,
    )
    names = sorted(name for name, value in ignored.items() if value is not None)
    return ParsedCompletion(request, tuple(names), echoes=echoes)


def prompts_of(value: Json) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
    """The prompts to continue: a text or a list of such, token ids or a list of such lists.

    Of token ids the texts are "" until a model has told them; of texts there are no ids.
    """
    prompts: list[Json] = value if isinstance(value, list) else [value]
    if prompts and all(isinstance(prompt, str) and prompt for prompt in prompts):
        return tuple(prompt for prompt in prompts if isinstance(prompt, str)), ()
    if isinstance(value, list) and all(_is_number(token) for token in prompts):
        prompts = [prompts]
    ids = tuple(_ids(prompt, position) for position, prompt in enumerate(prompts))
    return ("",) * len(ids), ids


def _ids(prompt: Json, position: int) -> tuple[int, ...]:
    if not isinstance(prompt, list) or not prompt:
        raise RequestError(
            "/prompt must be a text or token ids, or a list of the one or of the other, and none of them empty.",
            param="/prompt",
        )
    ids = tuple(integer(token, f"/prompt/{position}", 0, MAX_TOKENS) for token in prompt)
    if None in ids:
        raise RequestError(f"/prompt/{position} must hold ids only, and no null.", param="/prompt")
    return tuple(token_id for token_id in ids if token_id is not None)


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(slots=True)
class CompletionWriter:
    """An `AnswerWriter`. `echo` is what stands before each answer, and says how many there are."""

    model: str
    echo: tuple[str, ...]
    include_usage: bool
    id: str = field(default_factory=lambda: f"cmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))
    media_type: str = EVENT_STREAM

    async def whole(self, deltas: AsyncIterator[Delta]) -> dict[str, Json]:
        said = Transcript(len(self.echo))
        async for delta in deltas:
            said.add(delta)
        if not said.whole:
            raise broken_off()
        choices = [
            _choice(index, self.echo[index] + one.message().text(), one.finish, _logprobs(one.logprobs, 0))
            for index, one in enumerate(said.choices)
        ]
        return {**self._object(choices), "usage": usage_of(said.usage)}

    def stream(self, deltas: AsyncIterator[Delta]) -> AsyncIterator[bytes]:
        return ended_by_error(self._pieces(deltas), error_event)

    async def _pieces(self, deltas: AsyncIterator[Delta]) -> AsyncGenerator[bytes, None]:
        said = Transcript(len(self.echo))
        offsets = [0] * len(self.echo)
        last: tuple[int, StopReason | None] = 0, None
        for index, prompt in enumerate(self.echo):
            if prompt:
                yield event(self._chunk([_choice(index, prompt, None, None)]))
        async for delta in deltas:
            said.add(delta)
            # The last end waits until nothing can go wrong any more.
            finish = None if delta.finish is StopReason.CANCELLED or said.whole else delta.finish
            if delta.text or delta.logprobs or finish is not None:
                rated = _logprobs(delta.logprobs, offsets[delta.index])
                yield event(self._chunk([_choice(delta.index, delta.text, finish, rated)]))
            offsets[delta.index] += sum(len(each.token) for each in delta.logprobs)
            if delta.finish is not None:
                last = delta.index, delta.finish
        if not said.whole:
            raise broken_off()
        yield event(self._chunk([_choice(last[0], "", last[1], None)]))
        if self.include_usage:
            yield event({**self._object([]), "usage": usage_of(said.usage)})
        yield DONE

    def _chunk(self, choices: list[Json]) -> dict[str, Json]:
        usage: dict[str, Json] = {"usage": None} if self.include_usage else {}
        return {**self._object(choices), **usage}

    def _object(self, choices: list[Json]) -> dict[str, Json]:
        return {
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": self.model,
            "choices": choices,
            "system_fingerprint": None,
        }


def _choice(index: int, said: str, finish: StopReason | None, logprobs: Json) -> Json:
    reason = None if finish is None else str(finish)
    return {"index": index, "text": said, "logprobs": logprobs, "finish_reason": reason}


def _logprobs(found: Sequence[TokenLogprob], offset: int) -> Json:
    """The four lists of this API, None where there are none. `offset`: characters of the tokens before them."""
    if not found:
        return None
    ends = accumulate((len(each.token) for each in found), initial=offset)
    return {
        "tokens": [each.token for each in found],
        "token_logprobs": [each.logprob for each in found],
        "top_logprobs": [{one.token: one.logprob for one in each.top} for each in found],
        "text_offset": [start for start, _ in zip(ends, found, strict=False)],
    }
