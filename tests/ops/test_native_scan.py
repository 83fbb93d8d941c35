"""A Mamba-2 layer's native form against its readable twins."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nemora.ops import reference_mamba2
from nemora.ops.cpu.library import SETS
from nemora.ops.cpu.scan import NativeScan, native_scan, vector_kernels

native_kernels = vector_kernels()
if native_kernels is None:
    pytest.skip("no native kernels with vectors", allow_module_level=True)

VECTOR_SETS = native_kernels.sets()[1:]
Layer = tuple[dict[str, float], dict[str, Tensor]]


def layer(groups: int, heads: int, head_dim: int, size: int, kernel: int, seed: int) -> Layer:
    """A layer of random weights; `heads` in each group."""
    generator = torch.Generator().manual_seed(seed)
    count = groups * heads
    channels = count * head_dim + 2 * groups * size

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    numbers = {"states": count, "state_heads_dim": head_dim, "groups": groups, "state_size": size, "kernel": kernel}
    limits = {"least_step": 0.0, "most_step": float("inf"), "epsilon": 1e-5}
    tensors = {"conv": random(kernel, channels), "conv_bias": random(channels), "dt_bias": random(count)}
    rest = {"a": -random(count).exp(), "d": random(count), "gate_norm": random(count * head_dim)}
    return numbers | limits, tensors | rest


def inputs(sizes: dict[str, float], batch: int, seq: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    heads, head_dim, size = (int(sizes[name]) for name in ("states", "state_heads_dim", "state_size"))
    channels = heads * head_dim + 2 * int(sizes["groups"]) * size
    projected = 2 * torch.randn(batch, seq, heads * head_dim + channels + heads, generator=generator)
    conv = torch.randn(batch, channels, int(sizes["kernel"]) - 1, generator=generator)
    return projected, conv, torch.randn(batch, heads, head_dim, size, generator=generator)


def twin(
    sizes: dict[str, float], t: dict[str, Tensor], projected: Tensor, conv: Tensor, states: Tensor
) -> list[Tensor]:
    heads, head_dim, size = (int(sizes[name]) for name in ("states", "state_heads_dim", "state_size"))
    groups, inner = int(sizes["groups"]), heads * head_dim
    gate, xbc, dt = projected.split([inner, inner + 2 * groups * size, heads], dim=-1)
    xbc, conv = reference_mamba2.causal_conv(xbc, t["conv"].T, t["conv_bias"], conv)
    x, b, c = xbc.split([inner, groups * size, groups * size], dim=-1)
    y, states = reference_mamba2.ssd(
        x.unflatten(-1, (heads, head_dim)),
        reference_mamba2.step_sizes(dt, t["dt_bias"], (sizes["least_step"], sizes["most_step"])),
        t["a"],
        b.unflatten(-1, (groups, size)),
        c.unflatten(-1, (groups, size)),
        t["d"],
        states,
    )
    y = reference_mamba2.gated_rms_norm(y.flatten(-2), gate, t["gate_norm"], groups, sizes["epsilon"])
    return [y, conv, states]


def made(sizes: dict[str, float], tensors: dict[str, Tensor]) -> NativeScan:
    found = native_scan(sizes, tensors)
    assert found is not None
    return found


SMALL = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 20), st.integers(1, 40), st.integers(2, 5))


@settings(max_examples=40)
@given(shape=SMALL, batch=st.integers(1, 3), seq=st.integers(1, 70), seed=st.integers(0, 99))
def test_any_layer_computes_what_its_twins_do(
    shape: tuple[int, int, int, int, int], batch: int, seq: int, seed: int
) -> None:
    sizes, tensors = layer(*shape, seed)
    given_ = inputs(sizes, batch, seq, seed)
    kept = [tensor.clone() for tensor in given_]
    for ours, theirs in zip(made(sizes, tensors).run(*given_), twin(sizes, tensors, *given_), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-4, atol=2e-4)
    assert all(map(torch.equal, given_, kept))


@settings(max_examples=50)
@given(
    head_dim=st.sampled_from([1, 2, 7, 12]),
    size=st.sampled_from([24, 64, 128]),  # 128 on AVX-512: a state's rows then stay in registers
    cuts=st.lists(st.integers(1, 79), max_size=4),
    instructions=st.sampled_from(VECTOR_SETS),
    seed=st.integers(0, 99),
)
def test_pieces_and_company_change_no_bit(
    head_dim: int, size: int, cuts: list[int], instructions: str, seed: int
) -> None:
    sizes, tensors = layer(2, 2, head_dim, size, 4, seed)
    native = made(sizes, tensors)
    native.set = SETS.index(instructions)
    projected, conv, states = inputs(sizes, 3, 80, seed)
    whole = native.run(projected, conv, states)
    row = [tensor[1:2] for tensor in (conv, states)]
    pieces = []
    at = sorted({*cuts, 40, 41})  # and one token alone
    for start, end in zip([0, *at], [*at, 80], strict=True):
        y, *row = native.run(projected[1:2, start:end], *row)
        pieces.append(y)
    for ours, theirs in zip((torch.cat(pieces, dim=1), *row), whole, strict=True):
        assert torch.equal(ours, theirs[1:2])


@pytest.mark.parametrize("size", [40, 128])
def test_every_instruction_set_computes_the_same(size: int) -> None:
    sizes, tensors = layer(2, 2, 13, size, 4, 0)
    native, given_ = made(sizes, tensors), inputs(sizes, 1, 50, 0)
    expected = twin(sizes, tensors, *given_)
    for instructions in native.library.sets():
        native.set = SETS.index(instructions)
        for ours, theirs in zip(native.run(*given_), expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=2e-4, atol=2e-4)


def test_limits_of_the_step_hold() -> None:
    sizes, tensors = layer(1, 2, 4, 8, 4, 3)
    sizes |= {"least_step": 0.3, "most_step": 0.9}
    given_ = inputs(sizes, 1, 20, 3)
    ours, theirs = made(sizes, tensors).run(*given_), twin(sizes, tensors, *given_)
    torch.testing.assert_close(ours[0], theirs[0], rtol=2e-4, atol=2e-4)


def test_who_wants_gradients_or_other_numbers_gets_torch() -> None:
    sizes, tensors = layer(1, 1, 4, 8, 4, 0)
    native, (projected, conv, _) = made(sizes, tensors), inputs(sizes, 1, 2, 0)
    assert native.takes(projected, conv)
    assert not native.takes(projected.bfloat16(), conv)
    assert not native.takes(projected.clone().requires_grad_(), conv)
    assert native_scan(sizes, tensors | {"d": tensors["d"].clone().requires_grad_()}) is None
    assert native_scan(sizes, {name: tensor.to("meta") for name, tensor in tensors.items()}) is None
