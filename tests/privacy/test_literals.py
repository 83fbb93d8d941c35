"""Literals in a text, against Python's own search for each."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.privacy.literals import Literals

PIECES = st.text(st.sampled_from("abc?\xe9\u043d. "), min_size=1, max_size=4)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=12), st.text(st.sampled_from("abc?\xe9\u043d\xff. "), max_size=60))
def test_those_that_stand_in_a_text_are_found_and_no_others(literals: list[str], text: str) -> None:
    assert Literals(literals).there(text) == {literal for literal in literals if literal in text}


def test_a_long_text_with_many_literals_loses_none() -> None:
    literals = [f"key{number}:" for number in range(400)]
    assert Literals(literals).there(" ".join(literals)) == set(literals)
