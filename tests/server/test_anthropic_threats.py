"""The router's threats on Messages: every place in which this API can carry text, through the real reading to sockets."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from sent_documents import pdf
from talking_cloud import letters
from test_redaction import MAIL, NAME, World, opened

SSN = "My social security number is 536-81-4927."
HARMLESS = "Explain in two sentences how tides work."


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with opened() as opened_:
        yield opened_


def asked(world: World, *turns: dict[str, Any], last: str = HARMLESS, **fields: Any) -> httpx2.Response:
    body = {"model": "auto", "max_tokens": 99, "messages": [*turns, {"role": "user", "content": last}], **fields}
    return httpx2.post(str(world.client.base_url) + "messages", json=body, timeout=60)


def stays(world: World, *turns: dict[str, Any], **fields: Any) -> bool:
    """Whether it was answered here and the cloud was sent nothing at all."""
    before = len(world.cloud.received)
    answer = asked(world, *turns, **fields)
    return answer.headers["x-nemora-route"] == "local" and len(world.cloud.received) == before


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def encoded(kind: str, media_type: str, data: bytes, **more: Any) -> dict[str, Any]:
    source = {"type": "base64", "media_type": media_type, "data": base64.b64encode(data).decode()}
    return {"type": kind, "source": source, **more}


def told(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": text}, **more}


def use(**arguments: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": "t", "name": "lookup", "input": arguments}


def result(content: Any, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "t", "content": content, **more}


def thinking(text: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": text, "signature": "s"}


def tool(description: str = "Looks up.", **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties}
    return {"name": "lookup", "description": description, "input_schema": schema}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def test_the_control_what_is_harmless_does_go_out_written_anew(world: World) -> None:
    cached = {"cache_control": {"type": "ephemeral"}}
    answer = asked(
        world,
        user(text("What is a tide?"), told("Ebb and flow.", title="Sea", **cached)),
        assistant(thinking("hm"), use(q="tide")),
        user(result([text("A long wave.")], is_error=True, **cached), text("Go on.")),
        system=[{**text("Be brief."), **cached}],
        tools=[{**tool(), **cached}],
        metadata={"user_id": "u-84"},
    )
    assert answer.headers["x-nemora-route"] == "cloud" and answer.json()["type"] == "message"
    sent = world.cloud.bodies[-1]
    assert [message["role"] for message in sent["messages"]] == ["system", "user", "assistant", "tool", "user", "user"]
    assert b"ephemeral" not in world.cloud.received and b"u-84" not in world.cloud.received


def test_a_file_that_can_be_read_is_read_and_goes_out_as_it_was(world: World) -> None:
    clean = pdf("How tides work.")
    answer = asked(world, user(encoded("document", "application/pdf", clean)))
    assert answer.headers["x-nemora-route"] == "cloud"
    assert base64.b64encode(clean) in world.cloud.received


@pytest.mark.parametrize(
    ("turns", "fields"),
    [
        ([], {"system": SSN}),
        ([], {"system": [text("Be brief."), text(SSN)]}),
        ([{"role": "system", "content": SSN}], {}),
        ([user(text("My social security number is"), text(" 536-81-4927."))], {}),
        ([user(told(SSN))], {}),
        ([user(told("Tides.", title=SSN))], {}),
        ([user(told("Tides.", context=SSN))], {}),
        ([user({"type": "document", "source": {"type": "content", "content": [text(SSN)]}})], {}),
        ([user(encoded("document", "application/pdf", pdf("Tides.", SSN)))], {}),
        ([user(encoded("document", "application/pdf", pdf("Tides.", title=SSN)))], {}),
        ([user(encoded("document", "application/pdf", pdf("Tides."), title=SSN))], {}),
        ([user(encoded("image", "image/png", b"\x89PNG\r\n\x1a\n"))], {}),
        ([user({"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}})], {}),
        ([user({"type": "document", "source": {"type": "file", "file_id": "f"}})], {}),
        ([assistant(thinking(SSN))], {}),
        ([assistant(use(note=SSN)), user(result("done"))], {}),
        ([assistant(use()), user(result(SSN))], {}),
        ([assistant(use()), user(result([text("It says:"), text(SSN)], is_error=True))], {}),
        ([assistant(use()), user(result([encoded("document", "application/pdf", pdf(SSN))]))], {}),
        ([], {"tools": [tool(SSN)]}),
        ([], {"tools": [tool(item={"type": "string", "default": SSN})]}),
        ([], {"metadata": {"user_id": SSN}}),
        ([], {"inference_geo": SSN}),
        ([], {"stop_sequences": [SSN]}),
    ],
    ids=range(24),
)
def test_a_number_stays_wherever_it_stands(world: World, turns: list[dict[str, Any]], fields: dict[str, Any]) -> None:
    assert stays(world, *turns, **fields)


def test_what_no_one_reads_never_leaves(world: World) -> None:
    """Signatures and encrypted thoughts are dropped, so that they carry nothing out."""
    hidden = "AKIAQ7XVN3TLZ5RWJ2KD"
    turn = assistant(
        {**thinking("hm"), "signature": hidden}, {"type": "redacted_thinking", "data": hidden}, text("Yes.")
    )
    answer = asked(world, turn, last="Name three rivers of Peru.")
    assert answer.headers["x-nemora-route"] == "cloud" and hidden.encode() not in world.cloud.received
    assert answer.headers["x-nemora-ignored-fields"] == "redacted_thinking"


def test_a_conversation_that_was_sensitive_stays_also_by_the_other_api(world: World) -> None:
    said = {"role": "user", "content": f"{SSN} Please fill in the form of the tax office for me."}
    assert stays(world, said)
    assert world.ask(said, {"role": "assistant", "content": "Done."}, "Thank you, and how do tides work?")[0] == "local"


def test_values_leave_as_stand_ins_and_come_back(world: World) -> None:
    world.cloud.script = lambda body: letters(f"Dear {body['messages'][-2]['content'][0]['text']}")
    try:
        answer = asked(world, user(text(f"Greet {NAME}, whose address is {MAIL}.")), last="Be warm.")
        said = answer.json()["content"][0]["text"]
    finally:
        world.cloud.script = lambda _body: letters("Fine.", 5)
    assert answer.headers["x-nemora-decision"] == "redact" and NAME in said and MAIL in said
    assert NAME.encode() not in world.cloud.received and MAIL.encode() not in world.cloud.received


def test_counting_tokens_sends_nothing(world: World) -> None:
    before = len(world.cloud.received)
    url = str(world.client.base_url) + "messages/count_tokens"
    for model in ("auto", "far-model"):
        httpx2.post(url, json={"model": model, "messages": [{"role": "user", "content": HARMLESS}]})
    assert len(world.cloud.received) == before
