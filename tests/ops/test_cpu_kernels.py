"""Each native kernel against its twin in numpy, on every instruction set of this processor."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.ops.cpu import reference
from nemora.ops.cpu.encoder import LayerNorm, Linear
from nemora.ops.cpu.library import SETS, NoKernels, library
from nemora.ops.cpu.matrix import PANEL, PackedMatrix, address

try:
    BEST = library().best
except NoKernels as reason:
    pytest.skip(f"no native kernels: {reason}", allow_module_level=True)
C = library().c
Array = np.ndarray
EVERY_SET = pytest.mark.parametrize("number", range(BEST + 1), ids=SETS.__getitem__)
EXAMPLES = settings(max_examples=40, deadline=None)


def numbers(seed: int, rows: int, columns: int, size: float = 1.0) -> Array:
    """Normal, with a zero row, a constant row and a few large ones."""
    draw = np.random.default_rng(seed)
    x = (draw.standard_normal((rows, columns)) * size).astype(np.float32)
    kinds = draw.integers(0, 8, rows)
    x[kinds == 0] = 0
    x[kinds == 1] = size
    x[kinds == 2, 0] *= 100
    return x


def quantised(number: int, x: Array) -> tuple[Array, Array, Array]:
    rows, k = x.shape
    codes = np.full((rows, -(-k // 4) * 4), 99, np.uint8)
    scale, zero = np.empty(rows, np.float32), np.empty(rows, np.float32)
    C.nemora_quantise(number, address(x), rows, k, address(codes), address(scale), address(zero))
    return codes, scale, zero


@EVERY_SET
@EXAMPLES
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 70), st.sampled_from([1e-20, 1e-3, 1.0, 1e4, 1e30]))
def test_rows_are_quantised_as_the_twin_does(number: int, seed: int, rows: int, k: int, size: float) -> None:
    x = numbers(seed, rows, k, size)
    codes, scale, zero = quantised(number, x)
    expected, expected_scale, expected_zero = reference.quantise(x)
    assert np.array_equal(scale, expected_scale) and np.array_equal(zero, expected_zero)
    assert np.abs(codes[:, :k] - expected).max() <= 1  # where a number lies half way, a fused product may round it up
    assert (codes[:, k:] == 0).all()
    back = (codes[:, :k] - zero[:, None].astype(np.float64)) * scale[:, None]
    assert (np.abs(back - x) <= scale[:, None] * 0.501).all()


def random_linear(seed: int, k: int, n: int) -> Linear:
    draw = np.random.default_rng(seed)
    codes = draw.integers(-63, 64, (k, n)).astype(np.int8)
    if seed % 5 == 0:
        codes[:] = 63
    return Linear(codes, *draw.uniform(0.001, 0.1, (2, n)).astype(np.float32))


@EVERY_SET
@EXAMPLES
@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 140), st.integers(1, 100), st.booleans())
def test_a_matrix_product_is_the_twins(number: int, seed: int, rows: int, k: int, n: int, gelu: bool) -> None:
    x, weights = numbers(seed, rows, k), random_linear(seed, k, n)
    packed = PackedMatrix(weights.codes, weights.scale, weights.bias)
    codes, scale, zero = quantised(number, x)
    out = np.full((rows + 1, -(-n // PANEL) * PANEL), 7.5, np.float32)
    C.nemora_linear(
        number, address(codes), address(scale), address(zero), rows, packed.c, int(gelu), address(out), out.shape[1]
    )
    exact = (codes[:, :k] - zero[:, None].astype(np.float64)) * scale[:, None]
    expected = exact @ (weights.codes * weights.scale.astype(np.float64)) + weights.bias
    whole = (codes[:, :k] + zero[:, None].astype(np.float64)) * scale[:, None]
    size = whole @ np.abs(weights.codes * weights.scale.astype(np.float64)) + np.abs(weights.bias)
    bound = 1e-6 * size
    if gelu:
        bound += 6e-5 + 4e-6 * np.abs(expected)
        expected = reference.gelu(expected)
    assert (np.abs(out[:rows, :n] - expected) <= bound).all()
    assert (out[rows] == 7.5).all()  # nothing is written behind the last row


@EVERY_SET
def test_no_sum_of_products_is_cut_off(number: int) -> None:
    k = 1536
    for code in (63, -63):
        weights = Linear(np.full((k, 33), code, np.int8), np.ones(33, np.float32), np.zeros(33, np.float32))
        packed = PackedMatrix(weights.codes, weights.scale, weights.bias)
        codes, scale, zero = np.full((2, k), 255, np.uint8), np.ones(2, np.float32), np.zeros(2, np.float32)
        out = np.empty((2, 64), np.float32)
        C.nemora_linear(number, address(codes), address(scale), address(zero), 2, packed.c, 0, address(out), 64)
        assert (out[:, :33] == 255 * code * k).all()


def test_codes_that_could_be_cut_off_are_refused() -> None:
    ones = np.ones(4, np.float32)
    with pytest.raises(ValueError, match="63"):
        PackedMatrix(np.full((4, 4), 64, np.int8), ones, ones)
    with pytest.raises(ValueError, match="63"):
        PackedMatrix(np.full((4, 4), -128, np.int8), ones, ones)
    with pytest.raises(ValueError, match="scales"):
        PackedMatrix(np.full((4, 4), 1, np.int8), ones[:3], ones)


@EVERY_SET
def test_gelu_is_as_near_as_it_says(number: int) -> None:
    """The product is with 1, so that what comes out is GELU of the bias."""
    x = np.concatenate([np.linspace(-12, 12, 5001), [0.0, -0.0, 4.5, -4.5, 1e4, -1e4, 1e-30]]).astype(np.float32)
    packed = PackedMatrix(np.zeros((4, len(x)), np.int8), np.ones(len(x), np.float32), x)
    codes, one = np.zeros((1, 4), np.uint8), np.ones(1, np.float32)
    out = np.empty((1, -(-len(x) // PANEL) * PANEL), np.float32)
    C.nemora_linear(number, address(codes), address(one), address(one), 1, packed.c, 1, address(out), out.shape[1])
    error = np.abs(out[0, : len(x)] - reference.gelu(x.astype(np.float64)))
    assert (error[np.abs(x) <= 4.5] < 6e-5).all()
    assert (error <= 6e-5 + 4e-6 * np.abs(x)).all()


@EVERY_SET
@EXAMPLES
@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 70), st.integers(1, 3))
def test_a_product_of_floats_is_numpys(number: int, seed: int, rows: int, k: int, panels: int) -> None:
    a, b = numbers(seed, rows, k), numbers(seed + 1, k, panels * PANEL)
    out = np.empty((rows, panels * PANEL), np.float32)
    C.nemora_matmul(number, address(a), address(b), rows, k, panels * PANEL, address(out))
    size = np.abs(a).astype(np.float64) @ np.abs(b)
    assert (np.abs(out - a.astype(np.float64) @ b) <= 1e-5 * size + 1e-30).all()


@EVERY_SET
@EXAMPLES
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 70), st.booleans())
def test_layer_norm_is_the_twins(number: int, seed: int, rows: int, size: int, alone: bool) -> None:
    x, skip = numbers(seed, rows, size), None if alone else numbers(seed + 1, rows, size)
    norm = LayerNorm(*np.random.default_rng(seed).standard_normal((2, size)).astype(np.float32))
    expected = reference.add_norm(x, skip, norm, 1e-5)
    pointers = (None if skip is None else address(skip), rows, size, address(norm.weight), address(norm.bias))
    C.nemora_add_norm(number, address(x), *pointers, 1e-5)
    assert np.abs(x - expected).max() < 2e-3 * np.abs(norm.weight).max() + 1e-5


def attention_bound(qkv: Array, heads: int) -> float:
    """What rounding to 16 bits may change: scores by half a step of each number, weights and values by half a code."""
    tokens, size = len(qkv), qkv.shape[1] // 3 // heads
    q, k, v = np.abs(qkv.astype(np.float64)).reshape(tokens, 3, heads, size).transpose(1, 0, 2, 3)
    codes = min(32767, int(np.sqrt(2**31 / size)) - 1)
    scores = q.sum(axis=2).max() * k.max() + k.sum(axis=2).max() * q.max()
    moved = np.expm1(2 * scores / codes / 2 / np.sqrt(size))
    return float(v.max() * (moved + tokens / 32767 + 1e-5) + 1e-30)


@EVERY_SET
@EXAMPLES
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 80),
    st.integers(1, 3),
    st.sampled_from([1, 8, 31, 32, 33, 64]),
    st.sampled_from([0.0, 1e-3, 1.0, 5.0]),
)
def test_attention_is_the_twins(number: int, seed: int, tokens: int, heads: int, size: int, large: float) -> None:
    draw = np.random.default_rng(seed)
    qkv = (draw.standard_normal((tokens, 3 * heads * size)) * large).astype(np.float32)
    out = np.full((tokens + 1, heads * size), 7.5, np.float32)
    scratch = np.full(C.nemora_attention_scratch(tokens, size), np.nan, np.float32)
    C.nemora_attention(number, address(qkv), tokens, heads, size, address(scratch), address(out))
    expected = reference.attention(qkv, heads)
    assert np.abs(out[:-1] - expected).max() <= attention_bound(qkv, heads)
    assert (out[-1] == 7.5).all()


@EVERY_SET
def test_a_weak_majority_is_not_lost_beside_one_strong_weight(number: int) -> None:
    """One token gets nine tenths; the other 255 share a tenth, each less than a 255th of the largest."""
    tokens, size = 256, 32
    qkv = np.zeros((tokens, 3 * size), np.float32)
    qkv[:, 0] = 1
    qkv[0, size] = np.log(9 * (tokens - 1)) * np.sqrt(size)
    qkv[1:, 2 * size] = 1
    out = np.empty((tokens, size), np.float32)
    scratch = np.empty(C.nemora_attention_scratch(tokens, size), np.float32)
    C.nemora_attention(number, address(qkv), tokens, 1, size, address(scratch), address(out))
    assert np.abs(out[:, 0] - 0.1).max() < 0.005
