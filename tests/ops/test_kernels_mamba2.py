"""Each fast path of the Mamba-2 layer gives what its readable twin gives."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nemora.ops import kernels, reference_mamba2


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def ssd_inputs(batch: int, seq: int, groups: int, per_group: int, dt_scale: float = 1.0) -> tuple[Tensor, ...]:
    heads, head_dim, state_size = groups * per_group, 5, 7
    return (
        random(batch, seq, heads, head_dim),
        torch.nn.functional.softplus(random(batch, seq, heads, seed=1)) * dt_scale,
        -torch.exp(random(heads, seed=2)),
        random(batch, seq, groups, state_size, seed=3),
        random(batch, seq, groups, state_size, seed=4),
        random(heads, seed=5),
        random(batch, heads, head_dim, state_size, seed=6),
    )


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 3),
    seq=st.integers(1, 300),
    groups=st.integers(1, 3),
    per_group=st.integers(1, 3),
    dt_scale=st.sampled_from([1e-3, 1.0, 50.0]),
)
def test_the_chunked_scan_equals_the_recurrence(
    batch: int, seq: int, groups: int, per_group: int, dt_scale: float
) -> None:
    inputs = ssd_inputs(batch, seq, groups, per_group, dt_scale)
    for fast, slow in zip(kernels.ssd(*inputs), reference_mamba2.ssd(*inputs), strict=True):
        torch.testing.assert_close(fast, slow, rtol=1e-4, atol=1e-4 * float(slow.abs().max()))


def test_a_scan_does_not_change_the_state_that_it_is_given() -> None:
    for seq in (1, 9):
        inputs = ssd_inputs(1, seq, 2, 2)
        before = inputs[-1].clone()
        kernels.ssd(*inputs)
        assert torch.equal(inputs[-1], before)


def test_huge_steps_forget_the_past_and_stay_finite() -> None:
    x, dt, a, b, c, d, state = ssd_inputs(1, 200, 1, 2)
    y, last = kernels.ssd(x, dt + 1e4, a, b, c, d, state * 1e30)
    assert torch.isfinite(y).all() and torch.isfinite(last).all()


@settings(max_examples=30, deadline=None)
@given(batch=st.integers(1, 3), seq=st.integers(1, 12), kernel=st.integers(2, 5))
def test_the_convolution_equals_its_reference_and_hands_on_its_inputs(batch: int, seq: int, kernel: int) -> None:
    x, weight, bias = random(batch, seq, 6), random(6, kernel, seed=1), random(6, seed=2)
    before = random(batch, 6, kernel - 1, seed=3)
    fast, slow = kernels.causal_conv(x, weight, bias, before), reference_mamba2.causal_conv(x, weight, bias, before)
    torch.testing.assert_close(fast[0], slow[0])
    assert torch.equal(fast[1], slow[1])
    history = torch.cat((before, x.transpose(1, 2)), dim=-1)
    assert torch.equal(fast[1], history[:, :, -(kernel - 1) :])


def test_the_gated_norm_equals_its_reference_and_gates_before_it_normalises() -> None:
    y, gate, weight = random(2, 3, 12), random(2, 3, 12, seed=1), random(12, seed=2)
    fast = kernels.gated_rms_norm(y, gate, weight, 3, 1e-5)
    torch.testing.assert_close(fast, reference_mamba2.gated_rms_norm(y, gate, weight, 3, 1e-5))
    # A gate that is the same for a whole group cancels out of a norm that comes after it.
    flat = torch.full_like(gate, 2.0)
    torch.testing.assert_close(
        kernels.gated_rms_norm(y, flat, weight, 3, 0.0), kernels.gated_rms_norm(y, flat * 2, weight, 3, 0.0)
    )


def test_step_sizes_have_no_lower_limit_unless_one_is_given() -> None:
    tiny = kernels.step_sizes(torch.tensor([-20.0]), torch.zeros(1), (0.0, torch.inf))
    assert 0 < float(tiny) < 1e-8
    assert float(kernels.step_sizes(torch.tensor([-20.0]), torch.zeros(1), (0.001, torch.inf))) == pytest.approx(0.001)


def test_stochastic_rounding_keeps_the_mean_and_only_takes_neighbours() -> None:
    generator = torch.Generator().manual_seed(0)
    for value in (1.0003, -0.37001, 3e-6, -2.5e-7, 1e-9, 60001.0):
        x = torch.full((200_000,), value)
        bits = torch.randint(0, 1 << 13, x.shape, generator=generator, dtype=torch.int32)
        rounded = reference_mamba2.round_stochastically(x, bits)
        step = max(2.0**-24, 2.0 ** (torch.frexp(torch.tensor(value)).exponent.item() - 11))
        assert (rounded.float() - value).abs().max() <= step
        assert abs(rounded.double().mean().item() - value) <= 0.01 * step


def test_stochastic_rounding_leaves_what_fp16_holds_and_clips_what_it_cannot() -> None:
    held = torch.tensor([0.0, -0.5, 2.0**-24, 65504.0, -1.5, 2.0**-14])
    for bits in (0, (1 << 13) - 1):
        random_bits = torch.full(held.shape, bits, dtype=torch.int32)
        assert torch.equal(reference_mamba2.round_stochastically(held, random_bits).float(), held)
    large = reference_mamba2.round_stochastically(torch.tensor([1e6, -1e6]), torch.zeros(2, dtype=torch.int32))
    assert large.tolist() == [65504.0, -65504.0]
