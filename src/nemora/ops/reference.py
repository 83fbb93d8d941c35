"""The maths of attention and feed-forward layers, slow and readable. `kernels.py` has the same functions, fast.

A test compares the two. What is special to Mamba-2 is in `reference_mamba2.py`, to mixtures in `reference_moe.py`.
Sizes: batch, seq (new tokens), total (tokens in the cache, the new ones included), heads, kv_heads, head_dim.
Activations may be fp32, bf16 or fp16; norms and softmax are computed in fp32.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nemora.ops.texts import Texts


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """x [..., hidden] over its root mean square, times `weight` [hidden]. Zhang & Sennrich 2019 (arXiv:1910.07467)."""
    wide = x.float()
    return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps) * weight).to(x.dtype)


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """x [..., hidden] less its mean, over its standard deviation. Ba et al. 2016 (arXiv:1607.06450)."""
    wide = x.float()
    centred = wide - wide.mean(-1, keepdim=True)
    variance = centred.pow(2).mean(-1, keepdim=True)
    return (centred * torch.rsqrt(variance + eps) * weight + bias).to(x.dtype)


def layer_norm_1p(x: Tensor, weight_minus_1: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Layer normalisation (Ba et al. 2016, arXiv:1607.06450) whose stored weight [hidden] is one less than the factor.

    So it is written in Nemotron-4's published checkpoints ("LayerNorm1p" of Megatron and NeMo).
    """
    wide = x.float()
    centred = wide - wide.mean(-1, keepdim=True)
    variance = centred.pow(2).mean(-1, keepdim=True)
    return (centred * torch.rsqrt(variance + eps) * (1 + weight_minus_1) + bias).to(x.dtype)


def silu(x: Tensor) -> Tensor:
    """x · sigmoid(x), also called swish."""
    return x * torch.sigmoid(x)


def swiglu(gate_up: Tensor) -> Tensor:
    """silu(gate) · up, for gate and up side by side in [..., 2 · width]. Shazeer 2020 (arXiv:2002.05202)."""
    gate, up = gate_up.chunk(2, dim=-1)
    return silu(gate) * up


def relu2(x: Tensor) -> Tensor:
    """max(x, 0)². So et al. 2021, "Primer" (arXiv:2109.08668)."""
    return x.clamp(min=0) ** 2


def rope_frequencies(head_dim: int, theta: float) -> Tensor:
    """Radians per position of each rotated pair i: theta^(−2i / head_dim). Su et al. 2021 (arXiv:2104.09864)."""
    return 1.0 / theta ** (torch.arange(0, head_dim, 2, dtype=torch.int64).float() / head_dim)


def llama3_frequencies(
    frequencies: Tensor, *, factor: float, low_freq_factor: float, high_freq_factor: float, original_context: int
) -> Tensor:
    """Llama 3.1's stretching of RoPE, as published with the model (`apply_scaling` in Meta's llama-models).

    Waves shorter than original_context / high_freq_factor stay, those longer than original_context / low_freq_factor
    become `factor` times slower, and between the two the change is gradual.
    """
    wavelengths = 2 * math.pi / frequencies
    kept = (original_context / wavelengths - low_freq_factor) / (high_freq_factor - low_freq_factor)
    kept = kept.clamp(0.0, 1.0)
    return (1 - kept) * frequencies / factor + kept * frequencies


def rope_angles(frequencies: Tensor, start: int, count: int, texts: Texts | None = None) -> tuple[Tensor, Tensor]:
    """Cosine and sine of position · frequency for `count` positions from `start`, each [count, head_dim / 2].

    With `texts` the positions are those within each text instead: [batch, count, head_dim / 2].
    """
    if texts is None:
        positions = torch.arange(start, start + count, device=frequencies.device, dtype=torch.float32)
    else:
        positions = texts.positions.float()
    angles = positions[..., None] * frequencies
    return angles.cos(), angles.sin()


def rope(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the first r = 2 · cos.shape[-1] of the head_dim numbers in x [batch, seq, heads, head_dim]; the rest stay.

    Pair i is (x[i], x[i + r / 2]): as transformers lays it out.
    """
    rotated, kept = x.split([2 * cos.shape[-1], x.shape[-1] - 2 * cos.shape[-1]], dim=-1)
    first, second = rotated.float().chunk(2, dim=-1)
    cos, sin = cos.unsqueeze(-2), sin.unsqueeze(-2)  # the same for every head
    turned = torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
    return torch.cat((turned.to(x.dtype), kept), dim=-1)


def attention(q: Tensor, k: Tensor, v: Tensor, texts: Texts | None = None) -> Tensor:
    """Causal attention with grouped queries (Ainslie et al. 2023, arXiv:2305.13245).

    q is [batch, heads, seq, head_dim]; k and v are [batch, kv_heads, total, head_dim]; the queries are the last `seq`
    of the `total` positions. Query head h reads key head h · kv_heads // heads. Gives [batch, heads, seq, head_dim].
    With `texts` (then seq is total) no query sees another text than its own.
    """
    seq, total = q.shape[2], k.shape[2]
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
    scores = q.float() @ k.float().transpose(-1, -2) / math.sqrt(q.shape[-1])
    visible = causal_mask(seq, total, q.device) if texts is None else texts.visible
    scores = scores.masked_fill(~visible, -math.inf)
    return (torch.softmax(scores, dim=-1) @ v.float()).to(q.dtype)


def attention_both_ways(q: Tensor, k: Tensor, v: Tensor, there: Tensor) -> Tensor:
    """Attention in which every query sees every key of its row that is `there`, bool [batch, seq]: no padding.

    q is [batch, heads, seq, head_dim], k and v [batch, kv_heads, seq, head_dim]; gives the shape of q.
    """
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
    scores = q.float() @ k.float().transpose(-1, -2) / math.sqrt(q.shape[-1])
    scores = scores.masked_fill(~there[:, None, None, :], -math.inf)
    return (torch.softmax(scores, dim=-1) @ v.float()).to(q.dtype)


def causal_mask(seq: int, total: int, device: torch.device) -> Tensor:
    """Bool [seq, total]: which of all positions each of the last `seq` may see."""
    return torch.ones(seq, total, dtype=torch.bool, device=device).tril(total - seq)
