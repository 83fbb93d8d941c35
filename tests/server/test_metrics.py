"""GET /metrics counts what was decided and what left, for the owner on this machine, and holds nothing of a request."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import httpx2
import pytest
from server_fakes import SECRET, Setup, served, setup, thinks_for_ever

from nemora.errors import LedgerError
from nemora.privacy.decide import Decision
from nemora.privacy.finding import Sensitivity
from nemora.privacy.policy import Action
from nemora.server.metrics import MOST_SERIES, Counter, Histogram, Metrics

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\.)*",?)*)\})? ([0-9.e+-]+)')
CANARY = f"zyxquark {SECRET}"


def ask(server: Setup, text: str, **more: object) -> httpx2.Response:
    body = {"model": "auto", "messages": [{"role": "user", "content": text}], **more}
    return httpx2.post(f"{server.url}/v1/chat/completions", json=body, headers={"user-agent": "zyxquark"})


def samples(text: str) -> dict[str, float]:
    """The samples by name and labels; every line must be one, or a comment."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("# "):
            match = SAMPLE.fullmatch(line)
            assert match, line
            assert line.rpartition(" ")[0] not in found
            found[line.rpartition(" ")[0]] = float(match[3])
    return found


def read(server: Setup) -> dict[str, float]:
    response = httpx2.get(f"{server.url}/metrics")
    assert response.status_code == 200 and response.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert response.text.endswith("\n")
    return samples(response.text)


def test_decisions_bytes_and_tokens_are_counted_as_the_ledger_has_them(tmp_path: Path) -> None:
    with served(setup(tmp_path)) as server:
        for text in ("hello", "hello again", CANARY):
            assert ask(server, text).status_code == 200
        ends = server.completions(3)
        found = read(server)
    by_reason = {name: value for name, value in found.items() if name.startswith("nemora_decisions_total")}
    assert sum(by_reason.values()) == 3
    assert found['nemora_decisions_total{route="local",class="secret",reason="finding:password"}'] == 1
    assert found['nemora_sent_bytes_total{destination="far"}'] == sum(row.bytes_sent or 0 for row in ends) > 0
    assert found['nemora_tokens_total{side="cloud",direction="in"}'] == 6
    assert found['nemora_tokens_total{side="local",direction="out"}'] == 2
    assert found["nemora_inspection_seconds_count"] == 3 == found['nemora_inspection_seconds_bucket{le="+Inf"}']
    assert found["nemora_inspection_failures_total"] == 0 == found["nemora_requests_in_flight"]


def test_no_word_of_a_request_is_in_the_metrics() -> None:
    with served(setup()) as server:
        ask(server, CANARY)
        ask(server, "hello", model="zyxquark", user="zyxquark")
        ask(server, "zyxquark")
        httpx2.get(f"{server.url}/v1/zyxquark")
        server.inspection.breaks = ValueError(CANARY)
        ask(server, CANARY)
        text = httpx2.get(f"{server.url}/metrics").text
    assert "zyxquark" not in text and SECRET not in text
    assert samples(text)["nemora_inspection_failures_total"] == 1


def test_only_the_owner_reads_metrics() -> None:
    with served(setup(), api_key="key-of-the-owner") as server:
        path = f"{server.url}/metrics"
        assert httpx2.get(path).status_code == 401
        assert httpx2.get(path, headers={"authorization": "Bearer key-of-the-owner"}).status_code == 200
        foreign = {"authorization": "Bearer key-of-the-owner", "host": "rebound.example"}
        assert httpx2.get(path, headers=foreign).status_code == 403
    with served(setup(), explain="coarse") as server:
        assert httpx2.get(f"{server.url}/metrics").status_code == 403


def test_a_request_is_in_flight_until_it_is_answered_and_metrics_are_not_held_up_by_it() -> None:
    what = setup()
    began = threading.Event()

    async def thinks(request: object):  # type: ignore[no-untyped-def]
        began.set()
        async for delta in thinks_for_ever(request):  # type: ignore[arg-type]
            yield delta

    what.cloud.script = thinks
    with served(what, max_requests=1) as server:
        asking = threading.Thread(target=_impatient, args=(server,))
        asking.start()
        assert began.wait(10)
        assert read(server)["nemora_requests_in_flight"] == 1
        asking.join()
        server.completions(1)
        while read(server)["nemora_requests_in_flight"] != 0:
            time.sleep(0.01)


def _impatient(server: Setup) -> None:
    body = {"model": "auto", "messages": [{"role": "user", "content": "hello"}]}
    with pytest.raises(httpx2.TimeoutException):
        httpx2.post(f"{server.url}/v1/chat/completions", json=body, timeout=1.0)


def test_a_ledger_that_fails_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    what = setup()

    def fails(**_values: object) -> int:
        raise LedgerError("The ledger cannot be used.")

    monkeypatch.setattr(what.ledger, "record_decision", fails)
    with served(what) as server:
        ask(server, "hello")
        found = read(server)
    assert found['nemora_ledger_errors_total{store="ledger"}'] == 1
    assert found['nemora_decisions_total{route="local",class="public",reason="ledger_unavailable"}'] == 1


def decided(reason: str) -> Decision:
    return Decision(
        action=Action.CLOUD,
        sensitivity=Sensitivity.PUBLIC,
        reasons=(reason,),
        findings=(),
        scores={},
        policy_id="p",
    )


def test_redactions_are_counted_by_kind_and_costs_by_destination() -> None:
    metrics = Metrics()
    decision = decided("finding:email")
    metrics.decided("cloud", decision, ("redacted", "replaced:email+3", "replaced:iban+1"))
    metrics.decided("cloud", decision, ("redacted", "replaced:email+2"))
    metrics.ended("far", sent=10, tokens_in=None, tokens_out=None, micro_usd=1_500_000)
    found = samples(metrics.text())
    assert found['nemora_redactions_total{kind="email"}'] == 5 and found['nemora_redactions_total{kind="iban"}'] == 1
    assert found['nemora_spent_usd_total{destination="far"}'] == 1.5


def test_what_is_no_reason_code_becomes_no_label() -> None:
    metrics = Metrics()
    decision = decided("zyx quark")
    metrics.decided("cloud", decision, decision.reasons)
    assert "zyx" not in metrics.text() and 'reason="unknown"' in metrics.text()


def test_a_counter_has_a_limit_and_its_labels_are_escaped() -> None:
    counter = Counter("many", "Many.", "name")
    for number in range(MOST_SERIES + 5):
        counter.add(1, f'a"\\\n{number}')
    found = samples("\n".join(counter.lines()))
    assert len(found) == MOST_SERIES + 1 and found['many{name="other"}'] == 5


def test_a_histogram_counts_what_is_at_most_its_bound() -> None:
    histogram = Histogram("h", "H.", (1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 3.0):
        histogram.observe(value)
    found = samples("\n".join(histogram.lines()))
    assert (found['h_bucket{le="1.0"}'], found['h_bucket{le="2.0"}'], found['h_bucket{le="+Inf"}']) == (2, 3, 4)
    assert found["h_sum"] == 6 and found["h_count"] == 4
