"""Schedules rise, stay and fall as they say, and never leave 0 to 1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemora.errors import UsageError
from nemora.train.schedule import Cosine, Schedule, WarmUpStableDecay


@given(st.integers(1, 200), st.data())
def test_factors_rise_then_never_rise_again(steps: int, data: st.DataObject) -> None:
    warm_up = data.draw(st.integers(0, steps))
    least = data.draw(st.sampled_from([0.0, 0.1]))
    schedule: Schedule
    if data.draw(st.booleans()):
        schedule = WarmUpStableDecay(steps, warm_up, data.draw(st.integers(0, steps - warm_up)), least)
    else:
        schedule = Cosine(steps, warm_up, least)
    factors = [schedule(step) for step in range(steps)]
    assert all(0 < factor <= 1 for factor in factors)
    top = factors.index(max(factors))
    assert factors[: top + 1] == sorted(factors[: top + 1])
    assert factors[top:] == sorted(factors[top:], reverse=True)


def test_a_stable_run_is_level_between_its_slopes() -> None:
    schedule = WarmUpStableDecay(10, 3, 4)
    assert [schedule(step) for step in range(10)] == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1, 0.8, 0.6, 0.4, 0.2])


def test_a_cosine_is_half_way_down_in_the_middle() -> None:
    assert Cosine(12, 2, 0.2)(7) == pytest.approx(0.6)


def test_slopes_longer_than_the_run_are_refused() -> None:
    with pytest.raises(UsageError, match="no room"):
        WarmUpStableDecay(10, 6, 5)
    with pytest.raises(UsageError, match="no room"):
        Cosine(10, 11)
