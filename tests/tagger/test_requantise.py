"""Conversion to 8-bit integers: the same numbers within the precision of the integers, and hostile files refused."""

from __future__ import annotations

import contextlib

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_rampart import tiny_model

from nemora.errors import CorruptCheckpoint
from nemora.tagger.requantise import LARGEST, requantise, to_columns, unpack


def test_packed_codes_unpack_by_definition() -> None:
    rng = np.random.default_rng(0)
    rows, columns = 64, 3
    codes = rng.integers(0, 256, (columns, 2, 16), dtype=np.uint8)
    scales = rng.random((columns, 2), dtype=np.float32)
    weights = unpack(codes, scales.reshape(-1), {"K": rows, "N": columns, "bits": 4, "block_size": 32}, inputs=3)
    for k in range(rows):
        for n in range(columns):
            byte = int(codes[n, k // 32, k % 32 // 2])
            code = byte >> 4 if k % 2 else byte & 15
            assert weights[k, n] == pytest.approx((code - 8) * scales[n, k // 32])


def test_columns_keep_their_weights_within_half_a_step() -> None:
    weights = np.random.default_rng(1).normal(size=(50, 7)).astype(np.float32)
    weights[:, 3] = 0
    integers, scales = to_columns(weights)
    assert integers.dtype == np.int8 and np.abs(integers).max() == LARGEST
    assert np.all(np.abs(integers * scales - weights) <= scales / 2 + 1e-6)


def test_two_products_never_saturate_sixteen_bits() -> None:
    assert 2 * 255 * LARGEST < 2**15


def test_model_has_no_packed_product_left_and_drops_packed_weights() -> None:
    graph = onnx.load_model_from_string(requantise(tiny_model())).graph
    assert [node.op_type for node in graph.node] == ["Gather", "DynamicQuantizeMatMul"]
    assert {tensor.name for tensor in graph.initializer} == {"embedding", "packed_int8", "packed_scale"}


def test_conversion_is_repeatable() -> None:
    assert requantise(tiny_model()) == requantise(tiny_model())


def test_model_without_packed_weights_is_refused() -> None:
    with pytest.raises(CorruptCheckpoint, match="no 4-bit weights"):
        requantise(requantise(tiny_model()))


@pytest.mark.parametrize("bits", [2, 8])
def test_other_layouts_are_refused(bits: int) -> None:
    with pytest.raises(CorruptCheckpoint, match="layout"):
        requantise(tiny_model(bits=bits))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200) | st.tuples(st.integers(0, 2000), st.integers(1, 255)))
def test_damaged_file_never_ends_in_a_traceback(damage: bytes | tuple[int, int]) -> None:
    data = damage
    if isinstance(damage, tuple):
        whole = bytearray(tiny_model())
        whole[damage[0] % len(whole)] ^= damage[1]
        data = bytes(whole)
    with contextlib.suppress(CorruptCheckpoint):
        requantise(data)  # type: ignore[arg-type]
