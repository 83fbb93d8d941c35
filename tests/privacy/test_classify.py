"""Classes by docs/labelling.md."""

from __future__ import annotations

import pytest

from nemora.privacy.classify import classify
from nemora.privacy.finding import Finding, Kind, Sensitivity
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


def test_what_was_not_read_is_at_least_confidential() -> None:
    assert classify(inspection(complete=False)).sensitivity is Sensitivity.CONFIDENTIAL


def test_a_policy_may_move_a_kind() -> None:
    moved = classify(inspection(Kind.IP_ADDRESS), lambda _: Sensitivity.SECRET)
    assert moved.sensitivity is Sensitivity.SECRET


def test_scores_are_the_chance_of_at_least_one() -> None:
    scores = classify(inspection(Kind.EMAIL_ADDRESS, Kind.PHONE_NUMBER, confidence=0.5)).scores
    assert scores["contact"] == pytest.approx(0.75)
    assert scores["credentials"] == 0.0
