"""Each fast path gives what its readable twin gives."""

from __future__ import annotations

import pytest
import torch

from nemora.ops import kernels, reference


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_rms_norm_equals_its_reference() -> None:
    x, weight = random(2, 5, 48) * 7, random(48, seed=1)
    torch.testing.assert_close(kernels.rms_norm(x, weight, 1e-5), reference.rms_norm(x, weight, 1e-5))


def test_rms_norm_of_nearly_nothing_is_held_by_eps() -> None:
    x = torch.full((1, 4), 1e-6)
    torch.testing.assert_close(kernels.rms_norm(x, torch.ones(4), 1e-5), x / 1e-5**0.5, rtol=1e-4, atol=0)


def test_swiglu_equals_its_reference() -> None:
    x = random(2, 3, 64) * 5
    torch.testing.assert_close(kernels.swiglu(x), reference.swiglu(x))


@pytest.mark.parametrize(("seq", "total"), [(1, 1), (1, 9), (9, 9), (4, 9), (9, 10)])
@pytest.mark.parametrize(("heads", "kv_heads"), [(6, 2), (4, 4), (3, 1)])
def test_attention_equals_its_reference(seq: int, total: int, heads: int, kv_heads: int) -> None:
    q = random(2, heads, seq, 16)
    k, v = random(2, kv_heads, total, 16, seed=1), random(2, kv_heads, total, 16, seed=2)
    torch.testing.assert_close(kernels.attention(q, k, v), reference.attention(q, k, v), rtol=1e-4, atol=1e-5)


def test_attention_never_sees_what_comes_later() -> None:
    q, k, v = random(1, 2, 5, 8), random(1, 2, 5, 8, seed=1), random(1, 2, 5, 8, seed=2)
    before = kernels.attention(q, k, v)
    k[:, :, 3:], v[:, :, 3:] = 99.0, -99.0
    after = kernels.attention(q, k, v)
    torch.testing.assert_close(after[:, :, :3], before[:, :, :3])
    assert not torch.allclose(after[:, :, 3:], before[:, :, 3:])


def test_rope_depends_on_the_distance_only() -> None:
    frequencies = reference.rope_frequencies(16, 10000.0)
    q, k = random(1, 1, 1, 16), random(1, 1, 1, 16, seed=1)

    def score(q_at: int, k_at: int) -> float:
        turned = [reference.rope(x, *reference.rope_angles(frequencies, at, 1)) for x, at in ((q, q_at), (k, k_at))]
        return float((turned[0] * turned[1]).sum())

    assert score(7, 3) == pytest.approx(score(104, 100), abs=1e-4)
    assert score(7, 3) != pytest.approx(score(7, 4), abs=1e-2)


def test_rope_of_position_zero_changes_nothing() -> None:
    x = random(1, 1, 2, 16)
    assert torch.equal(reference.rope(x, *reference.rope_angles(reference.rope_frequencies(16, 1e4), 0, 1)), x)


def test_llama3_scaling_keeps_short_waves_and_slows_long_ones() -> None:
    frequencies = reference.rope_frequencies(64, 500000.0)
    scaled = reference.llama3_frequencies(
        frequencies, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_context=8192
    )
    ratio = frequencies / scaled
    wavelengths = 2 * torch.pi / frequencies
    torch.testing.assert_close(ratio[wavelengths < 2048], torch.ones_like(ratio[wavelengths < 2048]))
    torch.testing.assert_close(ratio[wavelengths > 8192], torch.full_like(ratio[wavelengths > 8192], 8.0))
    between = ratio[(wavelengths > 2048) & (wavelengths < 8192)]
    assert len(between) > 0
    assert ((between > 1) & (between < 8)).all()
