"""The report counts every byte that left exactly once, and finds those that no decision let out."""

from __future__ import annotations

import json
from typing import Any

from nemora.privacy.decide import Decision
from nemora.privacy.finding import Sensitivity
from nemora.privacy.ledger import Ledger
from nemora.privacy.ledger_report import report
from nemora.privacy.policy import Action

KEY = bytes(range(32))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def decided(
    ledger: Ledger, route: str = "cloud", destination: str = "far", tenant: str = "default", **changes: Any
) -> int:
    values: dict[str, Any] = {
        "action": Action.CLOUD,
        "sensitivity": Sensitivity.PUBLIC,
        "reasons": ("class:public",),
        "findings": (),
        "scores": {},
        "policy_id": "p",
    }
    decision = Decision(**(values | changes))
    return ledger.record_decision(
        request_id="r",
        endpoint="/x",
        decision=decision,
        route=route,
        destination=destination,
        model="m",
        body=b"x" * 10,
        tenant=tenant,
    )


def ended(ledger: Ledger, seq: int, sent: int = 10, destination: str | None = "far", **values: Any) -> None:
    ledger.record_completion(seq, request_id="r", status="stop", bytes_sent=sent, destination=destination, **values)


def test_what_left_is_summed_by_destination_and_tenant() -> None:
    ledger = Ledger.in_memory(KEY)
    ended(ledger, decided(ledger), tokens_in=3, tokens_out=4, micro_usd=500_000)
    ended(ledger, decided(ledger), tokens_in=1, tokens_out=1, micro_usd=5, estimated=True)
    ended(
        ledger,
        decided(ledger, destination="eu", tenant="acme", override="false_alarm", action=Action.ASK),
        destination="eu",
        micro_usd=7,
    )
    decided(ledger)
    ended(ledger, decided(ledger, route="local", destination="local"), sent=0, destination="local")
    decided(ledger, route="refuse", destination="")
    made = report(ledger.rows())
    far = made.left["far"]
    assert (far.requests, far.bytes, far.tokens_in, far.tokens_out, far.micro_usd, far.estimated) == (
        3,
        20,
        4,
        5,
        500_005,
        1,
    )
    assert (far.unfinished, far.unfinished_bytes) == (1, 10) and made.left["eu"].overrides == {"false_alarm": 1}
    assert (made.decisions, made.stayed.total(), made.refused.total(), made.strays) == (6, 1, 1, [])
    assert made.tenants == {"default": 500_005, "acme": 7}
    assert json.loads(json.dumps(made.to_json()))["left"]["far"]["usd"] == 0.500005


def test_only_decisions_of_the_span_count_with_their_ends_whenever_these_came() -> None:
    clock = Clock()
    ledger = Ledger(None, KEY, clock=clock)
    first = decided(ledger)
    clock.now = 10
    second = decided(ledger)
    clock.now = 20
    ended(ledger, first)
    ended(ledger, second)
    assert report(ledger.rows(), 5_000).left["far"].bytes == 10
    assert report(ledger.rows(), 5_000, 9_000).left == {} and report(ledger.rows(), 0, 9_000).left["far"].bytes == 10


def test_bytes_without_a_decision_that_lets_them_are_found() -> None:
    ledger = Ledger.in_memory(KEY)
    ended(ledger, 99)
    ended(ledger, decided(ledger, route="local", destination="local"))
    ended(ledger, decided(ledger), destination="eu")
    ended(ledger, decided(ledger))
    assert report(ledger.rows()).strays == [1, 3, 5]


def test_a_shadow_counts_where_it_differs() -> None:
    ledger = Ledger.in_memory(KEY)
    for action, route in ((Action.CLOUD, "cloud"), (Action.LOCAL, "local"), (Action.LOCAL, "local")):
        seq = decided(ledger)
        other = Decision(
            action=action, sensitivity=Sensitivity.PUBLIC, reasons=(), findings=(), scores={}, policy_id="q"
        )
        ledger.record_shadow(
            seq, request_id="r", decision=other, destination="far" if route == "cloud" else "local", route=route
        )
    assert report(ledger.rows()).shadow == {("public: cloud (far)", "public: local"): 2}
