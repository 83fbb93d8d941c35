"""What the kernels compute, in numpy: slow, readable, and what they are compared with."""

from __future__ import annotations

import math

import numpy as np

from nemora.ops.cpu.encoder import EncoderWeights, Ints, LayerNorm, Linear
from nemora.ops.cpu.matrix import Floats

_ERF = np.frompyfunc(math.erf, 1, 1)


def quantise(x: Floats) -> tuple[Floats, Floats, Floats]:
    """Codes 0-255 [rows, k], and scale and zero [rows]: x = scale · (code - zero). 0.0 is a code.

    ONNX's DynamicQuantizeLinear with a scale per row: https://onnx.ai/onnx/operators/onnx__DynamicQuantizeLinear.html
    """
    least, most = np.minimum(x.min(axis=1), 0), np.maximum(x.max(axis=1), 0)
    span = (most - least).astype(np.float32)
    scale = np.where(span > 1e-30, span / np.float32(255), np.float32(1)).astype(np.float32)
    inverse = (np.float32(1) / scale).astype(np.float32)
    zero = np.rint(-least * inverse)
    codes = np.clip(np.rint(x * inverse[:, None] + zero[:, None]), 0, 255)
    return codes, scale, zero


def linear(x: Floats, weights: Linear, *, exact: bool = False) -> Floats:
    """x @ weights + bias, with the rows of `x` quantised unless it is to be exact."""
    rows = x.astype(np.float64)
    if not exact:
        codes, scale, zero = quantise(x)
        rows = (codes.astype(np.float64) - zero[:, None]) * scale[:, None]
    product: Floats = (rows @ (weights.codes * weights.scale.astype(np.float64)) + weights.bias).astype(np.float32)
    return product


def gelu(x: Floats) -> Floats:
    """x / 2 · (1 + erf(x / √2)): Hendrycks & Gimpel 2016, arXiv:1606.08415."""
    result: Floats = (x / 2 * (1 + _ERF(x / math.sqrt(2)).astype(np.float64))).astype(np.float32)
    return result


def add_norm(x: Floats, skip: Floats | None, norm: LayerNorm, epsilon: float) -> Floats:
    """LayerNorm of x + skip, or of x."""
    total = x.astype(np.float64) + (0 if skip is None else skip)
    centred = total - total.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=1, keepdims=True) + epsilon)
    result: Floats = (centred / spread * norm.weight + norm.bias).astype(np.float32)
    return result


def attention(qkv: Floats, heads: int) -> Floats:
    """softmax(q kᵀ / √size) v for each head; qkv is [tokens, 3 · heads · size], the result [tokens, heads · size]."""
    tokens, size = len(qkv), qkv.shape[1] // 3 // heads
    q, k, v = qkv.astype(np.float64).reshape(tokens, 3, heads, size).transpose(1, 2, 0, 3)
    scores = q @ k.transpose(0, 2, 1) / math.sqrt(size)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    mixed = weights / weights.sum(axis=-1, keepdims=True) @ v
    result: Floats = mixed.transpose(1, 0, 2).reshape(tokens, heads * size).astype(np.float32)
    return result


def encode(w: EncoderWeights, ids: Ints, shapes: Ints, *, exact: bool = False) -> tuple[Floats, Floats, Floats | None]:
    """As `NativeEncoder.encode`; exact: nothing is quantised but the weights."""
    words = w.word_codes[ids] * w.word_scale[ids, None]
    x = add_norm(words + w.positions[: len(ids)] + w.shapes[shapes], None, w.norm, w.epsilon)
    meaning = None
    for number, layer in enumerate(w.layers, 1):
        seen = linear(attention(linear(x, layer.qkv, exact=exact), w.heads), layer.output, exact=exact)
        x = add_norm(x, seen, layer.attention_norm, w.epsilon)
        inner = gelu(linear(x, layer.up, exact=exact))
        x = add_norm(x, linear(inner, layer.down, exact=exact), layer.norm, w.epsilon)
        if number == w.meaning:
            meaning = x
    logits = w.head @ np.concatenate([x.mean(axis=0), x.max(axis=0)]) + w.head_bias
    return logits, x @ w.label + w.label_bias, meaning
