"""What a server that speaks Anthropic's Messages answers, read into deltas. It is not trusted to keep to the format.

The forms: https://docs.anthropic.com/en/api/messages and .../streaming.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import Any, NoReturn

from nemora.backends.signed_thinking import SignedBlock, SignedThinking
from nemora.core import Delta, StopReason, ToolCallDelta, Usage
from nemora.errors import BackendError

FINISHES = {
    "end_turn": StopReason.STOP,
    "stop_sequence": StopReason.STOP,
    "pause_turn": StopReason.STOP,
    "max_tokens": StopReason.LENGTH,
    "model_context_window_exceeded": StopReason.LENGTH,
    "tool_use": StopReason.TOOL_CALLS,
    "refusal": StopReason.CONTENT_FILTER,
}
MAX_BLOCKS = 1024
MAX_SIGNATURE = 1_000_000
"""Characters of one."""


class MessageReader:
    """Reads one answer. `server` is its configured name, for messages; `tools` the names that were offered; `signed`
    remembers what the server signed of its thinking, where that stands before all else: only then it can go back.

    Raises `BackendError` from each method when the server breaks the format or calls a tool nobody offered.
    """

    def __init__(self, server: str, tools: frozenset[str], signed: SignedThinking | None = None) -> None:
        self._server = server
        self._tools = tools
        self._calls: dict[int, int] = {}
        self._finish: StopReason | None = None
        self._counts: dict[str, int] = {}
        self._signed = signed
        self._thoughts: dict[int, _Thought] = {}
        self._has_spoken = False
        self._in_order = True

    @property
    def finished(self) -> bool:
        """Whether the server has said why it ended."""
        return self._finish is not None

    def event(self, data: str) -> list[Delta]:
        """The deltas of one streamed event. Kinds of events that are not known are passed over, as the docs ask."""
        event = _object(self._json(data)) or self._garbage()
        kind = event.get("type")
        if kind == "error":
            raise BackendError(f"The server {self._server!r} broke off its answer with an error; ask again.")
        if kind == "message_start":
            self._read_usage((_object(event.get("message")) or {}).get("usage"))
        elif kind == "content_block_start":
            return self._block(self._index(event), _object(event.get("content_block")) or self._garbage(), whole=False)
        elif kind == "content_block_delta":
            return self._piece(self._index(event), _object(event.get("delta")) or self._garbage())
        elif kind == "message_delta":
            self._read_finish((_object(event.get("delta")) or {}).get("stop_reason"))
            self._read_usage(event.get("usage"))
        elif not isinstance(kind, str):
            self._garbage()
        return []

    def whole(self, data: bytes) -> list[Delta]:
        """The deltas of an answer that came as one JSON object."""
        message = _object(self._json(data)) or self._garbage()
        content = message.get("content")
        if message.get("type") != "message" or not isinstance(content, list):
            self._garbage()
        self._read_usage(message.get("usage"))
        deltas: list[Delta] = []
        for index, block in enumerate(content[:MAX_BLOCKS]):
            deltas += self._block(index, _object(block) or self._garbage(), whole=True)
        self._read_finish(message.get("stop_reason") or "end_turn")
        return [*deltas, self.end(complete=True)]

    def end(self, *, complete: bool) -> Delta:
        """The last delta. Without a reason to end, the answer was cut off."""
        if self._finish is None:
            raise BackendError(f"The server {self._server!r} ended its answer in the middle; ask again.")
        self._remember()
        finish = StopReason.TOOL_CALLS if self._calls and self._finish is StopReason.STOP else self._finish
        return Delta(finish=finish, usage=self._usage())

    def _block(self, index: int, block: dict[str, Any], *, whole: bool) -> list[Delta]:
        kind = block.get("type")
        if kind in ("thinking", "redacted_thinking"):
            return self._thinking(index, block)
        self._has_spoken = True
        if kind == "text":
            text = self._text(block.get("text"))
            return [Delta(text=text)] if text else []
        if kind != "tool_use":
            return []
        name = self._text(block.get("name"))
        if name not in self._tools:
            raise BackendError(
                f"The server {self._server!r} called a tool that the request did not offer; the call was dropped."
            )
        if index in self._calls:
            self._garbage()
        number = self._calls[index] = len(self._calls)
        arguments = json.dumps(block.get("input") or {}, ensure_ascii=True) if whole else ""
        call_id = self._text(block.get("id")) or f"call_{secrets.token_hex(8)}"
        return [Delta(tool_call=ToolCallDelta(number, call_id, name, arguments))]

    def _piece(self, index: int, delta: dict[str, Any]) -> list[Delta]:
        kind = delta.get("type")
        if kind == "text_delta":
            return [Delta(text=self._text(delta.get("text")))]
        if kind == "thinking_delta":
            return self._thought(index, self._text(delta.get("thinking")))
        if kind == "signature_delta":
            return self._sign(index, self._text(delta.get("signature")))
        if kind == "input_json_delta":
            if index not in self._calls:
                self._garbage()
            piece = self._text(delta.get("partial_json"))
            return [Delta(tool_call=ToolCallDelta(self._calls[index], arguments=piece))] if piece else []
        return []

    def _thinking(self, index: int, block: dict[str, Any]) -> list[Delta]:
        """The beginning of a block of thinking, which may have all of it; and its signature."""
        if index in self._thoughts:
            self._garbage()
        hidden = block.get("type") == "redacted_thinking"
        self._thoughts[index] = _Thought(hidden=hidden)
        self._in_order = self._in_order and not self._has_spoken
        signature = self._text(block.get("data" if hidden else "signature"))
        return [
            *([] if hidden else self._thought(index, self._text(block.get("thinking")))),
            *self._sign(index, signature),
        ]

    def _thought(self, index: int, text: str) -> list[Delta]:
        if index not in self._thoughts:
            self._garbage()
        self._thoughts[index].text.append(text)
        return [Delta(reasoning=text)] if text else []

    def _sign(self, index: int, signature: str) -> list[Delta]:
        if index not in self._thoughts:
            self._garbage()
        thought = self._thoughts[index]
        thought.signature += signature
        if len(thought.signature) > MAX_SIGNATURE:
            self._garbage()
        return [Delta(signature=signature)] if signature and not thought.hidden else []

    def _remember(self) -> None:
        thoughts = [thought for _, thought in sorted(self._thoughts.items(), key=lambda item: item[0])]
        if self._signed is None or not self._in_order or not all(thought.signature for thought in thoughts):
            return
        texts = ["".join(thought.text) for thought in thoughts]
        self._signed.remember(
            "".join(texts),
            [SignedBlock(len(t), th.signature, th.hidden) for t, th in zip(texts, thoughts, strict=True)],
        )

    def _read_finish(self, value: Any) -> None:
        if value is None:
            return
        if not isinstance(value, str):
            self._garbage()
        self._finish = FINISHES.get(value, StopReason.STOP)

    def _read_usage(self, value: Any) -> None:
        """Counts come in two parts; the later one is the sum up to then."""
        for name, count in (_object(value) or {}).items():
            if isinstance(count, int) and not isinstance(count, bool) and count >= 0:
                self._counts[name] = count

    def _usage(self) -> Usage | None:
        if not {"input_tokens", "output_tokens"} <= set(self._counts):
            return None
        cached = self._counts.get("cache_read_input_tokens", 0)
        read = self._counts["input_tokens"] + cached + self._counts.get("cache_creation_input_tokens", 0)
        return Usage(read, self._counts["output_tokens"], cached_tokens=cached)

    def _index(self, event: dict[str, Any]) -> int:
        index = event.get("index")
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < MAX_BLOCKS:
            self._garbage()
        return index

    def _json(self, data: str | bytes) -> Any:
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            self._garbage()

    def _text(self, value: Any) -> str:
        if value is None:
            return ""
        if not isinstance(value, str):
            self._garbage()
        # Half a surrogate pair, escaped in JSON, is no text: it could not be hashed or sent on.
        return str(value).encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def _garbage(self) -> NoReturn:
        raise BackendError(
            f"The server {self._server!r} answered with something that is not an answer of Messages; check its "
            "base_url and api."
        )


@dataclass(slots=True)
class _Thought:
    """A block of thinking as far as it was read. Of a hidden one there is no text."""

    hidden: bool
    text: list[str] = field(default_factory=list)
    signature: str = ""


def _object(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None
