"""Reasoning ends within its limit, at a line's end where one comes in time, by token ids alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_model import FakeModel
from nemora.engine.engine import Engine
from nemora.engine.request import GenerationParams
from nemora.engine.thinking import ThinkingLimit, ThinkingWatch
from nemora.errors import RequestError

OPEN, CLOSE, NEWLINE, WORD = 12, 13, 10, 7


def limit(*, inside: bool = True, soft: int = 3, hard: int = 6, close: tuple[int, ...] = (CLOSE,)) -> ThinkingLimit:
    return ThinkingLimit(
        open=(OPEN,),
        close=close,
        cut=(NEWLINE, *close),
        newlines=frozenset({NEWLINE}),
        inside=inside,
        soft=soft,
        hard=hard,
    )


def written(allowed: ThinkingLimit, wants: Iterable[int]) -> list[int]:
    """What comes out when the model wants to say `wants`: as long as nothing is forced, the next of it."""
    watch, ids, left = ThinkingWatch(allowed), [], list(wants)
    while left or watch.forced is not None:
        token = watch.forced if watch.forced is not None else left.pop(0)
        watch.accept(token)
        ids.append(token)
    return ids


def slow_thought(ids: Sequence[int], close: Sequence[int], *, inside: bool) -> int | None:
    """The twin: how many tokens stand before the closing tag; None without one, or where nothing was opened."""
    start = 0 if inside else ids.index(OPEN) + 1 if OPEN in ids[:5] else None
    if start is None:
        return None
    for at in range(start, len(ids)):
        if list(ids[at : at + len(close)]) == list(close):
            return at - start
    return None


@given(
    st.lists(st.sampled_from([OPEN, CLOSE, NEWLINE, WORD, 14]), min_size=12, max_size=40),
    st.booleans(),
    st.integers(0, 8),
    st.integers(0, 8),
    st.sampled_from([(CLOSE,), (CLOSE, 14)]),
)
def test_no_reasoning_is_longer_than_its_limit(wants, inside, soft, more, close):
    allowed = limit(inside=inside, soft=soft, hard=soft + more, close=close)
    ids = written(allowed, wants)
    thought = slow_thought(ids, close, inside=inside)
    opened = inside or OPEN in ids[:5]
    if opened:
        so_far = len(ids) - (0 if inside else ids.index(OPEN) + 1)  # an answer may end before its reasoning does
        # A line's end before the tag, and a tag that the model itself had begun to write.
        assert (so_far if thought is None else thought) <= soft + more + len(close)


def test_it_ends_at_the_first_line_end_after_the_soft_limit():
    assert written(limit(), [WORD, NEWLINE, WORD, WORD, NEWLINE, 20]) == [WORD, NEWLINE, WORD, WORD, NEWLINE, CLOSE, 20]


def test_without_a_line_end_it_is_cut_at_the_hard_limit():
    assert written(limit(), [WORD] * 6 + [20, 21]) == [WORD] * 6 + [NEWLINE, CLOSE, 20, 21]


def test_a_model_that_ends_in_time_is_left_alone_for_good():
    wants = [WORD, CLOSE, *[NEWLINE, WORD] * 9, OPEN, *[WORD] * 9]
    assert written(limit(), wants) == wants


def test_a_tag_that_the_model_opens_itself_counts_and_one_further_down_is_text():
    assert written(limit(inside=False), [NEWLINE, OPEN, *[WORD] * 6, 20])[-3:] == [NEWLINE, CLOSE, 20]
    wants = [WORD] * 5 + [OPEN] + [WORD] * 20
    assert written(limit(inside=False), wants) == wants


@pytest.mark.parametrize("inside", [True, False])
def test_no_reasoning_at_all_closes_at_once(inside: bool):
    start = [] if inside else [OPEN]
    assert written(limit(inside=inside, soft=0, hard=0), [*start, 20]) == [*start, CLOSE, 20]


def test_the_engine_writes_the_closing_ids_and_goes_on():
    engine = Engine(FakeModel(), context=64)
    params = GenerationParams(
        max_tokens=20, temperature=1.0, seed=1, logit_bias={NEWLINE: -100, CLOSE: -100}, thinking=limit()
    )
    ids = [i for delta in engine.submit([3, 1, 4], params) for i in delta.ids]
    engine.close()
    assert ids[6:8] == [NEWLINE, CLOSE] and len(ids) == 20
    assert CLOSE not in ids[:6] + ids[8:]


def test_a_limit_without_a_way_to_close_is_refused():
    with pytest.raises(RequestError):
        limit(close=())
    with pytest.raises(RequestError):
        limit(soft=7, hard=6)
