"""What must not leave stays here by every one of OpenAI's APIs, with the real reading of requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from server_fakes import says
from test_redaction import ASKED, World, echo, opened

SSN = "My social security number is 536-22-8145."
HARMLESS = "Explain in two sentences how tides work."
OTHER = "Name three rivers of Norway and the towns that lie on them."  # no test makes it part of what must stay
LOOKUP: Any = {"type": "function", "name": "lookup", "parameters": {"type": "object", "properties": {}}}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with opened() as opened_:
        yield opened_


def route(world: World, **fields: Any) -> tuple[str, Any]:
    raw = world.client.responses.with_raw_response.create(**{"model": "auto", "input": HARMLESS, **fields})
    world.headers = raw.headers
    return raw.headers["x-nemora-route"], raw.parse()


def turns(asked: str = HARMLESS, **last: Any) -> list[dict[str, Any]]:
    call = {"type": "function_call", "call_id": "c", "name": "lookup", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "c", "output": "done"}
    return [
        {"role": "user", "content": HARMLESS},
        {**call, **last.get("call", {})},
        {**output, **last.get("output", {})},
    ]


def test_what_is_harmless_leaves_with_its_loop_of_tools(world: World) -> None:
    assert route(world, input=turns(OTHER), tools=[LOOKUP])[0] == "cloud", world.headers["x-nemora-reason"]
    assert [m["role"] for m in world.cloud.bodies[-1]["messages"]] == ["user", "assistant", "tool"]


@pytest.mark.parametrize(
    "fields",
    [
        {"instructions": SSN},
        {"input": SSN},
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": SSN}]}]},
        {"input": turns(call={"arguments": f'{{"note": "{SSN}"}}'}), "tools": [LOOKUP]},
        {"input": turns(output={"output": SSN}), "tools": [LOOKUP]},
        {"tools": [{**LOOKUP, "description": SSN}]},
        {"metadata": {"note": SSN}},
    ],
)
def test_a_number_of_a_person_stays_here_wherever_it_stands(world: World, fields: dict[str, Any]) -> None:
    before = len(world.cloud.received)
    assert route(world, **fields)[0] == "local" and len(world.cloud.received) == before


def test_what_goes_on_from_a_response_stays_where_its_history_must(world: World) -> None:
    where, first = route(world, input=OTHER)
    assert where == "cloud"
    where, second = route(world, input=SSN, previous_response_id=first.id)
    assert where == "local"
    before = len(world.cloud.received)
    where, _ = route(world, input="And now in one sentence.", previous_response_id=second.id)
    assert where == "local" and len(world.cloud.received) == before


def test_a_redacted_conversation_is_stored_with_its_own_values_and_leaves_redacted_again(world: World) -> None:
    world.cloud.script = echo
    where, first = route(world, input=ASKED)
    assert where == "cloud" and ASKED in first.output_text
    assert ASKED in world.client.responses.retrieve(first.id).output_text
    where, second = route(world, input="Thank you.", previous_response_id=first.id)
    assert where == "cloud" and second.status == "completed"
    world.nothing_leaked()


def test_a_text_to_continue_never_leaves(world: World) -> None:
    world.local.script = says(" and so on")
    before = len(world.cloud.received)
    for prompt in (HARMLESS, SSN):
        for model in ("auto", "local"):
            raw = world.client.completions.with_raw_response.create(model=model, prompt=prompt)
            assert raw.headers["x-nemora-route"] == "local" and raw.parse().choices[0].text == " and so on"
    for model in ("far-model", "far"):
        with pytest.raises(openai.BadRequestError, match="answered here only"):
            world.client.completions.create(model=model, prompt=HARMLESS)
    assert len(world.cloud.received) == before
