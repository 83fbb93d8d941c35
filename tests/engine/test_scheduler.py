"""Turns, without a model: who is served, and how much."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.engine.budget import Budget, Cost
from nemora.engine.request import GenerationParams, Priority
from nemora.engine.scheduler import MAX_OVERTAKEN, Scheduler
from nemora.engine.sequence import Sequence, Stage
from nemora.models.state import KVShape, State

COST = Cost(per_sequence=0, per_position=1, passing=(), growing=0, context=0)
CHUNK = 4
AHEAD = 2 * CHUNK


def sequence(prompt: int, new: int = 3, priority: Priority = Priority.NORMAL) -> Sequence:
    params = GenerationParams(max_tokens=new, temperature=0)
    return Sequence([1] * prompt, params, context=1000, chunk=CHUNK, deliver=lambda _: None, priority=priority)


def scheduler(*, total: int = 10_000, running: int = 64, step_tokens: int = CHUNK) -> Scheduler:
    return Scheduler(max_running=running, step_tokens=step_tokens, budget=Budget(total), cost=COST, most_ahead=AHEAD)


def step(queues: Scheduler) -> Sequence | None:
    """As the engine does it, with a state that only counts."""
    group = queues.next()
    if not group:
        return None
    (picked,) = group
    if picked.state is None:
        picked.state = State(kv=[KVShape(1, 1)], batch=1, capacity=picked.room)
    picked.state.grow(picked.room)
    count = len(picked.next_chunk())
    picked.state.append(0, torch.zeros(1, 1, count, 1), torch.zeros(1, 1, count, 1))
    picked.state.advance(count)
    if picked.computed == len(picked.ids):
        picked.stage = Stage.DECODE
        picked.add(1)
    queues.move(picked)
    queues.check_integrity()
    queues.budget.check_integrity()
    return picked


def run(queues: Scheduler, steps: int = 100_000) -> list[Sequence]:
    order = []
    for _ in range(steps):
        picked = step(queues)
        if picked is None:
            break
        order.append(picked)
    return order


JOBS = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 60), st.sampled_from(Priority)), min_size=1, max_size=12)


@settings(max_examples=100, deadline=None)
@given(jobs=JOBS, running=st.integers(1, 5), spare=st.integers(0, 60), step_tokens=st.integers(1, 20))
def test_everybody_comes_to_an_end_in_as_little_memory_as_the_longest_needs(
    jobs: list[tuple[int, int, Priority]], running: int, spare: int, step_tokens: int
) -> None:
    everyone = [sequence(*job) for job in jobs]
    queues = scheduler(total=max(each.limit for each in everyone) + spare, running=running, step_tokens=step_tokens)
    for each in everyone:
        queues.add(each)
    run(queues)
    assert all(each.stage is Stage.DONE for each in everyone)
    assert (len(queues), queues.budget.held, len(queues.budget)) == (0, 0, 0)


def test_between_two_rounds_of_tokens_no_more_is_read_than_a_round_has() -> None:
    queues = scheduler(step_tokens=10)
    short, long = sequence(1, 30), sequence(400, 1)
    queues.add(short)
    step(queues)
    queues.add(long)
    order = run(queues, 60)
    chunks = "".join("d" if each is short else "p" for each in order).strip("d").split("d")
    assert {len(run) for run in chunks[1:-1]} == {3}  # 9 tokens are left of 10; the third chunk goes beyond


def test_a_higher_priority_has_its_weight_in_tokens() -> None:
    queues = scheduler()
    kinds = {priority: sequence(100_000 // 125, 1, priority) for priority in Priority}
    for each in kinds.values():
        queues.add(each)
    order = run(queues, 105)
    read = {priority: sum(each is kinds[priority] for each in order) for priority in Priority}
    assert read[Priority.HIGH] >= 3.5 * read[Priority.NORMAL] >= 3.5 * 3.5 * read[Priority.LOW] > 0


def test_a_newcomer_neither_waits_for_those_before_nor_stops_them() -> None:
    queues = scheduler()
    old = sequence(400, 1)
    queues.add(old)
    run(queues, 20)
    new = sequence(400, 1)
    queues.add(new)
    order = run(queues, 20)
    assert abs(sum(each is new for each in order) - 10) <= 1 + AHEAD // CHUNK


def test_short_prompts_are_read_one_after_the_other_and_not_all_at_once() -> None:
    queues = scheduler()
    several = [sequence(AHEAD, 1) for _ in range(4)]
    for each in several:
        queues.add(each)
    order = run(queues, 8)
    assert order == [each for each in several for _ in range(2)]


@settings(max_examples=50, deadline=None)
@given(lengths=st.lists(st.integers(1, 40), min_size=50, max_size=50))
def test_a_stream_of_short_prompts_leaves_a_long_one_a_part(lengths: list[int]) -> None:
    queues = scheduler(total=100_000)
    long = sequence(999, 1)
    queues.add(long)
    step(queues)
    read = 0
    for length in lengths:
        short = sequence(length, 1)
        queues.add(short)
        while short.stage is not Stage.DONE:
            assert step(queues) is not None
        read += length
        assert long.stage is Stage.DONE or long.computed >= CHUNK * (read // (AHEAD + CHUNK) - 1)


@pytest.mark.parametrize("others", [(Priority.HIGH, Priority.NORMAL), (Priority.NORMAL, Priority.LOW), tuple(Priority)])
def test_a_short_newcomer_is_next_or_the_one_after(others: tuple[Priority, ...]) -> None:
    queues = scheduler()
    for other in others:
        queues.add(sequence(800, 1, other))
    for _ in range(30):
        run(queues, 3)
        short = sequence(CHUNK, 1, others[0])
        queues.add(short)
        assert short in run(queues, 2)


def test_what_the_cache_knows_of_a_prompt_is_not_left_to_read() -> None:
    queues = Scheduler(
        max_running=9,
        step_tokens=CHUNK,
        budget=Budget(10_000),
        cost=COST,
        known=lambda each: each.prompt_tokens - CHUNK if each.prompt_tokens > 50 else 0,
        most_ahead=AHEAD,
    )
    fresh, known = sequence(50, 1), sequence(100, 1)
    queues.add(fresh)
    queues.add(known)
    group = queues.next()
    assert group == [known]


def test_small_ones_pass_a_large_one_that_has_no_room_but_not_for_ever() -> None:
    queues = scheduler(total=100)
    holder, large = sequence(30, 60), sequence(80, 10)
    queues.add(holder)
    step(queues)
    queues.add(large)
    passed = 0
    while large.stage is Stage.WAITING:
        if holder.stage is not Stage.DONE or passed <= MAX_OVERTAKEN:
            queues.add(sequence(2, 1))
        before = large.overtaken
        assert step(queues) is not None
        passed += large.overtaken > before
    assert 0 < large.overtaken <= MAX_OVERTAKEN
    run(queues)
    assert large.stage is Stage.DONE


def test_a_small_one_does_not_wait_for_one_that_has_no_room_only_as_they_begin_alike() -> None:
    queues = Scheduler(max_running=64, step_tokens=CHUNK, budget=Budget(1000), cost=COST, known=lambda _: 0)
    holder = Sequence([2] * 300, GenerationParams(max_tokens=400), context=1000, chunk=CHUNK, deliver=lambda _: None)
    large, small, third = sequence(900, 10), sequence(200, 1), sequence(200, 1)
    queues.add(holder)
    step(queues)
    for each in (large, small, third):
        queues.add(each)
    order = run(queues, 300)
    assert holder.stage is large.stage.DECODE and large.stage is Stage.WAITING
    assert small.stage is third.stage is Stage.DONE
    chunks = [each for each in order if each in (small, third)]
    assert chunks == [small] * 50 + [third] * 50  # of the two that begin, one still waits for the other
    run(queues)
    assert holder.stage is large.stage is Stage.DONE


def test_who_comes_first_among_those_who_wait_is_by_priority_then_by_arrival() -> None:
    queues = scheduler(running=1)
    queues.add(sequence(1, 1))
    step(queues)
    waiting = [sequence(1, 1, p) for p in (Priority.LOW, Priority.NORMAL, Priority.HIGH, Priority.NORMAL)]
    for each in waiting:
        queues.add(each)
    assert run(queues) == [waiting[2], waiting[1], waiting[3], waiting[0]]


def test_those_who_decode_are_picked_together_and_prompts_are_not() -> None:
    queues = Scheduler(max_running=64, step_tokens=CHUNK, budget=Budget(10_000), cost=COST)
    decoding = [sequence(1, 30) for _ in range(5)]
    for each in decoding:
        queues.add(each)
    while any(each.stage is not Stage.DECODE for each in decoding):
        step(queues)
    long = sequence(40, 1)
    queues.add(long)
    queues.together, queues._left = 3, 0
    queues._turns.clear()  # a round begins
    groups = [queues.next() for _ in range(6)]
    assert sorted(map(len, groups)) == [1, 1, 2, 2, 3, 3]
    assert [group for group in groups if len(group) == 1] == [[long], [long]]
    assert len({id(each) for group in groups for each in group if each is not long}) == 5
