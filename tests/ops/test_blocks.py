from __future__ import annotations

import gguf
import numpy as np
import pytest
import torch

from nemora.ops.blocks import BF16, F16, F32, FORMATS, Q4_0, Q4_1, Q8_0, StoredMatrix


def stored(format_name: str, rows: int = 6, columns: int = 96) -> StoredMatrix:
    numbers = np.random.default_rng(3).standard_normal((rows, columns), np.float32) * 3
    packed = gguf.quants.quantize(numbers, gguf.GGMLQuantizationType[format_name])
    return StoredMatrix(FORMATS[format_name], torch.from_numpy(packed.view(np.uint8).reshape(rows, -1)))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_decodes_to_the_bit_as_the_gguf_package_does(name: str) -> None:
    matrix = stored(name)
    kind = gguf.GGMLQuantizationType[name]
    typed = matrix.data.numpy().view({"F32": np.float32, "F16": np.float16}.get(name, np.uint8))
    expected = gguf.quants.dequantize(typed, kind)
    assert matrix.shape == (6, 96)
    assert torch.equal(matrix.decode(), torch.from_numpy(expected))


@pytest.mark.parametrize("name", ["Q4_0", "Q4_1", "Q8_0"])
def test_extreme_scales_and_all_codes_decode_as_the_gguf_package_does(name: str) -> None:
    format = FORMATS[name]
    bytes_ = np.random.default_rng(5).integers(0, 256, (64, format.bytes * 4), np.uint8)
    bytes_[:, 1 :: format.bytes] &= 0x7B  # the scale's exponent is not that of NaN or infinity
    if name == "Q4_1":
        bytes_[:, 3 :: format.bytes] &= 0x7B
    expected = gguf.quants.dequantize(bytes_, gguf.GGMLQuantizationType[name])
    assert torch.equal(format.decode(torch.from_numpy(bytes_)), torch.from_numpy(expected))


def test_a_hand_written_block_decodes_by_its_formula() -> None:
    half = np.array([0.5], np.float16).tobytes()
    q4_0 = half + bytes([0x0F] + [0x80] * 15)  # low halves come first: 15, 0, 0 …; then the high ones: 0, 8, 8 …
    assert decoded(Q4_0, q4_0)[[0, 1, 16, 17]].tolist() == [3.5, -4.0, -4.0, 0.0]
    q4_1 = half + np.array([-1], np.float16).tobytes() + bytes([0x21] * 16)
    assert decoded(Q4_1, q4_1)[[0, 15, 16, 31]].tolist() == [-0.5, -0.5, 0.0, 0.0]
    assert decoded(Q8_0, half + bytes([0x80, 0x7F] * 16))[[0, 1]].tolist() == [-64.0, 63.5]
    assert decoded(BF16, bytes([0x80, 0x3F])).tolist() == [1.0]
    assert decoded(F16, half).tolist() == [0.5]
    assert decoded(F32, bytes([0, 0, 0x80, 0xBF])).tolist() == [-1.0]


def decoded(format: object, data: bytes) -> torch.Tensor:
    return format.decode(torch.tensor([list(data)], dtype=torch.uint8))[0]  # type: ignore[attr-defined]


def test_a_row_of_half_a_block_is_refused() -> None:
    assert Q8_0.row_bytes(64) == 68
    with pytest.raises(ValueError, match="whole blocks of 32"):
        Q8_0.row_bytes(48)
