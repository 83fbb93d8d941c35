"""Stored forms of keys and values: how far off they are, and that storing again what was read back changes nothing."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.ops.kv_format import SCALE, KVCache, kv_format

# Of each form: how far a number may be off, as a part of the largest of its head.
OFF: dict[KVCache, float] = {"float32": 0.0, "bfloat16": 2**-8, "fp8": 2**-4, "q8": 0.502 / 127}


def numbers(head_dim: int, *, outlier: float = 1.0, seed: int = 0) -> torch.Tensor:
    drawn = torch.randn(2, 3, 40, head_dim, generator=torch.Generator().manual_seed(seed))
    drawn[..., 0] *= outlier
    return drawn


@pytest.mark.parametrize("name", OFF)
@pytest.mark.parametrize("head_dim", [8, 48, 64, 128])
@pytest.mark.parametrize("outlier", [1.0, 100.0])
def test_what_is_read_back_is_near_what_was_written(name: KVCache, head_dim: int, outlier: float) -> None:
    form, x = kv_format(name, torch.float32), numbers(head_dim, outlier=outlier)
    found = form.decode(*form.encode(x))
    assert found.dtype == torch.float32
    assert ((found - x).abs() <= OFF[name] * x.abs().amax(-1, keepdim=True)).all()


@pytest.mark.parametrize("name", ["bfloat16", "fp8"])
def test_floating_forms_keep_small_numbers_beside_large_ones(name: KVCache) -> None:
    form, x = kv_format(name, torch.float32), numbers(64, outlier=500.0)
    found, seen = form.decode(*form.encode(x)), x.abs() > x.abs().amax(-1, keepdim=True) / 2**13
    assert ((found - x).abs() <= OFF[name] * x.abs())[seen].all()


def test_an_outlier_spoils_only_its_own_32_numbers() -> None:
    form, x = kv_format("q8", torch.float32), numbers(128, outlier=1000.0)
    off = (form.decode(*form.encode(x)) - x).abs()
    assert off[..., 1:32].max() > 1
    assert off[..., 32:].max() < 0.05


@given(
    name=st.sampled_from(list(OFF)),
    head_dim=st.sampled_from([1, 8, 32, 64]),
    exponents=st.lists(st.integers(-30, 30), min_size=1, max_size=4),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_storing_again_what_was_read_back_changes_nothing(
    name: KVCache, head_dim: int, exponents: list[int], seed: int
) -> None:
    form = kv_format(name, torch.float32)
    x = numbers(head_dim, seed=seed) * torch.tensor([2.0**exponent for exponent in exponents] * 40)[:40, None]
    once = form.decode(*form.encode(x))
    assert torch.equal(form.decode(*form.encode(once)), once)


@pytest.mark.parametrize("name", OFF)
def test_nothing_is_stored_as_nothing_and_tiny_numbers_stay_finite(name: KVCache) -> None:
    form = kv_format(name, torch.float32)
    assert torch.equal(form.decode(*form.encode(torch.zeros(1, 1, 2, 32))), torch.zeros(1, 1, 2, 32))
    for size in (1e-38, 1e-42, 1e30):
        assert form.decode(*form.encode(torch.full((1, 1, 1, 32), size))).isfinite().all()


@pytest.mark.parametrize("name", OFF)
def test_each_position_is_stored_by_itself(name: KVCache) -> None:
    form, x = kv_format(name, torch.float32), numbers(64)
    stored, scales = form.encode(x)
    for position in range(0, 40, 13):
        alone, own = form.encode(x[:, :, position : position + 1])
        assert torch.equal(alone, stored[:, :, position : position + 1])
        assert own is None or (scales is not None and torch.equal(own, scales[:, :, position : position + 1]))


@pytest.mark.parametrize(("name", "size"), [("float32", 4), ("bfloat16", 2), ("fp8", 1 + 2 / 128), ("q8", 1 + 2 / 32)])
def test_bytes_of_a_number_in_a_head_of_128_are_those_that_are_documented(name: KVCache, size: float) -> None:
    form = kv_format(name, torch.float32)
    assert form.dtype.itemsize + form.scales(128) * SCALE.itemsize / 128 == size
    stored, scales = form.encode(numbers(128))
    assert stored.dtype == form.dtype
    assert (0 if scales is None else scales.shape[-1]) == form.scales(128)


def test_auto_is_the_type_of_the_activations_and_other_names_are_refused() -> None:
    assert kv_format("auto", torch.bfloat16).dtype == torch.bfloat16
    with pytest.raises(ValueError, match="fp8 or q8, not as int4"):
        kv_format("int4", torch.float32)  # type: ignore[arg-type]
