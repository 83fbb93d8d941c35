"""Drafts by looking up: what followed the last few tokens where they stood before.

Agents repeat what they have read: names, paths, code, whole tool results. A draft costs nothing but the look.
(Saxena 2023, prompt lookup decoding; Yang et al. 2023, arXiv:2304.04487.)
"""

from __future__ import annotations

from collections.abc import Sequence

LONGEST = 4
"""Tokens of the longest run that is looked up; the longest that is found counts."""
SHORTEST = 2
WINDOW = 16_384
"""Tokens at the end of a prompt that are looked at: an index over more would take long and much memory."""


class PromptLookup:
    """An index over the tokens of one sequence, which only grows."""

    def __init__(self) -> None:
        self._seen = 0
        self._after: dict[tuple[int, ...], int] = {}
        """By run, where it last ended, which is where what follows it begins."""

    def draft(self, ids: Sequence[int], most: int) -> list[int]:
        """At most `most` ids that may follow `ids`, the sequence so far."""
        self._index(ids)
        for length in range(LONGEST, SHORTEST - 1, -1):
            start = self._after.get(tuple(ids[-length:])) if len(ids) > length else None
            if start is not None:
                return self._copied(ids, start, most)
        return []

    def _copied(self, ids: Sequence[int], start: int, most: int) -> list[int]:
        """What stands from `start` on; where it reaches the end it goes on with itself, as what repeats does."""
        period = len(ids) - start
        return [ids[start + n % period] for n in range(most)]

    def _index(self, ids: Sequence[int]) -> None:
        """Take in the runs that end before the last token: of what follows the last one nothing is known."""
        for end in range(max(self._seen, SHORTEST, len(ids) - WINDOW), len(ids)):
            for length in range(SHORTEST, min(LONGEST, end) + 1):
                self._after[tuple(ids[end - length : end])] = end
        self._seen = max(self._seen, len(ids))
