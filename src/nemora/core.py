"""The nouns that every room shares. This file imports no room.

A request from any API becomes one `ChatRequest`; an answer from any backend is a stream of
`Delta`. Shapes follow OpenAI's chat completions, because every backend speaks it; other wire
formats are translated at the edge, in `server/`.
"""

from __future__ import annotations

import enum
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
class OpaquePart:
    """Content that Nemora cannot read (yet): an image, a sound, a file.

    `raw` is the part exactly as the client sent it. The privacy boundary counts it as
    confidential, so it never leaves.
    """

    kind: str
    raw: Mapping[str, Json]


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


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn. `None` means: the backend's default.

    `temperature` 0 is greedy. `top_k` counts tokens, `top_p` and `min_p` are probabilities in (0, 1].
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """A whole request, canonical. What is read, routed and sent is this object and nothing else.

    `unsent` holds the fields that a client sent, that change no answer and that are never
    forwarded (`user`, `metadata`, …). The privacy boundary reads them like everything else.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    stream: bool = False
    include_usage: bool = False
    unsent: Mapping[str, Json] = field(default_factory=dict)


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


@dataclass(frozen=True, slots=True)
class Delta:
    """One step of an answer. The last delta of a stream has `finish`; `usage` comes with it when known."""

    text: str = ""
    reasoning: str = ""
    tool_call: ToolCallDelta | None = None
    finish: StopReason | None = None
    usage: Usage | None = None
