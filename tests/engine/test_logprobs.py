"""Log-probabilities are those of the model's own distribution, whatever was drawn and how."""

from __future__ import annotations

import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from fake_model import FakeModel, _logits
from nemora.engine.engine import Engine
from nemora.engine.logprobs import token_chances
from nemora.engine.request import GenerationParams


def slow_logprobs(logits: list[float]) -> list[float]:
    """The twin: the definition of a softmax."""
    top = max(logits)
    total = math.fsum(math.exp(x - top) for x in logits)
    return [x - top - math.log(total) for x in logits]


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=30, unique=True), st.integers(0, 20), st.data())
def test_chances_equal_the_slow_twin(values, top, data):
    logits = [value * 0.37 for value in values]
    token = data.draw(st.integers(0, len(logits) - 1))
    found = token_chances(torch.tensor(logits, dtype=torch.float64), token, top)
    expected = slow_logprobs(logits)
    assert math.isclose(found.logprob, expected[token], rel_tol=1e-9, abs_tol=1e-12)
    order = sorted(range(len(logits)), key=lambda i: -expected[i])[:top]
    assert [i for i, _ in found.top] == order
    assert all(math.isclose(logprob, expected[i], rel_tol=1e-9, abs_tol=1e-12) for i, logprob in found.top)


def test_each_token_of_the_engine_has_its_chances_before_penalties_and_temperature():
    engine = Engine(FakeModel(), context=64)
    prompt = [3, 1, 4]
    params = GenerationParams(
        max_tokens=8, temperature=1.7, top_k=5, seed=3, logprobs=2, logit_bias={5: 4.0}, presence_penalty=1.0
    )
    read = list(prompt)
    for delta in engine.submit(prompt, params):
        assert len(delta.chances) == len(delta.ids)
        for token, chances in zip(delta.ids, delta.chances, strict=True):
            expected = slow_logprobs(_logits(torch.tensor(read).float()).double().tolist())
            assert math.isclose(chances.logprob, expected[token], abs_tol=1e-5)
            assert chances.top[0][1] >= chances.top[1][1] and len(chances.top) == 2
            read.append(token)
    engine.close()
    assert len(read) == 11


def test_nobody_pays_for_chances_that_were_not_asked_for():
    engine = Engine(FakeModel(), context=64)
    deltas = list(engine.submit([3], GenerationParams(max_tokens=3, temperature=0)))
    engine.close()
    assert all(delta.chances == () for delta in deltas)
