"""What a policy says about destinations, costs, overrides and a shadow, at the boundary."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from server_fakes import SECRET, FakeInspection, Inspection, ScriptedBackend, Setup, says, served, setup

from nemora.core import ChatRequest, Delta, Message, StopReason, Usage
from nemora.errors import CapReached, OverrideNeeded, PrivacyRefused, RequestError
from nemora.privacy.finding import Finding, Kind, Sensitivity
from nemora.privacy.policy import Action, Policy, parse_policy
from nemora.privacy.policy_file import PolicyFile
from nemora.server.gateway import Answer
from nemora.server.overrides import Override, Overrides

ASKS = "[actions]\npersonal = 'ask'\nconfidential = 'local'\n"
MAIL = "please answer this one"
PRICED = "[destinations.far]\nprice = { input = 10.0, output = 20.0 }\n[cap]\nusd_per_day = 0.001\n"
DAY = 86_400


class Mails(FakeInspection):
    """Finds an e-mail address in what contains `MAIL`."""

    def inspect(self, request: ChatRequest, _rules: object = None) -> Inspection:
        found = super().inspect(request)
        if any(MAIL in message.text() for message in request.messages):
            mail = Finding(Kind.EMAIL_ADDRESS, "fake", "/messages/0/content", 0, 6, 0.9)
            return Inspection((*found.findings, mail), found.complete)
        return found


class Clock:
    now = 20_000.0 * DAY

    def __call__(self) -> float:
        return self.now


def request(text: str, model: str = "auto", **fields: Any) -> ChatRequest:
    return ChatRequest(model=model, messages=(Message("user", text),), **fields)


def made(policy: Policy | PolicyFile, **options: Any) -> Setup:
    what = setup(policy=policy, **options)
    what.gateway._inspection = Mails()
    return what


def ask(what: Setup, asked: ChatRequest, **how: Any) -> Answer:
    async def run() -> Answer:
        answer = await what.gateway.answer(asked, **how)
        async for _ in answer.deltas:
            pass
        await what.gateway.shadow.settled()
        return answer

    return asyncio.run(run())


def token_for(what: Setup, asked: ChatRequest, **how: Any) -> str:
    with pytest.raises(OverrideNeeded) as raised:
        ask(what, asked, **how)
    return raised.value.token


# Destinations


def two_clouds(policy: str) -> tuple[Setup, ScriptedBackend]:
    other = ScriptedBackend("eu", "mid", "cloud")
    return made(parse_policy(policy), further_clouds=[other]), other


def test_the_policy_chooses_among_clouds_by_attributes_and_order() -> None:
    rules = "[actions]\npersonal = 'cloud'\n[destinations.far]\n[destinations.eu]\nregion = 'eu'\n[goes_to]\npersonal = [{ region = 'eu' }]\n"
    what, other = two_clouds(rules)
    assert ask(what, request("hi")).backend == "far" and ask(what, request(MAIL)).backend == "eu"
    assert [row.destination for row in what.rows()] == ["far", "far", "eu", "eu"]
    assert (len(what.cloud.requests), len(other.requests)) == (1, 1)
    with pytest.raises(PrivacyRefused):
        ask(what, request(MAIL, model="big"))
    assert ask(what, request(MAIL, model="mid")).backend == "eu"
    assert (len(what.cloud.requests), len(other.requests)) == (1, 2)


def test_where_no_destination_may_have_it_it_stays() -> None:
    what, other = two_clouds("[destinations.eu]\n[goes_to]\npublic = []\n")
    answer = ask(what, request("hi"))
    assert answer.destination.side == "local" and answer.destination.reasons[0] == "no_destination"
    assert what.cloud.requests == other.requests == []


def test_without_destinations_the_first_cloud_is_taken_and_both_have_names() -> None:
    what, _ = two_clouds("")
    assert ask(what, request("hi")).backend == "far" and ask(what, request("hi", model="mid")).backend == "eu"
    assert {"big", "mid"} <= set(what.gateway.models())


def test_a_failing_cloud_is_not_replaced_by_the_other() -> None:
    what, other = two_clouds("")
    what.cloud.up = False
    with pytest.raises(Exception, match="stopped"):
        ask(what, request("hi"))
    assert other.requests == what.local.requests == []


# Overrides


def test_an_override_lets_one_request_out_once_and_is_recorded() -> None:
    what = made(parse_policy(ASKS))
    token = token_for(what, request(MAIL))
    assert what.cloud.requests == what.local.requests == []
    answer = ask(what, request(MAIL), override=Override(token, "false_alarm"))
    assert answer.destination.side == "cloud" and len(what.cloud.requests) == 1
    with pytest.raises(PrivacyRefused):
        ask(what, request(MAIL), override=Override(token, "false_alarm"))
    asked, left, _, again = what.rows()
    assert (asked.route, json.loads(asked.reasons or "")[0]) == ("refuse", "override_needed")
    assert (left.route, json.loads(left.reasons or "")[0]) == ("cloud", "override:false_alarm")
    assert left.details()["override"] == "false_alarm" and json.loads(again.reasons or "")[0] == "override_refused"
    assert len(what.cloud.requests) == 1 and token not in repr(what.rows())


@pytest.mark.parametrize(
    ("asked", "how"),
    [
        (request(MAIL + "!"), {}),
        (request(MAIL, max_tokens=5), {}),
        (request(MAIL), {"tenant": "acme"}),
    ],
)
def test_a_token_is_good_for_the_very_request_and_tenant_only(asked: ChatRequest, how: dict[str, str]) -> None:
    what = made(parse_policy(ASKS + "[tenants.acme]\n"))
    what.cloud.outbound = lambda each: repr(each).encode()  # type: ignore[method-assign]
    token = token_for(what, request(MAIL))
    with pytest.raises(PrivacyRefused):
        ask(what, asked, override=Override(token, "false_alarm"), **how)
    with pytest.raises(PrivacyRefused):  # it is used up as well
        ask(what, request(MAIL), override=Override(token, "false_alarm"))
    assert what.cloud.requests == []


def test_a_token_is_not_good_under_another_policy(tmp_path: Path) -> None:
    what = made(parse_policy(ASKS))
    token = token_for(what, request(MAIL))
    what.gateway.policies = PolicyFile.fixed(parse_policy(ASKS + "[taint]\ndays = 3"))
    with pytest.raises(PrivacyRefused):
        ask(what, request(MAIL), override=Override(token, "false_alarm"))


def test_an_override_needs_one_of_the_policys_reasons_and_a_wrong_one_does_not_use_the_token_up() -> None:
    what = made(parse_policy(ASKS + "[ask]\nreasons = ['signed_off']\n"))
    token = token_for(what, request(MAIL))
    with pytest.raises(RequestError, match="signed_off"):
        ask(what, request(MAIL), override=Override(token, "false_alarm"))
    assert ask(what, request(MAIL), override=Override(token, "signed_off")).destination.side == "cloud"


def test_a_secret_and_what_was_not_read_are_never_asked_for_and_no_token_lets_them_out() -> None:
    what = made(parse_policy("[actions]\npersonal = 'ask'\nconfidential = 'ask'\nsecret = 'local'\n"))
    token = token_for(what, request(MAIL))
    assert ask(what, request(SECRET), override=Override(token, "false_alarm")).destination.side == "local"
    assert ask(what, request(SECRET + MAIL)).destination.side == "local"
    what.gateway._inspection.breaks = RuntimeError()
    assert ask(what, request("hello")).destination.side == "local"
    assert what.cloud.requests == []


def test_what_stays_anyway_is_not_asked_for() -> None:
    what = made(parse_policy(ASKS))
    assert ask(what, request(MAIL, model="local")).destination.side == "local"
    without = made(parse_policy(ASKS), with_cloud=False)
    assert ask(without, request(MAIL)).destination.side == "local"
    nowhere = made(parse_policy(ASKS + "[destinations.elsewhere]\n"))
    assert ask(nowhere, request(MAIL)).destination.side == "local"


def test_without_a_ledger_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    from nemora.errors import LedgerError

    def broken(**_: object) -> int:
        raise LedgerError("full")

    what = made(parse_policy(ASKS))
    monkeypatch.setattr(what.ledger, "record_decision", broken)
    assert ask(what, request(MAIL)).destination.side == "local" and what.cloud.requests == []


def test_tokens_expire_and_are_limited_in_number() -> None:
    clock = Clock()
    overrides = Overrides(clock)
    token = overrides.issue(b"x", 300)
    clock.now += 301
    with pytest.raises(PrivacyRefused):
        overrides.redeem(token, b"x")
    first = overrides.issue(b"x", 300)
    for _ in range(10_000):
        last = overrides.issue(b"x", 300)
    overrides.redeem(last, b"x")
    with pytest.raises(PrivacyRefused):
        overrides.redeem(first, b"x")


def test_over_http_the_token_comes_with_409_and_goes_back_in_headers() -> None:
    what = made(parse_policy(ASKS))
    with served(what):
        body = {"model": "auto", "messages": [{"role": "user", "content": MAIL}]}
        url = what.url + "/v1/chat/completions"
        asked = httpx2.post(url, json=body)
        error = asked.json()["error"]
        assert (asked.status_code, error["code"]) == (409, "override_needed")
        decided = httpx2.get(f"{what.url}/v1/nemora/decisions/{asked.headers['x-nemora-decision-id']}").json()
        assert decided["reasons"][0]["code"] == "override_needed"
        token = error["override"]["token"]
        for headers in ({}, {"X-Nemora-Reason": "Because I say so"}, {"X-Nemora-Reason": "unheard_of"}):
            wrong = httpx2.post(url, json=body, headers={"X-Nemora-Override": token, **headers})
            assert wrong.status_code == 400 and "Because" not in wrong.text and token not in wrong.text
        invented = httpx2.post(url, json=body, headers={"X-Nemora-Override": "a" * 43, "X-Nemora-Reason": "needed_now"})
        assert invented.status_code == 403
        out = httpx2.post(url, json=body, headers={"X-Nemora-Override": token, "X-Nemora-Reason": "needed_now"})
        assert out.status_code == 200 and out.headers["x-nemora-route"] == "cloud"
        assert out.headers["x-nemora-reason"] == "override:needed_now"
    assert len(what.cloud.requests) == 1


def test_where_an_error_is_a_sentence_the_token_stands_beside_it() -> None:
    what = made(parse_policy(ASKS))
    with served(what):
        body = {"model": "auto", "stream": False, "messages": [{"role": "user", "content": MAIL}]}
        asked = httpx2.post(what.url + "/api/chat", json=body)
        override = asked.json()["override"]
        headers = {"X-Nemora-Override": override["token"], "X-Nemora-Reason": override["reasons"][0]}
        assert asked.status_code == 409 and isinstance(asked.json()["error"], str)
        assert httpx2.post(what.url + "/api/chat", json=body, headers=headers).headers["x-nemora-route"] == "cloud"


# Costs


def test_tokens_and_money_are_recorded_with_whom_they_went_to() -> None:
    what = made(parse_policy(PRICED.replace("0.001", "9")))
    what.cloud.script = says("From afar", usage=Usage(100, 50))
    ask(what, request("hi", max_tokens=10))
    decision, end = what.rows()
    assert decision.details()["reserved"] > 200 and end.destination == "far"
    assert end.details() == {"micro_usd": 2000, "estimated": False} and (end.tokens_in, end.tokens_out) == (100, 50)
    ask(what, request("hi", model="local"))
    assert what.rows()[-1].details() == {} and what.rows()[-1].destination == "local"


def test_usage_that_is_missing_is_estimated_and_marked() -> None:
    async def silent(_request: ChatRequest) -> Any:
        yield Delta(text="twelve chars")
        yield Delta(finish=StopReason.STOP)

    what = made(parse_policy(PRICED.replace("0.001", "9")))
    what.cloud.script = silent
    ask(what, request("hi"))
    end = what.rows()[-1]
    body = len(what.cloud.outbound(request("hi")))
    assert (end.tokens_in, end.tokens_out) == (-(-body // 4), 3)
    assert end.details() == {"micro_usd": -(-body // 4) * 10 + 60, "estimated": True}


def test_over_the_cap_requests_stay_until_midnight_utc() -> None:
    clock = Clock()
    clock.now += DAY - 2
    what = made(parse_policy(PRICED), clock=clock)
    what.cloud.script = says("x", usage=Usage(1, 45))  # 910 of the day's 1,000 micro-dollars
    assert ask(what, request("hi", max_tokens=1)).destination.side == "cloud"
    over = ask(what, request("hi", max_tokens=1))
    assert over.destination.side == "local" and over.destination.reasons[0] == "cap"
    with pytest.raises(CapReached):
        ask(what, request("hi", model="big", max_tokens=1))
    assert (what.rows()[-1].route, json.loads(what.rows()[-1].reasons or "")[0]) == ("refuse", "cap")
    clock.now += 1
    assert ask(what, request("hi", max_tokens=1)).destination.side == "local"
    clock.now += 1
    assert ask(what, request("hi", max_tokens=1)).destination.side == "cloud"
    assert len(what.cloud.requests) == 2


def test_a_cost_counts_on_the_day_of_its_decision() -> None:
    clock = Clock()
    clock.now += DAY - 1
    what = made(parse_policy(PRICED), clock=clock)
    what.cloud.script = says("x", usage=Usage(1, 45))

    async def across() -> None:
        answer = await what.gateway.answer(request("hi", max_tokens=1))
        clock.now += 2
        async for _ in answer.deltas:
            pass

    asyncio.run(across())
    assert ask(what, request("hi", max_tokens=1)).destination.side == "cloud"


def test_what_open_requests_may_cost_counts_and_a_tenant_pays_for_itself() -> None:
    what = made(parse_policy(PRICED + "[tenants.acme]\n"))

    async def several(tenant: str) -> list[str]:
        answers = await asyncio.gather(
            *(what.gateway.answer(request("hi", max_tokens=20), tenant=tenant) for _ in range(6))
        )
        for answer in answers:
            await answer.deltas.aclose()
        return sorted(answer.destination.side for answer in answers)

    async def both() -> list[list[str]]:
        return [await several("default"), await several("acme")]

    assert asyncio.run(both()) == [["cloud"] + ["local"] * 5] * 2


def test_tenants_have_their_own_policy() -> None:
    what = made(parse_policy("[tenants.acme.actions]\npublic = 'local'\npersonal = 'local'\n"))
    assert ask(what, request("hi")).destination.side == "cloud"
    assert ask(what, request("hi"), tenant="acme").destination.side == "local"
    assert [row.tenant for row in what.rows()] == ["default", "default", "acme", "acme"]
    assert what.rows()[0].policy_id != what.rows()[2].policy_id


# Reload and shadow


def test_a_request_is_pinned_to_the_policy_it_was_decided_by(tmp_path: Path) -> None:
    clock = Clock()
    path = tmp_path / "policy.toml"
    path.write_text("version = 1")
    what = made(PolicyFile(path, clock=clock))
    strict = "[actions]\npublic = 'local'\npersonal = 'local'\n"

    async def run() -> str:
        answer = await what.gateway.answer(request("hi"))
        path.write_text(strict)
        for _ in range(2):
            clock.now += 1
            await what.gateway.policy()
        said = "".join([delta.text async for delta in answer.deltas])
        later = await what.gateway.answer(request("hi"))
        async for _ in later.deltas:
            pass
        return f"{said} {later.destination.side}"

    assert asyncio.run(run()) == "From afar local"
    first, _, later, _ = what.rows()
    assert first.policy_id == Policy().id and later.policy_id == parse_policy(strict).id


def test_a_broken_file_is_said_over_http_and_the_old_policy_decides(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text("[actions]\npublic = 'local'\npersonal = 'local'\n")
    what = made(PolicyFile(path))
    with served(what):
        path.write_text("[actions]\npublic = 'clout'\n")
        for _ in range(100):
            health = httpx2.get(what.url + "/health/policy").json()
            if health["status"] == "outdated":
                break
            __import__("time").sleep(0.1)
        assert health["status"] == "outdated" and "actions.public" in health["problem"]
        body = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}
        answer = httpx2.post(what.url + "/v1/chat/completions", json=body)
        assert answer.headers["x-nemora-route"] == "local"


def shadowed(tmp_path: Path, candidate: str) -> Setup:
    (tmp_path / "next.toml").write_text(candidate)
    (tmp_path / "policy.toml").write_text("shadow = 'next.toml'\n")
    return made(PolicyFile(tmp_path / "policy.toml"))


def test_a_shadow_records_what_it_would_have_done_and_changes_nothing(tmp_path: Path) -> None:
    what = shadowed(
        tmp_path, "[actions]\npublic = 'block'\npersonal = 'block'\nconfidential = 'block'\nsecret = 'block'"
    )
    assert ask(what, request("hi")).destination.side == "cloud"
    decision, _, shadow = sorted(what.rows(), key=lambda row: row.kind != "decision" and row.kind == "shadow")
    assert (shadow.kind, shadow.action, shadow.route, shadow.decision_seq) == (
        "shadow",
        "block",
        "refuse",
        decision.seq,
    )
    lax = shadowed(tmp_path, "[actions]\npersonal = 'cloud'\nconfidential = 'cloud'\nsecret = 'local'")
    assert ask(lax, request(MAIL)).destination.side == "local" and lax.cloud.requests == []
    (row,) = [row for row in lax.rows() if row.kind == "shadow"]
    assert (row.action, row.route, row.destination) == ("cloud", "cloud", "far")


def test_a_shadow_that_fails_or_reads_otherwise_changes_nothing(tmp_path: Path) -> None:
    what = shadowed(tmp_path, "[[entities]]\nname = 'x'\nclass = 'secret'\nwords = ['x']")
    inspection = what.gateway._inspection
    asked: list[str] = []
    real = inspection.inspect

    def fails_for_the_candidate(each: ChatRequest, rules: Any = None) -> Inspection:
        asked.append(rules.id if rules is not None else "")
        if rules is not None and rules.id:
            raise RuntimeError
        return real(each)

    inspection.inspect = fails_for_the_candidate
    what.gateway.shadow._inspection = inspection
    assert ask(what, request("hi")).destination.side == "cloud"
    assert len(asked) == 2 and [row.kind for row in what.rows()] == ["decision", "completion"]


def test_every_route_of_every_action_is_that_of_its_policy() -> None:
    for action in Action:
        actions = dict.fromkeys(Sensitivity, Action.BLOCK) | {Sensitivity.PUBLIC: action}
        what = made(Policy(actions=actions))
        try:
            side = ask(what, request("hi")).destination.side
        except (PrivacyRefused, OverrideNeeded):
            side = "none"
        assert side == {"cloud": "cloud", "block": "none", "ask": "none"}.get(action.value, "local")
        assert len(what.cloud.requests) == (side == "cloud")
