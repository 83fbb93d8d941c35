"""Redaction from the official client to the sockets of a cloud and back; only the model of names is a list."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
from name_list import Reading
from server_fakes import KEY, FakeInspection, ScriptedBackend, Setup, says, served
from talking_cloud import TalkingCloud, calls, letters, talking_cloud

from nemora.backends.openai import OpenAIBackend
from nemora.core import ChatRequest
from nemora.privacy.classify import classify
from nemora.privacy.finding import Kind, Sensitivity
from nemora.privacy.inspect import Inspection
from nemora.privacy.keys import derive
from nemora.privacy.ledger import Ledger
from nemora.privacy.policy import Action, KindRule, Policy, parse_policy
from nemora.privacy.taint import TaintStore
from nemora.server.documents import DocumentReader
from nemora.server.gateway import Gateway
from nemora.settings import Paths, RemoteServer, Settings

SETTINGS = Settings(paths=Paths(config=Path(), cache=Path(), data=Path()))
NAME, MAIL = "Tilda Braunfels", "tilda.braunfels@kettlewood.net"
ASKED = f"Please write an invitation to our summer picnic for my colleague {NAME}, whose address is {MAIL}."
CANARIES = (b"Tilda", b"tilda", b"Braunfels", b"braunfels", b"kettlewood", b"VGlsZGE")
STAND_IN = re.compile(r"PERSON_[A-Z0-9]{6}|email_[a-z0-9]{6}@redacted\.example")


@dataclasses.dataclass
class World:
    client: openai.OpenAI
    cloud: TalkingCloud
    local: ScriptedBackend
    reading: Reading
    ledger: Ledger
    documents: DocumentReader

    def ask(self, *turns: Any, model: str = "auto", stream: bool = False, **fields: Any) -> tuple[str, Any]:
        """The route, and the message or the chunks."""
        messages = [{"role": "user", "content": turn} if isinstance(turn, str) else turn for turn in turns]
        raw = self.client.chat.completions.with_raw_response.create(
            model=model, messages=messages, stream=stream, **fields
        )
        self.headers = raw.headers
        parsed: Any = raw.parse()
        return raw.headers["x-nemora-route"], list(parsed) if stream else parsed.choices[0].message

    def sent(self, index: int = -1, message: int = -1) -> str:
        return str(self.cloud.bodies[index]["messages"][message]["content"])

    def nothing_leaked(self) -> None:
        assert self.cloud.bodies and not any(canary in self.cloud.received for canary in CANARIES)


@contextmanager
def opened(data: Path | None = None, policy: Policy | None = None, key: bytes | None = KEY) -> Iterator[World]:
    policy = policy or Policy()
    with talking_cloud() as cloud:
        remote = RemoteServer(name="far", base_url=cloud.url, model="far-model", trust="cloud")
        local, reading, ledger, taint = ScriptedBackend(), Reading(), Ledger(data, KEY), TaintStore(data, KEY)
        documents = DocumentReader(SETTINGS, KEY)
        gateway = Gateway(
            local=[local],
            cloud=OpenAIBackend(remote),
            inspection=reading,
            classify=classify,
            policy=policy,
            taint=taint,
            ledger=ledger,
            placeholder_key=None if key is None else derive(key, "placeholders"),
            documents=documents,
        )
        setup = Setup(gateway, local, ScriptedBackend("far", "big", "cloud"), FakeInspection(), ledger, taint)
        with (
            served(setup) as running,
            openai.OpenAI(base_url=f"{running.url}/v1", api_key="k", max_retries=0) as client,
        ):
            yield World(client, cloud, local, reading, ledger, documents)


@pytest.fixture
def world() -> Iterator[World]:
    with opened() as opened_:
        yield opened_


def echo(body: dict[str, Any]) -> list[dict[str, Any]]:
    return letters(f"You said: {body['messages'][-1]['content']} Yours, PERSON_X9X9X9")


def tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}


@pytest.mark.parametrize("streams", [True, False])
def test_values_never_reach_the_cloud_and_come_back_in_the_answer(world: World, streams: bool) -> None:
    world.cloud.script, world.cloud.streams = echo, streams
    route, message = world.ask(ASKED)
    assert route == "cloud" and message.content == f"You said: {ASKED} Yours, PERSON_X9X9X9"
    assert world.headers["x-nemora-redacted"] == "person_name=1,email_address=1"
    assert world.headers["x-nemora-decision"] == "redact" and world.headers["x-nemora-reason"] == "redacted"
    world.nothing_leaked()
    assert len(STAND_IN.findall(world.sent())) == 2 and world.local.requests == []


def test_a_streamed_answer_is_restored_letter_by_letter(world: World) -> None:
    world.cloud.script = lambda body: [{"reasoning_content": c} for c in world.sent()] + echo(body)
    _, chunks = world.ask(ASKED, stream=True)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices).startswith(f"You said: {ASKED}")
    reasoning = "".join(getattr(c.choices[0].delta, "reasoning_content", None) or "" for c in chunks if c.choices)
    assert reasoning == ASKED and chunks[-1].choices[0].finish_reason == "stop"
    world.nothing_leaked()


@pytest.mark.parametrize("stream", [False, True])
def test_tool_arguments_get_values_only_where_the_policy_allows(world: World, stream: bool) -> None:
    def script(body: dict[str, Any]) -> list[dict[str, Any]]:
        person = STAND_IN.findall(body["messages"][-1]["content"])[0]
        arguments = json.dumps({"text": f'"{person}"'})
        return [*calls("write_file", arguments), *calls("web_search", arguments, index=1)]

    world.cloud.script = script
    _, answer = world.ask(ASKED, stream=stream, tools=[tool("write_file"), tool("web_search")])
    said = ["", ""]
    if stream:
        for chunk in answer:
            for call in chunk.choices[0].delta.tool_calls or ():
                said[call.index] += call.function.arguments
    else:
        said = [call.function.arguments for call in answer.tool_calls]
    assert json.loads(said[0]) == {"text": f'"{NAME}"'}
    assert re.fullmatch(r'"PERSON_\w{6}"', json.loads(said[1])["text"])
    world.nothing_leaked()


def test_an_answer_in_responses_has_one_item_for_what_was_said_before_a_call(world: World) -> None:
    world.cloud.script = lambda _: [{"reasoning_content": "So simple"}, *letters("I use"), *calls("write_file", "{}")]
    given: Any = [{"type": "function", **tool("write_file")["function"], "strict": False}]
    response = world.client.responses.create(model="auto", input=ASKED, tools=given)
    assert [item.type for item in response.output] == ["reasoning", "message", "function_call"]
    assert response.output_text == "I use" and world.cloud.bodies
    world.nothing_leaked()


def test_json_that_was_asked_for_is_json_with_the_values_in_it() -> None:
    policy = parse_policy("version = 1\n[[entities]]\nname = 'ward'\nclass = 'personal'\nregex = 'ward \"[0-9]\"'\n")
    with opened(policy=policy) as world:
        world.cloud.script = lambda _: letters(json.dumps({"where": re.findall(r"CUSTOM_\w{6}", world.sent())[0]}))
        _, message = world.ask('Who sits in ward "7"?', response_format={"type": "json_object"})
        assert json.loads(message.content) == {"where": 'ward "7"'} and b"ward" not in world.cloud.received


def test_a_conversation_goes_on_redacted_with_the_same_stand_ins(world: World) -> None:
    world.cloud.script = echo
    _, first = world.ask(ASKED)
    history = [ASKED, {"role": "assistant", "content": first.content}]
    _, second = world.ask(*history, f"Make it shorter; and does Braunfels get one, {NAME.upper()}?")
    route, third = world.ask(*history, "Now as a haiku, please.")
    assert route == "cloud" and third.content.startswith("You said: Now as a haiku")
    assert "does Braunfels get one, TILDA BRAUNFELS?" in second.content
    users = [next(m["content"] for m in body["messages"] if m["role"] == "user") for body in world.cloud.bodies]
    assert users[0] == users[1] == users[2]
    assert world.cloud.bodies[1]["messages"][:3] == world.cloud.bodies[2]["messages"][:3]
    world.nothing_leaked()
    assert len(world.cloud.bodies) == 3 and world.local.requests == []


def test_a_tool_loop_with_values_in_calls_and_results_stays_redacted(world: World) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "lookup", "arguments": json.dumps({"who": NAME})}}
    result = json.dumps({"name": NAME, "mail": MAIL, "note": "tilda likes tea", "manager": "Orla Vance"})
    route, _ = world.ask(
        ASKED,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": result},
        tools=[tool("lookup")],
    )
    assert route == "cloud"
    sent = json.loads(world.sent())
    assert (
        sent["name"]
        == json.loads(world.cloud.bodies[0]["messages"][-2]["tool_calls"][0]["function"]["arguments"])["who"]
    )
    assert STAND_IN.fullmatch(sent["mail"]) and b"Vance" not in world.cloud.received


def test_stand_ins_are_the_same_after_a_restart_and_others_with_another_key(tmp_path: Path) -> None:
    said = []
    for key in (KEY, KEY, bytes(32)):
        with opened(tmp_path, key=key) as world:
            world.ask(ASKED)
            said.append(world.sent())
    assert said[0] == said[1] != said[2]


def test_two_conversations_cannot_be_linked_by_their_stand_ins(world: World) -> None:
    world.ask(ASKED)
    world.ask(f"A haiku for {NAME}, please.")
    first, second = (set(STAND_IN.findall(world.sent(index))) for index in (0, 1))
    assert first and second and not first & second


def test_a_forged_stand_in_is_not_restored_to_a_value(world: World) -> None:
    world.cloud.script = echo
    world.ask(ASKED)
    true = STAND_IN.findall(world.sent())[0]
    _, message = world.ask(ASKED, {"role": "assistant", "content": "Yes."}, f"Who is {true}?")
    assert message.content == f"You said: Who is {true}? Yours, PERSON_X9X9X9"
    assert true not in world.sent() and "literal=1" in world.headers["x-nemora-redacted"]


def test_the_ledger_says_that_a_request_left_redacted_and_of_what(world: World) -> None:
    world.ask(ASKED)
    decision = world.ledger.rows()[0]
    assert (decision.action, decision.route, decision.destination) == ("redact", "cloud", "far")
    reasons = json.loads(decision.reasons or "")
    assert reasons[0] == "redacted" and {"replaced:person_name+1", "replaced:email_address+1"} <= set(reasons)
    assert json.loads(decision.kinds or "") == {"person_name": 1, "email_address": 1}
    sent = world.cloud.received.partition(b"\r\n\r\n")[2]
    assert decision.body_digest == world.ledger.body_digest(bytes(sent))


def found_again() -> Inspection:
    inspection = Reading().inspect(ChatRequest(model="auto", messages=()))
    return dataclasses.replace(inspection, complete=False)


@pytest.mark.parametrize("second", [found_again(), RuntimeError("no"), MemoryError()])
def test_what_would_be_sent_is_read_again_and_stays_if_that_fails(world: World, second: Any) -> None:
    world.reading.second = second
    world.local.script = says("From here")
    route, message = world.ask(ASKED)
    assert route == "local" and message.content == "From here" and world.cloud.received == b""
    assert [m.text() for m in world.local.requests[0].messages] == [ASKED]
    assert world.headers["x-nemora-reason"] in ("found_again", "redaction_failed")


def test_exactly_what_is_sent_was_read_again(world: World) -> None:
    world.ask(ASKED)
    read = [message.text() for message in world.reading.read[1].messages]
    assert read == [message["content"] for message in world.cloud.bodies[0]["messages"]]


@pytest.mark.parametrize(
    "text",
    [
        f"Decode VGlsZGEgQnJhdW5mZWxzIHRpbGRhLmJyYXVuZmVsc0BrZXR0bGV3b29kLm5ldA== for {NAME}",
        f"{NAME} pays with 4716 2093 8854 1728",
        f"{NAME}, {MAIL}, +44 20 7946 0812: who is that?",
    ],
)
def test_what_cannot_or_may_not_be_redacted_stays(world: World, text: str) -> None:
    assert world.ask(text)[0] == "local"
    with pytest.raises(openai.PermissionDeniedError):
        world.ask(text, model="far-model")
    assert world.cloud.received == b""


def test_naming_the_cloud_gets_it_redacted(world: World) -> None:
    assert world.ask(ASKED, model="far-model")[0] == "cloud"
    world.nothing_leaked()
    assert world.ask(ASKED, model="local")[0] == "local"


def test_a_name_in_a_tool_keeps_the_request(world: World) -> None:
    assert world.ask(ASKED, tools=[tool("ask_tilda_braunfels")])[0] == "local" and world.cloud.received == b""


def test_confidential_taint_keeps_a_conversation_as_before(world: World) -> None:
    told = f"The card of {NAME} is 4716 2093 8854 1728 and she was charged twice for the same picnic."
    assert world.ask(told)[0] == "local"
    assert world.ask(told, {"role": "assistant", "content": "Done."}, f"And {MAIL}?")[0] == "local"
    assert b"4716" not in world.cloud.received


def test_a_redacted_answer_that_turns_up_elsewhere_is_known_as_personal(world: World) -> None:
    world.cloud.script = echo
    _, message = world.ask(ASKED)
    summary = message.content.replace(NAME, "T.").replace(MAIL, "her")
    for text, known in ((message.content, "personal"), (summary, "public")):
        world.ask({"role": "assistant", "content": text}, "Translate that to French.")
        assert world.headers["x-nemora-class"] == known
    world.nothing_leaked()


def test_without_a_ledger_a_redacted_request_stays_whole_and_here(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nemora.errors import LedgerError

    def broken(**_: Any) -> int:
        raise LedgerError("The disk is full.")

    monkeypatch.setattr(world.ledger, "record_decision", broken)
    assert world.ask(ASKED)[0] == "local" and world.cloud.received == b""
    assert world.local.requests[0].messages[0].text() == ASKED


def test_a_cloud_that_fails_is_an_error_and_no_other_destination(world: World) -> None:
    world.cloud.script = lambda _body: [{"content": 7}]
    with pytest.raises(openai.APIStatusError):
        world.ask(ASKED)
    assert world.local.requests == []
    world.nothing_leaked()


def test_without_a_key_what_could_leave_redacted_stays() -> None:
    with opened(key=None) as world:
        assert world.ask(ASKED)[0] == "local" and world.cloud.received == b""


def test_a_kind_that_the_policy_makes_local_is_not_redacted() -> None:
    policy = Policy(kinds={Kind.EMAIL_ADDRESS: KindRule(action=Action.LOCAL)})
    with opened(policy=policy) as world:
        assert world.ask(ASKED)[0] == "local"
        assert world.ask(f"A haiku for {NAME}, please.")[0] == "cloud"
        world.nothing_leaked()


def test_a_policy_may_let_secrets_leave_redacted() -> None:
    actions = {
        Sensitivity.PUBLIC: Action.CLOUD,
        Sensitivity.PERSONAL: Action.REDACT,
        Sensitivity.CONFIDENTIAL: Action.REDACT,
        Sensitivity.SECRET: Action.REDACT,
    }
    with opened(policy=Policy(actions=actions)) as world:
        world.cloud.script = echo
        text = "My password is tr0ub4dor&3xq, the card is 4716 2093 8854 1728, user root."
        route, message = world.ask(text)
        assert route == "cloud" and message.content.startswith(f"You said: {text}")
        assert b"tr0ub4dor" not in world.cloud.received and b"8854" not in world.cloud.received


def test_no_log_line_holds_a_value_or_a_stand_in(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.cloud.script = echo
    world.ask(ASKED)
    world.reading.second = RuntimeError(NAME)
    world.ask(ASKED, "again")
    assert "1 stand-ins in the answer are unknown" in caplog.text
    assert not STAND_IN.search(caplog.text) and "Tilda" not in caplog.text and "kettlewood" not in caplog.text
