"""Stretches of a text in which something sure was found already: a second look at them adds nothing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from nemora.privacy.protocols import Match

SURE = 0.8


class Covered:
    """Merged spans of sure matches."""

    def __init__(self, matches: Iterable[Match] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted((m.start, m.end) for m in matches if m.confidence >= SURE):
            if self._ends and start <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._starts.append(start)
                self._ends.append(end)

    def holds(self, start: int, end: int) -> bool:
        """Whether [start, end) lies wholly in one of the stretches."""
        place = bisect_right(self._starts, start) - 1
        return place >= 0 and end <= self._ends[place]
