from __future__ import annotations

import math

import gguf
import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from nemora.ops import quantise
from nemora.ops.blocks import MODELOPT_NVFP4, StoredMatrix
from nemora.ops.quantise import (
    QUANTISERS,
    fake_quantise_fp8,
    fake_quantise_nvfp4,
    quantise_fp8,
    quantise_nvfp4,
    quantise_nvfp4_four_over_six,
    quantise_q4_0,
    quantise_q8_0,
)

E2M1 = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]
E4M3 = torch.arange(0x7F, dtype=torch.uint8).view(torch.float8_e4m3fn).double().tolist()  # 0 to 448


@st.composite
def matrices(draw: st.DrawFn) -> torch.Tensor:
    """Rows of 64 whose blocks differ much in size; some numbers are zero, some lie on or between grid points."""
    rows = draw(st.integers(1, 5))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1 << 32)))
    x = torch.randn(rows, 64, generator=generator)
    kind = draw(st.sampled_from(["normal", "blocks", "steps", "sparse"]))
    if kind == "blocks":
        x *= torch.exp2(torch.randint(-14, 14, (rows, 4), generator=generator)).repeat_interleave(16, 1)
    elif kind == "steps":
        x = (x * 8).round() / 4
    elif kind == "sparse":
        x *= torch.rand(rows, 64, generator=generator) < 0.05
    return x * draw(st.sampled_from([1.0, 0.02, 3e-7, 1e9 if kind != "blocks" else 1.0])) if draw(st.booleans()) else x


small = matrices().filter(lambda x: x.abs().max() < 1e5)  # fp16 scales reach that far


@pytest.mark.parametrize(("name", "quantise_it"), [("Q8_0", quantise_q8_0), ("Q4_0", quantise_q4_0)])
def test_ggufs_formats_are_quantised_to_the_byte_as_the_gguf_package_does(name: str, quantise_it: object) -> None:
    @given(x=small)
    @example(x=torch.zeros(2, 64))
    @example(x=torch.tensor([[1.0, -1.0] * 32]))  # two numbers are the largest: the first one counts
    @example(x=torch.arange(64.0)[None] - 31.5)  # many ties
    @example(x=torch.full((1, 64), 1e-9))  # the scale rounds to zero
    def holds(x: torch.Tensor) -> None:
        expected = gguf.quants.quantize(x.numpy(), gguf.GGMLQuantizationType[name])
        stored: StoredMatrix = quantise_it(x)  # type: ignore[operator]
        assert stored.format.name == name
        assert torch.equal(stored.data, torch.from_numpy(expected))

    holds()


@given(x=small)
def test_q8_0_is_at_most_half_a_step_off(x: torch.Tensor) -> None:
    stored = quantise_q8_0(x)
    step = x.view(-1, 32).abs().amax(1, keepdim=True) / 127
    error = (stored.decode() - x).view(-1, 32).abs()
    assert (error <= 0.5 * step * 1.0001 + 127 * (step / 2048 + 2.0**-25)).all()  # and what fp16 does to the step


@given(x=small)
def test_q4_0_is_at_most_a_step_off(x: torch.Tensor) -> None:
    """Half a step, but for the side that has only 7 steps where the other has 8."""
    step = x.view(-1, 32).abs().amax(1, keepdim=True) / 8
    error = (quantise_q4_0(x).decode() - x).view(-1, 32).abs()
    assert (error <= step * 1.0001 + 8 * (step / 2048 + 2.0**-25)).all()
    assert ((error <= 0.5 * step * 1.0001 + 8 * (step / 2048 + 2.0**-25)).float().mean(1) >= 0.5).all()


@given(x=matrices())
@example(x=torch.zeros(2, 64))
def test_fp8_has_the_published_scale_and_takes_the_nearest_number(x: torch.Tensor) -> None:
    stored = quantise_fp8(x)
    largest = float(x.abs().max())
    assert stored.scale == (float(np.float32(largest) / np.float32(448)) if largest else 1.0)
    grid = torch.tensor(E4M3, dtype=torch.float64) * stored.scale
    assert_nearest(x.double().abs().view(-1, 1), grid.view(1, -1), stored.decode().double().view(-1, 1), x)


def assert_nearest(x: torch.Tensor, grid: torch.Tensor, found: torch.Tensor, signed: torch.Tensor) -> None:
    """No number of `grid` [.., n] is nearer to |x| [.., 1] than what was `found`, and signs are kept."""
    best = (grid - x).abs().amin(-1, keepdim=True)
    assert ((found.abs() - x).abs() <= best + 1e-6 * x).all()
    assert (found.view(-1) * signed.double().view(-1) >= 0).all()


@given(x=matrices())
@example(x=torch.zeros(2, 64))
@example(x=torch.tensor([[0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0, 6.0] * 8]) * 448)
def test_nvfp4_has_the_published_scales_and_takes_the_nearest_number(x: torch.Tensor) -> None:
    stored = quantise_nvfp4(x)
    largest = float(x.abs().max())
    assert stored.scale == (float(np.float32(largest) / np.float32(2688)) if largest else 1.0)
    assert stored.scales is not None
    scales = stored.scales.view(torch.float8_e4m3fn).double()
    exact = x.double().view(-1, 4, 16).abs().amax(-1) / 6 / stored.scale
    wanted = torch.where(exact == 0, 1.0, exact.clamp(2.0**-9, 448.0))
    candidates = torch.tensor(E4M3, dtype=torch.float64)
    best = (candidates - wanted[..., None]).abs().amin(-1)
    assert ((scales - wanted).abs() <= best + 1e-6 * wanted).all()
    grid = torch.tensor(E2M1, dtype=torch.float64) * scales[..., None] * stored.scale
    x16 = x.double().view(-1, 16, 1)
    assert_nearest(x16.abs(), grid.view(-1, 1, 8), stored.decode().double().view(-1, 16, 1), x)


def test_ties_between_two_numbers_of_four_bits_go_to_the_even_code() -> None:
    ties = torch.tensor(
        [[0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0, 6.0, -0.25, -0.75, -1.25, -1.75, -2.5, -3.5, -5.0, -6.0]]
    )
    stored = quantise_nvfp4(ties * 448)  # scale 1, block scale 448
    assert stored.scale == 1.0
    assert (stored.decode() / 448).tolist() == [[0, 1, 1, 2, 2, 4, 4, 6, 0, -1, -1, -2, -2, -4, -4, -6]]
    assert stored.data.tolist() == [[0x20, 0x42, 0x64, 0x76, 0xA8, 0xCA, 0xEC, 0xFE]]


def slow_error(block: list[float], scale: float, block_scale: float) -> float:
    """The squared error of a block, number by number, under an E4M3 scale."""
    step = block_scale * scale
    return sum(min((abs(x) - magnitude * step) ** 2 for magnitude in E2M1) for x in block)


def nearest_e4m3(number: float) -> float:
    """Ties go to the even mantissa, as in IEEE 754."""
    return min(E4M3[1:], key=lambda candidate: (abs(candidate - number), E4M3.index(candidate) % 2))


@given(x=matrices().filter(lambda x: bool((x != 0).any())))
def test_four_over_six_takes_the_better_of_both_for_each_block(x: torch.Tensor) -> None:
    stored = quantise_nvfp4_four_over_six(x)
    assert stored.scale == float(np.float32(float(x.abs().max())) / np.float32(1536))
    error = (stored.decode().double() - x.double()).view(-1, 16).square().sum(-1).tolist()
    for block, found in zip(x.double().view(-1, 16).tolist(), error, strict=True):
        largest = max(map(abs, block))
        six = np.float32(largest) / np.float32(6 * stored.scale)  # in fp32, which decides what is a tie
        for exact in (six, six * np.float32(1.5)):
            other = slow_error(block, stored.scale, nearest_e4m3(float(exact)))
            assert found <= other * 1.0001 + (1e-5 * largest) ** 2


def test_four_over_six_maps_a_block_to_four_where_that_fits_exactly() -> None:
    wide = torch.tensor([6.0, 3, 2, 1.5, 1, 0.5, 4, 0] * 2) * 256  # these are numbers of the grid up to 6
    dense = torch.tensor([4.0, 3, 2, 1.5, 1, 0.5, 4, 0] * 2) * 384  # these of the grid up to 4
    x = torch.stack((wide, dense)).view(1, 32)
    stored = quantise_nvfp4_four_over_six(x)
    assert torch.equal(stored.decode(), x)
    assert stored.scales is not None
    assert stored.scales.view(torch.float8_e4m3fn).float().tolist() == [[256.0, 384.0]]
    assert not torch.equal(quantise_nvfp4(x).decode(), x)


@given(x=small)
def test_what_q8_0_and_q4_0_decode_to_is_quantised_to_the_same_bytes(x: torch.Tensor) -> None:
    """All but blocks whose scale is zero, which decode to zeros: their codes, or the sign of Q4_0's scale, are lost."""
    for quantise_it in (quantise_q8_0, quantise_q4_0):
        once = quantise_it(x)
        twice = quantise_it(once.decode())
        assert torch.equal(twice.decode(), once.decode())
        blocks, again = (stored.data.view(-1, once.format.bytes) for stored in (once, twice))
        kept = blocks[:, :2].clone().view(torch.float16)[:, 0] != 0
        assert torch.equal(again[kept], blocks[kept])


@given(x=matrices())
def test_what_fp8_and_nvfp4_decode_to_is_quantised_to_the_same_bytes(x: torch.Tensor) -> None:
    """The scale of the matrix may differ in fp32's last bit. Block scales must be E4M3's normal numbers."""
    once = quantise_fp8(x)
    twice = quantise_fp8(once.decode())
    assert torch.equal(once.data, twice.data)
    assert math.isclose(once.scale, twice.scale, rel_tol=3e-7)
    once = quantise_nvfp4(x)
    assert once.scales is not None
    if (once.scales >= 0x08).all():
        twice = quantise_nvfp4(once.decode())
        assert twice.scales is not None
        assert torch.equal(once.data & 0x77, twice.data & 0x77)  # a negative number that became -0 is zero now
        assert torch.equal(once.scales, twice.scales)
        assert math.isclose(once.scale, twice.scale, rel_tol=3e-7)


@pytest.mark.parametrize("name", QUANTISERS)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_refused(name: str, bad: float) -> None:
    x = torch.ones(70, 64)
    x[69, 63] = bad
    with pytest.raises(ValueError, match="not finite"):
        QUANTISERS[name](x)


@pytest.mark.parametrize("name", ["q8_0", "q4_0"])
def test_numbers_beyond_what_an_fp16_scale_reaches_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="too large for fp16 scales"):
        QUANTISERS[name](torch.full((1, 32), 1e9))


@pytest.mark.parametrize("name", ["q8_0", "q4_0", "nvfp4", "nvfp4_four_over_six"])
def test_rows_that_are_no_whole_blocks_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="whole blocks"):
        QUANTISERS[name](torch.ones(2, 40))


@pytest.mark.parametrize("name", QUANTISERS)
def test_chunks_types_and_strides_of_the_source_do_not_matter(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(7, 64, generator=torch.Generator().manual_seed(1)).bfloat16()
    before = x.clone()
    whole = QUANTISERS[name](x)
    monkeypatch.setattr(quantise, "CPU_CHUNK", 3 * 64)
    for same_numbers in (x, x.float(), x.T.contiguous().T, x.double()):
        again = QUANTISERS[name](same_numbers)
        assert torch.equal(again.data, whole.data)
        assert again.scale == whole.scale
        assert whole.scales is None or (again.scales is not None and torch.equal(again.scales, whole.scales))
    assert torch.equal(x, before)


@pytest.mark.parametrize("name", QUANTISERS)
@pytest.mark.parametrize("tiny", [0.0, 1e-45, 1e-38])
def test_zeros_and_numbers_next_to_zero_decode_to_about_zero(name: str, tiny: float) -> None:
    stored = QUANTISERS[name](torch.full((2, 64), tiny))
    assert stored.decode().abs().max() <= 2e-38
    if stored.format.size == 32:  # their scale is zero, so the codes could be anything; they are those of zeros
        codes = stored.data.view(-1, stored.format.bytes)[:, 2:]
        assert (codes == (0 if name == "q8_0" else 0x88)).all()


@pytest.mark.parametrize("name", QUANTISERS)
def test_a_matrix_without_rows_is_quantised_to_one(name: str) -> None:
    assert QUANTISERS[name](torch.empty(0, 64)).shape == (0, 64)


@given(x=matrices(), scale=st.sampled_from([1.0, 0.013, 2e-4]))
def test_activations_of_fp8_are_cut_off_and_rounded_to_the_nearest_number(x: torch.Tensor, scale: float) -> None:
    scale = float(np.float32(scale))
    grid = torch.tensor(E4M3, dtype=torch.float64) * scale
    cut = x.double().clamp(-448 * scale, 448 * scale)
    found = fake_quantise_fp8(x, scale)
    assert_nearest(cut.abs().view(-1, 1), grid.view(1, -1), found.double().view(-1, 1), x)


@given(x=matrices().filter(lambda x: bool((x != 0).any())))
def test_activations_of_nvfp4_round_as_weights_do_under_the_scale_of_their_maximum(x: torch.Tensor) -> None:
    stored = quantise_nvfp4(x)
    found = fake_quantise_nvfp4(x, stored.scale)
    assert stored.scales is not None
    normal = ((stored.scales >= 0x08) & (x.view(-1, 4, 16) != 0).any(-1)).repeat_interleave(16, 1)
    assert torch.allclose(found[normal], stored.decode()[normal], rtol=1e-6, atol=0)
    step = 2.0**-9 * stored.scale
    assert ((found - x).abs()[~normal] <= 32 * step).all()


def test_activations_beyond_the_scale_are_cut_off() -> None:
    x = torch.tensor([[1e6, -1e6, 100.0, 0.0] * 8])
    assert fake_quantise_nvfp4(x, 0.5).tolist() == [[1344.0, -1344.0, 112.0, 0.0] * 8]
    assert fake_quantise_fp8(x, 0.5).tolist() == [[224.0, -224.0, 96.0, 0.0] * 8]  # 200 is a tie


def test_activations_keep_their_type_shape_and_nans() -> None:
    x = torch.randn(2, 3, 32, generator=torch.Generator().manual_seed(2)).bfloat16()
    x[0, 0, 0] = math.nan
    before = x.clone()
    for found in (fake_quantise_fp8(x, 0.01), fake_quantise_nvfp4(x, 0.01)):
        assert (found.dtype, found.shape) == (x.dtype, x.shape)
        assert found[0, 0, 0].isnan()
        assert found[0, 1:].isfinite().all()
    assert torch.equal(x.nan_to_num(), before.nan_to_num())


def test_activations_so_small_that_their_scale_is_zero_become_zero() -> None:
    x = torch.full((1, MODELOPT_NVFP4.size), 1e-4)
    assert not fake_quantise_nvfp4(x, 1.0).any()


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan, math.inf])
def test_a_scale_that_is_not_positive_is_refused(scale: float) -> None:
    for fake in (fake_quantise_fp8, fake_quantise_nvfp4):
        with pytest.raises(ValueError, match="positive number"):
            fake(torch.ones(1, 16), scale)


def test_activations_that_are_no_whole_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="whole blocks of 16"):
        fake_quantise_nvfp4(torch.ones(2, 24), 1.0)
