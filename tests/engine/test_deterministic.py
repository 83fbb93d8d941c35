"""The same seed gives the same tokens, whatever company a sequence has and whatever the cache knows."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fake_model import FakeModel
from nemora.engine.engine import Engine
from nemora.engine.generation import Generation
from nemora.engine.request import GenerationParams
from nemora.engine.sampler import choice_seed
from nemora.errors import Overloaded
from watched_model import VOCABULARY, WatchedModel, small_model

CHUNK = 16


def text(length: int, seed: int) -> list[int]:
    draw = random.Random(seed)
    return [draw.randrange(3, VOCABULARY) for _ in range(length)]


def tokens(generation: Generation) -> list[int]:
    return [i for delta in generation for i in delta.ids]


def params(seed: int = 11) -> GenerationParams:
    return GenerationParams(
        max_tokens=14, temperature=0.9, top_p=0.95, seed=seed, frequency_penalty=0.4, repetition_penalty=1.1
    )


@pytest.fixture(params=["hybrid", "llama"])
def watched(request: pytest.FixtureRequest, tmp_path: Path) -> WatchedModel:
    return WatchedModel(small_model(request.param, tmp_path))


@pytest.fixture
def engine(watched: WatchedModel) -> Iterator[Engine]:
    engine = Engine(watched, context=512, prefill_chunk=CHUNK, cache_bytes=1 << 24)
    yield engine
    engine.check_integrity()
    engine.close()


def test_neither_company_nor_a_warm_cache_changes_a_draw(engine: Engine, watched: WatchedModel) -> None:
    assert engine.deterministic
    prompt = text(70, 1)
    alone = tokens(engine.submit(prompt, params()))
    warm = engine.submit(prompt, params())
    assert tokens(warm) == alone and warm.cached_tokens > 0
    others = [engine.submit(text(20 + 9 * n, n), params(n)) for n in range(5)]
    beside = [engine.submit(prompt, params()) for _ in range(2)]
    others += [engine.submit(prompt[:40] + text(9, 77), params(99))]
    assert [tokens(generation) for generation in beside] == [alone, alone]
    assert all(tokens(generation) for generation in others)
    cold = Engine(watched, context=512, prefill_chunk=CHUNK)
    assert tokens(cold.submit(prompt, params())) == alone
    assert tokens(cold.submit(prompt, params(12))) != alone
    cold.close()


def test_a_batched_engine_says_that_it_is_not_deterministic() -> None:
    engine = Engine(FakeModel(), context=64, batched=True)
    assert not engine.deterministic
    engine.close()


def test_choices_read_their_prompt_once_and_are_what_each_alone_would_be(engine: Engine, watched: WatchedModel) -> None:
    prompt = text(90, 2)
    first = engine.submit(prompt, params(5))
    seeds = [choice_seed(5, choice) for choice in range(1, 4)]
    others = [engine.submit(prompt, params(seed or 0), follows=first) for seed in seeds]
    found = [tokens(generation) for generation in (first, *others)]
    assert len({tuple(ids) for ids in found}) == 4
    assert first.cached_tokens == 0
    assert all(other.cached_tokens >= len(prompt) - CHUNK - 1 for other in others)
    alone = Engine(watched, context=512, prefill_chunk=CHUNK)
    assert [tokens(alone.submit(prompt, params(seed or 0))) for seed in (5, *seeds)] == found
    alone.close()


def test_who_follows_one_that_is_gone_begins_all_the_same() -> None:
    engine = Engine(FakeModel(fail_on=9), context=64, prefill_chunk=4, max_running=1)
    never = GenerationParams(max_tokens=9, seed=1, logit_bias={9: -100})
    failing = engine.submit([1, 2, 9], never)
    follower = engine.submit([1, 2, 3], never, follows=failing)
    cancelled = engine.submit([1, 2, 3], never)
    second = engine.submit([1, 2, 3], never, follows=cancelled)
    cancelled.cancel()
    assert tokens(follower) == tokens(second)
    engine.close()


def test_too_many_choices_are_overload_like_too_many_requests() -> None:
    model = FakeModel()
    model.gate = threading.Semaphore(0)
    engine = Engine(model, context=64, max_running=1, max_waiting=1)
    first = engine.submit([1], GenerationParams(max_tokens=2))
    engine.submit([1], GenerationParams(max_tokens=2), follows=first)
    with pytest.raises(Overloaded):
        engine.submit([1], GenerationParams(max_tokens=2), follows=first)
    model.gate.release(100)
    engine.close()


def test_the_first_choice_has_the_seed_itself_and_no_other_is_a_neighbours() -> None:
    assert choice_seed(7, 0) == 7 and choice_seed(None, 3) is None
    derived = {choice_seed(seed, choice) for seed in range(50) for choice in range(16)}
    assert len(derived) == 800 and all(0 <= (seed or 0) < 2**64 for seed in derived)
