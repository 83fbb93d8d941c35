"""Invisible characters neither join what they separate nor carry text unread."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemora.privacy.invisible import other_readings

CARD = "4716 2093 8854 1728"


def smuggled(text: str) -> str:
    return "".join(chr(0xE0100 + byte - 16) for byte in text.encode())


@pytest.mark.parametrize("gap", ["\u200b", "\x00", "\u2060", "\u00ad", "\ufe0f", "\U000e0001"])
def test_an_invisible_character_is_also_read_as_a_space(gap: str) -> None:
    assert "order 4716" in {reading.text for reading in other_readings(f"order{gap}4716")}


def test_overridden_text_is_read_as_it_is_shown() -> None:
    text = f"pay \u202e{CARD[::-1]}\u202c now"
    (turned,) = (reading for reading in other_readings(text) if reading.text == CARD)
    assert turned.original_span(0, 4) == (20, 24)


def test_bytes_in_variation_selectors_are_read() -> None:
    text = f"a smile\U0001f600{smuggled(CARD)}."
    (hidden,) = (reading for reading in other_readings(text) if reading.text == CARD)
    assert hidden.original_span(0, 3) == (8, 8 + len(CARD))


@pytest.mark.parametrize("text", ["plain text", "Zoë said “no”", "Привет", "日本語"])
def test_visible_text_is_read_once(text: str) -> None:
    assert other_readings(text) == []


@given(
    st.text(
        st.one_of(st.sampled_from("\u202e\u200b\ufe01\U000e0141ab1"), st.characters(codec=None, exclude_categories=())),
        max_size=60,
    )
)
def test_offsets_are_in_range(text: str) -> None:
    for reading in other_readings(text):
        for index in range(len(reading.text)):
            start, end = reading.original_span(index, index + 1)
            assert 0 <= start < end <= len(text)
