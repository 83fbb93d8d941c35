"""The nouns that every room shares. This file imports no room.

A request from any API becomes one `ChatRequest`; an answer from any backend is a stream of
`Delta`. Shapes follow OpenAI's chat completions, because every backend speaks it; other wire
formats are translated at the edge, in `server/`.
"""

from __future__ import annotations

import base64
import binascii
import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, Union

Json: TypeAlias = Union[None, bool, int, float, str, list["Json"], dict[str, "Json"]]

Role = Literal["system", "developer", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class TextPart:
    """A piece of text inside a message whose content is a list of parts."""

    text: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document's text. `where` says which, in words and numbers only: `page/3`, `metadata`."""

    where: str
    text: str
    label: str = ""
    """The key or column that gives meaning to a bare value, or ""."""


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """What this machine read of a document: its kind (`pdf`), its text, and whether that is all of it."""

    kind: str
    passages: tuple[Passage, ...]
    complete: bool
    unread: tuple[str, ...] = ()
    """Codes of what was not read: `encrypted`, `image` (only the text in it was), …"""

    @property
    def only_pictures_unread(self) -> bool:
        """Whether nothing is missing but what pictures show beside their text."""
        return not self.complete and set(self.unread) == {"image"}


@dataclass(frozen=True, slots=True)
class InlineData:
    """Bytes that a part carries in itself. `keys` lead to them in `raw`, where `header` and `encoded` stand."""

    keys: tuple[str, str]
    header: str
    """`data:application/pdf;base64,`, or "" before bare base64."""
    encoded: str

    @property
    def media_type(self) -> str:
        """As the client declares it, in small letters; "" where it does not."""
        return self.header.removeprefix("data:").removesuffix(";base64,").lower()

    def data(self) -> bytes | None:
        """The bytes; None unless they encode to exactly what was sent, so that nobody can decode it to others."""
        try:
            data = base64.b64decode(self.encoded, validate=True)
        except (binascii.Error, ValueError):
            return None
        return data if data and base64.b64encode(data).decode("ascii") == self.encoded else None


@dataclass(frozen=True, slots=True)
class OpaquePart:
    """Content that is not text: an image, a sound, a file.

    `raw` is the part exactly as the client sent it. `read` is what this machine read of the bytes in it, None where
    nobody could: the privacy boundary then counts it as confidential, and it never leaves.
    """

    kind: str
    raw: Mapping[str, Json]
    read: ReadDocument | None = None

    def inline(self) -> InlineData | None:
        """The bytes in it, encoded; None for an address, an id of a file, and every other form and field."""
        key, beside, bare = _INLINE.get(self.kind, ("", frozenset(), False))
        holder = self.raw.get(self.kind)
        if set(self.raw) != {"type", self.kind} or self.raw["type"] != self.kind or not isinstance(holder, dict):
            return None
        value = holder.get(key)
        if not isinstance(value, str) or not all(isinstance(v, str) and k in beside | {key} for k, v in holder.items()):
            return None
        header = _DATA_URI.match(value)
        if header is not None:
            return InlineData((self.kind, key), header.group(), value[header.end() :])
        return InlineData((self.kind, key), "", value) if bare else None


_DATA_URI = re.compile(r"data:(?:[A-Za-z0-9.+-]{1,60}/[A-Za-z0-9.+-]{1,100})?;base64,")
_INLINE: Mapping[str, tuple[str, frozenset[str], bool]] = {
    "image_url": ("url", frozenset({"detail"}), False),
    "file": ("file_data", frozenset({"filename"}), True),
    "input_audio": ("data", frozenset({"format"}), True),
}
"""By kind of part: the key of its bytes, what may stand beside it, and whether it may be bare base64."""

Part = TextPart | OpaquePart


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that a model asked for. `arguments` is JSON text, as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the client offers to the model. `parameters` is a JSON schema."""

    name: str
    description: str | None = None
    parameters: Mapping[str, Json] | None = None
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """How the model must use tools; `name` is set only when `mode` is "named"."""

    mode: Literal["none", "auto", "required", "named"]
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """The form that the text of an answer must have; without one it is free.

    "json_object": any JSON object. "json_schema": a JSON value that `schema` describes; the name, description and
    `strict` beside it are OpenAI's. "choice": one of `choices`. "regex" and "grammar": `text` is a regular expression,
    or a grammar in Lark's syntax, for the whole answer.
    """

    form: Literal["json_object", "json_schema", "choice", "regex", "grammar"]
    schema: Mapping[str, Json] | None = None
    name: str | None = None
    description: str | None = None
    strict: bool | None = None
    choices: tuple[str, ...] = ()
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `content` keeps the client's form, a string or parts, so that what is sent on is what was read."""

    role: Role
    content: str | tuple[Part, ...] | None = None
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    reasoning: str | None = None

    def text(self) -> str:
        """All readable text of the content, parts joined without a separator."""
        if self.content is None:
            return ""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content if isinstance(part, TextPart))

    def opaque_parts(self) -> tuple[OpaquePart, ...]:
        """The parts of the content that are not text."""
        parts = self.content if isinstance(self.content, tuple) else ()
        return tuple(part for part in parts if isinstance(part, OpaquePart))

    def documents(self) -> tuple[ReadDocument, ...]:
        """What was read of the documents among them."""
        return tuple(part.read for part in self.opaque_parts() if part.read is not None)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn. `None` means: the backend's default.

    `temperature` 0 is greedy. `top_k` counts tokens, `top_p` and `min_p` are probabilities in (0, 1].
    The penalties are OpenAI's and vLLM's: `frequency_penalty` and `presence_penalty` look at what was answered so far,
    `repetition_penalty` at the prompt as well. `logit_bias` adds to the logits of token ids.
    Until `min_tokens` were written nothing ends an answer; `stop_token_ids` end it as the model's own end does, which
    `ignore_eos` switches off. `bad_words` are texts that are not written.
    `logprobs` asks for each token's log-probability, and for those of so many alternatives.
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    repetition_penalty: float | None = None
    logit_bias: Mapping[int, float] | None = None
    bad_words: tuple[str, ...] = ()
    stop_token_ids: tuple[int, ...] = ()
    min_tokens: int | None = None
    ignore_eos: bool | None = None
    logprobs: int | None = None


Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


@dataclass(frozen=True, slots=True)
class Thinking:
    """How much a model should reason before it answers. `None` means: the model's default.

    `effort` is a hint, but for "none", which switches reasoning off. `budget` is a number of tokens that the model is
    told where its template can, and soon after which its reasoning is ended; `limit` is the most that it may have.
    With `budget_is_hint` a model that does not reason answers all the same. `keep_history` leaves the reasoning of
    earlier turns in the prompt. `adaptive` leaves it to the model whether and how long it reasons: one that reasons is
    told to, without a budget, and any other answers as always.
    """

    enabled: bool | None = None
    effort: Effort | None = None
    budget: int | None = None
    keep_history: bool | None = None
    limit: int | None = None
    budget_is_hint: bool = False
    adaptive: bool = False

    @property
    def wanted(self) -> bool | None:
        """Whether reasoning is asked for or ruled out; the effort counts where the switch is not set."""
        if self.enabled is not None:
            return self.enabled
        if self.adaptive:
            return True
        return None if self.effort is None else self.effort != "none"


@dataclass(frozen=True, slots=True)
class FixedQuestion:
    """A question about a request's messages, and the answers of which a model is to say how likely each is."""

    text: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """A whole request, canonical. What is read, routed and sent is this object and nothing else.

    `choices` is how many answers are wanted. `priority` (0: as everybody's; higher comes first) and `cache_salt` (what
    was read is shared only with requests of the same) are for the local engine. `generation_prompt`: the prompt ends
    with the beginning of the assistant's turn; `continue_final`: it ends within the last message, which goes on.

    `unsent` holds the fields that a client sent, that change no answer and that are never
    forwarded (`user`, `metadata`, …). The privacy boundary reads them like everything else.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    sampling: Sampling = field(default_factory=Sampling)
    thinking: Thinking = field(default_factory=Thinking)
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    stream: bool = False
    include_usage: bool = False
    choices: int = 1
    priority: int = 0
    cache_salt: str | None = None
    generation_prompt: bool = True
    continue_final: bool = False
    unsent: Mapping[str, Json] = field(default_factory=dict)
    raw: bool = False
    """Whether each message is a text to be continued as it stands, without a chat template, `choices` being so many
    for each. Never for a cloud."""
    prompt_ids: tuple[tuple[int, ...], ...] = ()
    """Of a raw request that came as token ids: those of each message, whose text is what they say. The model is given
    these very ids, if they do say it. Never for a cloud."""
    questions: tuple[FixedQuestion, ...] = ()
    """Where there are any, their probabilities are wanted in place of words. Never for a cloud."""
    keep_alive: float | None = None
    """Seconds that a local model stays loaded afterwards; `math.inf`: always; None: as the settings say. Never sent."""
    calibrate: bool = False
    """Whether those probabilities are corrected for how likely each answer is without the messages."""
    endpoint: str = "/v1/chat/completions"
    """The path of the API that it came by, for the ledger. Changes nothing else."""

    def opaque_parts(self) -> tuple[OpaquePart, ...]:
        """All parts of messages that are not text."""
        return tuple(part for message in self.messages for part in message.opaque_parts())


class StopReason(enum.StrEnum):
    """Why a stream ended. The values are OpenAI's `finish_reason`."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read and written."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a tool call. `id` and `name` come once, with the first piece of an `index`."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


LOWEST_LOGPROB = -9999.0
"""OpenAI's number for what is all but impossible: JSON has no infinity."""


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One token of an answer: its text, its own bytes, and the natural logarithm of its probability.

    It is the model's own distribution: before temperature, penalties, bias and filters. `bytes` matter where a
    character is cut in two; then `token` has U+FFFD. `top` are the likeliest tokens at this place, likeliest first.
    """

    token: str
    logprob: float
    bytes: bytes
    top: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class Delta:
    """One step of an answer; `index` says of which, where several were asked for.

    The last delta of each has `finish`; `usage`, of all together, comes with the last of the stream when known.
    `logprobs` are those of the tokens since the delta before, reasoning left out. `stop` is the one of the request's
    stop strings at which the answer ended, where that is known; it comes with `finish`. `signature`: what the server
    of a cloud signed the reasoning with that came before, in pieces; without any meaning here.
    """

    text: str = ""
    reasoning: str = ""
    tool_call: ToolCallDelta | None = None
    finish: StopReason | None = None
    usage: Usage | None = None
    index: int = 0
    logprobs: tuple[TokenLogprob, ...] = ()
    stop: str | None = None
    signature: str = ""
    probabilities: tuple[tuple[float, ...], ...] = ()
    """Of the answers to each of the request's questions, with the last delta. Those of a question sum to 1."""
