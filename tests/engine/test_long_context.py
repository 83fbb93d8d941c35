"""A million tokens: what they take, that they are let in where it is there, and how keys and values are kept."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from nemora.engine.engine import Engine
from nemora.engine.generation import Generation
from nemora.engine.memory import Memory
from nemora.engine.prefix_tree import ID_BYTES
from nemora.engine.request import GenerationParams
from nemora.errors import ContextLengthExceeded
from nemora.models.base import Model
from nemora.ops.kv_format import KVCache
from watched_model import VOCABULARY, WatchedModel, small_model

MILLION = 1 << 20
CHUNK = 16
FEWER_BITS: tuple[KVCache, ...] = ("bfloat16", "fp8", "q8")


def loaded() -> ModuleType:
    file = Path(__file__).parent.parent.parent / "bench" / "long_context.py"
    spec = importlib.util.spec_from_file_location("long_context", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bench: Any = loaded()


@pytest.fixture(scope="module")
def nano() -> Model:
    return bench.narrow_model()


@pytest.fixture(scope="module", params=["hybrid", "llama"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return small_model(request.param, tmp_path_factory.mktemp(request.param))


def params(count: int) -> GenerationParams:
    return GenerationParams(max_tokens=count, temperature=0)


def tokens(generation: Generation) -> list[int]:
    return [i for delta in generation for i in delta.ids]


def text(count: int, seed: int) -> list[int]:
    draw = random.Random(seed)
    return [draw.randrange(3, VOCABULARY) for _ in range(count)]


def memory_of(model: Model, total: int | None, kv_cache: KVCache) -> Memory:
    return Memory(model, context=MILLION, chunk=128, total=total, cache_bytes=0, kv_cache=kv_cache)


@pytest.mark.parametrize("kv_cache", FEWER_BITS)
def test_a_prompt_that_the_cache_knows_is_as_if_read_anew(model: Model, kv_cache: KVCache) -> None:
    shared = text(70, 1)
    watched, alone = WatchedModel(model), WatchedModel(model)
    warm = Engine(watched, context=256, prefill_chunk=CHUNK, cache_bytes=1 << 24, kv_cache=kv_cache)
    cold = Engine(alone, context=256, prefill_chunk=CHUNK, kv_cache=kv_cache)
    for tail in (2, 3):
        generation = warm.submit(shared + text(25, tail), params(5))
        assert tokens(generation) == tokens(cold.submit(shared + text(25, tail), params(5)))
        assert torch.equal(torch.stack(watched.logits[-5:]), torch.stack(alone.logits[-5:]))
    assert generation.cached_tokens == 64
    cache, state = warm._memory.cache, model.new_state(1, kv_cache=kv_cache)
    assert cache is not None
    points = len(cache._tree)
    positions, odd = divmod(cache.bytes - points * state.snapshot_bytes, state.bytes_per_position + ID_BYTES)
    assert (positions, odd) == (64 + 2 * 16, 0)  # the two tails up to their last cut, and what they share
    for engine in (warm, cold):
        engine.check_integrity()
        engine.close()


@pytest.mark.parametrize("kv_cache", ["auto", *FEWER_BITS])
def test_a_million_tokens_are_let_in_where_memory_holds_them_to_the_byte(nano: Model, kv_cache: KVCache) -> None:
    cost = memory_of(nano, None, kv_cache).cost
    needed = cost.of_length(MILLION) + cost.workspace
    assert (
        cost.of_length(MILLION)
        == nano.new_state(1).bytes_per_sequence
        + MILLION * (bench.PUBLISHED["float32" if kv_cache == "auto" else kv_cache])
    )
    assert memory_of(nano, needed, kv_cache).context == MILLION
    assert memory_of(nano, needed - 1, kv_cache).context == MILLION - 1


def test_what_memory_does_not_hold_is_refused_with_the_parts_of_the_sum(nano: Model) -> None:
    engine = Engine(nano, context=MILLION, memory=2_000_000_000, kv_cache="q8")
    with pytest.raises(ContextLengthExceeded) as caught:
        engine.submit([1] * (MILLION - 1), params(1))
    message = caught.value.message
    for part in (
        "1048575 tokens",
        "keys and values 1,048,576 positions × 3,264 bytes",
        "recurrent states 4,341,760 bytes",
        "workspace",
        "activations",
        "attention",
        "(3.8 GB)",
        "2,000,000,000 bytes are there",
        f"maximum context length is {engine.context} tokens",
    ):
        assert part in message
    assert message.endswith(".") and ". " not in message  # one sentence
    engine.close()


def test_snapshots_that_a_question_needs_are_in_its_sum(nano: Model) -> None:
    state = nano.new_state(1)
    cost = Memory(nano, context=8, chunk=128, total=None, cache_bytes=0).cost
    engine = Engine(nano, context=8, memory=cost.workspace + cost.of_length(8))
    with pytest.raises(ContextLengthExceeded, match=rf"1 snapshots × {state.bytes_per_sequence:,} bytes"):
        engine.logprobs([1], [[2, 3], [2, 4]])
    engine.close()


def test_fewer_bits_make_longer_contexts_of_the_same_memory(nano: Model) -> None:
    forms: tuple[KVCache, ...] = ("float32", "bfloat16", "q8", "fp8")
    lengths = [memory_of(nano, 1_000_000_000, form).context for form in forms]
    assert lengths == sorted(lengths)
    assert 1.9 < lengths[1] / lengths[0] < 2.1 and 3.6 < lengths[2] / lengths[0] < 3.9


@pytest.mark.parametrize("kv_cache", ["q8", "fp8"])
def test_at_the_end_of_a_long_past_memory_is_what_was_reckoned(kv_cache: KVCache) -> None:
    found = bench.measure(tokens=16_384, read=40, write=1, kv_cache=kv_cache)
    assert bench.wrong(found) == []
    assert found["tokens"] == 16_384
