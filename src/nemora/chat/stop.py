"""Finds stop strings in text that comes in pieces, at any split."""

from __future__ import annotations

from collections.abc import Iterable


class StopMatcher:
    """Lets text through up to the first stop string. What might be the beginning of one is held back.

    The string that ends first wins, of those the longest: the answer does not depend on how it was split.
    """

    def __init__(self, stops: Iterable[str]) -> None:
        self._stops = tuple(dict.fromkeys(stop for stop in stops if stop))
        self._held = ""
        self.found: str | None = None
        """The string at which it stopped."""

    @property
    def stopped(self) -> bool:
        """Whether a stop string has come."""
        return self.found is not None

    def feed(self, text: str) -> str:
        """The text that is certain now. After a match nothing more comes."""
        if self.stopped:
            return ""
        text = self._held + text
        found = first_of(text, self._stops)
        if found is not None:
            at, self.found = found
            self._held = ""
            return text[:at]
        certain = len(text) - held_length(text, self._stops)
        self._held = text[certain:]
        return text[:certain]

    def flush(self) -> str:
        """What was held back in vain: the text ends, or something else follows."""
        held, self._held = self._held, ""
        return "" if self.stopped else held


def first_of(text: str, markers: Iterable[str]) -> tuple[int, str] | None:
    """Where the marker that ends first begins, and which it is; the longest, if several end there."""
    found = [(at + len(marker), -len(marker), at, marker) for marker in markers if (at := text.find(marker)) >= 0]
    if not found:
        return None
    _, _, at, marker = min(found)
    return at, marker


def held_length(text: str, markers: Iterable[str]) -> int:
    """Length of the longest end of `text` that is a proper beginning of a marker."""
    longest = 0
    for marker in markers:
        for length in range(min(len(marker) - 1, len(text)), longest, -1):
            if text.endswith(marker[:length]):
                longest = length
                break
    return longest
