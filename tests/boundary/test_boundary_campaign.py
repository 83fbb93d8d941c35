"""A short campaign of random requests, policies and faults; `bench/boundary_campaign.py` is the long one."""

from __future__ import annotations

import importlib
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from nemora.privacy import policy
from nemora.privacy.inspect import Inspection, Inspector
from nemora.privacy.ledger import Ledger
from nemora.privacy.policy import parse_policy
from nemora.privacy.protocols import Segment
from nemora.privacy.taint import Sensitivity, TaintStore
from nemora.server import gateway

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture(scope="module")
def bench() -> Iterator[ModuleType]:
    sys.path.insert(0, str(BENCH))
    try:
        yield importlib.import_module("boundary_campaign")
    finally:
        sys.path.remove(str(BENCH))


@pytest.fixture(scope="module")
def made(bench: ModuleType) -> Iterator[object]:
    """What worlds share: peers, and the reader of documents."""
    with bench.shared(11, 0.0) as found:
        yield found


def module(name: str) -> ModuleType:
    return sys.modules[name]


def test_nothing_planted_reaches_a_cloud_that_may_not_have_it_whatever_fails(bench: ModuleType, made: object) -> None:
    report = bench.campaign(220, 11, made=made)
    counts, verdict = report.counts, report.verdict
    assert report.crossings == 0, verdict.lines
    assert counts.requests >= 220 and verdict.bodies > 10
    assert len(counts.environment) > 8 and len(counts.endpoints) > 12 and len(counts.places) > 10


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        ("reading", "needle"),
        ("no rows", "no_row"),
        ("taint", "needle"),
        ("destinations", "row"),
        ("log", "told"),
    ],
)
def test_the_campaign_sees_a_boundary_that_does_not_hold(
    bench: ModuleType, made: object, monkeypatch: pytest.MonkeyPatch, broken: str, problem: str
) -> None:
    """Each guard taken away is seen, by name."""
    world = module("campaign_world")
    if broken == "reading":
        monkeypatch.setattr(world.Reading, "inspect", lambda *_: Inspection(()))
    elif broken == "no rows":
        monkeypatch.setattr(Ledger, "body_digest", lambda self, body: random.randbytes(32).hex())
    elif broken == "taint":
        monkeypatch.setattr(TaintStore, "lookup", lambda *_: Sensitivity.PUBLIC)
    elif broken == "destinations":
        known = policy.Policy.destinations_for
        everywhere = lambda self, _sensitivity, _findings, servers: known(self, Sensitivity.PUBLIC, (), servers)  # noqa: E731
        monkeypatch.setattr(policy.Policy, "destinations_for", everywhere)
    else:
        inspect = world.Reading.inspect

        def talkative(self: object, request: object, rules: object = None) -> Inspection:
            gateway.logger.warning("reading %r", request)
            found: Inspection = inspect(self, request, rules)
            return found

        monkeypatch.setattr(world.Reading, "inspect", talkative)
    assert any(bench.campaign(20, seed, made=made).verdict.problems[problem] for seed in range(12, 40))


def test_the_campaigns_own_reckoning_agrees_with_a_plain_example(bench: ModuleType) -> None:
    rules, needle = module("campaign_policies").Rules, module("campaign_needles").Needle
    mail, card = needle("a@b.de", "email_address"), needle("4716", "payment_card")
    own = rules(
        ("cloud", "cloud", "ask", "local"), destinations=("far", "eu"), goes_to={"personal": [{"region": "eu"}]}
    )
    assert own.may(mail) == ({"eu"}, {"eu"}) and own.may(card) == (frozenset(), frozenset())
    redacts = rules(("cloud", "redact", "local", "local"))
    assert redacts.may(mail) == (frozenset(), frozenset())
    assert redacts.may(needle("word", "taint", sensitivity=1))[0] == {"far", "eu", "claude"}


def test_every_form_of_a_needle_is_found_and_another_needle_is_not(bench: ModuleType) -> None:
    needles = module("campaign_needles")
    rng = random.Random(3)
    made = [maker(rng) for maker in needles.MAKERS]
    for needle in made:
        for name, disguise in needles.DISGUISES.items():
            for before in ("", "x", "xy"):
                data = disguise(before + needle.sentence).encode()
                assert needles.found_in(made, data) == [needle], (needle.kind, name)
        assert needles.found_in(made, needle.value[::-1].encode()) == [needle]


def test_what_is_planted_is_what_a_detector_knows(bench: ModuleType) -> None:
    needles, policies = module("campaign_needles"), module("campaign_policies")
    inspector = Inspector(None)
    for seed in range(12):
        rng = random.Random(seed)
        entities = policies.some_entities(rng)
        rules = policies.some_rules(rng, entities)
        reading = parse_policy(rules.text).reading
        made = [maker(rng) for maker in needles.MAKERS]
        made += [policies.entity_needle(rng, entity) for entity in rules.entities]
        for needle in made:
            disguise = needles.DISGUISES[rng.choice(list(needles.DISGUISES))]
            found = inspector.inspect([Segment("/messages/0/content", disguise(needle.sentence))], reading)
            sure = max((f.confidence for f in found.findings if f.kind.value == needle.kind), default=0.0)
            assert sure >= policy.MAX_MIN_CONFIDENCE, needle.kind
