"""What an answer said so far, put together from its deltas."""

from __future__ import annotations

from nemora.core import Delta, Message, StopReason, ToolCall, ToolCallDelta, Usage


class Transcript:
    """Collects the deltas of one answer."""

    def __init__(self) -> None:
        self.finish: StopReason | None = None
        self.usage: Usage | None = None
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, dict[str, str]] = {}

    def add(self, delta: Delta) -> None:
        """Take in one delta."""
        self._text.append(delta.text)
        self._reasoning.append(delta.reasoning)
        self.finish = delta.finish or self.finish
        self.usage = delta.usage or self.usage
        if delta.tool_call is not None:
            self._add_call(delta.tool_call)

    @property
    def whole(self) -> bool:
        """Whether the answer came to its end."""
        return self.finish not in (None, StopReason.CANCELLED)

    @property
    def characters(self) -> int:
        """How much was said, thought and called."""
        pieces = [*self._text, *self._reasoning, *(call["arguments"] for call in self._calls.values())]
        return sum(map(len, pieces))

    def message(self) -> Message:
        """The assistant's message so far."""
        return Message(
            role="assistant",
            content="".join(self._text) or None,
            tool_calls=tuple(ToolCall(**call) for _, call in sorted(self._calls.items())),
            reasoning="".join(self._reasoning) or None,
        )

    def _add_call(self, piece: ToolCallDelta) -> None:
        call = self._calls.setdefault(piece.index, {"id": "", "name": "", "arguments": ""})
        call["id"] = piece.id or call["id"]
        call["name"] = piece.name or call["name"]
        call["arguments"] += piece.arguments
