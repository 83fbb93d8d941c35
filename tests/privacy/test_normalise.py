"""Disguises fold away, offsets stay right, and real text of other scripts stays as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemora.privacy.normalise import normalise

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)


@pytest.mark.parametrize(
    ("disguised", "plain"),
    [
        ("4\u200b7\u200d1\u20606", "4716"),
        ("pass\u00adword", "password"),
        ("\u202epass\u202cword", "password"),
        ("４７１６", "4716"),
        ("٤٧١٦", "4716"),
        ("𝐩𝐚𝐬𝐬", "pass"),
        ("раsswоrd", "password"),
        ("p\u0336a\u0336s\u0336s", "pass"),
        ("1\u03382", "12"),
        ("".join(chr(0xE0000 + ord(c)) for c in "secret"), "secret"),
        ("a\ufe0fb", "ab"),
        ("cafe\u0301", "café"),
        ("\x1b[31m47\x1b[0m16", "4716"),
        ("4\ufe0f\u20e37\ufe0f\u20e3", "47"),
        ("④➆❶🄋⑹⒌", "471065"),
        ("四七一六二〇九三", "47162093"),
        ("4716·2093", "4716.2093"),
        ("pɑsswоrd", "password"),
        ("“quoted” — ‘so’", "\"quoted\" - 'so'"),
    ],
)
def test_a_disguise_folds_to_the_plain_text(disguised: str, plain: str) -> None:
    assert normalise(disguised).text == plain


@pytest.mark.parametrize(
    "text", ["Привет, как дела сегодня?", "Καλημέρα κόσμε", "こんにちは世界", "नमस्ते दुनिया", "Zoë Müller"]
)
def test_real_text_of_other_scripts_stays(text: str) -> None:
    assert normalise(text).text == text


def test_ascii_is_returned_as_it_is() -> None:
    text = "plain text\nwith lines\tand tabs" * 100
    mapped = normalise(text)
    assert mapped.text is text
    assert mapped.original_span(3, 9) == (3, 9)


@given(ANY_TEXT)
def test_offsets_are_in_range_and_in_order(text: str) -> None:
    mapped = normalise(text)
    last = 0
    for index in range(len(mapped.text)):
        start, end = mapped.original_span(index, index + 1)
        assert 0 <= start < end <= len(text)
        assert start >= last
        last = start


@given(ANY_TEXT)
def test_folding_twice_changes_nothing_more(text: str) -> None:
    once = normalise(text).text
    assert normalise(once).text == once


@given(st.text(alphabet="abc 123\u200b\u00ad\u2060", min_size=1, max_size=40), st.integers(0, 39), st.integers(1, 10))
def test_a_span_maps_to_the_characters_that_it_came_from(text: str, start: int, width: int) -> None:
    mapped = normalise(text)
    if start + width <= len(mapped.text):
        first, last = mapped.original_span(start, start + width)
        assert normalise(text[first:last]).text == mapped.text[start : start + width]
