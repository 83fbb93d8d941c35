from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.engine import sampler
from nemora.engine.request import GenerationParams
from nemora.engine.sampler import new_generator, sample
from nemora.errors import ModelError


def slow_distribution(logits: list[float], params: GenerationParams) -> dict[int, float]:
    """The twin: plain Python, one filter after the other, each renormalising."""
    scaled = [x / params.temperature for x in logits]
    top = max(scaled)
    weights = {i: torch.tensor(x - top, dtype=torch.float64).exp().item() for i, x in enumerate(scaled)}
    kept = _normalised(weights)
    order = sorted(kept, key=lambda i: -kept[i])
    if params.top_k is not None:
        kept = _normalised({i: kept[i] for i in order[: params.top_k]})
        order = order[: params.top_k]
    if params.top_p is not None and params.top_p < 1:
        total, nucleus = 0.0, []
        for i in order:
            if total >= params.top_p:
                break
            nucleus.append(i)
            total += kept[i]
        kept = _normalised({i: kept[i] for i in nucleus})
    if params.min_p is not None:
        best = max(kept.values())
        kept = _normalised({i: p for i, p in kept.items() if p >= params.min_p * best})
    return kept


def _normalised(weights: dict[int, float]) -> dict[int, float]:
    total = sum(weights.values())
    return {i: w / total for i, w in weights.items()}


# Distinct by far more than rounding, so that no filter's edge is a tie.
distinct_logits = st.lists(st.integers(-40, 40), min_size=2, max_size=40, unique=True).map(
    lambda xs: [x * 0.2503 for x in xs]
)


@settings(max_examples=200, deadline=None)
@given(
    distinct_logits,
    st.sampled_from([0.3, 0.7, 1.0, 1.9]),
    st.none() | st.integers(1, 50),
    st.none() | st.sampled_from([0.11, 0.503, 0.9007, 1.0]),
    st.none() | st.sampled_from([0.0, 0.0503, 0.31]),
    st.sampled_from([2, 1024]),
)
def test_filters_equal_the_slow_twin(logits, temperature, top_k, top_p, min_p, head):
    params = GenerationParams(max_tokens=1, temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampler, "HEAD", head)
        scaled = torch.tensor(logits, dtype=torch.float64)
        ids, weights = sampler._kept((scaled - scaled.max()) / temperature, params)
    found = _normalised(dict(zip(ids.tolist(), weights.tolist(), strict=True)))
    expected = {i: p for i, p in slow_distribution(logits, params).items() if p > 0}
    assert found.keys() == expected.keys()
    assert all(abs(found[i] - expected[i]) < 1e-9 for i in found)


def test_draws_follow_the_distribution():
    logits = torch.tensor([0.0, 1.0, 2.0, -1.0])
    generator = new_generator(1)
    params = GenerationParams(max_tokens=1, temperature=1.0)
    counts = Counter(sample(logits, params, generator) for _ in range(4000))
    for i, p in enumerate(torch.softmax(logits, 0).tolist()):
        assert abs(counts[i] / 4000 - p) < 0.03


def test_greedy_takes_the_likeliest():
    assert (
        sample(torch.tensor([0.0, 3.0, 2.0]), GenerationParams(max_tokens=1, temperature=0), new_generator(None)) == 1
    )


def test_tiny_temperature_does_not_overflow():
    params = GenerationParams(max_tokens=1, temperature=1e-300)
    assert sample(torch.tensor([50.0, 60.0, 20.0]), params, new_generator(0)) == 1


def test_masked_token_is_never_drawn():
    allowed = torch.tensor([True, False, True])
    params = GenerationParams(max_tokens=1, temperature=5.0)
    generator = new_generator(3)
    assert 1 not in {sample(torch.tensor([0.0, 9.0, 0.0]), params, generator, allowed) for _ in range(200)}


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_logits_that_are_no_numbers_are_an_error(bad):
    with pytest.raises(ModelError):
        sample(torch.tensor([0.0, bad]), GenerationParams(max_tokens=1), new_generator(0))


def test_any_seed_is_accepted():
    for seed in (-1, 0, 2**64, -(2**63)):
        new_generator(seed)
