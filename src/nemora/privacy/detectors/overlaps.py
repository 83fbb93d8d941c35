"""Many detectors may see the same characters; a finding list holds each stretch of text once."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from nemora.privacy.finding import CATALOGUE, Kind
from nemora.privacy.protocols import Match

# Kinds whose value is a name for a shape, weakest last. Of two matches of one class the more telling kind is kept.
_RANK = {
    kind: rank
    for rank, kind in enumerate(
        (
            Kind.PRIVATE_KEY,
            Kind.CONNECTION_STRING,
            Kind.API_KEY,
            Kind.PASSWORD,
            Kind.PAYMENT_CARD,
            Kind.IBAN,
            Kind.US_SSN,
            Kind.GOVERNMENT_ID,
            Kind.BANK_ACCOUNT,
        )
    )
}


def _strength(match: Match) -> tuple[int, bool, int, int, float]:
    """Greater is stronger: class, then sure before unsure, then length, then the more telling kind, then confidence."""
    return (
        int(CATALOGUE[match.kind].sensitivity),
        match.confidence >= 0.8,
        match.end - match.start,
        -_RANK.get(match.kind, len(_RANK)),
        match.confidence,
    )


def resolve_overlaps(matches: Iterable[Match]) -> list[Match]:
    """Matches without overlaps, sorted by start.

    The stronger class wins; within a class a sure match beats an unsure one, then the longer wins. Nothing that any
    match covers is lost: what a winner leaves uncovered of a loser stays as a shorter match of the loser's kind.
    """
    kept: list[Match] = []
    starts: list[int] = []
    for match in sorted(set(matches), key=lambda m: (_strength(m), -m.start, m.kind.value), reverse=True):
        for piece in _uncovered(match, kept, starts):
            place = bisect_left(starts, piece.start)
            kept.insert(place, piece)
            starts.insert(place, piece.start)
    return kept


def _uncovered(match: Match, kept: list[Match], starts: list[int]) -> list[Match]:
    """The parts of `match` that no kept match covers; slivers under three characters are dropped.

    `kept` is sorted, without overlaps, and `starts` are its starts.
    """
    pieces: list[Match] = []
    at = match.start
    place = max(0, bisect_left(starts, match.start) - 1)
    while place < len(kept) and kept[place].start < match.end:
        other = kept[place]
        if other.end > at:
            pieces.append(Match(match.kind, at, other.start, match.confidence))
            at = other.end
        place += 1
    if at == match.start:
        return [match]
    pieces.append(Match(match.kind, at, match.end, match.confidence))
    return [piece for piece in pieces if piece.end - piece.start >= 3]
