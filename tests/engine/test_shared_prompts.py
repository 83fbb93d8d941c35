"""Prompts that begin alike and come at the same time are read once as far as that goes, with the tokens of each alone."""

from __future__ import annotations

import random

import pytest

from nemora.engine.engine import Engine
from nemora.engine.request import GenerationParams, Priority
from watched_model import VOCABULARY, WatchedModel, small_model

CHUNK = 64
SHARED = 320


def text(count: int, seed: int) -> list[int]:
    draw = random.Random(seed)
    return [draw.randrange(3, VOCABULARY) for _ in range(count)]


@pytest.fixture(scope="module", params=["hybrid", "llama"])
def watched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> WatchedModel:
    return WatchedModel(small_model(request.param, tmp_path_factory.mktemp(request.param)))


def engine_of(watched: WatchedModel, *, cache_bytes: int = 1 << 24) -> Engine:
    return Engine(watched, context=1024, prefill_chunk=CHUNK, cache_bytes=cache_bytes, max_running=8)


def read(watched: WatchedModel) -> int:
    return sum(len(passed) for passed in watched.passes if len(passed) > 1)


def answers(engine: Engine, prompts: list[list[int]], priorities: list[Priority] | None = None) -> list[list[int]]:
    params = GenerationParams(max_tokens=6, temperature=0)
    urgency = priorities or [Priority.NORMAL] * len(prompts)
    running = [engine.submit(ids, params, priority=each) for ids, each in zip(prompts, urgency, strict=True)]
    return [[i for delta in generation for i in delta.ids] for generation in running]


def alone(watched: WatchedModel, prompts: list[list[int]]) -> list[list[int]]:
    found = []
    for prompt in prompts:
        engine = engine_of(watched, cache_bytes=0)
        found += answers(engine, [prompt])
        engine.close()
    return found


def test_what_many_prompts_share_is_read_once(watched: WatchedModel) -> None:
    prompts = [text(SHARED, 1) + text(150 + 9 * n, 10 + n) for n in range(4)]
    expected = alone(watched, prompts)
    watched.passes.clear()
    engine = engine_of(watched)
    assert engine._memory.cache is not None
    engine._memory.cache.interval = 1024  # so nothing is kept in the middle but where others wait
    assert answers(engine, prompts) == expected
    engine.check_integrity()
    engine.close()
    own = sum(len(prompt) - SHARED for prompt in prompts)
    assert read(watched) <= SHARED + own + 4 * CHUNK


def test_an_urgent_prompt_waits_for_none_that_is_not(watched: WatchedModel) -> None:
    prompts = [text(SHARED, 1) + text(40, seed) for seed in (2, 3)]
    expected = alone(watched, prompts)
    engine = engine_of(watched)
    assert answers(engine, prompts, [Priority.LOW, Priority.HIGH]) == expected
    engine.check_integrity()
    engine.close()


def test_who_waits_goes_on_when_the_one_before_is_cancelled(watched: WatchedModel) -> None:
    prompts = [text(SHARED, 1) + text(40, seed) for seed in (2, 3, 4)]
    expected = alone(watched, prompts)
    engine = engine_of(watched)
    params = GenerationParams(max_tokens=6, temperature=0)
    running = [engine.submit(ids, params) for ids in prompts]
    running[0].cancel()
    assert [[i for delta in generation for i in delta.ids] for generation in running[1:]] == expected[1:]
    engine.check_integrity()
    engine.close()


def test_without_a_cache_nobody_waits(watched: WatchedModel) -> None:
    prompts = [text(SHARED, 1) + text(40, seed) for seed in (2, 3)]
    engine = engine_of(watched, cache_bytes=0)
    assert answers(engine, prompts) == alone(watched, prompts)
    engine.close()
