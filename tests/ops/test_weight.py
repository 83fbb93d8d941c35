from __future__ import annotations

import gguf
import numpy as np
import pytest
import torch

from nemora.ops import weight
from nemora.ops.blocks import FORMATS, StoredMatrix
from nemora.ops.weight import BlockWeight, DenseWeight


def stored(format_name: str, rows: int, columns: int = 64, seed: int = 0) -> StoredMatrix:
    numbers = np.random.default_rng(seed).standard_normal((rows, columns), np.float32)
    packed = gguf.quants.quantize(numbers, gguf.GGMLQuantizationType[format_name])
    return StoredMatrix(FORMATS[format_name], torch.from_numpy(packed.view(np.uint8).reshape(rows, -1)))


@pytest.mark.parametrize("name", ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"])
def test_stored_and_decoded_weights_multiply_alike(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weight, "SLAB_NUMBERS", 3 * 64)  # several slabs, the last one shorter
    blocks = BlockWeight([stored(name, 16), stored(name, 8, seed=1)])
    decoded = blocks.decoded()
    x = torch.randn(2, 3, 64, generator=torch.Generator().manual_seed(1))
    expected = x @ torch.cat([part.decode() for part in blocks.parts]).T
    assert blocks.shape == decoded.shape == (24, 64)
    torch.testing.assert_close(blocks.matmul(x), expected)
    torch.testing.assert_close(decoded.matmul(x), expected)


def test_stacked_parts_may_have_different_formats() -> None:
    parts = [stored("Q4_1", 4), stored("Q8_0", 2), stored("F32", 3)]
    x = torch.randn(1, 64, generator=torch.Generator().manual_seed(1))
    expected = torch.cat([x @ part.decode().T for part in parts], dim=-1)
    torch.testing.assert_close(BlockWeight(parts).matmul(x), expected)


@pytest.mark.parametrize("name", ["Q8_0", "BF16"])
def test_rows_are_looked_up_in_the_order_of_the_ids(name: str) -> None:
    part = stored(name, 10)
    ids = torch.tensor([[9, 0, 9], [3, 4, 5]])
    expected = part.decode()[ids]
    assert torch.equal(BlockWeight([part]).rows(ids), expected)
    assert torch.equal(BlockWeight([part]).decoded().rows(ids), expected)
    assert torch.equal(DenseWeight(part.decode()).rows(ids), expected)


@pytest.mark.parametrize("id", [-1, 10])
def test_an_id_outside_of_the_vocabulary_is_an_error(id: int) -> None:
    blocks = BlockWeight([stored("Q8_0", 10)])
    for kept in (blocks, blocks.decoded()):
        with pytest.raises(IndexError):
            kept.rows(torch.tensor([id]))


def test_bytes_count_what_is_kept() -> None:
    quantised = BlockWeight([stored("Q8_0", 10)])
    assert quantised.bytes == 10 * 68
    assert quantised.decoded().bytes == 10 * 68 + 10 * 64 * 4
    plain = BlockWeight([stored("F32", 10)])
    assert plain.decoded().bytes == plain.bytes == 10 * 64 * 4  # decoding F32 copies nothing
