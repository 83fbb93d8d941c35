"""A short campaign of random requests, policies and faults; `bench/boundary_campaign.py` is the long one."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest

from nemora.privacy.finding import Kind
from nemora.privacy.inspect import Inspection

FILE = Path(__file__).parents[2] / "bench" / "boundary_campaign.py"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("boundary_campaign", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["boundary_campaign"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", [11, 12])
def test_nothing_planted_reaches_a_cloud_whatever_fails(bench: ModuleType, seed: int) -> None:
    counts = bench.campaign(160, seed)
    assert counts.crossings == 0 and counts.ledger_differs == 0
    assert counts.requests == 160 and counts.left > 0 and len(counts.faults) > 10


def test_the_campaign_sees_a_boundary_that_does_not_hold(bench: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.Reading, "inspect", lambda *_: Inspection(()))
    assert bench.campaign(80, 11).crossings > 0


def test_what_is_planted_is_what_a_detector_knows(bench: ModuleType) -> None:
    reading, found = bench.Reading(), set()
    for seed in range(200):
        text, _ = bench.planted(random.Random(seed))
        inspection = reading.inspect(bench.ChatRequest(model="m", messages=(bench.Message("user", text),)))
        assert inspection.findings, text.split()[0]
        found |= {finding.kind for finding in inspection.findings}
    assert {Kind.PAYMENT_CARD, Kind.EMAIL_ADDRESS} <= found
