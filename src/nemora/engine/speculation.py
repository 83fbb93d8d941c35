"""How many tokens to draft, from what drafts have been worth so far.

A pass over the last token and k drafts costs more than a pass over one token, and gives one token and the drafts that
were right. Both are measured while it goes: the cost of passes by their size, and how often a sequence's drafts were
right. Drafts are made where that promises more tokens a second, and now and then to find out.
"""

from __future__ import annotations

import math

MOST_DRAFTS = 8
GAIN = 1.05
"""A pass with drafts must promise so much more than one without."""
WEIGHT = 0.2
"""Of the newest measurement in a running mean."""
FIRST_RATE = 0.5
"""How often drafts are taken to be right before any was tried."""
GUESSED_COST = 0.05
"""Of a draft, as a part of a pass over one token, before any was measured."""
RETRY = 64
"""Tokens after which a sequence that stopped drafting tries again."""


class PassCosts:
    """Seconds of forward passes by the number of their tokens, in running means."""

    def __init__(self) -> None:
        self._seconds: dict[int, float] = {}

    def measure(self, tokens: int, seconds: float) -> None:
        """A pass over so many tokens took so long."""
        before = self._seconds.get(tokens, seconds)
        self._seconds[tokens] = before + WEIGHT * (seconds - before)

    def relative(self, tokens: int) -> float:
        """What such a pass costs, where one over a single token costs 1."""
        single, known = self._seconds.get(1), self._seconds.get(tokens)
        if single is None or known is None or single <= 0:
            return 1 + GUESSED_COST * (tokens - 1)
        return known / single


class Speculation:
    """One sequence's drafts: how many to make, and how they fared."""

    def __init__(self, costs: PassCosts, *, always: bool = False) -> None:
        """`always` drafts as much as is there, whatever it is worth: for tests and measurements."""
        self._costs = costs
        self._always = always
        self._rate = FIRST_RATE
        self._rested = 0
        self.drafting_seconds = 0.0
        """What the drafts took that are about to be checked."""
        self.drafted = self.accepted = 0

    def wanted(self) -> int:
        """Drafts that are worth their while now; 0: none."""
        if self._always:
            return MOST_DRAFTS
        best, most = 0, GAIN
        for count in range(1, MOST_DRAFTS + 1):
            gain = expected(self._rate, count) / self._costs.relative(count + 1)
            if gain > most:
                best, most = count, gain
        if best == 0:
            self._rested += 1
            if self._rested >= RETRY:
                self._rested, best = 0, 1
        return best

    def measure(self, tokens: int, seconds: float) -> None:
        """A pass over so many tokens, all but one of them drafts, took so long."""
        self._costs.measure(tokens, seconds + self.drafting_seconds)

    def count(self, drafted: int, accepted: int) -> None:
        """Of `drafted` tokens the first `accepted` were right."""
        self.drafted += drafted
        self.accepted += accepted
        for right in [1.0] * accepted + ([0.0] if accepted < drafted else []):
            self._rate += WEIGHT * (right - self._rate)


def expected(rate: float, count: int) -> float:
    """Tokens that a pass gives with `count` drafts of which each is right with probability `rate`, if those before are.

    1 + rate + … + rate^count (Leviathan et al. 2023, arXiv:2211.17192, equation 1).
    """
    if math.isclose(rate, 1):
        return count + 1.0
    return float((1 - rate ** (count + 1)) / (1 - rate))
