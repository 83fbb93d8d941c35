from __future__ import annotations

import gguf
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from k_quants import quantize
from nemora.ops import blocks
from nemora.ops.blocks import (
    BF16,
    F16,
    F32,
    FORMATS,
    FP8_E4M3,
    MODELOPT_NVFP4,
    Q4_0,
    Q4_1,
    Q5_1,
    Q8_0,
    BlockFormat,
    StoredMatrix,
)

ALL = [*FORMATS.values(), FP8_E4M3, MODELOPT_NVFP4]
QUANTISED = [name for name in FORMATS if FORMATS[name].size > 1]
# Where the fp16 numbers of a block lie; a high byte is masked so that none of them is infinite or NaN.
HALVES = {"Q4_1": (0, 2), "Q5_1": (0, 2), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,), "NVFP4": ()}


def random_bytes(format: BlockFormat, rows: int, blocks: int, seed: int = 5) -> torch.Tensor:
    """Rows of any bytes at all, but for scales that are infinite or NaN."""
    bytes_ = np.random.default_rng(seed).integers(0, 256, (rows, blocks, format.bytes), np.uint8)
    if format.dtype is not None:
        bytes_[..., -1] &= 0xBF  # the exponent has a zero bit
    elif format in FORMATS.values():
        for at in HALVES.get(format.name, (0,)):
            bytes_[..., at + 1] &= 0xBB
    return torch.from_numpy(bytes_.reshape(rows, blocks * format.bytes))


def matrix(format: BlockFormat, rows: int, blocks: int, scale: float = 1.0, seed: int = 5) -> StoredMatrix:
    data = random_bytes(format, rows, blocks, seed)
    scales = None
    if format.scale_bytes:
        drawn = np.random.default_rng(seed + 1).integers(0, 0x7F, (rows, blocks * format.scale_bytes), np.uint8)
        scales = torch.from_numpy(drawn)
    return StoredMatrix(format, data, scales, scale)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_of_gguf_decodes_to_the_bit_as_the_gguf_package_does(name: str) -> None:
    stored = matrix(FORMATS[name], rows=200, blocks=5)
    typed = stored.data.numpy().view({"F32": np.float32, "F16": np.float16}.get(name, np.uint8))
    expected = gguf.quants.dequantize(typed, gguf.GGMLQuantizationType[name])
    assert stored.shape == expected.shape
    assert np.isfinite(expected).all()
    assert torch.equal(stored.decode(), torch.from_numpy(expected))


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_has_the_block_that_ggml_gives_it(name: str) -> None:
    sizes = gguf.constants.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]
    assert (FORMATS[name].size, FORMATS[name].bytes) == sizes


@pytest.mark.parametrize("name", ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"])
def test_what_the_gguf_package_quantised_decodes_to_nearly_the_numbers_that_went_in(name: str) -> None:
    numbers = np.random.default_rng(3).standard_normal((6, 96), np.float32)
    packed = torch.from_numpy(gguf.quants.quantize(numbers, gguf.GGMLQuantizationType[name]))
    error = StoredMatrix(FORMATS[name], packed).decode() - torch.from_numpy(numbers)
    assert error.abs().max() < {"4": 0.5, "5": 0.25, "8": 0.02}[name[1]]


@pytest.mark.parametrize("name", ["Q4_K", "Q5_K", "Q6_K"])
def test_numbers_in_superblocks_are_read_by_the_gguf_package_as_nearly_what_went_in(name: str) -> None:
    """What other tests write as K-quants is of the published layout."""
    numbers = np.random.default_rng(3).standard_normal((6, 768), np.float32)
    numbers[1] -= 5.0  # within what minimums can say
    kind = gguf.GGMLQuantizationType[name]
    error = gguf.quants.dequantize(quantize(numbers, kind), kind) - numbers
    assert np.abs(error).max() < {"4": 0.25, "5": 0.15, "6": 0.15}[name[1]]


def test_a_hand_written_block_decodes_by_its_formula() -> None:
    half = np.array([0.5], np.float16).tobytes()
    q4_0 = half + bytes([0x0F] + [0x80] * 15)  # low halves come first: 15, 0, 0 …; then the high ones: 0, 8, 8 …
    assert decoded(Q4_0, q4_0)[[0, 1, 16, 17]].tolist() == [3.5, -4.0, -4.0, 0.0]
    q4_1 = half + np.array([-1], np.float16).tobytes() + bytes([0x21] * 16)
    assert decoded(Q4_1, q4_1)[[0, 15, 16, 31]].tolist() == [-0.5, -0.5, 0.0, 0.0]
    q5_1 = half + np.array([-1], np.float16).tobytes() + bytes([0x01, 0, 0, 0x80]) + bytes([0x21] * 16)
    assert decoded(Q5_1, q5_1)[[0, 15, 16, 31]].tolist() == [7.5, -0.5, 0.0, 8.0]
    assert decoded(Q8_0, half + bytes([0x80, 0x7F] * 16))[[0, 1]].tolist() == [-64.0, 63.5]
    assert decoded(BF16, bytes([0x80, 0x3F])).tolist() == [1.0]
    assert decoded(F16, half).tolist() == [0.5]
    assert decoded(F32, bytes([0, 0, 0x80, 0xBF])).tolist() == [-1.0]


def decoded(format: BlockFormat, data: bytes) -> torch.Tensor:
    return format.decode(torch.tensor([list(data)], dtype=torch.uint8))[0]


def test_a_row_of_half_a_block_is_refused() -> None:
    assert Q8_0.row_bytes(64) == 68
    assert MODELOPT_NVFP4.blocks(64) == 4
    with pytest.raises(ValueError, match="whole blocks of 32"):
        Q8_0.row_bytes(48)


@given(
    format=st.sampled_from(ALL),
    rows=st.integers(0, 9),
    blocks=st.integers(1, 4),
    scale=st.sampled_from([1.0, 0.375, 3e-3]),
    data=st.data(),
)
def test_some_rows_decode_as_they_do_among_all(
    format: BlockFormat, rows: int, blocks: int, scale: float, data: st.DataObject
) -> None:
    stored = matrix(format, rows, blocks, scale)
    whole = stored.decode()
    assert tuple(whole.shape) == stored.shape == (rows, blocks * format.size)
    start = data.draw(st.integers(0, rows))
    stop = data.draw(st.integers(start, rows))
    assert same(stored.slice(start, stop).decode(), whole[start:stop])
    ids = torch.tensor(data.draw(st.lists(st.integers(0, rows - 1), max_size=5)) if rows else [], dtype=torch.int64)
    assert same(stored.take(ids).decode(), whole[ids])


def same(found: torch.Tensor, expected: torch.Tensor) -> bool:
    return torch.equal(found.nan_to_num(nan=7e5), expected.nan_to_num(nan=7e5))


@pytest.mark.parametrize("format", ALL, ids=lambda format: format.name)
@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_decoding_in_runs_of_rows_and_to_other_types_rounds_the_same_numbers(
    format: BlockFormat, scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = matrix(format, 7, 3, scale)
    expected = format.decode(stored.data, stored.scales) * scale
    monkeypatch.setattr(blocks, "CPU_CHUNK", 2 * 3 * format.size)  # two rows, and at last one
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        found = stored.decode(dtype)
        assert found.dtype == dtype
        assert same(found.float(), expected.to(dtype).float())


@pytest.mark.parametrize("format", [F32, F16, BF16], ids=lambda format: format.name)
def test_a_plain_matrix_in_its_own_type_is_a_view(format: BlockFormat) -> None:
    stored = matrix(format, 3, 8)
    assert format.dtype is not None
    assert stored.decode(format.dtype).data_ptr() == stored.data.data_ptr()
    assert stored.slice(1, 2).data.data_ptr() == stored.data[1].data_ptr()


@pytest.mark.parametrize("format", ALL, ids=lambda format: format.name)
def test_decoding_leaves_the_stored_bytes_alone(format: BlockFormat) -> None:
    stored = matrix(format, 3, 2, scale=0.5)
    before = stored.data.clone(), None if stored.scales is None else stored.scales.clone()
    stored.decode()
    assert torch.equal(stored.data, before[0])
    assert before[1] is None or (stored.scales is not None and torch.equal(stored.scales, before[1]))


@pytest.mark.parametrize("format", ALL, ids=lambda format: format.name)
def test_decoding_takes_place_where_the_bytes_lie(format: BlockFormat) -> None:
    """Tables and steps of the calculation follow them, here to torch's meta device."""
    stored = matrix(format, 3, 2, scale=0.5).to("meta")
    assert format.decode(stored.data, stored.scales).device.type == "meta"
    decoded = stored.decode(torch.bfloat16)
    assert (decoded.device.type, tuple(decoded.shape), decoded.dtype) == ("meta", stored.shape, torch.bfloat16)


@pytest.mark.parametrize("name", QUANTISED)
def test_a_single_block_at_an_odd_address_decodes(name: str) -> None:
    format = FORMATS[name]
    data = random_bytes(format, 1, 1)
    shifted = torch.cat((torch.zeros(1, 1, dtype=torch.uint8), data), dim=1)[:, 1:]
    assert torch.equal(StoredMatrix(format, shifted).decode(), StoredMatrix(format, data).decode())


@pytest.mark.parametrize("id", [-1, 4])
def test_taking_a_row_that_is_not_there_is_an_error(id: int) -> None:
    with pytest.raises(IndexError):
        matrix(MODELOPT_NVFP4, 4, 2).take(torch.tensor([id]))


def test_block_scales_are_there_exactly_where_a_format_keeps_them_apart() -> None:
    data = torch.zeros(4, 16, dtype=torch.uint8)
    stored = StoredMatrix(MODELOPT_NVFP4, data, torch.zeros(4, 2, dtype=torch.uint8), 0.5)
    assert stored.shape == (4, 32)
    assert stored.bytes == 4 * 16 + 4 * 2
    moved = stored.to("cpu")
    assert (moved.format, moved.scale, moved.bytes) == (stored.format, 0.5, stored.bytes)
    for scales in (None, torch.zeros(4, 3, dtype=torch.uint8), torch.zeros(3, 2, dtype=torch.uint8)):
        with pytest.raises(ValueError, match=r"4 x 32 has block scales of \(4, 2\)"):
            StoredMatrix(MODELOPT_NVFP4, data, scales)
    with pytest.raises(ValueError, match="not"):
        StoredMatrix(FP8_E4M3, data, torch.zeros(4, 2, dtype=torch.uint8))
