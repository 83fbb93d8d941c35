"""Separates what a model thinks from what it says, at any split of the stream."""

from __future__ import annotations

import re
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


_CALL_BEGINS = re.compile(r"\s*(?:[<{\[]|\Z)")


class ReasoningSplitter:
    """White space around the tags belongs to neither side, and a closing tag that nothing opened is dropped.

    Args:
        call_tags: opening and closing tag of a tool call. Models forget the closing tag of their reasoning before a
            call. So an answer that is over, without a closing tag and with a call at its end, is a call. One that
            goes on, to a closing tag or cut off, only thought of a call: it stays reasoning, and nothing runs.
    """

    def __init__(self, tags: ReasoningTags, *, inside: bool, call_tags: tuple[str, str] | None = None) -> None:
        self._tags = tags
        self._call = call_tags
        self._state = "inside" if inside else "before"
        self._skip_space = inside
        self._held = ""
        self._waiting: list[str] = []
        """Pieces after what is held that settle nothing: they are looked at once, and not with each that comes."""
        self._tail = ""
        """While a call is held: the end of it, in which the closing tag may have begun."""

    @property
    def inside(self) -> bool:
        """Whether the next text is reasoning, as far as known."""
        return self._state == "inside"

    def feed(self, piece: str) -> Thought:
        """What is certain now."""
        self._waiting.append(piece)
        if self._settles_nothing(piece):
            return Thought()
        self._take_waiting()
        reasoning = ""
        if self._state == "before":
            self._before()
        if self._state == "inside":
            reasoning = self._inside()
        return Thought(reasoning, self._after() if self._state == "after" else "")

    def flush(self, *, over: bool = True) -> Thought:
        """What was held back in vain. `over`: the model itself ended its answer."""
        self._take_waiting()
        held, self._held = self._held, ""
        if self._state == "inside":
            begins = self._call_at_the_end(held) if over else -1
            if begins >= 0:
                return Thought(reasoning=self._spaced(held[:begins]).rstrip(), text=held[begins:])
            return Thought(reasoning=held.rstrip() if not self._skip_space else held.strip())
        return Thought(text=held if self._state == "before" else self._spaced(held))

    def _settles_nothing(self, piece: str) -> bool:
        """Whether all that is held is still held: more of a call that nothing has closed, or more white space."""
        if self._state == "after":
            return False
        if self._tail:
            seen = self._tail + piece
            self._tail = seen[-len(self._tags.close) :]
            return self._tags.close not in seen
        return piece.isspace() and (not self._held or self._held.isspace() or self._ends_with_call_tag())

    def _ends_with_call_tag(self) -> bool:
        return self._call is not None and self._held.rstrip().endswith(self._call[0])

    def _take_waiting(self) -> None:
        self._held = "".join((self._held, *self._waiting))
        self._waiting, self._tail = [], ""

    def _before(self) -> None:
        """The answer has not begun, or only with white space or a part of a tag."""
        begun = self._held.lstrip()
        for tag, state in ((self._tags.open, "inside"), (self._tags.close, "after")):
            if begun.startswith(tag):
                self._held, self._state, self._skip_space = begun[len(tag) :], state, True
                return
        if begun and not self._tags.open.startswith(begun) and not self._tags.close.startswith(begun):
            self._state, self._skip_space = "after", False

    def _inside(self) -> str:
        text = self._spaced(self._held)
        at = text.find(self._tags.close)
        if at >= 0:
            self._held = text[at + len(self._tags.close) :]
            self._state, self._skip_space = "after", True
            return text[:at].rstrip()
        begins = self._call_begins(text)
        is_call = begins is not None and self._call is not None and len(text.rstrip()) > begins + len(self._call[0])
        if begins is None:
            begins = len(text) - held_length(text, (self._tags.close, *(self._call or ())[:1]))
        # White space before a tag is not reasoning, so it waits too.
        certain = len(text[:begins].rstrip())
        self._held = text[certain:]
        self._tail = text[-len(self._tags.close) :] if is_call else ""
        return text[:certain]

    def _call_begins(self, text: str) -> int | None:
        """Where the first tag stands that may open a call."""
        if self._call is None:
            return None
        at = text.find(self._call[0])
        while at >= 0 and not _CALL_BEGINS.match(text, at + len(self._call[0])):
            at = text.find(self._call[0], at + 1)
        return at if at >= 0 else None

    def _call_at_the_end(self, held: str) -> int:
        begins = self._call_begins(held)
        whole = begins is not None and self._call is not None and held.rstrip().endswith(self._call[1])
        return begins if whole and begins is not None else -1

    def _after(self) -> str:
        text, self._held = self._spaced(self._held), ""
        return text

    def _spaced(self, text: str) -> str:
        """Without the white space that follows a tag."""
        if self._skip_space:
            text = text.lstrip()
            self._skip_space = not text
        return text
