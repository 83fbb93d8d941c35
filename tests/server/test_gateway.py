"""The boundary, in process: what is decided, recorded and remembered, and that nothing changes sides."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from server_fakes import (
    KEY,
    SECRET,
    FakeInspection,
    ScriptedBackend,
    Setup,
    fake_classify,
    plays,
    says,
    setup,
    talks_for_ever,
)

from nemora.core import ChatRequest, Delta, Message, OpaquePart, StopReason
from nemora.errors import (
    BackendError,
    BackendUnreachable,
    LedgerError,
    LocalModelDown,
    NemoraError,
    PrivacyRefused,
    UnknownModel,
    WorkerFailed,
)
from nemora.privacy.finding import Kind, Sensitivity
from nemora.privacy.ledger import Ledger
from nemora.privacy.policy import Action, KindRule, Policy
from nemora.privacy.taint import TaintStore
from nemora.server.gateway import Answer, Gateway

LONG = "These are the minutes of the meeting in which we agreed on the plan for the coming year, "


def request(*texts: str, model: str = "auto", **fields: Any) -> ChatRequest:
    return ChatRequest(model=model, messages=tuple(Message("user", text) for text in texts), **fields)


async def take(gateway: Gateway, asked: ChatRequest) -> tuple[Answer, str]:
    answer = await gateway.answer(asked)
    return answer, "".join([delta.text async for delta in answer.deltas])


def ask(what: Setup, asked: ChatRequest) -> tuple[Answer, str]:
    return asyncio.run(take(what.gateway, asked))


def broken(*_: object, **__: object) -> Any:
    raise LedgerError("The disk is full.")


def test_the_decision_is_on_the_disk_before_the_backend_is_asked(tmp_path: Path) -> None:
    what = setup(tmp_path)
    seen: list[str] = []

    async def script(_request: ChatRequest) -> Any:
        seen.extend(row.kind for row in Ledger(tmp_path, KEY).rows())
        yield Delta(finish=StopReason.STOP)

    what.cloud.script = script
    ask(what, request("hi"))
    assert seen == ["decision"]
    assert [row.kind for row in what.rows()] == ["decision", "completion"]


def test_the_row_holds_the_digest_and_size_of_what_left() -> None:
    what = setup()
    ask(what, request("hi"))
    decision, completion = what.rows()
    body = what.cloud.outbound(request("hi"))
    assert decision.body_digest == what.ledger.body_digest(body)
    assert completion.bytes_sent == len(body) and completion.status == "stop" and completion.tokens_out == 2
    ask(what, request(SECRET))
    decision, completion = what.rows()[2:]
    assert decision.body_digest is None and completion.bytes_sent == 0
    assert json.loads(decision.kinds or "") == {"password": 1}


@pytest.mark.parametrize(
    ("script", "status"),
    [
        (plays(BackendError("It failed.")), "upstream_error"),
        (plays(BackendUnreachable("Nobody there.")), "upstream_unreachable"),
        (plays(Delta(text="half"), BackendError("It broke.")), "upstream_error"),
        (plays(RuntimeError("?")), "internal_error"),
        (plays(Delta(text="half")), "broken_off"),
    ],
)
def test_a_failure_is_recorded_and_never_answered_by_the_other_side(script: Any, status: str) -> None:
    what = setup()
    for backend, text in ((what.cloud, "hi"), (what.local, SECRET)):
        backend.script = script
        other = what.local if backend is what.cloud else what.cloud
        asked = len(other.requests)
        with contextlib.suppress(NemoraError, RuntimeError):
            ask(what, request(text))
        assert what.rows()[-1].status == status
        assert len(other.requests) == asked
    assert (what.rows()[1].bytes_sent == 0) is (status == "upstream_unreachable")


def test_closing_an_answer_early_is_recorded() -> None:
    what = setup()
    what.cloud.script = talks_for_ever

    async def run() -> None:
        answer = await what.gateway.answer(request("hi"))
        await anext(answer.deltas)
        await answer.deltas.aclose()

    asyncio.run(run())
    assert what.rows()[-1].status == "cancelled"
    assert what.cloud.cancelled.acquire(blocking=False)


def test_a_cancellation_while_the_decision_is_written_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    what = setup()
    real = what.ledger.record_decision
    writing = asyncio.Event()

    async def run() -> None:
        loop = asyncio.get_running_loop()

        def slow(**fields: Any) -> int:
            loop.call_soon_threadsafe(writing.set)
            return real(**fields)

        monkeypatch.setattr(what.ledger, "record_decision", slow)
        task = asyncio.ensure_future(what.gateway.answer(request("hi")))
        await writing.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert [row.status for row in what.rows()] == [None, "cancelled"]
    assert what.cloud.requests == []


@pytest.mark.parametrize("error", [WorkerFailed("x"), RuntimeError(SECRET), MemoryError()])
def test_an_inspection_that_fails_counts_as_sensitive(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    what = setup()
    what.inspection.breaks = error
    answer, _ = ask(what, request("hi"))
    assert answer.destination.side == "local" and answer.decision.sensitivity >= Sensitivity.CONFIDENTIAL
    with pytest.raises(PrivacyRefused):
        ask(what, request("hi", model="big"))
    assert what.cloud.requests == [] and SECRET not in caplog.text


def test_a_classifier_that_fails_keeps_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> Any:
        raise ZeroDivisionError

    what = setup()
    gateway = Gateway(
        local=[what.local],
        cloud=what.cloud,
        inspection=FakeInspection(),
        classify=fails,
        policy=Policy(),
        taint=what.taint,
        ledger=what.ledger,
    )
    answer, _ = asyncio.run(take(gateway, request(SECRET)))
    assert answer.decision.sensitivity is Sensitivity.SECRET and answer.destination.side == "local"
    answer, _ = asyncio.run(take(gateway, request("hi")))
    assert answer.destination.side == "local"


def test_requests_that_wait_to_be_read_do_not_hold_up_those_that_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    what = setup()
    release = threading.Event()

    async def run() -> str:
        answer = await what.gateway.answer(request("hi"))
        real = what.inspection.inspect
        monkeypatch.setattr(what.inspection, "inspect", lambda asked, _rules: release.wait(20) and real(asked))
        waiting = [asyncio.ensure_future(what.gateway.answer(request("hi"))) for _ in range(40)]
        await asyncio.sleep(0.05)
        said = "".join([delta.text async for delta in answer.deltas])  # ends with a row in the ledger
        held = sum(not task.done() for task in waiting)
        release.set()
        for each in await asyncio.gather(*waiting):
            await each.deltas.aclose()
        return f"{said} {held}"

    assert asyncio.run(asyncio.wait_for(run(), 15)) == "From afar 40"


def test_content_that_cannot_be_read_stays() -> None:
    what = setup()
    picture = Message("user", (OpaquePart("image_url", {"type": "image_url"}),))
    answer, _ = ask(what, ChatRequest(model="auto", messages=(picture,)))
    assert answer.destination.side == "local" and what.cloud.requests == []


def test_without_a_ledger_nothing_leaves_and_local_still_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    what = setup()
    monkeypatch.setattr(what.ledger, "record_decision", broken)
    for text in ("hi", SECRET):
        answer, said = ask(what, request(text))
        assert answer.destination.side == "local" and not answer.recorded and said == "Hello you"
    assert "ledger_unavailable" in answer.destination.reasons
    with pytest.raises(LedgerError):
        ask(what, request("hi", model="big"))
    assert what.cloud.requests == []


def test_an_answer_given_while_taint_cannot_be_looked_up_stays_here_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model here saw a conversation of which nobody knew what it was; its answer may say any of it again."""
    what = setup()
    first, second = f"{LONG}first.", f"{LONG}second."
    what.local.script = says(first)
    assert ask(what, request(SECRET))[0].destination.side == "local"
    follow_up = ChatRequest(model="auto", messages=(Message("assistant", first), Message("user", "And then?")))
    what.local.script = says(second)
    with monkeypatch.context() as patched:
        patched.setattr(what.taint, "lookup", broken)
        assert ask(what, follow_up)[0].destination.side == "local"
    trimmed = ChatRequest(model="auto", messages=(Message("assistant", second), Message("user", "And then?")))
    answer, _ = ask(what, trimmed)
    assert answer.destination.side == "local" and answer.destination.reasons[0] == "taint:secret"
    assert not what.cloud.requests


@pytest.mark.parametrize("method", ["lookup", "remember"])
def test_without_the_taint_store_nothing_leaves_and_local_still_answers(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    what = setup()
    monkeypatch.setattr(what.taint, method, broken)
    answer, said = ask(what, request("hi"))
    assert answer.destination.side == "local" and said == "Hello you"
    with pytest.raises(LedgerError):
        ask(what, request("hi", model="big"))
    assert what.cloud.requests == []


def test_an_answer_that_ends_on_a_full_disk_is_still_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    what = setup()
    monkeypatch.setattr(what.ledger, "record_completion", broken)
    monkeypatch.setattr(what.taint, "mark_answer", broken)
    assert ask(what, request("hi"))[1] == "From afar"
    assert ask(what, request(SECRET))[1] == "Hello you"


def test_once_sensitive_a_conversation_stays_here_even_trimmed() -> None:
    what = setup()
    told = f"{LONG} and my password is {SECRET}, keep it in mind for later please."
    reply = "The password was noted, and the plan of the coming year was summarised in four points as you asked."
    what.local.script = says(reply)
    ask(what, request(told))
    what.local.script = says("Hello")
    for turns in ((told, "Go on, please."), (told.replace(" ", "  "), "Thanks.")):
        assert ask(what, request(*turns))[0].destination.side == "local"
    trimmed = ChatRequest(model="auto", messages=(Message("assistant", reply), Message("user", "And now in French.")))
    answer, _ = ask(what, trimmed)
    assert answer.destination.side == "local" and answer.destination.reasons[0].startswith("taint:")
    with pytest.raises(PrivacyRefused):
        ask(what, ChatRequest(model="big", messages=trimmed.messages))
    assert ask(what, request("An unrelated question about rivers."))[0].destination.side == "cloud"


def test_half_an_answer_that_the_client_saw_is_remembered_too() -> None:
    what = setup()
    half = "The first half of a long answer that repeats what was told in confidence, and then the client leaves"
    what.local.script = plays(Delta(text=half), Delta(text=" …"), Delta(text=" …"))

    async def run() -> None:
        answer = await what.gateway.answer(request(SECRET))
        await anext(answer.deltas)
        await answer.deltas.aclose()

    asyncio.run(run())
    later = ChatRequest(model="auto", messages=(Message("assistant", half), Message("user", "Go on.")))
    assert ask(what, later)[0].destination.side == "local"


def test_the_policy_can_block_and_the_refusal_is_recorded() -> None:
    what = setup(policy=Policy(kinds={Kind.PASSWORD: KindRule(action=Action.BLOCK)}))
    for model in ("auto", "local", "big"):
        with pytest.raises(PrivacyRefused):
            ask(what, request(SECRET, model=model))
    assert [(row.kind, row.route, row.model) for row in what.rows()] == [("decision", "refuse", "")] * 3
    assert what.cloud.requests == what.local.requests == []


def test_without_a_cloud_the_decision_still_says_what_could_have_left() -> None:
    what = setup(with_cloud=False)
    answer, _ = ask(what, request("hi"))
    assert answer.decision.action is Action.CLOUD and answer.destination.reasons[0] == "no_cloud"
    with pytest.raises(UnknownModel):
        ask(what, request("hi", model="big"))


def test_without_a_local_model_secrets_are_refused_and_the_rest_waits_or_leaves() -> None:
    what = setup()
    gateway = Gateway(
        local=[],
        cloud=what.cloud,
        inspection=what.inspection,
        classify=fake_classify,
        policy=Policy(),
        taint=what.taint,
        ledger=what.ledger,
    )
    assert asyncio.run(take(gateway, request("hi")))[1] == "From afar"
    with pytest.raises(PrivacyRefused):
        asyncio.run(take(gateway, request(SECRET)))
    with pytest.raises(LocalModelDown):
        asyncio.run(take(gateway, request("hi", model="local")))
    assert len(what.cloud.requests) == 1 and not asyncio.run(gateway.ready())


def test_an_unknown_model_is_refused_before_anything_is_read_or_written() -> None:
    what = setup()
    with pytest.raises(UnknownModel) as raised:
        ask(what, request("hi", model=SECRET))
    assert SECRET not in raised.value.message and what.rows() == []


def test_a_backend_on_the_wrong_side_is_refused_at_start() -> None:
    what = setup()
    for local, cloud in (([what.cloud], None), ([what.local], ScriptedBackend())):
        with pytest.raises(ValueError, match="wrong side"):
            Gateway(
                local=local,
                cloud=cloud,
                inspection=what.inspection,
                classify=fake_classify,
                policy=Policy(),
                taint=TaintStore.in_memory(KEY),
                ledger=Ledger.in_memory(KEY),
            )


def test_a_backend_that_keeps_prefixes_is_told_whose_request_it_is(tmp_path: Path) -> None:
    tenants: list[str] = []

    class Keeping(ScriptedBackend):
        def stream_for(self, tenant: str, request: ChatRequest) -> Any:
            tenants.append(tenant)
            return self.stream(request)

    what = setup(tmp_path)
    what.gateway.local = [Keeping()]

    async def asked() -> None:
        for tenant in ("default", "payroll"):
            answer = await what.gateway.answer(request(f"{SECRET}", model="local"), tenant=tenant)
            async for _ in answer.deltas:
                pass

    asyncio.run(asked())
    assert tenants == ["default", "payroll"]
