from __future__ import annotations

import itertools
import threading
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_model import VOCAB, FakeModel, solo
from nemora.core import StopReason
from nemora.engine import sequence
from nemora.engine.engine import Engine
from nemora.engine.generation import Generation
from nemora.engine.request import GenerationParams, TokenDelta
from nemora.errors import ContextLengthExceeded, LocalModelDown, ModelError, Overloaded, RequestError


def greedy(count: int, **more: object) -> GenerationParams:
    return GenerationParams(max_tokens=count, temperature=0, **more)  # type: ignore[arg-type]


def collect(generation: Generation) -> tuple[list[int], StopReason | None]:
    deltas = list(generation)
    assert [d.is_last for d in deltas] == [False] * (len(deltas) - 1) + [True]
    return [i for d in deltas for i in d.ids], deltas[-1].finish


@pytest.fixture
def model():
    return FakeModel()


@pytest.fixture
def engine(model):
    engine = Engine(model, context=64, prefill_chunk=4)
    yield engine
    if model.gate is not None:
        model.gate.release(10_000)
    engine.close()


def test_greedy_continuation_is_the_models(engine):
    assert collect(engine.submit([3, 1, 4, 1, 5, 9], greedy(10))) == (solo([3, 1, 4, 1, 5, 9], 10), StopReason.LENGTH)


def test_concurrent_sequences_equal_their_solo_runs(engine):
    prompts = [[1 + n % 7] * (1 + n % 13) for n in range(32)]
    generations = [engine.submit(p, greedy(9)) for p in prompts]
    assert [collect(g)[0] for g in generations] == [solo(p, 9) for p in prompts]
    engine.check_integrity()


def test_stop_id_ends_and_is_not_emitted(engine):
    expected = solo([5, 6], 6)
    ids, finish = collect(engine.submit([5, 6], greedy(6, stop_ids=frozenset({expected[3]}))))
    assert ids == expected[: expected.index(expected[3])]
    assert finish is StopReason.STOP


def test_context_ends_a_sequence(engine):
    ids, finish = collect(engine.submit([1] * 60, greedy(100)))
    assert (len(ids), finish) == (4, StopReason.LENGTH)


def test_prompt_that_fills_the_context_is_refused_with_both_numbers(engine):
    with pytest.raises(ContextLengthExceeded, match=r"\b64\b.*\b64\b"):
        engine.submit([1] * 64, greedy(1))


@pytest.mark.parametrize("ids", [[], [VOCAB], [-1]])
def test_ids_that_no_model_could_read_are_refused(engine, ids):
    with pytest.raises(RequestError):
        engine.submit(ids, greedy(1))


def test_long_prompt_delays_others_by_one_chunk_at_a_time(engine, model):
    model.gate = threading.Semaphore(0)
    short = engine.submit([7], greedy(8))
    model.entered.acquire()
    long = engine.submit([2] * 40, greedy(1))
    model.gate.release(10_000)
    collect(short), collect(long)
    chunks = [index for index, ids in enumerate(model.passes) if len(ids) == 4]
    assert len(chunks) == 10
    between = [b - a for a, b in itertools.pairwise(chunks)]
    assert between[:6] == [2] * 6  # a decode step of the short one between any two chunks


def test_a_short_prompt_is_read_before_the_rest_of_a_long_one(engine, model):
    model.gate = threading.Semaphore(0)
    blocker = engine.submit([9], greedy(1))
    model.entered.acquire()
    long = engine.submit([2] * 40, greedy(1))
    short = engine.submit([3] * 8, greedy(1))
    model.gate.release(10_000)
    for generation in (blocker, long, short):
        collect(generation)
    assert [p[0] for p in model.passes[1:5]] == [3, 3, 2, 2]


def test_decoding_is_fair(engine, model):
    model.gate = threading.Semaphore(0)
    order: list[int] = []
    done = threading.Semaphore(0)

    def listener(n: int):
        def take(delta: TokenDelta) -> None:
            order.append(n)
            if delta.is_last:
                done.release()

        return take

    for n in range(5):
        engine.submit([n + 1], greedy(6), on_delta=listener(n))
    model.gate.release(10_000)
    for _ in range(5):
        assert done.acquire(timeout=30)
    for upto in range(1, len(order)):
        counts = Counter(dict.fromkeys(range(5), 0)) + Counter(order[:upto])
        assert max(counts.values()) - min(counts.get(n, 0) for n in range(5)) <= 5  # admission runs ahead at most
    assert Counter(order) == Counter(dict.fromkeys(range(5), 6))


def test_cancel_takes_effect_within_one_step(engine, model):
    model.gate = threading.Semaphore(0)
    generation = engine.submit([1], greedy(50))
    for _ in range(3):
        model.entered.acquire()
        if len(model.passes) < 2:
            model.gate.release()
    generation.cancel()  # the third pass runs now
    model.gate.release(10_000)
    ids, finish = collect(generation)
    assert finish is StopReason.CANCELLED
    assert len(model.passes) == 3
    assert len(ids) == 3


def test_cancel_of_a_waiting_sequence_runs_nothing(model):
    model.gate = threading.Semaphore(0)
    engine = Engine(model, context=64, max_running=1)
    first = engine.submit([1], greedy(2))
    model.entered.acquire()
    second = engine.submit([2], greedy(2))
    second.cancel()
    model.gate.release(10_000)
    assert collect(second) == ([], StopReason.CANCELLED)
    collect(first)
    assert all(2 not in ids[:1] or len(model.passes) == 2 for ids in model.passes)
    assert len(model.passes) == 2
    engine.close()


def test_leaving_the_loop_cancels(engine, model):
    generation = engine.submit([1], greedy(60))
    for _ in generation:
        break
    del _
    engine.submit([2], greedy(1)).__iter__().__next__()
    for _ in range(1000):
        if engine.active == 0:
            break
        collect(engine.submit([3], greedy(1)))
    assert engine.active == 0
    assert len(model.passes) < 1050


def test_model_failure_fails_only_its_sequence():
    model = FakeModel(fail_on=13)
    engine = Engine(model, context=64, prefill_chunk=4)
    bad = engine.submit([1, 1, 1, 1, 13], greedy(4))
    good = engine.submit([2, 2], greedy(3))
    with pytest.raises(ModelError) as caught:
        list(bad)
    assert "content" not in str(caught.value)
    assert len(collect(good)[0]) == 3 or 13 in solo([2, 2], 3)
    assert engine.alive
    engine.check_integrity()
    engine.close()


def test_callback_that_raises_ends_only_its_sequence(engine):
    def broken(_: TokenDelta) -> None:
        raise ValueError("client gone")

    engine.submit([1], greedy(50), on_delta=broken)
    assert collect(engine.submit([2], greedy(4)))[0] == solo([2], 4)
    assert engine.active == 0


def test_full_queue_is_overloaded_and_says_when_to_retry(model):
    model.gate = threading.Semaphore(0)
    engine = Engine(model, context=64, max_running=1, max_waiting=1)
    waiting = [engine.submit([1], greedy(1)), engine.submit([1], greedy(1))]
    with pytest.raises(Overloaded) as caught:
        engine.submit([1], greedy(1))
    assert caught.value.retry_after is not None and caught.value.retry_after >= 1
    model.gate.release(10_000)
    for generation in waiting:
        collect(generation)
    engine.submit([1], greedy(1)).cancel()
    engine.close()


def test_close_tells_every_waiter_and_later_callers(model):
    model.gate = threading.Semaphore(0)
    engine = Engine(model, context=64, max_running=2)
    generations = [engine.submit([n + 1], greedy(30)) for n in range(4)]
    model.entered.acquire()
    closer = threading.Thread(target=engine.close)
    closer.start()
    while engine.alive:
        pass
    model.gate.release(10_000)
    closer.join()
    for generation in generations:
        with pytest.raises(LocalModelDown):
            list(generation)
    with pytest.raises(LocalModelDown):
        engine.submit([1], greedy(1))
    assert not engine.alive
    engine.check_integrity()
    engine.close()


def test_death_of_the_thread_tells_every_waiter(model, monkeypatch):
    model.gate = threading.Semaphore(0)
    engine = Engine(model, context=64)
    generations = [engine.submit([1], greedy(30)), engine.submit([2], greedy(30))]
    model.entered.acquire()
    monkeypatch.setattr(engine._scheduler, "move", lambda _: 1 / 0)
    model.gate.release(10_000)
    for generation in generations:
        with pytest.raises(LocalModelDown):
            list(generation)
    with pytest.raises(LocalModelDown):
        engine.submit([1], greedy(1))


def test_mask_bounds_every_token_and_hears_each(engine):
    class OnlyEven:
        def __init__(self) -> None:
            self.heard: list[int] = []

        def allowed(self) -> torch.Tensor:
            return torch.arange(VOCAB) % 2 == 0

        def accept(self, token_id: int) -> None:
            self.heard.append(token_id)

    mask = OnlyEven()
    ids, _ = collect(engine.submit([1, 2], greedy(8), mask=mask))
    assert ids == mask.heard
    assert all(i % 2 == 0 for i in ids)


def test_mask_that_permits_nothing_is_an_error_of_that_sequence(engine):
    class Nothing:
        def allowed(self) -> torch.Tensor:
            return torch.zeros(VOCAB, dtype=torch.bool)

        def accept(self, token_id: int) -> None:
            raise AssertionError

    with pytest.raises(ModelError):
        list(engine.submit([1], greedy(1), mask=Nothing()))


def test_seed_repeats_and_its_company_does_not_matter(engine):
    params = GenerationParams(max_tokens=12, temperature=1.3, seed=7)
    alone = collect(engine.submit([4, 4], params))
    company = [engine.submit([n + 1], GenerationParams(max_tokens=20, temperature=2.0)) for n in range(6)]
    assert collect(engine.submit([4, 4], params)) == alone
    for generation in company:
        collect(generation)
    other = collect(engine.submit([4, 4], GenerationParams(max_tokens=12, temperature=1.3, seed=8)))
    assert other != alone


def test_timings_count_what_was_done(engine):
    generation = engine.submit([1] * 10, greedy(5))
    collect(generation)
    timings = generation.timings()
    assert (timings.prompt_tokens, timings.new_tokens) == (10, 5)
    assert timings.prefill_tokens_per_second > 0
    assert timings.decode_tokens_per_second > 0


@pytest.mark.parametrize(
    ("field", "value"),
    [("max_tokens", 0), ("temperature", -1.0), ("temperature", float("nan")), ("top_k", 0), ("top_p", 0.0), ("top_p", 1.1), ("min_p", 2.0)],
)  # fmt: skip
def test_params_out_of_range_are_refused_by_name(field, value):
    with pytest.raises(RequestError) as caught:
        GenerationParams(**{"max_tokens": 1, field: value})
    assert caught.value.param == field


actions = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.integers(1, 30), st.integers(1, 12)),
        st.tuples(st.just("cancel"), st.integers(0, 40), st.just(0)),
        st.tuples(st.just("check"), st.just(0), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(actions, st.integers(1, 4))
def test_any_schedule_of_submits_and_cancels_ends_well(schedule, max_running):
    engine = Engine(FakeModel(), context=64, prefill_chunk=3, max_running=max_running, max_waiting=50)
    submitted: list[tuple[list[int], int, Generation]] = []
    cancelled: set[int] = set()
    for action, first, second in schedule:
        if action == "submit":
            prompt = [first] * first
            submitted.append((prompt, second, engine.submit(prompt, greedy(second))))
        elif action == "cancel" and submitted:
            cancelled.add(first % len(submitted))
            submitted[first % len(submitted)][2].cancel()
        elif action == "check":
            engine.check_integrity()
    for index, (prompt, count, generation) in enumerate(submitted):
        ids, finish = collect(generation)
        expected = solo(prompt, count)
        assert ids == expected[: len(ids)]
        assert (finish is StopReason.LENGTH and ids == expected) or index in cancelled
    engine.check_integrity()
    assert engine.active == 0
    engine.close()
    assert not engine.alive


def test_memory_grows_with_the_sequence_and_changes_nothing(engine, monkeypatch):
    monkeypatch.setattr(sequence, "GROWTH", 2)
    capacities: list[int] = []
    original = FakeModel.forward

    def watched(self, ids, state, *, last_only=False):
        capacities.append(state.capacity)
        return original(self, ids, state, last_only=last_only)

    monkeypatch.setattr(FakeModel, "forward", watched)
    assert collect(engine.submit([3, 1, 4], greedy(30)))[0] == solo([3, 1, 4], 30)
    assert capacities[0] < 8
    assert 2 < len(set(capacities)) < 12
    assert max(capacities) <= 64
