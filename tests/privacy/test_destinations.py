"""Which destinations a request may have: a higher class never has one that a lower class has not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nemora.privacy.destinations import PolicyDestination, Price, Selector, allowed_destinations, estimated_tokens
from nemora.privacy.finding import Finding, Kind, Sensitivity
from nemora.privacy.policy import Policy, parse_policy

TEXT = """
[destinations.frankfurt]
server = "eu-1"
region = "eu"
retention = "none"
[destinations.ohio]
server = "us-1"
region = "us"
retention = "30_days"
price = { input = 0.5, output = 1.5 }
[goes_to]
personal = [{ region = "eu" }]
confidential = ["frankfurt", "ohio"]
email_address = [{ retention = "none", region = "eu" }, "ohio"]
iban = []
"""
SERVERS = ("us-1", "eu-1", "other")


def names(policy: Policy, sensitivity: Sensitivity, *kinds: Kind, servers: tuple[str, ...] = SERVERS) -> list[str]:
    findings = [Finding(kind, "t", "/x", 0, 1, 1.0) for kind in kinds]
    return [d.name for d in policy.destinations_for(sensitivity, findings, servers)]


def test_the_policys_order_is_the_order_of_choice_and_its_list_is_all_there_is() -> None:
    policy = parse_policy(TEXT)
    assert names(policy, Sensitivity.PUBLIC) == ["frankfurt", "ohio"]
    assert names(policy, Sensitivity.PUBLIC, servers=("other", "us-1")) == ["ohio"]
    assert names(policy, Sensitivity.PUBLIC, servers=("other",)) == []


def test_classes_and_kinds_narrow_the_choice_together() -> None:
    policy = parse_policy(TEXT)
    assert names(policy, Sensitivity.PERSONAL) == ["frankfurt"]
    assert names(policy, Sensitivity.CONFIDENTIAL) == ["frankfurt"], "what personal may not have, nor may confidential"
    assert names(policy, Sensitivity.PUBLIC, Kind.EMAIL_ADDRESS) == ["frankfurt", "ohio"]
    assert names(policy, Sensitivity.PUBLIC, Kind.EMAIL_ADDRESS, Kind.IBAN) == []
    unsure = [Finding(Kind.IBAN, "t", "/x", 0, 1, 0.3)]
    assert policy.destinations_for(Sensitivity.PUBLIC, unsure, SERVERS) == ()
    lax = parse_policy(TEXT + "[findings]\nmin_confidence = 0.5")
    assert len(lax.destinations_for(Sensitivity.PUBLIC, unsure, SERVERS)) == 2


def test_without_destinations_every_configured_server_is_one() -> None:
    assert names(Policy(), Sensitivity.SECRET) == list(SERVERS)


@given(
    st.dictionaries(
        st.sampled_from(["public", "personal", "confidential", "secret", "iban"]),
        st.lists(st.sampled_from(["*", "a", "b", "c"]), max_size=2).map(lambda found: tuple(map(Selector, found))),
    ),
    st.sampled_from(list(Sensitivity)),
)
def test_more_sensitivity_or_more_findings_never_add_a_destination(goes_to: dict, low: Sensitivity) -> None:
    known = tuple(PolicyDestination(name=n, server=n) for n in "abc")
    iban = [Finding(Kind.IBAN, "t", "/x", 0, 1, 1.0)]
    before = {d.name for d in allowed_destinations(known, goes_to, low, [], "abc")}
    for high in Sensitivity:
        if high >= low:
            assert {d.name for d in allowed_destinations(known, goes_to, high, [], "abc")} <= before
    assert {d.name for d in allowed_destinations(known, goes_to, low, iban, "abc")} <= before


def test_costs_are_exact_millionths_rounded_up() -> None:
    assert Price(2.5, 10).micro_usd(1_000_000, 100_000) == 3_500_000
    assert Price(0.15, 0.6).micro_usd(1, 0) == 1 and Price(0, 0).micro_usd(10**9, 10**9) == 0
    assert [estimated_tokens(n) for n in (0, 1, 4, 5)] == [0, 1, 1, 2]
