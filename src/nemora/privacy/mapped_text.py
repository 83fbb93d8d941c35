"""Text that was made from other text and still knows where each character came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MappedText:
    """A readable copy of a string.

    Character i of `text` stands for the original's code points [starts[i], ends[i]); without maps the copy is the
    original.
    """

    text: str
    starts: Sequence[int] | None = None
    ends: Sequence[int] | None = None

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """The original's code points behind [start, end) of `text`; `end` must be above `start`."""
        if self.starts is None or self.ends is None:
            return start, end
        return min(self.starts[start:end]), max(self.ends[start:end])

    def through(self, inner: MappedText) -> MappedText:
        """`inner`, which was made from `self.text`, mapped to the original of `self`."""
        if self.starts is None or self.ends is None:
            return inner
        if inner.starts is None or inner.ends is None:
            return MappedText(inner.text, self.starts, self.ends)
        starts = [self.starts[s] if s < len(self.starts) else 0 for s in inner.starts]
        ends = [self.ends[e - 1] if e > 0 else 0 for e in inner.ends]
        return MappedText(inner.text, starts, ends)

    def slice(self, start: int, end: int) -> MappedText:
        """A part of this text, with its map."""
        starts = range(len(self.text)) if self.starts is None else self.starts
        ends = range(1, len(self.text) + 1) if self.ends is None else self.ends
        return MappedText(self.text[start:end], starts[start:end], ends[start:end])


class Builder:
    """Collects pieces of a new text with the spans that they stand for."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._starts: list[int] = []
        self._ends: list[int] = []

    def copy(self, text: str, start: int, end: int) -> None:
        """Take [start, end) of `text` as it is."""
        self._pieces.append(text[start:end])
        self._starts.extend(range(start, end))
        self._ends.extend(range(start + 1, end + 1))

    def put(self, piece: str, start: int, end: int) -> None:
        """Let every character of `piece` stand for [start, end)."""
        self._pieces.append(piece)
        self._starts.extend([start] * len(piece))
        self._ends.extend([end] * len(piece))

    def build(self) -> MappedText:
        return MappedText("".join(self._pieces), self._starts, self._ends)
