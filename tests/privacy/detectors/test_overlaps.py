from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.privacy.detectors import resolve_overlaps
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match

MATCHES = st.builds(
    lambda kind, start, length, confidence: Match(kind, start, start + length, confidence),
    st.sampled_from(list(Kind)),
    st.integers(0, 60),
    st.integers(1, 20),
    st.floats(0.1, 1.0),
)


def test_the_stronger_class_wins() -> None:
    card, phone = Match(Kind.PAYMENT_CARD, 0, 16, 0.6), Match(Kind.PHONE_NUMBER, 0, 16, 0.95)
    assert resolve_overlaps([phone, card]) == [card]


def test_the_longer_wins_within_a_class() -> None:
    url, password = Match(Kind.CONNECTION_STRING, 0, 40, 0.95), Match(Kind.PASSWORD, 10, 18, 0.95)
    assert resolve_overlaps([password, url]) == [url]


def test_the_more_telling_kind_wins_at_equal_length() -> None:
    ssn, government = Match(Kind.US_SSN, 0, 11, 0.85), Match(Kind.GOVERNMENT_ID, 0, 11, 0.9)
    assert resolve_overlaps([government, ssn]) == [ssn]


def test_what_a_winner_leaves_uncovered_of_a_loser_stays() -> None:
    card, address = Match(Kind.PAYMENT_CARD, 5, 10, 0.9), Match(Kind.STREET_ADDRESS, 0, 20, 0.9)
    assert resolve_overlaps([address, card]) == [
        Match(Kind.STREET_ADDRESS, 0, 5, 0.9),
        card,
        Match(Kind.STREET_ADDRESS, 10, 20, 0.9),
    ]


@settings(max_examples=200, deadline=None)
@given(st.lists(MATCHES, max_size=25))
def test_no_overlap_is_left_and_only_slivers_are_lost(matches: list[Match]) -> None:
    kept = resolve_overlaps(matches)
    assert all(a.end <= b.start for a, b in itertools.pairwise(kept))
    covered = {i for m in kept for i in range(m.start, m.end)}
    lost = sorted({i for m in matches for i in range(m.start, m.end)} - covered)
    runs: list[list[int]] = []
    for i in lost:
        if runs and runs[-1][-1] == i - 1:
            runs[-1].append(i)
        else:
            runs.append([i])
    assert all(len(run) < 5 for run in runs)
    assert resolve_overlaps(list(reversed(matches))) == kept
