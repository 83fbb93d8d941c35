"""Norms, gates, routers and attention of float32 rows by the native kernels.

What a row gives depends neither on the rows beside it nor on whether it came alone: `step.cpp` takes a token through
the same functions, so a prompt read at once and a token read alone give the same bits. None is returned where there is
no native form, and torch computes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nemora.ops.cpu.scan import is_plain, vector_kernels


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor | None:
    """See `reference.rms_norm`; None where it has no native form."""
    native = vector_kernels()
    if native is None or not is_plain(x, weight) or x.shape[-1:] != weight.shape:
        return None
    x, weight = x.contiguous(), weight.contiguous()
    out = torch.empty_like(x)
    size = weight.shape[0]
    native.c.nemora_rms_norm(
        native.best,
        torch.get_num_threads(),
        x.data_ptr(),
        x.numel() // size,
        size,
        weight.data_ptr(),
        eps,
        out.data_ptr(),
    )
    return out


def swiglu(gate_up: Tensor) -> Tensor | None:
    """See `reference.swiglu`."""
    native = vector_kernels()
    if native is None or not is_plain(gate_up):
        return None
    gate_up, width = gate_up.contiguous(), gate_up.shape[-1] // 2
    out = torch.empty(*gate_up.shape[:-1], width)
    rows = gate_up.numel() // (2 * width)
    native.c.nemora_swiglu(native.best, torch.get_num_threads(), gate_up.data_ptr(), rows, width, out.data_ptr())
    return out


def relu2(x: Tensor) -> Tensor | None:
    """See `reference.relu2`."""
    native = vector_kernels()
    if native is None or not is_plain(x):
        return None
    x = x.contiguous()
    out = torch.empty_like(x)
    native.c.nemora_relu2(native.best, torch.get_num_threads(), x.data_ptr(), x.numel(), out.data_ptr())
    return out


def rope(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor | None:
    """See `reference.rope`; x may be the first heads of wider rows. Every text of a batch has the same angles here."""
    native = vector_kernels()
    _, seq, heads, head_dim = x.shape
    if (
        native is None
        or not is_plain(x, cos, sin)
        or cos.shape != (seq, cos.shape[-1])
        or x.stride()[2:] != (head_dim, 1)
    ):
        return None
    cos, sin, out = cos.contiguous(), sin.contiguous(), torch.empty(x.shape)
    for row, to in zip(x, out, strict=True):
        native.c.nemora_rope(
            torch.get_num_threads(),
            row.data_ptr(),
            seq,
            row.stride(0),
            heads,
            head_dim,
            cos.shape[-1],
            cos.data_ptr(),
            sin.data_ptr(),
            to.data_ptr(),
        )
    return out


def route(
    x: Tensor, gate: Tensor, bias: Tensor, *, top_k: int, normalise: bool, scale: float
) -> tuple[Tensor, Tensor] | None:
    """See `reference_moe.route`."""
    native = vector_kernels()
    if native is None or not is_plain(x, gate, bias):
        return None
    (tokens, hidden), experts = x.shape, gate.shape[0]
    x, gate, bias = x.contiguous(), gate.contiguous(), bias.contiguous()
    chosen, shares = torch.empty(tokens, top_k, dtype=torch.int64), torch.empty(tokens, top_k)
    scores = torch.empty(tokens, experts)
    native.c.nemora_route(
        native.best,
        torch.get_num_threads(),
        x.data_ptr(),
        tokens,
        hidden,
        gate.data_ptr(),
        bias.data_ptr(),
        experts,
        top_k,
        int(normalise),
        scale,
        scores.data_ptr(),
        chosen.data_ptr(),
        shares.data_ptr(),
    )
    return chosen, shares


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor | None:
    """See `reference.attention`; keys and values may be the filled part of a longer cache."""
    native = vector_kernels()
    if native is None or not is_plain(q, k, v):
        return None
    batch, heads, seq, head_dim = q.shape
    kv_heads, total = k.shape[1:3]
    if (
        any(t.stride(3) != 1 or t.stride(2) != head_dim or t.stride(1) % head_dim for t in (k, v))
        or k.stride() != v.stride()
    ):
        return None
    rows, out = q.transpose(1, 2).contiguous(), torch.empty(batch, seq, heads, head_dim)
    threads, capacity = torch.get_num_threads(), k.stride(1) // head_dim
    size = native.c.nemora_attention_over_scratch(threads, seq, heads, kv_heads, head_dim)
    scratch = torch.empty(size, dtype=torch.uint8)
    for row in range(batch):
        native.c.nemora_attention_over(
            native.best,
            threads,
            rows[row].data_ptr(),
            seq,
            total,
            heads,
            kv_heads,
            head_dim,
            k[row].data_ptr(),
            v[row].data_ptr(),
            capacity,
            scratch.data_ptr(),
            out[row].data_ptr(),
        )
    return out.transpose(1, 2)
