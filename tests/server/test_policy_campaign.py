"""Random policies, findings, tenants and tokens: nothing reaches a cloud that its policy does not let go there."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from server_fakes import Inspection, ScriptedBackend, Setup, setup

from nemora.core import ChatRequest, Message
from nemora.errors import NemoraError, OverrideNeeded
from nemora.privacy.classify import classify
from nemora.privacy.destinations import PolicyDestination, Price, Selector
from nemora.privacy.finding import Finding, Kind, Sensitivity
from nemora.privacy.policy import Action, KindRule, Policy
from nemora.server.overrides import Override

CLOUDS = ("far", "eu")
KINDS = (Kind.EMAIL_ADDRESS, Kind.IBAN, Kind.MEDICAL_RECORD, Kind.UNREADABLE, Kind.CUSTOM)


class Finds:
    """Finds what the test says."""

    found = Inspection()

    def inspect(self, _request: ChatRequest, _rules: object = None) -> Inspection:
        return self.found

    def close(self) -> None:
        return None


selectors = st.lists(
    st.sampled_from([Selector("*"), Selector("far"), Selector("", (("region", "eu"),))]), max_size=2
).map(tuple)
destinations = st.sampled_from(
    [
        (),
        (
            PolicyDestination(name="far", server="far"),
            PolicyDestination(name="eu", server="eu", attributes={"region": "eu"}),
        ),
        (PolicyDestination(name="eu", server="eu", attributes={"region": "eu"}, price=Price(1, 1)),),
        (PolicyDestination(name="gone", server="gone"),),
    ]
)
policies = st.builds(
    Policy,
    actions=st.lists(st.sampled_from(list(Action)), min_size=4, max_size=4)
    .map(lambda chosen: sorted(chosen, key=lambda a: a.strictness))
    .filter(lambda chosen: chosen[3] not in (Action.CLOUD, Action.ASK))
    .map(lambda chosen: dict(zip(Sensitivity, chosen, strict=True))),
    min_confidence=st.sampled_from([0.0, 0.6]),
    kinds=st.dictionaries(
        st.sampled_from(KINDS[:3]), st.builds(KindRule, st.sampled_from(list(Sensitivity)), st.none()), max_size=2
    ),
    destinations=destinations,
    goes_to=st.dictionaries(
        st.sampled_from(["public", "personal", "confidential", "iban", "email_address"]), selectors, max_size=3
    ),
)
findings = st.lists(
    st.builds(
        Finding,
        st.sampled_from(KINDS),
        st.just("t"),
        st.just("/messages/0/content"),
        st.just(0),
        st.just(4),
        st.sampled_from([0.5, 1.0]),
    ),
    max_size=3,
).map(tuple)
steps = st.lists(
    st.tuples(
        findings,
        st.booleans(),
        st.sampled_from(["auto", "big", "mid", "local"]),
        st.sampled_from(["none", "given", "old", "wrong"]),
        st.integers(0, 1),
    ),
    min_size=1,
    max_size=5,
)


def reached(what: Setup, other: ScriptedBackend) -> dict[str, int]:
    return {"far": len(what.cloud.requests), "eu": len(other.requests)}


async def campaign(policy: Policy, plan: list[Any]) -> int:
    other = ScriptedBackend("eu", "mid", "cloud")
    what = setup(policy=policy, further_clouds=[other])
    finds = Finds()
    what.gateway._inspection = finds
    what.gateway._classify = classify
    old, crossings = "a" * 43, 0
    for found, complete, model, how, text in plan:
        finds.found = Inspection(found, complete)
        asked = ChatRequest(model=model, messages=(Message("user", f"text {text}"),))
        override: Override | None = {
            "old": Override(old, "false_alarm"),
            "wrong": Override("b" * 43, "false_alarm"),
        }.get(how)
        before = reached(what, other)
        answer = None
        try:
            answer = await what.gateway.answer(asked, override=override)
        except OverrideNeeded as needed:
            old = needed.token
            if how == "given":
                with contextlib.suppress(NemoraError):
                    answer = await what.gateway.answer(asked, override=Override(needed.token, "false_alarm"))
        except NemoraError:
            answer = None
        assert reached(what, other) == before, "sent before the answer was begun"
        if answer is not None:
            async for _ in answer.deltas:
                pass
        after = reached(what, other)
        left = [name for name in CLOUDS if after[name] > before[name]]
        if not left:
            continue
        crossings += 1
        assert answer is not None and left == [answer.backend] and model != "local"
        decision = answer.decision
        assert complete and decision.complete and decision.sensitivity < Sensitivity.SECRET
        assert Kind.UNREADABLE not in {f.kind for f in found}
        assert decision.action is Action.CLOUD or (decision.action is Action.ASK and decision.override)
        assert max((policy.class_of(f) for f in found), default=Sensitivity.PUBLIC) <= decision.sensitivity
        allowed = policy.destinations_for(decision.sensitivity, found, CLOUDS)
        assert answer.backend in {d.server for d in allowed}
        row = [r for r in what.rows() if r.kind == "decision"][-1]
        assert (row.route, row.destination) == ("cloud", answer.backend) and row.body_digest
    bytes_sent = sum(r.bytes_sent or 0 for r in what.rows())
    assert (bytes_sent > 0) is (crossings > 0) and what.ledger.verify().intact
    return crossings


@settings(max_examples=250, deadline=None)
@given(policies, steps)
def test_nothing_crosses_that_its_policy_does_not_let_out(policy: Policy, plan: list[Any]) -> None:
    asyncio.run(campaign(policy, plan))


def test_the_campaign_can_cross_at_all() -> None:
    asks = Policy(actions={Sensitivity.PUBLIC: Action.ASK} | dict.fromkeys(list(Sensitivity)[1:], Action.LOCAL))
    plan = [((), True, "auto", "given", 0), ((), True, "mid", "none", 0)]
    assert asyncio.run(campaign(asks, plan)) == 1 and asyncio.run(campaign(Policy(), plan)) == 2
