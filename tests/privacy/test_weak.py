"""What counts for no decision and is replaced all the same: candidates of the model, parts and short forms of values."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.core import ChatRequest, Message, Tool
from nemora.privacy.candidates import candidates
from nemora.privacy.entities import entity_matches
from nemora.privacy.finding import Finding, Kind
from nemora.privacy.inspect import Inspector
from nemora.privacy.parts import parts
from nemora.privacy.protocols import Reading, Segment, TaggedSpan
from nemora.privacy.redact import Redacted, redact
from nemora.privacy.request_text import strings_of
from nemora.privacy.restore import Restorer, Values

KEY = bytes(range(32))
NAME, MAIL = "Robert Braunfels", "tilda.osterhagen@kettlewood.net"


class Names:
    """Calls every capitalised word of a list a given name."""

    name = "names"

    def read(self, texts: list[str]) -> list[Reading]:
        return [Reading(tuple(spans_of(text)), ()) for text in texts]


def spans_of(text: str) -> list[TaggedSpan]:
    return [TaggedSpan("GIVEN_NAME", *m.span(), 0.9) for m in re.finditer("Iqra|Morgan", text)]


def found(request: ChatRequest, kind: Kind, value: str, detector: str = "test") -> list[Finding]:
    return [
        Finding(kind, detector, where, m.start(), m.end(), 0.9)
        for where, text in strings_of(request).items()
        for m in re.finditer(re.escape(value), text)
    ]


def sent(text: str, kind: Kind, value: str, *weak: tuple[Kind, str]) -> tuple[str, Redacted]:
    request = ChatRequest(model="auto", messages=(Message("user", f"{value} is here."), Message("user", text)))
    also = [finding for k, v in weak for finding in found(request, k, v)]
    redacted = redact(request, found(request, kind, value), KEY, weak=also)
    assert isinstance(redacted, Redacted), redacted
    left = redacted.request.messages[1].text()
    restorer = Restorer(Values(redacted.values))
    assert restorer.feed(left) + restorer.finish() == text
    return left, redacted


@pytest.mark.parametrize(
    ("kind", "value", "text", "gone"),
    [
        (Kind.PERSON_NAME, NAME, "Bob said so", "Bob"),
        (Kind.PERSON_NAME, NAME, "signed R. Braunfels", "R. "),
        (Kind.PERSON_NAME, NAME, "signed Robert B. here", "B."),
        (Kind.PERSON_NAME, NAME, "ask rbraunfels12 about it", "rbraunfels"),
        (Kind.EMAIL_ADDRESS, MAIL, "Tilda wrote", "Tilda"),
        (Kind.EMAIL_ADDRESS, MAIL, "the record of T**** O********* stands", "T****"),
        (Kind.STREET_ADDRESS, "14 Quince Lane, Ostermere", "a house in Ostermere on Quince Lane", "Ostermere"),
        (Kind.PAYMENT_CARD, "4716 2093 8854 1728", "the card ending in 1728, please", "1728"),
        (Kind.PAYMENT_CARD, "4716 2093 8854 1728", "it shows **** 1728 here", "1728"),
    ],
)
def test_a_short_form_of_a_replaced_value_is_replaced_too(kind: Kind, value: str, text: str, gone: str) -> None:
    assert gone not in sent(text, kind, value)[0]


@pytest.mark.parametrize(
    "text",
    ["bob up and down", "will you mark **bold** words, x**2 or 2 ** 8?", "order 1728 came", "RB-12", "Robertson came"],
)
def test_ordinary_words_and_code_beside_a_name_are_left(text: str) -> None:
    assert sent(text, Kind.PERSON_NAME, NAME)[0] == text


def test_a_weak_candidate_is_replaced_wherever_it_stands_and_is_counted_as_replaced() -> None:
    text = "Everyone knows Iqra; IQRA does."
    left, redacted = sent(text, Kind.PERSON_NAME, NAME, (Kind.PERSON_NAME, "Iqra"))
    assert "iqra" not in left.lower()
    assert [(f.start, f.end) for f in redacted.replaced if f.where == "/messages/1/content"] == [(15, 19), (21, 25)]


def test_a_weak_candidate_is_no_reason_to_stay_and_replaces_nothing_alone() -> None:
    tool = Tool("ask_Iqra", "Asks.", {"type": "object", "properties": {"Iqra": {"type": "string"}}})
    request = ChatRequest(model="auto", messages=(Message("user", f"{NAME} and Iqra"),), tools=(tool,))
    redacted = redact(
        request, found(request, Kind.PERSON_NAME, NAME), KEY, weak=found(request, Kind.PERSON_NAME, "Iqra")
    )
    assert isinstance(redacted, Redacted)
    assert "Iqra" not in redacted.request.messages[0].text() and redacted.request.tools[0].name == "ask_Iqra"
    alone = ChatRequest(model="auto", messages=(Message("user", "Iqra is here."),))
    nothing = redact(alone, [], KEY, weak=found(alone, Kind.PERSON_NAME, "Iqra"))
    assert isinstance(nothing, Redacted) and nothing.request == alone


def test_a_bare_name_is_weak_and_no_finding() -> None:
    inspection = Inspector(Names()).inspect([Segment("/messages/0/content", "We saw Iqra there.")])
    assert inspection.findings == () and [f.kind for f in inspection.weak] == [Kind.PERSON_NAME]


@pytest.mark.parametrize(
    "text", ["Morgan.run()", "class_Morgan = 1", "Morgan(x)", "src/Morgan/a.py", "`Morgan`", "a::Morgan::b"]
)
def test_a_name_inside_an_identifier_is_no_candidate(text: str) -> None:
    assert not candidates(text, spans_of(text))


def test_an_address_in_its_whole_form_is_found_without_the_model() -> None:
    text = "Send it here:\n37 Melum 50\n Apt. 241\n Finnby\n Spain 96857\nthanks"
    (match,) = entity_matches(text, ())
    assert match.kind is Kind.STREET_ADDRESS and text[match.start : match.end].endswith("Spain 96857")
    assert not entity_matches("10 students share a flat 3 times in room 12 and read 20000 words", ())


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40), st.sampled_from([k for k in Kind if not k.endswith("_matter")]))
def test_parts_of_any_value_are_expressions_that_compile(value: str, kind: Kind) -> None:
    for _, expression in parts(kind, value):
        re.compile(expression)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="IqraMorgan Bob.,*_R\n1728é", max_size=60))
def test_whatever_is_weak_comes_back_exactly(text: str) -> None:
    sent(text, Kind.PERSON_NAME, NAME, (Kind.PERSON_NAME, "Iqra"), (Kind.PERSON_NAME, "Morgan"))
