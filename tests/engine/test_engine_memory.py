"""Admission by memory: who does not fit waits, who can never fit is told the sum, and nobody who runs is ended."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from fake_model import FakeModel, solo
from nemora.engine.engine import Engine
from nemora.engine.generation import Generation
from nemora.engine.request import GenerationParams, Priority
from nemora.errors import ContextLengthExceeded, ModelError, Overloaded

POSITION = 8  # bytes that a position takes in the fake model
CHUNK = 4


GROWING = 4  # and what each position of the context adds to the workspace


def less(workspace: int, positions: int) -> int:
    """Memory for one sequence of so many positions, where `workspace` is that of 64."""
    return workspace - (64 - positions) * GROWING + positions * POSITION


def params(count: int) -> GenerationParams:
    return GenerationParams(max_tokens=count, temperature=0)


def tokens(generation: Generation) -> list[int]:
    return [i for delta in generation for i in delta.ids]


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture
def workspace(model: FakeModel) -> int:
    engine = Engine(model, context=64, prefill_chunk=CHUNK)
    engine.close()
    return engine._memory.cost.workspace


@pytest.fixture
def small(model: FakeModel, workspace: int) -> Iterator[Engine]:
    """Room for one sequence of the whole context, or two of half of it."""
    engine = Engine(model, context=64, prefill_chunk=CHUNK, memory=workspace + 64 * POSITION, max_waiting_tokens=100)
    yield engine
    if model.gate is not None:
        model.gate.release(10_000)
    engine.close()


def test_what_does_not_fit_beside_others_waits_and_disturbs_nobody(small: Engine, model: FakeModel) -> None:
    model.gate = threading.Semaphore(0)
    first, second = small.submit([1] * 30, params(20)), small.submit([2] * 30, params(20))
    model.entered.acquire()
    assert (len(small._scheduler.waiting), small._memory.budget.held) == (1, 50 * POSITION)
    model.gate.release(10_000)
    assert tokens(first) == solo([1] * 30, 20)
    assert tokens(second) == solo([2] * 30, 20)
    assert model.passes.index((2,) * CHUNK) == 8 + 19  # all chunks of the first, and all its tokens
    small.check_integrity()
    assert small._memory.budget.held == 0


def test_what_memory_never_holds_is_refused_beforehand_with_the_sum(model: FakeModel, workspace: int) -> None:
    engine = Engine(model, context=64, prefill_chunk=CHUNK, memory=less(workspace, 40))
    assert engine.context == 40
    with pytest.raises(
        ContextLengthExceeded, match=r"length is 40 tokens.*41 positions × 8 bytes \+ workspace"
    ) as caught:
        engine.submit([1] * 40, params(1))
    needed = engine._memory._cost(41)
    assert f"= {needed.workspace + 41 * POSITION:,} bytes (0.0 GB)" in caught.value.message
    assert f"{less(workspace, 40):,} bytes are there" in caught.value.message
    with pytest.raises(ContextLengthExceeded, match="41 positions"):
        engine.logprobs([1] * 40, [[1]])
    assert tokens(engine.submit([1] * 39, params(5))) == solo([1] * 39, 1)
    assert model.passes == [(1,) * 4] * 9 + [(1,) * 3]
    engine.close()


def test_an_engine_without_memory_is_refused_with_the_sum(model: FakeModel, workspace: int) -> None:
    with pytest.raises(ModelError, match=r"2 positions × 8 bytes"):
        Engine(model, context=64, prefill_chunk=CHUNK, memory=less(workspace, 1))


def test_questions_wait_for_memory_until_their_deadline(small: Engine, model: FakeModel) -> None:
    model.gate = threading.Semaphore(0)
    running = small.submit([1] * 30, params(34))
    model.entered.acquire()
    with pytest.raises(ModelError, match="did not end"):
        small.logprobs([2] * 30, [[3]], seconds=0.05)
    model.gate.release(10_000)
    tokens(running)
    assert len(small.logprobs([2] * 30, [[3]], seconds=60)) == 1
    small.check_integrity()
    assert small._memory.budget.held == 0


def test_the_cache_gives_back_what_sequences_need(model: FakeModel, workspace: int) -> None:
    total = 20_000
    engine = Engine(model, context=64, prefill_chunk=CHUNK, memory=workspace + total + 64 * POSITION, cache_bytes=total)
    cache = engine._memory.cache
    assert cache is not None
    for start in range(1, 9):
        tokens(engine.submit([start] * 40, params(1)))
    assert cache.bytes > total // 2
    model.gate = threading.Semaphore(0)
    while model.entered.acquire(blocking=False):
        pass
    many = [engine.submit([10], params(1))]
    model.entered.acquire()
    many += [engine.submit([9] * 60, params(4)) for _ in range(40)]
    model.gate.release()
    model.entered.acquire()  # after the first, all that fit were let in
    assert engine._memory.budget.held + cache.bytes <= engine._memory.budget.total
    assert engine._memory.budget.held > total * 0.9
    model.gate.release(10_000)
    for generation in many:
        tokens(generation)
    engine.check_integrity()
    engine.close()


def test_too_many_waiting_tokens_are_refused_and_one_long_prompt_is_not(small: Engine, model: FakeModel) -> None:
    model.gate = threading.Semaphore(0)
    running = small.submit([1] * 50, params(10))
    model.entered.acquire()
    waiting = [small.submit([2] * 60, params(1)), small.submit([2] * 40, params(1))]
    with pytest.raises(Overloaded, match="100 tokens") as caught:
        small.submit([3], params(1))
    assert caught.value.retry_after is not None and caught.value.retry_after >= 1
    model.gate.release(10_000)
    for generation in (running, *waiting):
        tokens(generation)
    tokens(small.submit([3], params(1)))


def test_a_higher_priority_is_read_first(model: FakeModel) -> None:
    engine = Engine(model, context=64, prefill_chunk=CHUNK, max_running=1)
    model.gate = threading.Semaphore(0)
    first = engine.submit([1], params(1))
    model.entered.acquire()
    low = engine.submit([2], params(1), priority=Priority.LOW)
    high = engine.submit([3], params(1), priority=Priority.HIGH)
    model.gate.release(10_000)
    for generation in (first, low, high):
        tokens(generation)
    assert model.passes == [(1,), (3,), (2,)]
    engine.close()


def test_further_answers_to_a_long_prompt_are_not_too_many_tokens(small: Engine) -> None:
    first = small.submit([2] * 40, params(2))
    others = [small.submit([2] * 40, params(2), follows=first) for _ in range(5)]
    assert [tokens(each) for each in (first, *others)] == [solo([2] * 40, 2)] * 6
