"""All that the engine can do, at once: who shares it gets, to the bit, what a plain engine alone gives him."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import tiny_nemotron_h
from nemora.core import StopReason
from nemora.engine.engine import Engine
from nemora.engine.generation import Generation
from nemora.engine.logprobs import TokenChances
from nemora.engine.request import GenerationParams, Priority
from nemora.engine.thinking import ThinkingLimit
from nemora.models.native_step import reads_exactly
from nemora.ops.cpu.scan import vector_kernels
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model

if vector_kernels() is None:
    pytest.skip("no native kernels with vectors", allow_module_level=True)

HYBRID = tiny_nemotron_h.CONFIG | {"moe_intermediate_size": 64, "moe_shared_expert_intermediate_size": 96}
CHUNK = 16
CONTEXT = 160
Heard = tuple[list[int], list[TokenChances], StopReason | None]


class Grammar:
    """What may come next depends on all that came before; after a few tokens it permits everything."""

    def __init__(self, least: int, vocabulary: int) -> None:
        self.least, self.vocabulary, self.state = least, vocabulary, 0

    def allowed(self) -> torch.Tensor | None:
        if self.state >= 12:
            return None
        mask = torch.zeros(self.vocabulary, dtype=torch.bool)
        mask[3 + self.state % 5 :: 5] = True
        mask[1] = self.state > self.least
        return mask

    def accept(self, token_id: int) -> None:
        self.state += 1 + token_id % 2


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    file = Path(tmp_path_factory.mktemp("mixed")) / "model.gguf"
    tiny_nemotron_h.write_gguf(file, HYBRID, tiny_nemotron_h.random_tensors(HYBRID), type="Q4_0")
    found = load_model(open_checkpoint(file), activations="int15")
    assert reads_exactly(found, found.new_state(1))
    return found


def some_params(draw: random.Random) -> GenerationParams:
    most = draw.choice([1, 1, 2, 5, 12, 40])
    params = GenerationParams(max_tokens=most, temperature=draw.choice([0, 0, 0.3, 0.8, 1.5]), seed=draw.randrange(99))
    soft = draw.randrange(9)
    limit = ThinkingLimit(
        open=(40,),
        close=(41,),
        cut=(10, 41),
        newlines=frozenset([10, 11]),
        inside=draw.random() < 0.7,
        soft=soft,
        hard=soft + draw.randrange(6),
    )
    for chance, more in (
        (0.5, {"logit_bias": {draw.randrange(3, 9): 20.0 for _ in range(3)}}),  # few tokens: so drafts are right
        (0.2, {"frequency_penalty": draw.choice([-0.5, 0.3, 1.0])}),
        (0.2, {"presence_penalty": 0.4, "repetition_penalty": 1.2}),
        (0.3, {"stop_ids": frozenset(draw.sample(range(3, 80), 3))}),
        (0.2, {"min_tokens": draw.randrange(most + 1)}),
        (0.2, {"bad_sequences": ((5,), (7, 8))}),
        (0.3, {"logprobs": draw.choice([0, 3])}),
        (0.2, {"top_k": 5, "top_p": 0.9}),
        (0.3, {"thinking": limit}),
    ):
        if draw.random() < chance:
            params = replace(params, **more)
    return params


def some_prompt(draw: random.Random, texts: list[list[int]]) -> list[int]:
    """Often a text that is known, or a part of one, and more: pieces that come again and again."""
    base = draw.choice(texts) if texts and draw.random() < 0.7 else []
    base = base[: draw.randrange(len(base) + 1)] if draw.random() < 0.5 else base
    pieces = [[draw.randrange(3, 80) for _ in range(draw.randrange(2, 6))] for _ in range(3)]
    more = [token for _ in range(draw.randrange(12)) for token in draw.choice(pieces)]
    return (base + more)[: CONTEXT - 1] or [5]


def some_engine(draw: random.Random, model: Any) -> Engine:
    probe, state = Engine(model, context=CONTEXT, prefill_chunk=CHUNK, speculation="always"), model.new_state(1)
    probe.close()
    cost = probe._memory.cost
    longest, others = draw.choice([(1, 0), (1, 3), (4, 3)])
    memory = cost.workspace + longest * cost.of_length(CONTEXT) + others * cost.of_length(60)
    return Engine(
        model,
        context=CONTEXT,
        prefill_chunk=CHUNK,
        memory=draw.choice([None, memory]),
        cache_bytes=draw.choice([0, 8, 1000]) * (state.snapshot_bytes + 30 * (state.bytes_per_position + 40)),
        max_running=draw.choice([1, 2, 5, 64]),
        batched=draw.random() < 0.5,
        speculation=draw.choice(["off", "auto", "always"]),
        step_tokens=draw.choice([None, 1, 40]),
    )


def heard(generation: Generation) -> Heard:
    ids, chances, finish = list[int](), list[TokenChances](), None
    for delta in generation:
        ids += delta.ids
        chances += delta.chances
        finish = delta.finish
    return ids, chances, finish


@pytest.mark.parametrize("seed", range(6))
def test_no_mixture_of_features_and_no_schedule_changes_an_answer(model: Any, seed: int) -> None:
    draw = random.Random(seed)
    plain, engine = Engine(model, context=CONTEXT, prefill_chunk=CHUNK), some_engine(draw, model)
    texts: list[list[int]] = []
    asked: list[tuple[Generation, list[int], GenerationParams, int | None]] = []
    ended: dict[Generation, Heard] = {}

    def ask(on: Engine, ids: list[int], params: GenerationParams, least: int | None, **more: Any) -> Generation:
        mask = Grammar(least, model.config.vocab_size) if least is not None else None
        boundaries = [position for position, token in enumerate(ids) if token % 11 == 0]
        return on.submit(ids, params, mask=mask, boundaries=boundaries, **more)

    for _ in range(16):
        ids, params = some_prompt(draw, texts), some_params(draw)
        least = draw.randrange(9) if draw.random() < 0.3 else None
        texts.append(ids)
        more = {"namespace": draw.choice("aaab"), "priority": draw.choice(list(Priority))}
        first = None
        for choice in range(draw.choice([1, 1, 1, 3])):
            mine = replace(params, seed=(params.seed or 0) + choice)
            generation = ask(engine, ids, mine, least, follows=first, **more)
            first = first or generation
            asked.append((generation, ids, mine, least))
        step, cache = draw.random(), engine._memory.cache
        if step < 0.3:
            draw.choice(asked)[0].cancel()
        elif step < 0.4 and cache is not None:
            with cache._lock:
                cache._tree.evict()
        elif step < 0.7 and generation.sequence is not None:
            ended[generation] = heard(generation)  # and what was written may come back as history
            texts.append(generation.sequence.ids[: CONTEXT - 20])
        engine.check_integrity()
    for generation, ids, params, least in asked:
        found, chances, finish = ended[generation] if generation in ended else heard(generation)
        expected = heard(ask(plain, ids, params, least))
        if finish is StopReason.CANCELLED:
            assert (found, chances) == (expected[0][: len(found)], expected[1][: len(chances)])
        else:
            assert (found, chances, finish) == expected
        assert generation.cached_tokens < len(ids)
    engine.check_integrity()
    assert (engine.active, engine._memory.budget.held) == (0, 0)
    engine.close()
    plain.close()
