"""What RE2 is asked first may not lose a match: every pattern gives the matches that Python's `re` gives."""

from __future__ import annotations

import gc
import re

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

import nemora.privacy.disclosures
import nemora.privacy.inspect  # noqa: F401 - loads every pattern
from nemora.privacy.quick_pattern import SHORT, QuickPattern, QuickSet, QuickWords, wider

QUICK = sorted(
    (found for found in gc.get_objects() if type(found) is QuickPattern), key=lambda quick: quick.plain.pattern
)
FILLER = "0 pa\u017f\u017fword: \u0130ban \u212aey=ab-12 caf\u00e9 4716 2093 a@b.c \n" * 2
PATTERNS = [
    r"(?i)key\s{0,3}[:=]\s{0,3}(?P<value>\w{4,400})",
    r"(?<![a-z])ab+?c(?!d)",
    r"([\"'])[^\"'\n]{1,300}\1",
    r"(?:a|(?-i:B)|\u00e9)[^x\d]",
    r"(?s)x.{2,}+y",
    r"(?>a+)b|\S\W\D",
    r"(?m)^\s*\d{3}$",
    r"[\u0131\u017f]s|[\u00e0-\u00ff]{2}",
    r"(q)?(?(1)r|s)t",
]


def spans(matches: object) -> list[tuple[int, int]]:
    return [match.span() for match in matches]  # type: ignore[attr-defined]


def test_the_patterns_of_the_detectors_are_here() -> None:
    assert len(QUICK) > 300


@pytest.mark.parametrize("quick", QUICK, ids=range(len(QUICK)))
def test_a_wider_pattern_can_be_made_of_every_pattern_in_use(quick: QuickPattern) -> None:
    assert not QuickSet([quick]).may("\n" * SHORT) or quick.plain.search("\n" * SHORT) is not None


@settings(max_examples=200, deadline=None)
@given(st.data(), st.lists(st.sampled_from(QUICK), min_size=1, max_size=12))
def test_a_set_of_patterns_leaves_none_out_that_matches(data: st.DataObject, several: list[QuickPattern]) -> None:
    inside = data.draw(st.from_regex(several[0].plain))
    for text in (inside, f"{FILLER}{inside}é{FILLER}"):
        matching = {number for number, quick in enumerate(several) if quick.plain.search(text)}
        assert matching <= QuickSet(several).may(text)


def test_a_set_says_that_a_pattern_does_not_match() -> None:
    assert QuickSet([QuickPattern("abc[0-9]"), QuickPattern("x+")]).may("abc? x ?") == {1}


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from(QUICK), st.integers(0, 90), st.integers(60, 400))
def test_a_pattern_in_use_loses_no_match(data: st.DataObject, quick: QuickPattern, start: int, length: int) -> None:
    inside = data.draw(st.from_regex(quick.plain))
    text = FILLER + inside + FILLER
    assert spans(quick.finditer(text)) == spans(quick.plain.finditer(text))
    assert spans(quick.finditer(text, start, start + length)) == spans(
        quick.plain.finditer(text, start, start + length)
    )


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from(PATTERNS), st.sampled_from([0, re.IGNORECASE]))
def test_any_pattern_loses_no_match(data: st.DataObject, pattern: str, flags: int) -> None:
    quick = QuickPattern(pattern, flags)
    text = "".join(data.draw(st.lists(st.one_of(st.from_regex(quick.plain), st.text(max_size=8)), max_size=12)))
    text += FILLER
    assert spans(quick.finditer(text)) == spans(quick.plain.finditer(text))
    first, plain = quick.search(text), quick.plain.search(text)
    assert (first and first.span()) == (plain and plain.span())


@given(st.text("iIsSkK\u0130\u0131\u017f\u212a", min_size=SHORT))
def test_letters_that_only_unicode_calls_equal_are_found(text: str) -> None:
    for pattern in ("isk", "[i-s]K", "\u0130s", "\u212a[\u017f]"):
        quick = QuickPattern(pattern, re.IGNORECASE)
        assert spans(quick.finditer(text)) == spans(quick.plain.finditer(text))


def test_a_text_full_of_places_that_are_tried_in_vain_is_read_to_its_end() -> None:
    quick = QuickPattern(r"\d(?=x)")
    text = "1234567890" * 100 + "7x"
    assert spans(quick.finditer(text)) == [(1000, 1001)]


def test_a_pattern_that_matches_nothing_cannot_be_looked_for() -> None:
    with pytest.raises(ValueError, match="empty"):
        wider(re.compile("a*"))


def test_words_that_re2_does_not_take_are_refused() -> None:
    assert QuickWords(["pin", "card"]).any_in("my PIN, please")
    with pytest.raises(re2.error):
        QuickWords(["pin", "(card"]).any_in("my PIN, please")
