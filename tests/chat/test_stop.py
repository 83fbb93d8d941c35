from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.chat.stop import StopMatcher, first_of, held_length

letters = st.text("ab\n", max_size=20)


def run(matcher: StopMatcher, pieces: list[str]) -> str:
    return "".join(matcher.feed(piece) for piece in pieces) + matcher.flush()


@settings(max_examples=300)
@given(
    st.lists(st.text("ab\n", max_size=4), max_size=12), st.lists(st.text("ab\n", min_size=1, max_size=4), max_size=3)
)
def test_result_does_not_depend_on_the_split(pieces, stops):
    text = "".join(pieces)
    found = first_of(text, stops)
    matcher = StopMatcher(stops)
    assert run(matcher, pieces) == (text if found is None else text[: found[0]])
    assert matcher.stopped == (found is not None)
    assert matcher.found == (None if found is None else found[1])
    assert run(StopMatcher(stops), list(text)) == run(StopMatcher(stops), [text])


@given(st.lists(letters, max_size=6), st.text("ab\n", min_size=2, max_size=4))
def test_nothing_is_emitted_that_a_stop_takes_back(pieces, stop):
    matcher = StopMatcher([stop])
    final = "".join(pieces).partition(stop)[0]
    read = emitted = ""
    for piece in pieces:
        read += piece
        emitted += matcher.feed(piece)
        assert final.startswith(emitted)
        if not matcher.stopped:  # and no more is held back than must be
            assert len(read) - len(emitted) == held_length(read, [stop])


def test_string_that_ends_first_wins():
    assert first_of("xabcd", ["abcd", "bc"]) == (2, "bc")
    assert first_of("xabc", ["bc", "abc"]) == (1, "abc")


def test_no_stops_hold_nothing_back():
    assert StopMatcher([]).feed("abc") == "abc"
    assert StopMatcher([""]).feed("abc") == "abc"
