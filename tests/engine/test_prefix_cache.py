"""The prefix cache: a hit gives, to the bit, what reading everything gives, and it is said how much was not read."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
import torch

from fake_model import FakeModel, solo
from nemora.engine.cache import SNAPSHOT_SHARE, snapshot_interval
from nemora.engine.cuts import least
from nemora.engine.engine import Engine
from nemora.engine.generation import Generation
from nemora.engine.request import GenerationParams
from nemora.models.base import Model
from nemora.models.state import State
from watched_model import VOCABULARY, WatchedModel, small_model

CHUNK = 16
CACHE = 1 << 24


def params(count: int) -> GenerationParams:
    return GenerationParams(max_tokens=count, temperature=0)


def tokens(generation: Generation) -> list[int]:
    return [i for delta in generation for i in delta.ids]


def text(count: int, seed: int) -> list[int]:
    draw = random.Random(seed)
    return [draw.randrange(3, VOCABULARY) for _ in range(count)]


@pytest.fixture(scope="module", params=["hybrid", "llama"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return small_model(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture
def watched(model: Model) -> WatchedModel:
    return WatchedModel(model)


@pytest.fixture
def engine(watched: WatchedModel) -> Iterator[Engine]:
    engine = Engine(watched, context=512, prefill_chunk=CHUNK, cache_bytes=CACHE)
    yield engine
    engine.check_integrity()
    engine.close()


def cold(model: Model, prompt: list[int], count: int, boundaries: list[int]) -> tuple[list[int], torch.Tensor]:
    """Tokens, and the logits after the prompt, without a cache."""
    watched = WatchedModel(model)
    engine = Engine(watched, context=512, prefill_chunk=CHUNK)
    found = tokens(engine.submit(prompt, params(count), boundaries=boundaries))
    engine.close()
    return found, watched.logits[-count]


@pytest.mark.parametrize("named", [True, False])
def test_every_turn_of_a_conversation_is_as_if_read_anew(
    model: Model, watched: WatchedModel, engine: Engine, named: bool
) -> None:
    prompt: list[int] = []
    ends: list[int] = []
    for turn, length in enumerate((40, 3, 57, 16, 1, 32, 90)):
        known = ends[-1] if ends else 0
        prompt = prompt + text(length, turn)
        ends.append(len(prompt))
        boundaries = ends if named else []
        watched.passes.clear(), watched.logits.clear()
        generation = engine.submit(prompt, params(5), boundaries=boundaries)
        answer = tokens(generation)
        expected, logits = cold(model, prompt, 5, boundaries)
        assert answer == expected
        assert torch.equal(watched.logits[-5], logits)
        read = sum(map(len, watched.passes[:-4]))
        assert read + generation.cached_tokens == len(prompt)
        assert read < len(prompt) - known + (least(CHUNK) if named else CHUNK)
        prompt += answer


def test_a_prompt_that_parts_from_another_is_as_if_read_anew(model: Model, engine: Engine) -> None:
    shared = text(100, 1)
    tokens(engine.submit(shared + text(30, 2), params(1)))
    for tail in (3, 4, 5):
        generation = engine.submit(shared + text(30, tail), params(6))
        assert tokens(generation) == cold(model, shared + text(30, tail), 6, [])[0]
        assert generation.cached_tokens == 96


def test_with_few_snapshots_the_place_where_prompts_part_gets_one(model: Model) -> None:
    engine = Engine(WatchedModel(model), context=512, prefill_chunk=CHUNK, cache_bytes=CACHE)
    assert engine._memory.cache is not None
    engine._memory.cache.interval = 512
    shared, cached = text(100, 1), []
    for tail in (2, 3, 4):
        generation = engine.submit(shared + text(60, tail), params(3))
        assert tokens(generation) == cold(model, shared + text(60, tail), 3, [])[0]
        cached.append(generation.cached_tokens)
    assert cached == [0, 0, 96]
    engine.close()


def test_namespaces_share_nothing(engine: Engine) -> None:
    prompt = text(70, 1)
    cached = []
    for namespace in ("one", "one", "another", "another", ""):
        generation = engine.submit(prompt, params(2), namespace=namespace)
        tokens(generation)
        cached.append(generation.cached_tokens)
    assert cached == [0, 64, 0, 64, 0]


@pytest.mark.parametrize("interval", [CHUNK, 512])
def test_a_prompt_that_ends_at_a_cut_is_read_from_the_cut_before(engine: Engine, interval: int) -> None:
    assert engine._memory.cache is not None
    engine._memory.cache.interval = interval
    prompt = text(64, 1)
    first = tokens(engine.submit(prompt, params(4)))
    again = engine.submit(prompt, params(4))
    assert tokens(again) == first
    assert again.cached_tokens == 48
    longer = engine.submit(prompt + text(5, 2), params(1))
    tokens(longer)
    assert longer.cached_tokens == 64


def test_what_was_read_is_kept_when_the_caller_leaves_while_tokens_come(engine: Engine) -> None:
    prompt = text(70, 1)
    for _ in engine.submit(prompt, params(50)):
        break
    again = engine.submit(prompt, params(1))
    tokens(again)
    assert again.cached_tokens == 64


def test_what_was_read_is_kept_when_the_prompt_is_cancelled_half_read() -> None:
    import threading

    model = FakeModel()
    engine = Engine(model, context=64, prefill_chunk=4, cache_bytes=CACHE)
    assert engine._memory.cache is not None
    engine._memory.cache.interval = 64
    model.gate = threading.Semaphore(0)
    prompt = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9]
    generation = engine.submit(prompt, params(1))
    model.entered.acquire()
    model.gate.release()
    model.entered.acquire()
    generation.cancel()  # the second chunk is read now
    model.gate.release(1000)
    assert tokens(generation) == []
    again = engine.submit(prompt, params(6))
    assert tokens(again) == solo(prompt, 6)
    assert again.cached_tokens == 8
    engine.check_integrity()
    engine.close()


def test_a_failed_pass_leaves_nothing_behind() -> None:
    model = FakeModel(fail_on=13)
    engine = Engine(model, context=64, prefill_chunk=4, cache_bytes=CACHE)
    with pytest.raises(Exception, match="RuntimeError"):
        tokens(engine.submit([1, 2, 3, 4, 13, 1, 1, 1, 1], params(1)))
    model.fail_on = None
    again = engine.submit([1, 2, 3, 4, 13, 1, 1, 1, 1], params(3))
    assert tokens(again) == solo([1, 2, 3, 4, 13, 1, 1, 1, 1], 3)
    assert again.cached_tokens <= 4
    engine.check_integrity()
    engine.close()


def test_a_small_cache_never_takes_more_than_it_may(model: Model) -> None:
    whole = 2 * model.new_state(1).snapshot_bytes + 64 * (model.new_state(1).bytes_per_position + 40)
    engine = Engine(WatchedModel(model), context=512, prefill_chunk=CHUNK, cache_bytes=whole)
    assert engine._memory.cache is not None
    engine._memory.cache.interval = CHUNK
    for seed in (*range(6), 5, 5):
        prompt = text(50, seed)
        generation = engine.submit(prompt, params(2))
        assert tokens(generation) == cold(model, prompt, 2, [])[0]
        engine.check_integrity()
        assert engine._memory.cache.bytes <= whole
    assert generation.cached_tokens > 0
    engine.close()


def test_a_prompt_that_the_cache_cannot_hold_costs_others_nothing(model: Model) -> None:
    state = model.new_state(1)
    whole = 3 * state.snapshot_bytes + 100 * (state.bytes_per_position + 40)
    engine = Engine(WatchedModel(model), context=512, prefill_chunk=CHUNK, cache_bytes=whole)
    assert engine._memory.cache is not None
    engine._memory.cache.interval = 512
    cached = []
    for prompt in (text(40, 1), text(480, 2), text(40, 1)):
        generation = engine.submit(prompt, params(2))
        tokens(generation)
        cached.append(generation.cached_tokens)
    assert cached == [0, 0, 32]
    engine.check_integrity()
    engine.close()


def test_no_memory_for_what_the_cache_would_keep_ends_no_answer(
    model: Model, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(State, "snapshot", fails)
    generation = engine.submit(text(70, 1), params(4))
    assert tokens(generation) == cold(model, text(70, 1), 4, [])[0]


def test_the_interval_keeps_a_sequences_snapshots_within_their_share() -> None:
    for limit, context, size in (
        (1 << 30, 131072, 1 << 27),
        (1 << 34, 8192, 1 << 20),
        (10, 512, 100),
        (1 << 20, 512, 0),
    ):
        interval = snapshot_interval(limit, context, 128, size)
        assert interval % 128 == 0 and interval >= 128
        assert context // interval * size <= max(limit // SNAPSHOT_SHARE, size)
