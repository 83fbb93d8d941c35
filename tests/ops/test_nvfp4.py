from __future__ import annotations

import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from nemora.ops.blocks import FP8_E4M3, MODELOPT_NVFP4, NVFP4, StoredMatrix

EVERY_BYTE = torch.arange(256, dtype=torch.uint8)


def e2m1(code: int) -> float:
    """(−1)^sign · 2^(e − 1) · (1 + m/2), or m/2 where e is 0."""
    e, m = code >> 1 & 3, code & 1
    magnitude = 2.0 ** (e - 1) * (1 + m / 2) if e else m / 2
    return -magnitude if code & 8 else magnitude


def e4m3(byte: int) -> float:
    """(−1)^sign · 2^(e − 7) · (1 + m/8), or 2^−6 · m/8 where e is 0; all ones is NaN."""
    e, m = byte >> 3 & 15, byte & 7
    magnitude = math.nan if byte & 0x7F == 0x7F else 2.0 ** (e - 7) * (1 + m / 8) if e else 2.0**-6 * m / 8
    return -magnitude if byte & 0x80 else magnitude


def slow_modelopt(row: list[int], scales: list[int], scale: float) -> list[float]:
    numbers = []
    for column in range(2 * len(row)):
        code = row[column // 2] >> 4 if column % 2 else row[column // 2] & 15
        numbers.append(e2m1(code) * e4m3(scales[column // 16]) * scale)
    return numbers


def test_every_byte_of_fp8_is_the_number_that_the_formula_and_torch_say() -> None:
    found = StoredMatrix(FP8_E4M3, EVERY_BYTE[None]).decode()[0]
    assert torch.equal(found.isnan(), EVERY_BYTE & 0x7F == 0x7F)
    assert [x for x in found.tolist() if x == x] == [x for x in map(e4m3, range(256)) if x == x]
    torch.testing.assert_close(found, EVERY_BYTE.view(torch.float8_e4m3fn).float(), rtol=0, atol=0, equal_nan=True)


def test_a_matrix_of_fp8_is_multiplied_by_its_scale_once_in_fp32() -> None:
    bytes_ = EVERY_BYTE[EVERY_BYTE & 0x7F != 0x7F].view(2, 127)
    scale = float(torch.tensor(0.0123))
    expected = bytes_.view(torch.float8_e4m3fn).float() * torch.tensor(scale)
    assert torch.equal(StoredMatrix(FP8_E4M3, bytes_, None, scale).decode(), expected)


@given(data=st.data(), rows=st.integers(1, 4), blocks=st.integers(1, 3), scale=st.sampled_from([1.0, 0.25, 2.0**-9]))
def test_modelopt_nvfp4_is_the_product_of_its_three_numbers(
    data: st.DataObject, rows: int, blocks: int, scale: float
) -> None:
    row = st.lists(st.integers(0, 255), min_size=8 * blocks, max_size=8 * blocks)
    side = st.lists(st.integers(0, 0x7E), min_size=blocks, max_size=blocks)
    packed = data.draw(st.lists(row, min_size=rows, max_size=rows))
    scales = data.draw(st.lists(side, min_size=rows, max_size=rows))
    stored = StoredMatrix(
        MODELOPT_NVFP4, torch.tensor(packed, dtype=torch.uint8), torch.tensor(scales, dtype=torch.uint8), scale
    )
    assert stored.decode().tolist() == [slow_modelopt(*pair, scale) for pair in zip(packed, scales, strict=True)]


@given(block=st.binary(min_size=36, max_size=36))
def test_ggufs_nvfp4_reads_low_halves_before_high_ones_and_unsigned_scales(block: bytes) -> None:
    expected = []
    for sub in range(4):
        scale = 0.0 if block[sub] == 0x7F else 480.0 if block[sub] == 0xFF else e4m3(block[sub] & 0x7F)
        packed = block[4 + 8 * sub : 12 + 8 * sub]
        expected += [scale * e2m1(code) for code in [b & 15 for b in packed] + [b >> 4 for b in packed]]
    stored = StoredMatrix(NVFP4, torch.tensor([list(block)], dtype=torch.uint8))
    assert stored.decode()[0].tolist() == expected
