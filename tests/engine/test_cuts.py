"""Where prompts are cut: alike as far as they are alike."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from nemora.engine.cuts import least, stable_cuts

BOUNDARIES = st.lists(st.integers(-5, 400))


@given(length=st.integers(0, 400), more=st.integers(0, 200), boundaries=BOUNDARIES, chunk=st.integers(1, 60))
def test_what_follows_moves_no_cut(length: int, more: int, boundaries: list[int], chunk: int) -> None:
    whole = stable_cuts(length + more, boundaries, chunk)
    assert stable_cuts(length, boundaries, chunk) == [cut for cut in whole if cut <= length]


@given(length=st.integers(0, 400), boundaries=BOUNDARIES, chunk=st.integers(1, 60))
def test_pieces_are_never_too_short_nor_longer_than_a_chunk(length: int, boundaries: list[int], chunk: int) -> None:
    cuts = [0, *stable_cuts(length, boundaries, chunk)]
    for before, cut in itertools.pairwise(cuts):
        assert least(chunk) <= cut - before <= chunk
        assert cut - before == chunk or cut in boundaries
    assert 0 <= length - cuts[-1] < chunk


@given(length=st.integers(1, 400), boundaries=BOUNDARIES, chunk=st.integers(2, 60))
def test_a_boundary_is_a_little_after_a_cut_at_most(length: int, boundaries: list[int], chunk: int) -> None:
    cuts = [0, *stable_cuts(length, boundaries, chunk)]
    for boundary in boundaries:
        if 0 < boundary <= length:
            assert boundary - max(cut for cut in cuts if cut <= boundary) < least(chunk)


def test_without_boundaries_every_chunk_is_whole() -> None:
    assert stable_cuts(10, (), 4) == [4, 8]
    assert stable_cuts(8, (), 4) == [4, 8]
    assert stable_cuts(3, (), 4) == []
