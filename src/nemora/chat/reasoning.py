"""Separates what a model thinks from what it says, at any split of the stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from nemora.chat.stop import held_length


@dataclass(frozen=True, slots=True)
class ReasoningTags:
    """Around a model's reasoning. It stands before the answer; the same tags further down are text."""

    open: str = "<think>"
    close: str = "</think>"

    def opened_by(self, tail: str) -> bool:
        """Whether a prompt with this end leaves the answer to begin inside the tags."""
        return tail.rstrip().endswith(self.open)


class Thought(NamedTuple):
    """A piece of an answer: reasoning or text."""

    reasoning: str = ""
    text: str = ""


class ReasoningSplitter:
    """White space around the tags belongs to neither side."""

    def __init__(self, tags: ReasoningTags, *, inside: bool) -> None:
        self._tags = tags
        self._state = "inside" if inside else "before"
        self._skip_space = inside
        self._held = ""

    @property
    def inside(self) -> bool:
        """Whether the next text is reasoning, as far as known."""
        return self._state == "inside"

    def feed(self, piece: str) -> Thought:
        """What is certain now."""
        self._held += piece
        reasoning = ""
        if self._state == "before":
            self._before()
        if self._state == "inside":
            reasoning = self._inside()
        return Thought(reasoning, self._after() if self._state == "after" else "")

    def flush(self) -> Thought:
        """What was held back in vain."""
        held, self._held = self._held, ""
        if self._state == "inside":
            return Thought(reasoning=held.rstrip() if not self._skip_space else held.strip())
        return Thought(text=held if self._state == "before" else self._spaced(held))

    def _before(self) -> None:
        """The answer has not begun, or only with white space or a part of the opening tag."""
        begun = self._held.lstrip()
        if begun.startswith(self._tags.open):
            self._held = begun[len(self._tags.open) :]
            self._state, self._skip_space = "inside", True
        elif begun and not self._tags.open.startswith(begun):
            self._state, self._skip_space = "after", False

    def _inside(self) -> str:
        text = self._spaced(self._held)
        at = text.find(self._tags.close)
        if at >= 0:
            self._held = text[at + len(self._tags.close) :]
            self._state, self._skip_space = "after", True
            return text[:at].rstrip()
        # White space before the closing tag is not reasoning, so it waits too.
        certain = len(text[: len(text) - held_length(text, (self._tags.close,))].rstrip())
        self._held = text[certain:]
        return text[:certain]

    def _after(self) -> str:
        text, self._held = self._spaced(self._held), ""
        return text

    def _spaced(self, text: str) -> str:
        """Without the white space that follows a tag."""
        if self._skip_space:
            text = text.lstrip()
            self._skip_space = not text
        return text
