"""A value that was cut over strings is found in each; the ends of two sentences make no value."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.core import ChatRequest, Message, ToolCall
from nemora.privacy.finding import Kind
from nemora.privacy.inspect import Inspection, Inspector
from nemora.privacy.segment import segments

CALL = Message("assistant", tool_calls=(ToolCall("c1", "read", '{"path": "a.txt"}'),))


def read(*messages: Message | str) -> Inspection:
    said = tuple(Message("user", m) if isinstance(m, str) else m for m in messages)
    return Inspector(None).inspect(segments(ChatRequest(model="auto", messages=said)))


GO_ON = Message("assistant", "Go on.")
SPLIT = {
    "address": (Kind.EMAIL_ADDRESS, ["My email is milena@fino", GO_ON, "via.io, please note it."]),
    "address by its name": (Kind.EMAIL_ADDRESS, ["My email is milena.hart", GO_ON, "wig@finovia.io"]),
    "telephone": (Kind.PHONE_NUMBER, ["Call me at +49 151 23", GO_ON, "45 6789"]),
    "after others": (
        Kind.PAYMENT_CARD,
        ["My card is 4716 2093", GO_ON, "How do tides work?", Message("assistant", "The moon."), "8854 1728"],
    ),
    "told as halves": (
        Kind.PAYMENT_CARD,
        ["My card: the first half is 4716 2093", GO_ON, "The second half is 8854 1728, thanks"],
    ),
    "result of a tool": (
        Kind.EMAIL_ADDRESS,
        ["My email is milena@fino", CALL, Message("tool", "via.io", tool_call_id="c1")],
    ),
    "arguments": (
        Kind.US_SSN,
        [
            Message(
                "assistant", tool_calls=(ToolCall("c1", "fill", json.dumps({"a": "My SSN is 536-2", "b": "2-1847"})),)
            )
        ],
    ),
}


@pytest.mark.parametrize("way", SPLIT)
def test_a_value_cut_over_strings_is_found(way: str) -> None:
    kind, messages = SPLIT[way]
    found = [f for f in read(*messages).findings if f.kind is kind and f.detector == "joined"]
    assert len({f.where for f in found} | {(f.start, f.end) for f in found}) >= 2


WHOLE = {
    "a word before an address": ["Send it to my email", GO_ON, "bob@finovia.io"],
    "a word after an address": ["My email is bob@finovia.io", GO_ON, "Thanks a lot"],
    "numbers of two sentences": ["Call me, there are 12", GO_ON, "2500 people here in 2024"],
    "path of a tool": ["What is my password", CALL, Message("tool", "done", tool_call_id="c1")],
    "a second half of the year": ["The account grew by 4716 2093", GO_ON, "The second half of 2024 was slow"],
    "two arguments": [
        Message("assistant", tool_calls=(ToolCall("c1", "f", '{"start": "1718900000", "end": "1718903600"}'),))
    ],
}


@pytest.mark.parametrize("way", WHOLE)
def test_what_merely_stands_side_by_side_is_not_joined(way: str) -> None:
    assert not [f for f in read(*WHOLE[way]).findings if f.detector == "joined"]


PIECES = st.lists(
    st.sampled_from(["My email is a.b", "@x", ".io", "call 415", "4716 2093", " the rest is ", "", "é", "…", "\n"])
)


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES.map("".join), max_size=6))
def test_findings_of_joins_lie_inside_their_strings(texts: list[str]) -> None:
    found = read(*texts)
    assert found.complete
    for finding in found.findings:
        text = texts[int(finding.where.split("/")[2])]
        assert 0 <= finding.start < finding.end <= len(text)
