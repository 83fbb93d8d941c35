"""Attention that reads keys and values a block of positions at a time, so that its memory does not grow with the text.

The softmax over all positions is put together from those of blocks, which are rescaled to a common maximum: Milakov and
Gimelshein 2018 (arXiv:1805.02867), as in FlashAttention (Dao et al. 2022, arXiv:2205.14135, algorithm 1). The result is
that of `reference.attention` on the same keys and values, up to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

ReadBlock = Callable[[int, int], tuple[Tensor, Tensor]]
"""Keys and values of positions from `start` to `end` (exclusive), fp32 [batch, kv_heads, end - start, head_dim]."""

QUERIES = 128
"""Queries of a head that are taken at once."""

SCORES = 1 << 21
"""Scores that are held at once, of all heads."""

POSITIONS = 1024
"""Positions of a block at most: so a single query holds little of keys and values at once."""


def blockwise_attention(q: Tensor, read: ReadBlock, total: int, kv_heads: int) -> Tensor:
    """Causal attention of q [batch, heads, seq, head_dim], the last `seq` of `total` positions; the shape of q.

    Not for autograd.
    """
    seq = q.shape[2]
    parts = []
    for start in range(0, seq, QUERIES):
        rows = q[:, :, start : start + QUERIES]
        parts.append(_rows(rows, read, total - seq + start, kv_heads))
    return torch.cat(parts, dim=2) if len(parts) > 1 else parts[0]


def block_positions(batch: int, heads: int, queries: int) -> int:
    """Positions that a block may have for so many queries of each head."""
    return max(1, min(POSITIONS, SCORES // max(1, batch * heads * queries)))


def workspace_bytes(kv_width: int, *, scores: int = SCORES, positions: int = POSITIONS) -> int:
    """What it takes at most: scores and what is computed of them, and a block of keys and values of all heads,
    `kv_width` numbers wide, before and after they are decoded.

    Args:
        scores: of a whole pass, where there are fewer than a block may have.
        positions: likewise.
    """
    return 4 * (3 * min(SCORES, scores) + 6 * min(POSITIONS, positions) * kv_width)


def _rows(q: Tensor, read: ReadBlock, before: int, kv_heads: int) -> Tensor:
    """At most QUERIES queries, with `before` positions before the first of them."""
    batch, heads, count, _ = q.shape
    total, step = before + count, block_positions(batch, heads, count)
    queries = _grouped(q, kv_heads)
    most = queries.new_full((*queries.shape[:-1], 1), -math.inf)  # the highest score so far
    weight, mixed = torch.zeros_like(most), torch.zeros_like(queries)
    for start in range(0, total, step):
        keys, values = read(start, min(start + step, total))
        scores = queries @ keys.transpose(-1, -2)
        if start + step > before + 1:
            _hide_later(scores, before - start, count)
        highest = torch.maximum(most, scores.amax(-1, keepdim=True))  # finite: every query sees position 0
        shares, older = scores.sub_(highest).exp_(), most.sub_(highest).exp_()
        weight = weight.mul_(older).add_(shares.sum(-1, keepdim=True))
        mixed = mixed.mul_(older).add_(shares @ values)
        most = highest
    return mixed.div_(weight).reshape(q.shape).to(q.dtype)


def _grouped(q: Tensor, kv_heads: int) -> Tensor:
    """Scaled fp32 queries with those of the heads that share a key head as its rows: [batch, kv_heads, rows, head_dim].

    Rows are by head first, then by position.
    """
    batch, heads, count, head_dim = q.shape
    return (q.float() / math.sqrt(head_dim)).reshape(batch, kv_heads, heads // kv_heads * count, head_dim)


def _hide_later(scores: Tensor, visible: int, count: int) -> None:
    """Of a block's scores those of positions after the query's own: its first query sees `visible` + 1 of them."""
    positions = torch.arange(scores.shape[-1], device=scores.device)
    own = torch.arange(count, device=scores.device)[:, None] + visible
    scores.view(*scores.shape[:2], -1, count, scores.shape[-1]).masked_fill_(positions > own, -math.inf)
