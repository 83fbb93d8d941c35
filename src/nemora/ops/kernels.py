"""What models call: the functions of `reference.py`, each by the fastest path that computes the same.

Native kernels come in here; models do not change.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from nemora.ops.reference import causal_mask, rope, rope_angles

__all__ = ["attention", "rms_norm", "rope", "rope_angles", "swiglu"]


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """See `reference.rms_norm`."""
    return F.rms_norm(x, weight.shape, weight, eps)


def swiglu(gate_up: Tensor) -> Tensor:
    """See `reference.swiglu`."""
    gate, up = gate_up.chunk(2, dim=-1)
    return F.silu(gate) * up


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """See `reference.attention`."""
    batch, heads, seq, head_dim = q.shape
    kv_heads, total = k.shape[1], k.shape[2]
    if seq == 1:  # one query sees everything: the heads of a group become the rows of one unmasked attention
        grouped = q.reshape(batch, kv_heads, heads // kv_heads, head_dim)
        return F.scaled_dot_product_attention(grouped, k, v).reshape(q.shape)
    if seq == total:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=causal_mask(seq, total, q.device), enable_gqa=True)
