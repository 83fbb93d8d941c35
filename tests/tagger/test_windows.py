"""Windows cover every token once, and pieces every character."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nemora.tagger.windows import PIECE_CHARS, owned, pieces, windows


@given(st.integers(0, 3000), st.integers(3, 200), st.data())
def test_each_token_is_decided_by_one_window_that_holds_it(count: int, size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size - 1))
    ranges = windows(count, size, overlap)
    decided = []
    for (start, end), (first, last) in zip(ranges, owned(ranges), strict=True):
        assert 0 <= start <= first < last <= end <= count
        assert end - start <= size
        decided += range(first, last)
    assert decided == list(range(count))


@given(st.integers(1, 3000), st.integers(3, 200), st.data())
def test_neighbours_share_at_least_the_overlap(count: int, size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size - 1))
    ranges = windows(count, size, overlap)
    for (_, end), (start, _) in pairwise(ranges):
        assert end - start >= overlap


@given(st.text(alphabet=st.sampled_from("ab \n\u3000😀"), max_size=40), st.integers(0, 3))
def test_pieces_join_to_the_text(text: str, times: int) -> None:
    whole = text * (times * 700)
    parts = list(pieces(whole))
    assert "".join(part for _, part in parts) == whole
    for start, part in parts:
        assert 0 < len(part) <= PIECE_CHARS
        assert whole[start : start + len(part)] == part


def test_pieces_are_cut_after_white_space() -> None:
    parts = list(pieces("word " * 5000))
    assert len(parts) > 2
    assert all(part.endswith(" ") for _, part in parts)
