"""A row of the ledger is enough to decide again: under the same policy, to the same end."""

from __future__ import annotations

import dataclasses
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.privacy.classify import classify
from nemora.privacy.decide import decide
from nemora.privacy.finding import Finding, Kind, Sensitivity
from nemora.privacy.inspect import Inspection
from nemora.privacy.ledger import Ledger
from nemora.privacy.ledger_rows import LedgerRow
from nemora.privacy.policy import Policy, parse_policy
from nemora.privacy.replay import replay, summary

KEY = bytes(range(32))
OWN = "[[entities]]\nname = 'project'\nclass = 'confidential'\nwords = ['x']\n"


def recorded(
    *findings: Finding, complete: bool = True, taint: Sensitivity = Sensitivity.PUBLIC, policy: Policy | None = None
) -> LedgerRow:
    policy = policy or Policy()
    found = Inspection(findings, complete)
    decision = decide(found, classify(found, policy.class_of), taint, policy)
    ledger = Ledger.in_memory(KEY)
    route = "refuse" if decision.action == "block" else decision.route
    ledger.record_decision(
        request_id="r",
        endpoint="/x",
        decision=decision,
        route=route,
        destination="far" if route == "cloud" else "local",
        model="m",
    )
    return ledger.rows()[0]


def finding(kind: Kind, confidence: float = 1.0, entity: str = "") -> Finding:
    return Finding(kind, "t", "/messages/0/content", 0, 4, confidence, entity)


kinds = st.sampled_from([k for k in Kind if k is not Kind.CUSTOM])
policies = st.sampled_from(
    [
        Policy(),
        parse_policy("[findings]\nmin_confidence = 0.6\n[kinds]\nip_address = 'secret'\niban = { action = 'block' }"),
        parse_policy("[actions]\npublic = 'local'\npersonal = 'local'"),
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.builds(finding, kinds, st.floats(0.05, 1.0)), max_size=5),
    st.booleans(),
    st.sampled_from(list(Sensitivity)),
    policies,
)
def test_under_the_same_policy_nothing_changes(
    found: list[Finding], complete: bool, taint: Sensitivity, policy: Policy
) -> None:
    row = recorded(*found, complete=complete, taint=taint, policy=policy)
    (again,) = replay([row], policy, ["far"])
    assert not again.changed, (row, again.decision)
    assert again.decision.kinds() == json.loads(row.kinds or "")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.builds(finding, kinds, st.floats(0.7, 1.0)), max_size=4), policies)
def test_under_another_policy_it_is_what_that_policy_decides(found: list[Finding], other: Policy) -> None:
    (again,) = replay([recorded(*found)], other, ["far"])
    inspection = Inspection(tuple(found))
    fresh = decide(inspection, classify(inspection, other.class_of), Sensitivity.PUBLIC, other)
    assert (again.decision.action, again.decision.sensitivity) == (fresh.action, fresh.sensitivity)


def test_entities_are_replayed_by_name_and_forgotten_ones_are_not() -> None:
    row = recorded(finding(Kind.CUSTOM, entity="project"), policy=parse_policy(OWN))
    for policy, sensitivity in (
        (parse_policy(OWN), Sensitivity.CONFIDENTIAL),
        (parse_policy(OWN.replace("confidential", "secret")), Sensitivity.SECRET),
        (Policy(), Sensitivity.PUBLIC),
    ):
        (again,) = replay([row], policy, ["far"])
        assert again.decision.sensitivity is sensitivity


def test_a_row_of_an_older_version_or_with_an_unknown_kind_is_taken_strictly() -> None:
    row = recorded(finding(Kind.EMAIL_ADDRESS, 0.2), taint=Sensitivity.CONFIDENTIAL)
    old = dataclasses.replace(row, detail=None)
    (again,) = replay([old], parse_policy("[findings]\nmin_confidence = 0.9"), ["far"])
    assert again.decision.sensitivity is Sensitivity.CONFIDENTIAL and again.decision.kinds() == {"email_address": 1}
    (again,) = replay([dataclasses.replace(row, kinds='{"mind_reading":1}')], Policy(), ["far"])
    assert again.decision.sensitivity is Sensitivity.SECRET


def test_the_summary_counts_what_changes_and_in_which_direction() -> None:
    rows = [recorded(), recorded(), recorded(finding(Kind.EMAIL_ADDRESS))]
    found = summary(replay(rows, parse_policy("[actions]\npublic = 'local'\npersonal = 'local'"), ["far"]))
    assert (found.decisions, found.changed, found.stricter, found.laxer) == (3, 3, 3, 0)
    assert found.changes[0] == ("public: cloud (far)", "public: local (local)", 2)
    found = summary(replay(rows, parse_policy("[actions]\npersonal = 'cloud'"), ["far"]))
    assert (found.changed, found.laxer) == (1, 1)
    moved = summary(replay(rows, parse_policy("[destinations.eu]\nserver = 'eu'"), ["far", "eu"]))
    assert (moved.changed, moved.stricter, moved.laxer) == (2, 0, 0)
