"""Classes by docs/labelling.md."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemora.privacy.classify import BESIDE, IDENTIFYING, classify
from nemora.privacy.finding import CATALOGUE, CATEGORIES, FACTS, Finding, Kind, Sensitivity
from nemora.privacy.inspect import Inspection


def inspection(*kinds: Kind, complete: bool = True, confidence: float = 0.9) -> Inspection:
    return Inspection(tuple(Finding(k, "d", "/x", i, i + 1, confidence) for i, k in enumerate(kinds)), complete)


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ((), Sensitivity.PUBLIC),
        ((Kind.EMAIL_ADDRESS,), Sensitivity.PERSONAL),
        ((Kind.PERSON_NAME, Kind.PHONE_NUMBER), Sensitivity.PERSONAL),
        ((Kind.PERSON_NAME, Kind.STREET_ADDRESS, Kind.PHONE_NUMBER), Sensitivity.CONFIDENTIAL),
        ((Kind.UNREADABLE,), Sensitivity.CONFIDENTIAL),
        ((Kind.EMAIL_ADDRESS, Kind.PASSWORD), Sensitivity.SECRET),
    ],
)
def test_a_request_has_the_highest_class_of_its_parts(kinds: tuple[Kind, ...], expected: Sensitivity) -> None:
    assert classify(inspection(*kinds)).sensitivity is expected


@pytest.mark.parametrize("fact", sorted(FACTS))
def test_a_fact_beside_a_name_is_confidential_and_alone_or_far_away_it_is_not(fact: Kind) -> None:
    assert classify(inspection(Kind.PERSON_NAME, fact)).sensitivity is Sensitivity.CONFIDENTIAL
    assert classify(inspection(fact)).sensitivity <= Sensitivity.PERSONAL
    near, far = (Finding(fact, "d", "/x", 5 + gap, 9 + gap, 0.9) for gap in (BESIDE, BESIDE + 1))
    name = Finding(Kind.PERSON_NAME, "d", "/x", 0, 5, 0.9)
    elsewhere = Finding(fact, "d", "/y", 5, 9, 0.9)
    assert classify(Inspection((name, near))).sensitivity is Sensitivity.CONFIDENTIAL
    assert classify(Inspection((name, far, elsewhere))).sensitivity is Sensitivity.PERSONAL


def test_what_was_not_read_is_at_least_confidential() -> None:
    assert classify(inspection(complete=False)).sensitivity is Sensitivity.CONFIDENTIAL


def test_a_policy_may_move_a_kind() -> None:
    moved = classify(inspection(Kind.IP_ADDRESS), lambda _: Sensitivity.SECRET)
    assert moved.sensitivity is Sensitivity.SECRET


def test_scores_are_the_chance_of_at_least_one() -> None:
    scores = classify(inspection(Kind.EMAIL_ADDRESS, Kind.PHONE_NUMBER, confidence=0.5)).scores
    assert scores["contact"] == pytest.approx(0.75)
    assert scores["credentials"] == 0.0


@pytest.mark.parametrize("kinds", list(itertools.combinations(sorted(IDENTIFYING), 3)))
def test_any_three_that_identify_are_confidential_together_and_no_two_are(kinds: tuple[Kind, ...]) -> None:
    assert classify(inspection(*kinds)).sensitivity is Sensitivity.CONFIDENTIAL
    for fewer in itertools.combinations(kinds, 2):
        assert classify(inspection(*fewer)).sensitivity is Sensitivity.PERSONAL
        assert classify(inspection(*fewer, fewer[0])).sensitivity is Sensitivity.PERSONAL


FINDINGS = st.lists(
    st.builds(
        Finding,
        st.sampled_from(Kind),
        st.just("d"),
        st.just("/x"),
        st.integers(0, 9),
        st.integers(10, 19),
        st.floats(0.01, 1.0),
    ),
    max_size=8,
).map(tuple)


@given(FINDINGS, st.booleans())
def test_more_findings_or_less_reading_never_lower_a_class(findings: tuple[Finding, ...], complete: bool) -> None:
    whole = classify(Inspection(findings, complete))
    for index in range(len(findings)):
        less = classify(Inspection(findings[:index] + findings[index + 1 :], complete))
        assert less.sensitivity <= whole.sensitivity
        assert all(less.scores[c] <= whole.scores[c] for c in CATEGORIES)
    unread = classify(Inspection(findings, False)).sensitivity
    assert unread == max(whole.sensitivity, Sensitivity.CONFIDENTIAL)


@given(FINDINGS)
def test_scores_are_noisy_or_per_category(findings: tuple[Finding, ...]) -> None:
    scores = classify(Inspection(findings)).scores
    assert set(scores) == set(CATEGORIES)
    for category in CATEGORIES:
        counted = (f for f in findings if CATALOGUE[f.kind].sensitivity > Sensitivity.PUBLIC)
        missed = math.prod(1 - f.confidence for f in counted if CATALOGUE[f.kind].category == category)
        assert scores[category] == pytest.approx(1 - missed, abs=1e-4)
