"""What an answer said so far, put together from its deltas."""

from __future__ import annotations

from dataclasses import dataclass, field

from nemora.core import Delta, Message, StopReason, TokenLogprob, ToolCall, ToolCallDelta, Usage


@dataclass(slots=True)
class SaidCall:
    """A tool call as far as it was said."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)

    def whole(self) -> ToolCall:
        return ToolCall(self.id, self.name, "".join(self.arguments))


@dataclass(slots=True)
class Said:
    """One of the answers to a request."""

    finish: StopReason | None = None
    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: dict[int, SaidCall] = field(default_factory=dict)
    logprobs: list[TokenLogprob] = field(default_factory=list)

    def add(self, delta: Delta) -> None:
        self.text.append(delta.text)
        self.reasoning.append(delta.reasoning)
        self.logprobs.extend(delta.logprobs)
        self.finish = delta.finish or self.finish
        if delta.tool_call is not None:
            self._add_call(delta.tool_call)

    @property
    def whole(self) -> bool:
        return self.finish not in (None, StopReason.CANCELLED)

    def message(self) -> Message:
        return Message(
            role="assistant",
            content="".join(self.text) or None,
            tool_calls=tuple(call.whole() for _, call in sorted(self.calls.items(), key=lambda item: item[0])),
            reasoning="".join(self.reasoning) or None,
        )

    def _add_call(self, piece: ToolCallDelta) -> None:
        call = self.calls.setdefault(piece.index, SaidCall())
        call.id = piece.id or call.id
        call.name = piece.name or call.name
        call.arguments.append(piece.arguments)


class Transcript:
    """Collects the deltas of the answers to one request: one, or the several `choices` that were asked for."""

    def __init__(self, choices: int = 1) -> None:
        self.usage: Usage | None = None
        self.choices = [Said() for _ in range(choices)]

    def add(self, delta: Delta) -> None:
        """Take in one delta."""
        self.choices[delta.index].add(delta)
        self.usage = delta.usage or self.usage

    @property
    def finish(self) -> StopReason | None:
        """Why the first answer ended, once all have."""
        return self.choices[0].finish if all(said.finish is not None for said in self.choices) else None

    @property
    def whole(self) -> bool:
        """Whether every answer came to its end."""
        return all(said.whole for said in self.choices)

    @property
    def characters(self) -> int:
        """How much was said, thought and called."""
        return sum(
            sum(
                map(
                    len,
                    (*said.text, *said.reasoning, *(piece for call in said.calls.values() for piece in call.arguments)),
                )
            )
            for said in self.choices
        )

    def message(self) -> Message:
        """The assistant's message so far; the first, if there are several."""
        return self.choices[0].message()

    def messages(self) -> tuple[Message, ...]:
        """All of them."""
        return tuple(said.message() for said in self.choices)
