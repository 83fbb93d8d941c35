"""Thinking that a server signed: told to the client, and given back to that server only as it was said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemora.backends.anthropic_answer import MessageReader
from nemora.backends.anthropic_body import messages_body
from nemora.backends.openai_body import chat_body
from nemora.backends.signed_thinking import SignedBlock, SignedThinking
from nemora.core import ChatRequest, Delta, Message, StopReason, Thinking, Tool, ToolCall
from nemora.privacy.restore import AnswerRestorer
from nemora.server.anthropic_encode import MessageEvents
from nemora.server.anthropic_messages import parse_messages

CALL = ToolCall("toolu_1", "weather", "{}")
WHOLE = {
    "type": "message",
    "content": [
        {"type": "thinking", "thinking": "Lima ", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "aGlk"},
        {"type": "thinking", "thinking": "is warm.", "signature": "bmF0"},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}},
    ],
    "stop_reason": "tool_use",
}


def events_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The message as a stream tells it, a letter at a time."""
    told: list[dict[str, Any]] = []
    fields = {"thinking": ("thinking_delta", "thinking"), "signature": ("signature_delta", "signature")}
    for index, block in enumerate(message["content"]):
        bare = {key: "" if key in fields else value for key, value in block.items() if key != "type"}
        told.append({"type": "content_block_start", "index": index, "content_block": {"type": block["type"], **bare}})
        for name, (kind, field) in fields.items():
            for letter in block.get(name, ""):
                told.append({"type": "content_block_delta", "index": index, "delta": {"type": kind, field: letter}})
        told.append({"type": "content_block_stop", "index": index})
    return [*told, {"type": "message_delta", "delta": {"stop_reason": message["stop_reason"]}}]


def read(message: dict[str, Any], signed: SignedThinking, *, streamed: bool) -> list[Delta]:
    reader = MessageReader("far", frozenset({"weather"}), signed)
    if not streamed:
        return reader.whole(json.dumps(message).encode())
    deltas = [delta for event in events_of(message) for delta in reader.event(json.dumps(event))]
    return [*deltas, reader.end(complete=True)]


def goes_on(reasoning: str | None, **changes: Any) -> ChatRequest:
    fields: dict[str, Any] = {
        "model": "m",
        "messages": (
            Message("user", "Lima?"),
            Message("assistant", None, tool_calls=(CALL,), reasoning=reasoning),
            Message("tool", "18", tool_call_id="toolu_1"),
        ),
        "tools": (Tool("weather"),),
        "thinking": Thinking(enabled=True, budget=2048, budget_is_hint=True),
    }
    return ChatRequest(**fields | changes)


@pytest.mark.parametrize("streamed", [False, True])
def test_what_was_signed_goes_back_as_it_came_and_before_the_call(streamed: bool) -> None:
    signed = SignedThinking()
    deltas = read(WHOLE, signed, streamed=streamed)
    assert (
        "".join(d.reasoning for d in deltas) == "Lima is warm." and "".join(d.signature for d in deltas) == "c2lnbmF0"
    )
    body: Any = messages_body(goes_on("Lima is warm."), "big", signed)
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 2048}
    assert body["messages"][1]["content"] == WHOLE["content"]


@pytest.mark.parametrize("reasoning", ["Lima is hot.", "Lima is warm", "", None])
def test_thinking_that_the_server_did_not_sign_is_left_out_and_its_turn_goes_on_without(reasoning: str | None) -> None:
    signed = SignedThinking()
    read(WHOLE, signed, streamed=False)
    body: Any = messages_body(goes_on(reasoning), "big", signed)
    assert "thinking" not in body and "c2ln" not in json.dumps(body)
    later = goes_on(reasoning)
    asked_anew = goes_on(reasoning, messages=(*later.messages, Message("assistant", "18."), Message("user", "And?")))
    body = messages_body(asked_anew, "big", signed)
    assert body["thinking"]["budget_tokens"] == 2048 and "c2ln" not in json.dumps(body)


def test_thinking_that_is_left_to_the_model_is_asked_for_in_readable_words_and_with_the_effort() -> None:
    adaptive = {"type": "adaptive", "display": "summarized"}
    for effort in ("low", "medium", "high", "xhigh", "max", None):
        body: Any = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "a"}]}
        body |= {"thinking": {"type": "adaptive"}, "output_config": {"effort": effort}}
        sent: Any = messages_body(parse_messages(body).request, "big")
        assert sent["thinking"] == adaptive and sent.get("output_config") == (effort and {"effort": effort})
    form = {"type": "json_schema", "schema": {"type": "object"}}
    body["output_config"] = {"effort": "low", "format": form}
    assert messages_body(parse_messages(body).request, "big")["output_config"] == body["output_config"]
    unasked = messages_body(parse_messages({**body, "thinking": None}).request, "big")  # older models know no effort
    assert "thinking" not in unasked and unasked["output_config"] == {"format": form}


@pytest.mark.parametrize("reasoning", ["Lima is warm.", "Lima is hot.", None])
def test_thinking_that_is_left_to_the_model_needs_no_thinking_before_calls(reasoning: str | None) -> None:
    signed = SignedThinking()
    read(WHOLE, signed, streamed=False)
    body: Any = messages_body(goes_on(reasoning, thinking=Thinking(adaptive=True)), "big", signed)
    assert body["thinking"]["type"] == "adaptive"
    known = reasoning == "Lima is warm."
    assert body["messages"][1]["content"] == (WHOLE["content"] if known else WHOLE["content"][3:])


def test_a_server_of_open_models_is_told_to_think_where_it_is_left_to_the_model() -> None:
    sent = chat_body(goes_on(None, thinking=Thinking(adaptive=True, effort="low")), "m")
    assert sent["chat_template_kwargs"] == {"enable_thinking": True} and sent["reasoning_effort"] == "low"
    assert "chat_template_kwargs" not in chat_body(
        goes_on(None, thinking=Thinking(adaptive=True)), "m", dialect="openai"
    )


def test_thinking_after_words_cannot_go_back_in_its_place_and_so_does_not() -> None:
    signed = SignedThinking()
    read({**WHOLE, "content": [{"type": "text", "text": "Well."}, *WHOLE["content"]]}, signed, streamed=True)
    assert signed.blocks("Lima is warm.") == []


def test_a_signature_of_a_clients_own_never_leaves() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "CANARY-7f3a"}
    turns = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [thought]},
        {"role": "user", "content": "b"},
    ]
    thinking = {"type": "enabled", "budget_tokens": 1024}
    body: Any = {"model": "m", "max_tokens": 2000, "messages": turns, "thinking": thinking}
    sent = messages_body(parse_messages(body).request, "big", SignedThinking())
    assert sent["thinking"] == thinking and "CANARY" not in json.dumps(sent)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("stand_in", ["Lima", "is warm.", "warm. And"])
def test_a_client_gets_each_block_with_its_own_signature_also_where_values_are_put_back(
    streamed: bool, stand_in: str
) -> None:
    deltas = read(WHOLE, SignedThinking(), streamed=streamed)
    restorer, said = AnswerRestorer({stand_in: "VALUE"}, lambda _: True), MessageEvents("m")
    events: list[Any] = [e for d in deltas for r in restorer.feed(d) for e in said.feed(r)]
    events += [e for r in restorer.finish() for e in said.feed(r)] + list(said.end())
    thoughts: dict[int, list[str]] = {}
    for event in events:
        if event["type"] == "content_block_delta" and "json" not in event["delta"]["type"]:
            piece = thoughts.setdefault(event["index"], ["", ""])
            piece[0] += event["delta"].get("thinking", "")
            piece[1] += event["delta"].get("signature", "")
    expected = [["Lima ", "c2ln"], ["is warm.", "bmF0"]]
    assert list(thoughts.values()) == [[text.replace(stand_in, "VALUE"), sign] for text, sign in expected]


@given(st.lists(st.tuples(st.text(max_size=9), st.text(min_size=1, max_size=9), st.booleans()), max_size=4))
def test_blocks_are_the_thinking_cut_where_the_server_cut_it(given_: list[tuple[str, str, bool]]) -> None:
    signed = SignedThinking()
    blocks = [("" if hidden else text, sign, hidden) for text, sign, hidden in given_]
    whole = "".join(text for text, _, _ in blocks)
    signed.remember(whole, [SignedBlock(len(text), sign, hidden) for text, sign, hidden in blocks])
    slow = [
        {"type": "redacted_thinking", "data": sign}
        if hidden
        else {"type": "thinking", "thinking": text, "signature": sign}
        for text, sign, hidden in blocks
    ]
    assert signed.blocks(whole) == (slow if whole else [])


def test_no_more_is_kept_than_there_is_room_for_and_the_last_used_stays() -> None:
    signed = SignedThinking(most=20)
    for word in ("a", "b"):
        signed.remember(word, [SignedBlock(1, "x" * 10)])
    assert signed.blocks("a")
    signed.remember("c", [SignedBlock(1, "x" * 10)])
    assert signed.blocks("a") and signed.blocks("c") and not signed.blocks("b")


@pytest.mark.parametrize(
    ("thinking", "effort"),
    [
        (Thinking(enabled=True, budget=1024), "low"),
        (Thinking(enabled=True, budget=8000), "medium"),
        (Thinking(enabled=True, budget=30_000), "high"),
        (Thinking(enabled=True, budget=30_000, effort="low"), "low"),
        (Thinking(enabled=False, budget=30_000), None),
        (Thinking(adaptive=True), None),
        (Thinking(adaptive=True, effort="max"), "max"),
        (Thinking(), None),
    ],
)
def test_a_budget_is_an_effort_at_a_service_that_knows_no_budget(thinking: Thinking, effort: str | None) -> None:
    asked = goes_on(None, thinking=thinking)
    assert chat_body(asked, "m", dialect="openai").get("reasoning_effort") == effort
    assert (
        chat_body(asked, "m").get("reasoning_effort") == thinking.effort
    )  # a server of open models is told the budget


def test_an_answer_without_thinking_is_read_as_before() -> None:
    deltas = read({**WHOLE, "content": WHOLE["content"][3:]}, SignedThinking(), streamed=True)
    assert deltas[-1].finish is StopReason.TOOL_CALLS and not any(d.reasoning or d.signature for d in deltas)
