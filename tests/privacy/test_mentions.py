"""Where a value stands again: whole words, in other spelling, and nothing that only looks near."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemora.privacy.finding import Kind
from nemora.privacy.mentions import Known, widened


def mentions(kind: Kind, value: str, text: str) -> set[str]:
    known = Known()
    known.add(kind, value)
    return {text[m.start : m.end] for m in known.mentions(text)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Anna Schmidt", {"Anna Schmidt", "Anna", "Schmidt"}),
        ("ANNA SCHMIDT", {"ANNA SCHMIDT", "ANNA", "SCHMIDT"}),
        ("Schmidt, Anna", {"Schmidt, Anna", "Anna", "Schmidt"}),
        ("anna.schmidt@x.example", {"anna.schmidt"}),
        ("Anna-Maria Schmidthuber", {"Anna"}),
        ("Annas Tasse, Schmidts Haus, savannah Annatto", {"Anna", "Schmidt"}),
        ("Anna Schmidt. Anna Schmidt", {"Anna Schmidt", "Anna", "Schmidt"}),
        ("anna and the schmidt", set()),
        ("Anna K. M. Schmidt", {"Anna K. M. Schmidt", "Anna", "Schmidt"}),
    ],
)
def test_names(text: str, expected: set[str]) -> None:
    assert mentions(Kind.PERSON_NAME, "Anna Schmidt", text) == expected


def test_particles_initials_and_titles_are_no_mention_by_themselves() -> None:
    text = "Dr. van den J. de"
    assert mentions(Kind.PERSON_NAME, "Dr Jan van den Berg de Vries", text) == set()


@pytest.mark.parametrize(
    ("kind", "value", "text", "expected"),
    [
        (Kind.PHONE_NUMBER, "+49 30 83214907", "49-30-8321-4907", {"49-30-8321-4907"}),
        (Kind.PHONE_NUMBER, "+49 30 83214907", "14930832149070", set()),
        (Kind.MAC_ADDRESS, "aa:bb:cc:01:02:03", "AA-BB-CC-01-02-03", {"AA-BB-CC-01-02-03"}),
        (Kind.IP_ADDRESS, "84.17.20.9", "84.17.20.99 84.17.20.9", {"84.17.20.9"}),
        (Kind.STREET_ADDRESS, "5 Elm St, Ayr", "5 ELM ST\nAYR", {"5 ELM ST\nAYR"}),
        (Kind.BANK_ACCOUNT, "1 2", "1 2", set()),
        (Kind.PASSWORD, "abc", "abc", set()),
    ],
)
def test_other_kinds(kind: Kind, value: str, text: str, expected: set[str]) -> None:
    assert mentions(kind, value, text) == expected


@given(st.text(max_size=30), st.sampled_from(list(Kind)), st.text(max_size=60))
def test_any_value_can_be_looked_for_in_any_text_and_is_found_in_its_own(value: str, kind: Kind, text: str) -> None:
    known = Known()
    known.add(kind, value)
    for mention in known.mentions(text):
        assert 0 <= mention.start < mention.end <= len(text)


@given(st.text(max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_widening_never_shrinks_and_ends_at_words(text: str, start: int, end: int) -> None:
    if not start < end <= len(text):
        return
    low, high = widened(text, start, end)
    assert low <= start < end <= high
    assert widened(text, low, high) == (low, high)


def test_a_script_without_spaces_is_not_widened() -> None:
    assert widened("昨天王小明来了", 2, 5) == (2, 5)
