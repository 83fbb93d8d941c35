"""Models that read to the bit alike in any pieces: answers are kept too, and neither company nor drafts change a token."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import tiny_llama
import tiny_nemotron_h
from nemora.engine.engine import Engine
from nemora.engine.generation import Generation
from nemora.engine.prefix_tree import PrefixTree
from nemora.engine.request import GenerationParams
from nemora.models.native_step import reads_exactly
from nemora.models.state import KVSlice, Snapshot
from nemora.ops.cpu.scan import vector_kernels
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model

if vector_kernels() is None:
    pytest.skip("no native kernels with vectors", allow_module_level=True)

HYBRID = tiny_nemotron_h.CONFIG | {"moe_intermediate_size": 64, "moe_shared_expert_intermediate_size": 96}
CHUNK = 16


@pytest.fixture(scope="module", params=["hybrid", "llama"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    file = tmp_path_factory.mktemp("exact") / "model.gguf"
    if request.param == "hybrid":
        tiny_nemotron_h.write_gguf(file, HYBRID, tiny_nemotron_h.random_tensors(HYBRID), type="Q4_0")
    else:
        tiny_llama.write_gguf(file, tiny_llama.CONFIG, tiny_llama.random_tensors(tiny_llama.CONFIG), type="Q4_0")
    found = load_model(open_checkpoint(Path(file)), activations="int15")
    assert reads_exactly(found, found.new_state(1))
    return found


@pytest.fixture
def engine(model: Any) -> Iterator[Engine]:
    engine = Engine(model, context=400, prefill_chunk=CHUNK, cache_bytes=1 << 24)
    yield engine
    engine.check_integrity()
    engine.close()


def params(count: int, seed: int = 3) -> GenerationParams:
    return GenerationParams(max_tokens=count, temperature=0.8, seed=seed)


def tokens(generation: Generation) -> list[int]:
    return [i for delta in generation for i in delta.ids]


def text(count: int, seed: int) -> list[int]:
    draw = random.Random(seed)
    return [draw.randrange(3, 80) for _ in range(count)]


def cold(model: Any, prompt: list[int], count: int, **options: Any) -> list[int]:
    engine = Engine(model, context=400, prefill_chunk=CHUNK, **options)
    try:
        return tokens(engine.submit(prompt, params(count)))
    finally:
        engine.close()


def test_a_turn_reads_what_is_new_and_at_most_one_token_of_the_answer(model: Any, engine: Engine) -> None:
    history: list[int] = []
    for turn, (new, count) in enumerate([(40, 5), (3, 20), (17, 1), (30, 33), (1, 8)]):
        prompt = history + text(new, turn)
        generation = engine.submit(prompt, params(count))
        answer = tokens(generation)
        assert answer == cold(model, prompt, count)
        assert generation.cached_tokens >= len(history) - 1
        history = prompt + answer


def test_a_prompt_that_parts_within_an_answer_is_still_right(model: Any, engine: Engine) -> None:
    prompt = text(40, 0)
    answer = tokens(engine.submit(prompt, params(30)))
    other = prompt + answer[:11] + text(20, 9)
    assert tokens(engine.submit(other, params(6))) == cold(model, other, 6)


def test_the_place_where_prompts_part_within_an_answer_gets_a_snapshot(model: Any, engine: Engine) -> None:
    assert engine._memory.cache is not None
    engine._memory.cache.interval = 400
    prompt = text(40, 0)
    answer = tokens(engine.submit(prompt, params(60)))
    cached = []
    for seed in (8, 9):
        other = engine.submit(prompt + answer[:50] + text(30, seed), params(2))
        tokens(other)
        cached.append(other.cached_tokens)
    assert cached == [32, 80]


def test_neither_company_nor_drafts_change_a_token(model: Any) -> None:
    prompts = [[*text(20, seed), *text(20, seed)] for seed in range(4)]
    alone = [cold(model, prompt, 24) for prompt in prompts]
    engine = Engine(
        model, context=400, prefill_chunk=CHUNK, cache_bytes=1 << 24, batched=True, speculation="always", max_running=4
    )
    assert engine.deterministic
    try:
        running = [engine.submit(prompt, params(24)) for prompt in prompts]
        assert [tokens(each) for each in running] == alone
        assert [tokens(engine.submit(prompt, params(24))) for prompt in prompts] == alone
    finally:
        engine.close()


def test_a_cancelled_answer_leaves_what_was_written(model: Any, engine: Engine) -> None:
    prompt = text(50, 4)
    generation = engine.submit(prompt, params(200))
    written: list[int] = []
    for delta in generation:
        written += delta.ids
        if len(written) >= 20:
            generation.cancel()
    again = engine.submit(prompt + written[:15] + [5], params(2))
    tokens(again)
    assert again.cached_tokens >= 48  # the prompt at least: a snapshot lies only where the answer ended
    engine.check_integrity()


def test_the_furthest_snapshot_is_reached_however_it_was_cut() -> None:
    tree = PrefixTree()

    def kv(start: int, end: int) -> KVSlice:
        return KVSlice(end - start, (), ())

    def snapshot(length: int) -> Snapshot:
        return Snapshot(length, (), (), torch.Generator().get_state(), 0)

    tree.add("", [(1, 2), (3,)], snapshot(3), kv)
    tree.add("", [(1,), (2, 3, 4, 5)], snapshot(5), kv)
    tree.add("", [(1,), (2, 9)], snapshot(3), kv)
    assert [node.end for node in tree.reach("", (1, 2, 3, 4, 5, 6), 6)[0]] == [1, 5]
    assert [node.end for node in tree.reach("", (1, 2, 3, 4, 5, 6), 5)[0]] == [2, 3]
    assert [node.end for node in tree.reach("", (1, 2, 3, 7), 4)[0]] == [2, 3]
    assert tree.reach("", (2, 3), 2) == ([], 0) == tree.reach("else", (1, 2, 3, 4), 4)
    assert tree.reach("", (1, 7), 2) == ([], 1)  # known, but nothing can go on there
    tree.check_integrity()


def test_no_memory_for_a_copy_changes_nothing() -> None:
    tree = PrefixTree()

    def kv(start: int, end: int) -> KVSlice:
        if start:
            raise RuntimeError("no memory")
        return KVSlice(end - start, (), ())

    with pytest.raises(RuntimeError):
        tree.add("", [(1, 2), (3,)], Snapshot(3, (), (), torch.Generator().get_state(), 0), kv)
    assert not tree.bytes and not len(tree)
    tree.check_integrity()


def test_a_model_whose_head_torch_multiplies_by_is_not_exact(model: Any) -> None:
    head, state = model.head, model.new_state(1)
    model.head = object()
    assert not reads_exactly(model, state)
    model.head = head
    assert reads_exactly(model, state)
