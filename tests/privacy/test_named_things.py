"""One span is one thing, if its score and the form of its value say so."""

from __future__ import annotations

import pytest

from nemora.privacy.finding import Kind
from nemora.privacy.named_things import RULES, named_things
from nemora.privacy.protocols import TaggedSpan
from nemora.privacy.public_figures import PUBLIC_FIGURES, is_public_figure


def found(label: str, value: str, score: float = 0.95) -> list[tuple[Kind, str]]:
    text = f"it is {value} here"
    return [(m.kind, text[m.start : m.end]) for m in named_things(text, [TaggedSpan(label, 6, 6 + len(value), score)])]


@pytest.mark.parametrize(
    ("label", "value", "kind"),
    [
        ("HEALTH_CONDITION", "type 2 diabetes", Kind.HEALTH_CONDITION),
        ("SALARY", "$84,000", Kind.PERSONAL_AMOUNT),
        ("ORGANIZATION", "Orbel Foods", Kind.ORGANISATION),
        ("HANDLE", "@orbel_9", Kind.HANDLE),
        ("RECORD_ID", "E-20417", Kind.RECORD_NUMBER),
        ("PASSWORD", "tr0ub4dor", Kind.PASSWORD),
        ("SECRET", "q8f2-kd93-zz1", Kind.API_KEY),
        ("VEHICLE", "B-KL 4471", Kind.VEHICLE),
        ("PHONE", "416 028 793", Kind.PHONE_NUMBER),
        ("PHONE", "085/9906857", Kind.PHONE_NUMBER),
        ("PHONE", "oh seven seven one two, nine four", Kind.PHONE_NUMBER),
        ("EMAIL", "ada dot berg at gmx dot de", Kind.EMAIL_ADDRESS),
        ("EMAIL", "ada.berg [at] gmx [dot] de", Kind.EMAIL_ADDRESS),
    ],
)
def test_each_label_has_its_kind(label: str, value: str, kind: Kind) -> None:
    assert found(label, value) == [(kind, value)]
    assert found(label, f'"{value}",') == [(kind, value)]
    assert found(label, value, RULES[label].least - 0.01) == []


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("PASSWORD", "changeme"), ("PASSWORD", "welcome"), ("PASSWORD", "${DB_PASSWORD}"), ("SECRET", "your-api-key"),
        ("RECORD_ID", "ID"), ("RECORD_ID", "a@b.example 123"), ("HANDLE", "12345"), ("SALARY", "a lot"), ("VEHICLE", "car"),
        ("PHONE", "202-555-0143"), ("PHONE", "41"), ("PHONE", "2025-11-04T10"), ("PHONE", "call me at the office now please"[:20]),
        ("EMAIL", "ada@gmx.de"), ("EMAIL", "ada at example dot com"), ("EMAIL", "meet me at the station"),
        ("ORGANIZATION", "..."), ("GIVEN_NAME", "Ada"), ("A_LATER_TYPE", "Ada"),
    ],
)  # fmt: skip
def test_a_value_without_the_form_of_its_label_is_nothing(label: str, value: str) -> None:
    assert found(label, value) == []


def test_public_figures_are_known_by_their_whole_name_only() -> None:
    assert is_public_figure("Marie  Curie") and is_public_figure("MARIE CURIE")
    assert not is_public_figure("Curie") and not is_public_figure("Marie Curie-Weber")
    assert all(" " in name or name == "socrates" or not name[0].isascii() for name in PUBLIC_FIGURES)
