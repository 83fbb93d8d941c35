"""Decoding together: the answers are those of each alone, as far as rounding lets one say so."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from fake_model import FakeModel
from nemora.engine.engine import Engine
from nemora.engine.generation import Generation
from nemora.engine.request import GenerationParams
from nemora.errors import ModelError
from watched_model import VOCABULARY, WatchedModel, small_model

CHUNK = 16


def params(count: int, **more: float) -> GenerationParams:
    return GenerationParams(max_tokens=count, temperature=more.get("temperature", 0.0), seed=5)


def tokens(generation: Generation) -> list[int]:
    return [i for delta in generation for i in delta.ids]


def prompts() -> list[list[int]]:
    draw = random.Random(1)
    return [[draw.randrange(3, VOCABULARY) for _ in range(length)] for length in (1, 5, 30, 64, 17, 2, 40)]


@pytest.mark.parametrize("kind", ["hybrid", "llama"])
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_many_together_answer_as_each_alone_in_fewer_passes(kind: str, temperature: float, tmp_path: Path) -> None:
    model = small_model(kind, tmp_path)
    answers, passes = [], []
    for batched in (False, True):
        watched = WatchedModel(model)
        engine = Engine(watched, context=128, prefill_chunk=CHUNK, batched=batched, cache_bytes=1 << 24)
        generations = [engine.submit(ids, params(20, temperature=temperature)) for ids in prompts()]
        answers.append([tokens(generation) for generation in generations])
        engine.check_integrity()
        assert engine._memory.budget.held == 0
        engine.close()
        passes.append(len(watched.passes))
    assert answers[0] == answers[1]
    assert passes[1] < passes[0] / 2


def test_one_that_fails_together_with_others_fails_alone() -> None:
    model = FakeModel()  # it cannot read several rows at all: each is then stepped alone
    engine = Engine(model, context=64, prefill_chunk=4, batched=True)
    alone = Engine(FakeModel(), context=64, prefill_chunk=4)
    expected = [tokens(alone.submit([n + 1], params(8))) for n in range(4)]
    first = expected[2][1]
    model.fail_on = first
    generations = [engine.submit([n + 1], params(8)) for n in range(4)]
    for generation, answer in zip(generations, expected, strict=True):
        if first in answer[:-1]:
            with pytest.raises(ModelError, match="RuntimeError"):
                tokens(generation)
        else:
            assert tokens(generation) == answer
    engine.check_integrity()
    engine.close()
    alone.close()
