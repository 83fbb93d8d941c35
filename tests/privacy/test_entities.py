"""Spans are written into the text: {GIVEN_NAME|Ann} is what the tagger said, ⟦…⟧ what must come out."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.privacy.entities import entity_matches
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import TaggedSpan


def read(marked: str, score: float = 0.95) -> tuple[str, list[TaggedSpan], list[tuple[int, int]]]:
    text, spans, expected, opened = "", [], [], 0
    for piece in re.split(r"(\{[A-Z_]+\|[^}]*\}|⟦|⟧)", marked):
        if piece == "⟦":
            opened = len(text)
        elif piece == "⟧":
            expected.append((opened, len(text)))
        elif tag := re.fullmatch(r"\{([A-Z_]+)\|([^}]*)\}", piece):
            spans.append(TaggedSpan(tag[1], len(text), len(text) + len(tag[2]), score))
            text += tag[2]
        else:
            text += piece
    return text, spans, expected


def check(marked: str, kind: Kind, *, score: float = 0.95, label: str = "") -> None:
    text, spans, expected = read(marked, score)
    matches = entity_matches(text, spans, label)
    found = [(m.start, m.end) for m in matches]
    assert found == expected, f"found {[text[a:b] for a, b in found]}, expected {[text[a:b] for a, b in expected]}"
    assert all(m.kind == kind for m in matches)


@pytest.mark.parametrize(
    "marked",
    [
        "ask ⟦{GIVEN_NAME|Ada} {SURNAME|Novak}⟧ about it",
        "⟦{SURNAME|Novak}, {GIVEN_NAME|Ada}⟧ called",
        "⟦{GIVEN_NAME|Jan} van der {SURNAME|Berg}⟧",
        "⟦{GIVEN_NAME|Ada} M. {SURNAME|Novak}⟧",
        "⟦J. R. {SURNAME|Novak}⟧ wrote",
        "⟦{GIVEN_NAME|Ada Novak}⟧ wrote",
        "⟦{GIVEN_NAME|美咲} {SURNAME|松本}⟧",
        "dr. ⟦{SURNAME|Novak}⟧ called",
        "Frau ⟦{SURNAME|Novak}⟧",
        "{GIVEN_NAME|Dr. }⟦{SURNAME|Novak}⟧".replace("{GIVEN_NAME|Dr. }", "Dr. "),
        "Name: ⟦{GIVEN_NAME|Georgia}⟧",
        "Customer ⟦{GIVEN_NAME|Georgia}⟧ complained",
        "first_name='⟦{GIVEN_NAME|Georgia}⟧'",
        "Best regards,\n⟦{GIVEN_NAME|Georgia}⟧",
        "⟦{GIVEN_NAME|Ada} Novak⟧ logged in",
        "ask ⟦Ada {SURNAME|Novak}⟧",
        "⟦{GIVEN_NAME|Ada} {SURNAME|Novak}⟧ came. Then ⟦Ada Novak⟧ left.",
        "⟦{GIVEN_NAME|ada} {SURNAME|novak}⟧ wrote",
    ],
)
def test_a_full_name_or_a_name_singled_out_is_a_person(marked: str) -> None:
    check(marked, Kind.PERSON_NAME)


@pytest.mark.parametrize(
    "marked",
    [
        "{GIVEN_NAME|Georgia} has five apples",
        "{SURNAME|Novak} is a common name",
        "between {GIVEN_NAME|Ann}, {GIVEN_NAME|Bert}, and {GIVEN_NAME|Cheryl}",
        "taller than {GIVEN_NAME|Tim}. {GIVEN_NAME|Tim} has one",
        "{GIVEN_NAME|Nancy carves} statues",
        "{CITY|Paris} is nice",
        "my brother {GIVEN_NAME|mike}",
        '"name":"{GIVEN_NAME|Macchiato}"',
        "play a song by {GIVEN_NAME|Ada} {SURNAME|Novak}",
        "what did {GIVEN_NAME|Marie} {SURNAME|Curie} find out",
        "{GIVEN_NAME|ada_novak7}",
        "under the name {GIVEN_NAME|kevin}",
    ],
)
def test_a_bare_first_name_or_a_maker_of_songs_is_none(marked: str) -> None:
    check(marked, Kind.PERSON_NAME)


def test_a_report_by_someone_still_names_a_person() -> None:
    check("the incident report by ⟦{GIVEN_NAME|Ada} {SURNAME|Novak}⟧", Kind.PERSON_NAME)


def test_an_unsure_name_is_none() -> None:
    check("{GIVEN_NAME|wells} {SURNAME|fargo}", Kind.PERSON_NAME, score=0.5)


def test_a_field_called_customer_name_may_hold_one_name() -> None:
    check("⟦{GIVEN_NAME|Georgia}⟧", Kind.PERSON_NAME, label="customerName")
    check("{GIVEN_NAME|Georgia}", Kind.PERSON_NAME, label="state")


@pytest.mark.parametrize(
    "marked",
    [
        "⟦{BUILDING_NUMBER|12} {STREET_NAME|Elm Street}⟧",
        "live at ⟦{BUILDING_NUMBER|12} {STREET_NAME|Elm St}, {CITY|Salem}, {STATE|OR} {ZIP_CODE|97301}⟧.",
        "⟦{STREET_NAME|Hauptstraße} {BUILDING_NUMBER|7a}, {ZIP_CODE|10115} {CITY|Berlin}⟧",
        "⟦{BUILDING_NUMBER|12} {STREET_NAME|Elm Street}\n{SECONDARY_ADDRESS|Apt. 3}\n{CITY|Salem}⟧",
        "my address is ⟦{STREET_NAME|Grote Baan} {BUILDING_NUMBER|477}⟧",
        "⟦{STREET_NAME|Calle Mayor 14}⟧",
    ],
)
def test_the_pieces_of_an_address_are_one_finding(marked: str) -> None:
    check(marked, Kind.STREET_ADDRESS)


@pytest.mark.parametrize(
    "marked",
    [
        "flights to {CITY|Salem}, {STATE|OR}",
        "zip {ZIP_CODE|97301}",
        "{STREET_NAME|madison square garden}",
        "a table for {BUILDING_NUMBER|4} at {STREET_NAME|red robin}",
        "ending in {BUILDING_NUMBER|6211}\n{STREET_NAME|Barron Restaurant}",
        "{BUILDING_NUMBER|4} {STREET_NAME|tall lattes}",
    ],
)
def test_a_town_a_code_or_a_venue_is_none(marked: str) -> None:
    check(marked, Kind.STREET_ADDRESS)


def test_a_number_needs_shape_and_a_word_or_a_high_score() -> None:
    check("passport number ⟦{PASSPORT|X4736251}⟧", Kind.GOVERNMENT_ID)
    check("account ⟦{BANK_ACCOUNT|9051250768}⟧", Kind.BANK_ACCOUNT)
    check("passport number {PASSPORT|X4736251}", Kind.GOVERNMENT_ID, score=0.25)
    check("passport number ⟦{PASSPORT|X4736251}⟧", Kind.GOVERNMENT_ID, score=0.32)
    check("from {GOVERNMENT_ID|9051250768}", Kind.GOVERNMENT_ID, score=0.32)
    check("from {GOVERNMENT_ID|90512}", Kind.GOVERNMENT_ID, score=0.7)
    check("from ⟦{GOVERNMENT_ID|90512}⟧", Kind.GOVERNMENT_ID, score=0.8)
    check("from ⟦{GOVERNMENT_ID|9051250768}⟧", Kind.GOVERNMENT_ID)


@pytest.mark.parametrize(
    "marked",
    [
        "id {GOVERNMENT_ID|37.218.215.19}",
        "session id {DRIVERS_LICENSE|c960c7cc0fb1e6bbbe45cfe631eb7c3a}",
        "card {GOVERNMENT_ID|4242 4242 4242 4242}",
        "ssn {GOVERNMENT_ID|078-05-1120}",
        "id {GOVERNMENT_ID|2024-05-17}",
        "card {BANK_ACCOUNT|0000000000}",
    ],
)
def test_hashes_dates_and_published_samples_are_no_ids(marked: str) -> None:
    check(marked, Kind.GOVERNMENT_ID)


LABELS = [
    "GIVEN_NAME",
    "SURNAME",
    "STREET_NAME",
    "BUILDING_NUMBER",
    "CITY",
    "ZIP_CODE",
    "PASSPORT",
    "PASSWORD",
    "ROUTING_NUMBER",
    "BANK_ACCOUNT",
    "SOMETHING_NEW",
]


def test_a_name_that_ends_in_a_particle_goes_on() -> None:
    for marked in (
        "ask ⟦{GIVEN_NAME|Jean-Luc} {SURNAME|de} la Tour⟧ about it",
        "call ⟦{GIVEN_NAME|Ludwig} {SURNAME|von} und zu {SURNAME|Hohenstein}⟧ now",
    ):
        check(marked, Kind.PERSON_NAME)
    check("and ⟦{GIVEN_NAME|Ada} {SURNAME|Lovelace-Byron}⟧ de nada", Kind.PERSON_NAME)


def test_what_names_a_bank_is_found_beside_an_account_only() -> None:
    for bank in ("ABCDGB2L", "20-47-61"):
        check(f"pay ⟦{{BANK_ACCOUNT|70872490}}⟧ at ⟦{{ROUTING_NUMBER|{bank}}}⟧", Kind.BANK_ACCOUNT)
        text, spans, _ = read(f"their code is {{ROUTING_NUMBER|{bank}}}", 0.6)
        assert not entity_matches(text, spans)


def test_a_pin_needs_a_word_or_a_high_score_and_a_phrase_a_high_score() -> None:
    check("the pin is ⟦{PASSWORD|4071}⟧", Kind.PASSWORD, score=0.8)
    check("暗証番号は⟦{PASSWORD|4071}⟧です", Kind.PASSWORD, score=0.8)
    check("press ⟦{PASSWORD|4071}⟧ at the gate", Kind.PASSWORD, score=0.95)
    check("it is ⟦{PASSWORD|seaside goat barrel}⟧, in lower case", Kind.PASSWORD, score=0.95)
    for marked, score in (
        ("press {PASSWORD|4071}", 0.65),
        ("say {PASSWORD|seaside goat barrel}", 0.65),
        ("the {PASSWORD|goat}", 1),
    ):
        text, spans, _ = read(marked, score)
        assert not entity_matches(text, spans)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40))
def test_a_code_or_a_bank_lies_inside_its_span(value: str) -> None:
    text = f"pin {value} account 70872490"
    spans = [TaggedSpan("PASSWORD", 4, 4 + len(value), 0.99), TaggedSpan("ROUTING_NUMBER", 4, 4 + len(value), 0.99)]
    spans.append(TaggedSpan("BANK_ACCOUNT", 13 + len(value), len(text), 0.99))
    for match in entity_matches(text, [span for span in spans if span.start < span.end]):
        assert 4 <= match.start < match.end <= len(text)


@settings(max_examples=150, deadline=None)
@given(
    st.text(max_size=80),
    st.lists(st.tuples(st.sampled_from(LABELS), st.integers(0, 80), st.integers(0, 80)), max_size=8),
)
def test_any_spans_give_matches_inside_the_text(text: str, raw: list[tuple[str, int, int]]) -> None:
    spans = [
        TaggedSpan(label, min(a, b), min(max(a, b), len(text)), 0.99) for label, a, b in raw if min(a, b) < len(text)
    ]
    for match in entity_matches(text, spans):
        assert 0 <= match.start < match.end <= len(text)
