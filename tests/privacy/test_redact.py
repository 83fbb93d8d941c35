"""Redaction: what was found leaves as a stand-in wherever it stands, or the request stays."""

from __future__ import annotations

import base64
import dataclasses
import html
import json
import re
from typing import Any
from urllib.parse import unquote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.core import ChatRequest, Message, OpaquePart, TextPart, Tool, ToolCall
from nemora.privacy.finding import Finding, Kind
from nemora.privacy.normalise import normalise
from nemora.privacy.placeholder import LOOKALIKE
from nemora.privacy.redact import Redacted, Unredactable, redact, with_note
from nemora.privacy.request_text import strings_of
from nemora.privacy.restore import Restorer, Values
from nemora.privacy.segment import segments

KEY = bytes(range(32))
NAME, MAIL, PHONE = "Tilda Braunfels", "tilda.braunfels@kettlewood.net", "+44 20 7946 0812"


def said(*texts: str, **fields: Any) -> ChatRequest:
    return ChatRequest(model="auto", messages=tuple(Message("user", text) for text in texts), **fields)


def found(request: ChatRequest, *values: tuple[Kind, str]) -> list[Finding]:
    """Findings of each value wherever it stands literally in a string of the request."""
    return [
        Finding(kind, "test", where, match.start(), match.end(), 0.9)
        for where, text in strings_of(request).items()
        for kind, value in values
        for match in re.finditer(re.escape(value), text)
    ]


def done(request: ChatRequest, *values: tuple[Kind, str], **options: Any) -> Redacted:
    result = redact(request, found(request, *values), KEY, **options)
    assert isinstance(result, Redacted), result
    return result


def restored(text: str, redacted: Redacted) -> str:
    restorer = Restorer(Values(redacted.values, in_urls=redacted.in_urls()))
    return restorer.feed(text) + restorer.finish()


def content(redacted: Redacted, index: int = 0) -> str:
    return redacted.request.messages[index].text()


def test_a_value_leaves_as_a_word_that_says_what_it_is_and_comes_back_exactly() -> None:
    text = f"Write to {NAME} ({MAIL}, {PHONE}) about the picnic."
    redacted = done(said(text), (Kind.PERSON_NAME, NAME), (Kind.EMAIL_ADDRESS, MAIL), (Kind.PHONE_NUMBER, PHONE))
    assert re.fullmatch(
        r"Write to PERSON_\w{6} \(email_[a-z0-9]{6}@redacted\.example, PHONE_\w{6}\) about the picnic\.",
        content(redacted),
    )
    assert restored(content(redacted), redacted) == text
    assert redacted.counts == {"person_name": 1, "email_address": 1, "phone_number": 1}


@pytest.mark.parametrize(
    "mention",
    [
        "Ask Tilda first.",
        "Then Braunfels left.",
        "TILDA BRAUNFELS signed.",
        "tilda braunfels said so",
        "Braunfels, Tilda is on the list.",
        "see tilda_braunfels_cv.pdf",
        "the folder /home/tilda.braunfels/notes",
        "Tilda\nBraunfels",
        "Tilda M. Braunfels",
        "Tilda's and BRAUNFELS' things",
        "T\u200bilda B\u200braunfels in disguise",
        "\uff34\uff49\uff4c\uff44\uff41 came",
        "the B\u0440aunfels file",
        "see ?who=Tilda%20Braunfels&n=1 or q=Tilda+Braunfels",
        "&#84;ilda wrote",
        'said "T\\u0069lda"',
    ],
)
def test_a_second_mention_that_nobody_flagged_is_replaced_too(mention: str) -> None:
    redacted = done(said(f"I met {NAME} today.", mention), (Kind.PERSON_NAME, NAME))
    left = content(redacted, 1)
    plain = html.unescape(unquote_plus(normalise(left.replace("\\u0069", "i")).text)).lower()
    assert "tilda" not in plain and "braunfels" not in plain
    assert restored(left, redacted) == mention


@pytest.mark.parametrize(
    ("kind", "value", "mention"),
    [
        (Kind.PHONE_NUMBER, PHONE, "or 44-20-7946-0812, or (44) 20 79460812"),
        (Kind.EMAIL_ADDRESS, MAIL, "also Tilda.Braunfels@Kettlewood.NET"),
        (Kind.STREET_ADDRESS, "14 Quince Lane, Ostermere", "14 quince lane\nOstermere"),
        (Kind.PERSON_NAME, "王小明", "昨天王小明来了"),
    ],
)
def test_another_spelling_of_a_value_is_replaced_too(kind: Kind, value: str, mention: str) -> None:
    redacted = done(said(f"It is {value} here.", mention), (kind, value))
    left = content(redacted, 1)
    assert not set(re.findall(r"\d{4}|[^\W\d_]{5,}|王", value.lower())) & set(re.findall(r"\d{4}|\w+|王", left.lower()))
    assert restored(left, redacted) == mention


def test_words_that_only_contain_a_name_are_left() -> None:
    text = "Annual reports mark the will of the young; Marketing and Willow agree."
    redacted = done(said("Ann Young and Mark Will came.", text), (Kind.PERSON_NAME, "Ann Young"))
    assert content(redacted, 1) == text


def test_half_a_word_is_never_left_behind() -> None:
    text = "I met Tilda Braunfels."
    finding = Finding(Kind.PERSON_NAME, "test", "/messages/0/content", 7, 15, 0.9)
    redacted = redact(said(text), [finding], KEY)
    assert isinstance(redacted, Redacted)
    assert "raunfels" not in content(redacted) and restored(content(redacted), redacted) == text


def test_the_parts_of_one_name_share_a_stem_and_a_model_may_name_either() -> None:
    redacted = done(said(f"{NAME} is here. Tilda waits."), (Kind.PERSON_NAME, NAME))
    whole, first = re.findall(r"PERSON_\w+", content(redacted))
    assert first == f"{whole}_FIRST"
    assert restored(f"Dear Ms {whole}_LAST,", redacted) == "Dear Ms Braunfels,"


def test_every_string_that_is_sent_is_covered() -> None:
    schema = {"type": "object", "properties": {"who": {"type": "string", "description": f"such as {NAME}"}}}
    call = ToolCall("call_1", "lookup", json.dumps({"who": NAME}))
    request = ChatRequest(
        model="auto",
        messages=(
            Message("system", f"You work for {NAME}."),
            Message("user", (TextPart(f"Hi, {NAME} here."), TextPart("And Tilda again.")), name="Tilda-Braunfels"),
            Message("assistant", None, tool_calls=(call,), reasoning=f"{NAME} wants it."),
            Message("tool", f"Found {NAME}.", tool_call_id="call_1"),
        ),
        tools=(Tool("lookup", f"Looks up people like {NAME}.", schema),),
        stop=(f"{NAME}:",),
        unsent={"user": NAME},
    )
    redacted = done(request, (Kind.PERSON_NAME, NAME))
    assert "tilda" not in repr(redacted.request).lower() and "braunfels" not in repr(redacted.request).lower()
    json.loads(redacted.request.messages[2].tool_calls[0].arguments)


@pytest.mark.parametrize(
    "request_",
    [
        dataclasses.replace(said(f"I am {NAME}."), tools=(Tool("find_tilda_braunfels"),)),
        ChatRequest(
            model="auto",
            messages=(
                Message("user", f"I am {NAME}."),
                Message("assistant", None, tool_calls=(ToolCall("tilda_braunfels_1", "f", "{}"),)),
                Message("tool", "ok", tool_call_id="tilda_braunfels_1"),
            ),
        ),
        dataclasses.replace(said(f"I am {NAME}."), tools=(Tool("f", None, {"properties": {"Tilda Braunfels": {}}}),)),
    ],
)
def test_a_value_where_nothing_can_be_replaced_keeps_the_request(request_: ChatRequest) -> None:
    finding = found(said(f"I am {NAME}."), (Kind.PERSON_NAME, NAME))
    assert redact(request_, finding, KEY) == Unredactable("unredactable:elsewhere")


def test_a_finding_in_a_place_that_is_no_editable_string_keeps_the_request() -> None:
    for where in ("/tools/0/function/name", "/messages/0/tool_calls/0/id", "/model", "/messages/7/content"):
        finding = Finding(Kind.PERSON_NAME, "test", where, 0, 4, 0.9)
        assert redact(said("Hello there"), [finding], KEY) == Unredactable("unredactable:place")


def test_a_finding_in_what_is_never_sent_needs_no_replacement() -> None:
    request = said("Hello", unsent={"user": MAIL})
    redacted = redact(request, [Finding(Kind.EMAIL_ADDRESS, "test", "/user", 0, len(MAIL), 0.9)], KEY)
    assert isinstance(redacted, Redacted) and redacted.request.unsent == {} and content(redacted) == "Hello"


def test_what_was_found_in_an_unsent_field_is_replaced_where_it_is_sent() -> None:
    request = said(f"Say hello to {NAME.lower()}.", unsent={"metadata": {"name": NAME}})
    redacted = redact(request, [Finding(Kind.PERSON_NAME, "test", "/metadata/name", 0, len(NAME), 0.9)], KEY)
    assert isinstance(redacted, Redacted) and NAME.lower() not in content(redacted)


def test_too_many_values_keep_the_request() -> None:
    numbers = [f"{n:08d}" for n in range(501)]
    request = said(" ".join(numbers))
    findings = found(request, *((Kind.BANK_ACCOUNT, number) for number in numbers))
    assert redact(request, findings, KEY) == Unredactable("unredactable:too_many")


def test_encoded_content_is_never_edited_and_keeps_the_request() -> None:
    encoded = base64.b64encode(f"contact {NAME} at {MAIL}".encode()).decode()
    text = f"Decode {encoded} please"
    finding = Finding(Kind.EMAIL_ADDRESS, "test", "/messages/0/content", 7, 7 + len(encoded), 0.9)
    assert redact(said(text), [finding], KEY) == Unredactable("unredactable:encoded")
    inside = Finding(Kind.EMAIL_ADDRESS, "test", "/messages/0/content", 12, 24, 0.9)
    assert redact(said(text), [inside], KEY) == Unredactable("unredactable:encoded")


def test_part_of_a_name_by_chance_in_binary_data_is_left_as_it_is() -> None:
    data = "iVBORw0KGgoAAAANSUhEUgAAAAUA+Tilda+AAABQCAYAAACNbyblAAAAHElEQVQI12P4Braunfels9"
    text = f"data:image/png;base64,{data}="
    redacted = done(said(f"I am {NAME}.", text), (Kind.PERSON_NAME, NAME))
    assert content(redacted, 1) == text


@pytest.mark.parametrize("kind", [Kind.UNREADABLE, Kind.WORK_MATTER, Kind.TECHNICAL_MATTER, Kind.HEALTH_MATTER])
def test_what_is_sensitive_as_a_whole_cannot_be_redacted(kind: Kind) -> None:
    finding = Finding(kind, "test", "/messages/0/content", 0, 5, 1.0)
    assert redact(said("Hello"), [finding], KEY) == Unredactable(f"unredactable:{kind}")


def test_a_value_split_over_strings_keeps_the_request() -> None:
    finding = Finding(Kind.PHONE_NUMBER, "joined", "/messages/0/content", 0, 5, 0.9)
    assert redact(said("+4420", "7946 0812"), [finding], KEY) == Unredactable("unredactable:split")


def test_opaque_parts_are_left_alone() -> None:
    picture = OpaquePart("image_url", {"type": "image_url", "image_url": {"url": f"https://x.example/{NAME}"}})
    request = ChatRequest(model="auto", messages=(Message("user", (TextPart(f"I am {NAME}."), picture)),))
    finding = Finding(Kind.PERSON_NAME, "test", "/messages/0/content/0/text", 5, 5 + len(NAME), 0.9)
    assert redact(request, [finding], KEY) == Unredactable("unredactable:elsewhere")


# JSON


def test_arguments_stay_valid_json_whatever_a_value_holds() -> None:
    value = 'Zoë "Zed" O\\Hara'
    arguments = json.dumps({"to": value, "note": f"for {value}!", "n": 3})  # escapes: \u00eb, \" and \\
    call = ToolCall("c", "mail", arguments)
    request = ChatRequest(model="auto", messages=(Message("assistant", None, tool_calls=(call,)),))
    where = "/messages/0/tool_calls/0/function/arguments"
    start = arguments.index("Zo")
    finding = Finding(Kind.PERSON_NAME, "test", where, start, start + len(json.dumps(value)) - 2, 0.9)
    redacted = redact(request, [finding], KEY)
    assert isinstance(redacted, Redacted)
    left = redacted.request.messages[0].tool_calls[0].arguments
    stand_in = json.loads(left)["to"]
    assert LOOKALIKE.fullmatch(stand_in) and json.loads(left) == {"to": stand_in, "note": f"for {stand_in}!", "n": 3}
    restorer = Restorer(Values(redacted.values, as_json=True))
    assert json.loads(restorer.feed(left) + restorer.finish()) == json.loads(arguments)


def test_a_value_in_json_in_json_is_found_as_it_is_and_comes_back_at_any_depth() -> None:
    value, inner = 'Zoë "Zed" O\\Hara', {"to": 'Zoë "Zed" O\\Hara', "card": 4716209388541728}
    arguments = json.dumps({"body": json.dumps({"body": json.dumps(inner)}), "to": value})
    call = ToolCall("c", "mail", arguments)
    request = ChatRequest(model="auto", messages=(Message("assistant", None, tool_calls=(call,)),))
    where = "/messages/0/tool_calls/0/function/arguments"
    start, number = arguments.index("Zo"), arguments.index("4716")
    end = arguments.index("Hara") + len("Hara")
    findings = [
        Finding(Kind.PERSON_NAME, "test", where, start, end, 0.9),
        Finding(Kind.PAYMENT_CARD, "test", where, number, number + 16, 0.9),
    ]
    redacted = redact(request, findings, KEY)
    assert isinstance(redacted, Redacted)
    assert set(redacted.values.values()) >= {value, "4716209388541728"}
    left = redacted.request.messages[0].tool_calls[0].arguments
    stand_in = json.loads(left)["to"]
    held = json.loads(json.loads(json.loads(left)["body"])["body"])
    assert held["to"] == stand_in and LOOKALIKE.fullmatch(held["card"])
    restorer = Restorer(Values(redacted.values, as_json=True))
    restored = json.loads(restorer.feed(left) + restorer.finish())
    assert restored["to"] == value
    assert json.loads(json.loads(restored["body"])["body"]) == {"to": value, "card": "4716209388541728"}


def test_an_escaped_spelling_in_json_is_the_same_value() -> None:
    result = json.dumps([{"name": "Zoë Ümlaut"}])
    assert "\\u" in result
    request = ChatRequest(
        model="auto",
        messages=(Message("user", "I am Zoë Ümlaut."), Message("tool", result, tool_call_id="c")),
    )
    redacted = done(request, (Kind.PERSON_NAME, "Zoë Ümlaut"))
    stand_in = content(redacted, 0).removeprefix("I am ").removesuffix(".")
    assert json.loads(content(redacted, 1)) == [{"name": stand_in}]


def test_a_number_in_json_becomes_a_string_so_that_the_text_stays_json() -> None:
    result = '{"phone": 442079460812, "age": 44}'
    request = said(result)
    finding = Finding(Kind.PHONE_NUMBER, "test", "/messages/0/content", 10, 22, 0.9)
    redacted = redact(request, [finding], KEY)
    assert isinstance(redacted, Redacted)
    left = json.loads(content(redacted))
    assert LOOKALIKE.fullmatch(left["phone"]) and left["age"] == 44


def test_a_finding_over_several_json_values_replaces_each_and_no_key() -> None:
    result = '{"street": "14 Quince Lane", "city": "Ostermere", "ok": true}'
    finding = Finding(Kind.STREET_ADDRESS, "test", "/messages/0/content", 12, 47, 0.9)
    redacted = redact(said(result), [finding], KEY)
    assert isinstance(redacted, Redacted)
    left = json.loads(content(redacted))
    assert list(left) == ["street", "city", "ok"] and left["ok"] is True
    assert "Quince" not in content(redacted) and "Ostermere" not in content(redacted)


def test_a_value_in_a_url_of_the_request_comes_back_there_and_in_no_other_hosts() -> None:
    text = f"Open https://kettlewood.net/people/Tilda-Braunfels?m={MAIL} for {NAME}, or https://other.net/x?t=1"
    redacted = done(said(text), (Kind.PERSON_NAME, NAME), (Kind.EMAIL_ADDRESS, MAIL))
    assert restored(content(redacted), redacted) == text
    stand_ins = [stand_in for _, stand_in in redacted.in_urls()]
    assert {host for host, _ in redacted.in_urls()} == {"kettlewood.net"} and len(stand_ins) == 2
    for stand_in in stand_ins:
        for url in (f"https://other.net/?q={stand_in}", f"![x](http://evil.net/{stand_in}.png)"):
            assert restored(url, redacted) == url


def test_a_value_far_into_a_url_of_the_request_comes_back_there() -> None:
    far = f"https://kettlewood.net/{'path/' * 1_000}{MAIL}"
    redacted = done(said(f"Open {far} please."), (Kind.EMAIL_ADDRESS, MAIL))
    assert MAIL not in content(redacted) and {host for host, _ in redacted.in_urls()} == {"kettlewood.net"}
    assert restored(content(redacted), redacted) == f"Open {far} please."


# Stand-ins: stable, apart from each other, and not forged


def test_stand_ins_are_the_same_in_every_later_turn_and_after_a_restart() -> None:
    first = done(said(f"I am {NAME}."), (Kind.PERSON_NAME, NAME))
    turns = said(f"I am {NAME}.", "Hello Tilda, I am Orla Vance.", "tilda braunfels again")
    later = done(turns, (Kind.PERSON_NAME, NAME), (Kind.PERSON_NAME, "Orla Vance"))
    assert content(first) == content(later)
    assert done(turns, (Kind.PERSON_NAME, NAME), (Kind.PERSON_NAME, "Orla Vance")) == later


def test_which_spelling_has_which_stand_in_depends_on_the_order_of_the_text_alone() -> None:
    """A later turn finds a spelling that this one has not: those that were only mentioned keep their stand-ins."""
    spellings = ["".join(c.upper() if n >> i & 1 else c for i, c in enumerate("tilda b")) for n in range(1, 40)]
    before = [f"{spelling}raunfels signed." for spelling in spellings if spelling[-1] == "b" and spelling[0] == "T"]
    texts = [f"I am {NAME}.", *before]
    first = done(said(*texts), (Kind.PERSON_NAME, NAME))
    for n in range(40):
        other = f"Tilda{' ' * (n + 2)}Braunfels"
        later = done(said(*texts, other), (Kind.PERSON_NAME, NAME), (Kind.PERSON_NAME, other))
        assert later.request.messages[:-1] == first.request.messages


def test_other_conversations_tenants_and_keys_get_other_stand_ins() -> None:
    request = said(f"I am {NAME}.")
    finding = found(request, (Kind.PERSON_NAME, NAME))
    results = [
        redact(request, finding, KEY),
        redact(request, finding, KEY, tenant="other"),
        redact(request, finding, bytes(32)),
    ]
    for other in (said(f"It is me, {NAME}."), said("Hi", f"I am {NAME}."), said("Hi", f"{NAME} is who I am.")):
        system = dataclasses.replace(other, messages=(Message("system", f"Of {NAME}"), *other.messages))
        results += [redact(each, found(each, (Kind.PERSON_NAME, NAME)), KEY) for each in (other, system)]
    stand_ins = [next(iter(result.values)) for result in results if isinstance(result, Redacted)]
    assert len(stand_ins) == 9 and len(set(stand_ins)) == 6  # a system text of an application changes nothing


def test_many_values_never_share_a_stand_in() -> None:
    names = [
        f"Person{chr(97 + i // 26)}{chr(97 + i % 26)} Nachname{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(400)
    ]
    redacted = done(said("; ".join(names)), *((Kind.PERSON_NAME, name) for name in names))
    assert restored(content(redacted), redacted) == "; ".join(names)
    assert len(set(re.findall(r"PERSON_\w+", content(redacted)))) == 400


def full_width(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if c.isalnum() else c for c in text)


@pytest.mark.parametrize(
    "change", [str, str.lower, lambda t: t.replace("_", "\\_"), lambda t: t.replace("_", "%5F"), full_width]
)
def test_text_that_looks_like_a_stand_in_can_neither_be_restored_nor_collide(change: Any) -> None:
    request = said(f"I am {NAME}.")
    true = next(iter(done(request, (Kind.PERSON_NAME, NAME)).values))
    forged = change(true)
    attack = dataclasses.replace(
        request, messages=(*request.messages, Message("user", f"Repeat {forged} and PERSON_C2C2C2"))
    )
    redacted = done(attack, (Kind.PERSON_NAME, NAME))
    assert true not in content(redacted, 1) and forged not in content(redacted, 1) and redacted.forged == 2
    assert restored(content(redacted, 1), redacted) == f"Repeat {forged} and PERSON_C2C2C2"


def test_a_stand_in_that_a_tool_was_called_with_comes_back_as_the_same() -> None:
    request = said(f"Search for {NAME}.")
    true = next(iter(done(request, (Kind.PERSON_NAME, NAME)).values))
    arguments = json.dumps({"query": true})
    history = dataclasses.replace(
        request,
        messages=(
            *request.messages,
            Message("assistant", None, tool_calls=(ToolCall("c", "web_search", arguments),)),
            Message("tool", f"Nothing about {true} nor PERSON_C2C2C2.", tool_call_id="c"),
        ),
    )
    redacted = done(history, (Kind.PERSON_NAME, NAME))
    assert redacted.request.messages[1].tool_calls[0].arguments == arguments
    assert true in content(redacted, 2) and "PERSON_C2C2C2" not in content(redacted, 2)


def test_findings_inside_stand_ins_count_no_more_and_all_others_do() -> None:
    redacted = done(said(f"Call {NAME} now"), (Kind.PERSON_NAME, NAME))
    text = content(redacted)
    stand_in = text.split()[1]
    start, end = text.index(stand_in), text.index(stand_in) + len(stand_in)
    where = "/messages/0/content"
    inside = [
        Finding(Kind.API_KEY, "test", where, start, end, 1.0),
        Finding(Kind.API_KEY, "t", where, start + 2, end, 1.0),
    ]
    assert redacted.leftover(inside) == []
    wider = [
        Finding(Kind.PERSON_NAME, "test", where, start - 5, end, 1.0),
        Finding(Kind.PERSON_NAME, "test", where, start, end + 1, 1.0),
        Finding(Kind.PERSON_NAME, "test", where, 0, 4, 1.0),
        Finding(Kind.UNREADABLE, "test", where, 0, 0, 1.0),
        Finding(Kind.PERSON_NAME, "test", "/tools/0/function/name", 0, 4, 1.0),
    ]
    assert redacted.leftover(wider) == wider


def test_the_note_goes_to_the_first_system_text() -> None:
    assert with_note(said("Hi")).messages[0].role == "system"
    for content_ in ("Be kind.", (TextPart("Be kind."),)):
        noted = with_note(ChatRequest(model="auto", messages=(Message("system", content_), Message("user", "Hi"))))
        assert len(noted.messages) == 2 and noted.messages[0].text().startswith("Be kind.")
        assert not LOOKALIKE.search(noted.messages[0].text())


WORDS = st.sampled_from(
    [NAME, "Tilda", "BRAUNFELS", MAIL, PHONE, "PERSON_K3F7Q2", "email_k3f7q2@redacted.example", "the"]
)
FILL = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(WORDS, FILL), min_size=1, max_size=8))
def test_restoring_what_was_redacted_gives_back_the_request(pieces: list[tuple[str, str]]) -> None:
    text = f"{NAME}, " + "".join(f" {word} {fill}" for word, fill in pieces)
    request = said(text)
    values = ((Kind.PERSON_NAME, NAME), (Kind.EMAIL_ADDRESS, MAIL), (Kind.PHONE_NUMBER, PHONE))
    redacted = redact(request, found(request, *values), KEY)
    if isinstance(redacted, Redacted):
        assert restored(content(redacted), redacted) == text
        assert NAME not in content(redacted) and MAIL not in content(redacted) and PHONE not in content(redacted)
        assert all(NAME not in segment.text for segment in segments(redacted.request))
