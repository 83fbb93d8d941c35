"""The mixture's fast path gives what its readable twin gives."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nemora.ops import kernels, reference_moe
from nemora.ops.weight import DenseWeight


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=30, deadline=None)
@given(tokens=st.integers(1, 20), experts=st.integers(1, 6), data=st.data())
def test_grouped_experts_equal_one_token_at_a_time(tokens: int, experts: int, data: st.DataObject) -> None:
    top_k = data.draw(st.integers(1, experts))
    x = random(tokens, 8)
    up = [DenseWeight(random(5, 8, seed=10 + e)) for e in range(experts)]
    down = [DenseWeight(random(8, 5, seed=20 + e)) for e in range(experts)]
    chosen, shares = kernels.route(
        x, random(experts, 8, seed=1), random(experts, seed=2), top_k=top_k, normalise=True, scale=2.5
    )
    fast = kernels.experts_mlp(x, chosen, shares, up, down)
    torch.testing.assert_close(fast, reference_moe.experts_mlp(x, chosen, shares, up, down), rtol=1e-4, atol=1e-4)


def test_the_bias_chooses_and_does_not_weigh() -> None:
    x, gate = random(1, 4), torch.zeros(3, 4)
    chosen, shares = kernels.route(x, gate, torch.tensor([0.0, 9.0, 5.0]), top_k=2, normalise=False, scale=1.0)
    assert sorted(chosen[0].tolist()) == [1, 2]
    assert shares.tolist() == [[0.5, 0.5]]


def test_normalised_shares_add_up_to_the_scale() -> None:
    _, shares = kernels.route(random(7, 4), random(6, 4, seed=1), torch.zeros(6), top_k=3, normalise=True, scale=2.5)
    torch.testing.assert_close(shares.sum(-1), torch.full((7,), 2.5))
