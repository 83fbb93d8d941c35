"""The output items of one response, put together from deltas, and the events that tell of each step.

An item is what the model thinks, says or calls in a row. Only one is open at a time, so a stream holds its events in
the order in which OpenAI sends them. Events lack `sequence_number`: whoever sends them numbers them.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from nemora.core import Delta, Json, Message, ToolCall, ToolCallDelta
from nemora.errors import BackendError
from nemora.server.openai_responses_input import Turns

Kind = Literal["reasoning", "message", "function_call"]
Status = Literal["in_progress", "completed", "incomplete"]
Event = dict[str, Json]

PREFIXES: Mapping[Kind, str] = {"reasoning": "rs", "message": "msg", "function_call": "fc"}
EVENTS: Mapping[Kind, str] = {
    "reasoning": "response.reasoning_text",
    "message": "response.output_text",
    "function_call": "response.function_call_arguments",
}


@dataclass(slots=True)
class Item:
    """One item. `call` counts the model's calls; the text of a call is its arguments."""

    kind: Kind
    output_index: int
    call: int = -1
    call_id: str = ""
    name: str = ""
    id: str = field(init=False)
    pieces: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.id = f"{PREFIXES[self.kind]}_{secrets.token_hex(12)}"

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def described(self, status: Status) -> dict[str, Json]:
        """The item as the response lists it. One in progress has no content yet."""
        common: dict[str, Json] = {"type": self.kind, "id": self.id, "status": status}
        if self.kind == "function_call":
            return {**common, "call_id": self.call_id, "name": self.name, "arguments": self.text}
        content: list[Json] = [] if status == "in_progress" else [self.part()]
        if self.kind == "reasoning":
            return {**common, "summary": [], "content": content, "encrypted_content": None}
        return {**common, "role": "assistant", "content": content}

    def part(self) -> dict[str, Json]:
        """The one part of its content."""
        if self.kind == "reasoning":
            return {"type": "reasoning_text", "text": self.text}
        return {"type": "output_text", "text": self.text, "annotations": [], "logprobs": []}

    def tell(self, event: str, **more: Json) -> Event:
        """An event of this item."""
        where: Event = {"type": event, "item_id": self.id, "output_index": self.output_index}
        in_part = self.kind != "function_call"
        return {**where, "content_index": 0, **more} if in_part else {**where, **more}

    def logprobs(self) -> dict[str, Json]:
        """What events of visible text must have."""
        return {"logprobs": []} if self.kind == "message" else {}


class OutputItems:
    """Collects the items of one answer."""

    def __init__(self) -> None:
        self.done: list[Json] = []
        self._turns = Turns()
        self._open: Item | None = None
        self._calls = 0

    def add(self, delta: Delta) -> Iterator[Event]:
        """Take in one delta.

        Raises:
            BackendError: a piece of a tool call that had ended already.
        """
        if delta.reasoning:
            yield from self._say("reasoning", delta.reasoning)
        if delta.text:
            yield from self._say("message", delta.text)
        if delta.tool_call is not None:
            yield from self._call(delta.tool_call)

    def close(self, status: Status = "completed") -> Iterator[Event]:
        """End the item that is open, if one is."""
        item, self._open = self._open, None
        if item is None:
            return
        prefix = EVENTS[item.kind]
        if item.kind == "function_call":
            yield item.tell(f"{prefix}.done", arguments=item.text)
            self._turns.called(ToolCall(item.call_id, item.name, item.text))
        else:
            yield item.tell(f"{prefix}.done", text=item.text, **item.logprobs())
            yield item.tell("response.content_part.done", part=item.part())
            (self._turns.thought if item.kind == "reasoning" else self._turns.said)(item.text)
        described = item.described(status)
        self.done.append(described)
        yield {"type": "response.output_item.done", "output_index": item.output_index, "item": described}

    def messages(self) -> tuple[Message, ...]:
        """What was said, as it stands in the history of a later request."""
        return self._turns.messages()

    def _say(self, kind: Literal["reasoning", "message"], text: str) -> Iterator[Event]:
        item = self._open
        if item is None or item.kind != kind:
            yield from self.close()
            item = Item(kind, len(self.done))
            yield from self._begin(item)
            yield item.tell("response.content_part.added", part=item.part())
        item.pieces.append(text)
        yield item.tell(f"{EVENTS[kind]}.delta", delta=text, **item.logprobs())

    def _call(self, piece: ToolCallDelta) -> Iterator[Event]:
        item = self._open
        if item is None or item.call != piece.index:
            if piece.index < self._calls:
                raise BackendError("The model's answer mixed up the pieces of its tool calls; ask again.")
            yield from self.close()
            self._calls = piece.index + 1
            call_id = piece.id or f"call_{secrets.token_hex(12)}"
            item = Item("function_call", len(self.done), call=piece.index, call_id=call_id, name=piece.name or "")
            yield from self._begin(item)
        if piece.arguments:
            item.pieces.append(piece.arguments)
            yield item.tell(f"{EVENTS['function_call']}.delta", delta=piece.arguments)

    def _begin(self, item: Item) -> Iterator[Event]:
        self._open = item
        yield {
            "type": "response.output_item.added",
            "output_index": item.output_index,
            "item": item.described("in_progress"),
        }
