"""Attention in blocks is attention: against the slow twin, with blocks so small that there are many."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.ops import blockwise_attention as blockwise
from nemora.ops import kernels, reference


def drawn(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@given(
    batch=st.integers(1, 2),
    kv_heads=st.integers(1, 2),
    group=st.integers(1, 3),
    seq=st.integers(1, 12),
    past=st.integers(0, 30),
    scores=st.integers(1, 200),
    queries=st.integers(1, 6),
    size=st.sampled_from([1.0, 30.0]),
)
@settings(max_examples=25, deadline=None)
def test_blocks_of_any_size_give_what_the_slow_twin_gives(
    batch: int, kv_heads: int, group: int, seq: int, past: int, scores: int, queries: int, size: float
) -> None:
    total = past + seq
    q = size * drawn(0, batch, kv_heads * group, seq, 8)
    k, v = drawn(1, batch, kv_heads, total, 8), drawn(2, batch, kv_heads, total, 8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blockwise, "SCORES", scores)
        patch.setattr(blockwise, "QUERIES", queries)
        found = blockwise.blockwise_attention(
            q, lambda start, end: (k[:, :, start:end], v[:, :, start:end]), total, kv_heads
        )
    torch.testing.assert_close(found, reference.attention(q, k, v), rtol=1e-4, atol=1e-5)


def test_a_chunk_over_a_long_past_makes_no_mask_and_few_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    q, k, v = (x.bfloat16() for x in (drawn(0, 1, 4, 24, 16), drawn(1, 1, 2, 3000, 16), drawn(2, 1, 2, 3000, 16)))
    expected, sizes = reference.attention(q, k, v), []
    monkeypatch.setattr(kernels, "SCORES", 1 << 12)
    monkeypatch.setattr(blockwise, "SCORES", 1 << 12)
    matmul = torch.Tensor.__matmul__

    def watched(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        sizes.append(matmul(one, other).numel())
        return matmul(one, other)

    monkeypatch.setattr(torch.Tensor, "__matmul__", watched)
    monkeypatch.setattr(kernels, "causal_mask", None)
    with torch.inference_mode():
        found = kernels.attention(q, k, v)
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.002)
    assert len(sizes) > 20 and max(sizes) <= 1 << 12


def test_gradients_still_flow_over_a_long_past(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "SCORES", 1)
    q = drawn(0, 1, 2, 3, 8).requires_grad_()
    kernels.attention(q, drawn(1, 1, 1, 9, 8), drawn(2, 1, 1, 9, 8)).sum().backward()
    assert q.grad is not None and q.grad.abs().sum() > 0
