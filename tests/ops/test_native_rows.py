"""Norms, gates, routers and attention by the native kernels, against their readable twins."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nemora.ops import reference, reference_moe
from nemora.ops.cpu import rows
from nemora.ops.cpu.scan import vector_kernels

if vector_kernels() is None:
    pytest.skip("no native kernels with vectors", allow_module_level=True)

SEEDS = st.integers(0, 99)


def random(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=40)
@given(count=st.integers(1, 70), size=st.integers(1, 300), seed=SEEDS)
def test_a_norm_is_its_twins_and_a_rows_alone(count: int, size: int, seed: int) -> None:
    x, weight = random(seed, count, size), random(seed + 1, size)
    found = rows.rms_norm(x, weight, 1e-5)
    assert found is not None
    torch.testing.assert_close(found, reference.rms_norm(x, weight, 1e-5), rtol=1e-5, atol=1e-5)
    alone = rows.rms_norm(x[-1:], weight, 1e-5)
    assert alone is not None and torch.equal(found[-1:], alone)


@settings(max_examples=40)
@given(count=st.integers(1, 70), width=st.integers(1, 300), seed=SEEDS)
def test_a_gate_is_its_twins_and_a_rows_alone(count: int, width: int, seed: int) -> None:
    x = 30 * random(seed, count, 2 * width)
    found, alone = rows.swiglu(x), rows.swiglu(x[-1:])
    assert found is not None and alone is not None
    torch.testing.assert_close(found, reference.swiglu(x), rtol=1e-5, atol=1e-5)
    assert torch.equal(found[-1:], alone)


@settings(max_examples=40)
@given(size=st.one_of(st.integers(1, 300), st.integers(16_300, 16_500)), seed=SEEDS)
def test_a_squared_relu_is_its_twins_to_the_bit(size: int, seed: int) -> None:
    x = 30 * random(seed, size)
    x[seed % size] = float("nan")
    found = rows.relu2(x)
    assert found is not None
    torch.testing.assert_close(found, reference.relu2(x), rtol=0, atol=0, equal_nan=True)


@settings(max_examples=60)
@given(
    count=st.integers(1, 70),
    heads=st.integers(1, 9),
    others=st.integers(0, 3),
    pairs=st.sampled_from([1, 3, 8, 16]),
    start=st.integers(0, 5000),
    seed=SEEDS,
)
def test_a_rotation_is_its_twins_to_the_bit(
    count: int, heads: int, others: int, pairs: int, start: int, seed: int
) -> None:
    x = random(seed, 2, count, heads + others, 32)[:, :, :heads]  # the first of wider rows, and of a longer head
    angles = reference.rope_angles(reference.rope_frequencies(2 * pairs, 1e4), start, count)
    found = rows.rope(x, *angles)
    assert (found is None) == (x.stride()[2:] != (32, 1))
    if found is not None:
        assert torch.equal(found, reference.rope(x, *angles))


@settings(max_examples=40)
@given(count=st.integers(1, 20), experts=st.integers(1, 40), normalise=st.booleans(), seed=SEEDS)
def test_a_router_chooses_as_its_twin(count: int, experts: int, normalise: bool, seed: int) -> None:
    x, gate, bias = random(seed, count, 24), random(seed + 1, experts, 24), random(seed + 2, experts)
    settings_ = {"top_k": min(4, experts), "normalise": normalise, "scale": 2.5}
    found = rows.route(x, gate, bias, **settings_)  # type: ignore[arg-type]
    expected = reference_moe.route(x, gate, bias, **settings_)  # type: ignore[arg-type]
    assert found is not None
    assert torch.equal(found[0], expected[0])
    torch.testing.assert_close(found[1], expected[1], rtol=1e-4, atol=1e-6)


@settings(max_examples=60)
@given(
    past=st.sampled_from([0, 1, 63, 64, 65, 500, 511, 512, 1030]),
    seq=st.integers(1, 20),
    kv_heads=st.integers(1, 3),
    group=st.integers(1, 4),
    head_dim=st.sampled_from([1, 5, 16, 40, 64]),
    spare=st.integers(0, 9),
    seed=SEEDS,
)
def test_attention_is_its_twins_and_a_tokens_alone(
    past: int, seq: int, kv_heads: int, group: int, head_dim: int, spare: int, seed: int
) -> None:
    total = past + seq
    q = random(seed, 2, kv_heads * group, seq, head_dim)
    k, v = (random(seed + n, 2, kv_heads, total + spare, head_dim)[:, :, :total] for n in (1, 2))
    found = rows.attention(q, 3 * k, 1 * v)
    cached = rows.attention(q, k, v)
    assert found is not None and cached is not None
    torch.testing.assert_close(found, reference.attention(q, 3 * k, v), rtol=2e-4, atol=2e-5)
    torch.testing.assert_close(cached, reference.attention(q, k, v), rtol=2e-4, atol=2e-5)
    for token in {0, seq - 1}:
        end = past + token + 1
        alone = rows.attention(q[:, :, token : token + 1], k[:, :, :end], v[:, :, :end])
        assert alone is not None and torch.equal(alone[:, :, 0], cached[:, :, token])


@pytest.mark.parametrize("seq", [1, 7, 33, 150])
def test_attention_is_the_same_with_any_threads(seq: int) -> None:
    q, k, v = random(0, 1, 4, seq, 16), random(1, 1, 2, 500 + seq, 16), random(2, 1, 2, 500 + seq, 16)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5, 16):
            torch.set_num_threads(threads)
            found.append(rows.attention(q, k, v))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert found[0] is not None and other is not None and torch.equal(found[0], other)


def test_what_is_not_plain_is_left_to_torch() -> None:
    x = random(0, 2, 8)
    assert rows.rms_norm(x.bfloat16(), random(1, 8), 1e-5) is None
    assert rows.swiglu(x.clone().requires_grad_()) is None
    assert rows.relu2(x.clone().requires_grad_()) is None
    q = random(2, 1, 2, 3, 8)
    each = torch.ones(1, 2, 4)  # angles of each text
    assert rows.rope(q, each, each) is None and rows.rope(q.transpose(2, 3), each[0], each[0]) is None
    assert rows.attention(q, q.transpose(2, 3).contiguous().transpose(2, 3), q) is None


def test_what_is_no_number_stays_none() -> None:
    q, k, v = (random(seed, 1, 2, 70, 16) for seed in range(3))
    k[0, 1, 66, 3] = torch.nan
    found = rows.attention(q, k, v)
    assert found is not None
    assert found[0, 1, 66:].isnan().all() and found[0, 1, :66].isfinite().all() and found[0, 0].isfinite().all()
    x = random(4, 3, 8)
    assert rows.rms_norm(x, random(5, 4), 1e-5) is None  # a weight of another size


@pytest.mark.parametrize("size", [1e10, -1e10, 1e30, -1e30, -1e36])
@pytest.mark.parametrize("total", [1, 70, 600])
def test_scores_of_any_size_weigh_as_their_twins(size: float, total: int) -> None:
    q, k, v = torch.zeros(1, 3, 5, 16), torch.zeros(1, 1, total + 4, 16), random(1, 1, 1, total + 4, 16)
    q[..., 0], k[..., 0] = 1, size
    k[:, :, ::7, 0] *= 1.001
    found = rows.attention(q, k, v)
    assert found is not None
    torch.testing.assert_close(found, reference.attention(q, k, v), rtol=1e-5, atol=1e-6)


def test_infinite_scores_weigh_nothing_and_nothing_but_them_is_no_number() -> None:
    q, k, v = (random(seed, 1, 3 if seed == 0 else 1, 540, 16) for seed in range(3))
    q[..., 0], k[:, :, 2:530, 0] = 1, -torch.inf
    found = rows.attention(q[:, :, -20:], k, v)
    assert found is not None
    torch.testing.assert_close(found, reference.attention(q[:, :, -20:], k, v), rtol=1e-5, atol=1e-6)
    k[..., 0] = -torch.inf
    found = rows.attention(q[:, :, -20:], k, v)
    assert found is not None and found.isnan().all()
