"""Random requests with values planted anywhere in any spelling: what leaves holds none, and comes back whole."""

from __future__ import annotations

import dataclasses
import html
import json
import re
from functools import partial
from typing import Any
from urllib.parse import quote, unquote_plus

from hypothesis import given, settings
from hypothesis import strategies as st
from name_list import Reading

from nemora.backends.openai_body import chat_body, encode
from nemora.core import ChatRequest, Message, TextPart, Tool, ToolCall
from nemora.privacy.classify import classify
from nemora.privacy.decide import decide
from nemora.privacy.finding import Sensitivity
from nemora.privacy.normalise import normalise
from nemora.privacy.policy import Action, Policy
from nemora.privacy.request_text import strings_of
from nemora.privacy.restore import Restorer, Values
from nemora.server.redaction import Redaction, Redactor

NAME, MAIL, OTHER = "Tilda Braunfels", "tb.office@kettlewood.net", "Orla Vance"
CANARIES = ("tilda", "braunfels", "kettlewood", "orla", "vance")
SPELLINGS = (
    str,
    str.upper,
    quote,
    lambda v: "\u200b".join(v),
    lambda v: v.replace(" ", "_"),
    lambda v: v.replace(" ", "  "),
    lambda v: v.replace("a", "&#97;"),
    lambda v: v.replace("l", "\\u006c"),
    lambda v: v.replace("l", "%6C"),
    lambda v: json.dumps({"v": [v, 1]}),
    lambda v: f"https://kettle.example/{quote(v)}?x={quote(v, safe='')}",
    lambda v: v.split()[-1],
    lambda v: f"({v})'s",
    lambda v: "PERSON_K3F7Q2 " + v,
)
FILLER = st.sampled_from(
    [
        "please",
        "the picnic on Saturday",
        "and",
        "\n",
        '"quoted"',
        "{",
        "ok: ",
        "\\n",
        "é",
        "你好",
        "a PERSON_H4H4H4",
        "//",
        ", ",
    ]
)
PLANTED = st.builds(lambda value, spell: spell(value), st.sampled_from([NAME, MAIL, OTHER]), st.sampled_from(SPELLINGS))
TEXT = st.lists(FILLER | PLANTED, min_size=1, max_size=5).map(" ".join)


def _call(text: str) -> ToolCall:
    return ToolCall("call_1", "save", json.dumps({"who": text, "list": [text, 7], text[:9]: None}))


MESSAGES = st.one_of(
    TEXT.map(lambda t: (Message("user", t),)),
    TEXT.map(lambda t: (Message("user", (TextPart(t), TextPart(f"More of {t}"))),)),
    TEXT.map(lambda t: (Message("assistant", t, reasoning=t),)),
    TEXT.map(lambda t: (Message("assistant", None, tool_calls=(_call(t),)), Message("tool", t, tool_call_id="call_1"))),
    TEXT.map(lambda t: (Message("tool", json.dumps([{"name": t}], indent=1), tool_call_id="call_1"),)),
)
REQUESTS = st.builds(
    lambda groups, system, described: ChatRequest(
        model="auto",
        messages=(
            Message("system", system),
            Message("user", f"I am {NAME}, {MAIL}, with {OTHER}."),
            *(m for g in groups for m in g),
        ),
        tools=(
            Tool(
                "save", described, {"type": "object", "properties": {"who": {"type": "string", "default": described}}}
            ),
        ),
        stop=(described,),
        unsent={"user": described},
    ),
    st.lists(MESSAGES, min_size=1, max_size=4),
    TEXT,
    TEXT,
)


def redaction(request: ChatRequest) -> Redaction:
    policy, reading = Policy(), Reading()
    classified = partial(classify, class_of=policy.class_of)
    found = reading.inspect(request)
    decision = decide(found, classified(found), Sensitivity.PUBLIC, policy)
    if decision.action is not Action.REDACT:
        return Redaction(decision.action.value)
    return Redactor(bytes(32), reading).redact(request, decision, policy=policy, classify=classified)


def read_by_anyone(body: bytes) -> str:
    """Everything that could be read out of a body without a key: unescaped, folded, without separators of words."""
    text = body.decode("utf-8")
    for _ in range(3):
        text = html.unescape(unquote_plus(text))
        text = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), text)
        text = normalise(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")).text
    return text.lower()


def restored(text: str, sent: Redaction, *, as_json: bool) -> str:
    restorer = Restorer(Values(sent.values, as_json=as_json, in_urls=sent.in_urls))
    return restorer.feed(text) + restorer.finish()


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list | dict)
    except ValueError:
        return False


@settings(max_examples=40, deadline=None)
@given(REQUESTS, TEXT)
def test_nothing_planted_leaves_and_everything_comes_back(request: ChatRequest, more: str) -> None:
    sent = redaction(request)
    if sent.request is None:
        assert sent.outcome in ("local", "found_again") or sent.outcome.startswith("unredactable:")
        return
    left = read_by_anyone(encode(chat_body(sent.request, "far")))
    assert not [canary for canary in CANARIES if canary in left]
    _comes_back(request, sent)
    later = redaction(dataclasses.replace(request, messages=(*request.messages, Message("user", more))))
    if later.request is not None:
        assert later.request.messages[: len(sent.request.messages)] == sent.request.messages


def _comes_back(request: ChatRequest, sent: Redaction) -> None:
    before = strings_of(request)
    assert sent.request is not None
    after: dict[str, Any] = strings_of(sent.request)
    for where, text in before.items():
        if where == "/messages/0/content":  # the note stands behind it
            assert restored(after[where], sent, as_json=_is_json(text)).startswith(text)
        elif _is_json(text):
            assert json.loads(restored(after[where], sent, as_json=True)) == json.loads(text)
        else:
            assert restored(after[where], sent, as_json=False) == text


def test_the_fuzz_does_let_requests_leave() -> None:
    """The control: requests of these shapes are redacted, not merely kept."""
    request = ChatRequest(
        model="auto",
        messages=(
            Message("user", f"I am {NAME}, write to {MAIL} https://kettle.example/{quote(NAME)}."),
            Message("assistant", None, tool_calls=(_call(f"{OTHER} please"),)),
            Message("tool", json.dumps([{"name": NAME.upper()}], indent=1), tool_call_id="call_1"),
        ),
    )
    assert redaction(request).outcome == "redacted"


def test_arguments_whose_escapes_end_in_what_begins_a_url_come_back_whole() -> None:
    call = _call(f"\n // {NAME}")
    messages = (Message("user", f"I am {NAME}, {MAIL}."), Message("assistant", None, tool_calls=(call,)))
    sent = redaction(ChatRequest(model="auto", messages=messages))
    assert sent.request is not None
    left = sent.request.messages[-1].tool_calls[0].arguments
    assert NAME not in left and json.loads(restored(left, sent, as_json=True)) == json.loads(call.arguments)
