"""What models call: the functions of the `reference` files, each by the fastest path that computes the same.

Native kernels come in here; models do not change.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nemora.ops import reference, reference_moe
from nemora.ops.blockwise_attention import SCORES, ReadBlock, blockwise_attention
from nemora.ops.cpu import packed_weight, rows
from nemora.ops.cpu.packed_weight import PackedExperts
from nemora.ops.reference import causal_mask, rope_angles
from nemora.ops.reference_mamba2 import step_sizes
from nemora.ops.texts import Texts
from nemora.ops.weight import Weight

__all__ = [
    "attention",
    "attention_both_ways",
    "attention_of_blocks",
    "causal_conv",
    "experts_mlp",
    "gated_rms_norm",
    "layer_norm",
    "layer_norm_1p",
    "relu2",
    "rms_norm",
    "rope",
    "rope_angles",
    "route",
    "ssd",
    "ssd_each",
    "step_sizes",
    "swiglu",
]

SSD_CHUNK = 128
"""Tokens that the state space takes at once; the result does not depend on it, but for rounding."""


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """See `reference.rms_norm`."""
    if (native := rows.rms_norm(x, weight, eps)) is not None:
        return native
    return F.rms_norm(x.float(), weight.shape, weight, eps).to(x.dtype)


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """See `reference.layer_norm`."""
    return F.layer_norm(x.float(), bias.shape, weight, bias, eps).to(x.dtype)


def layer_norm_1p(x: Tensor, weight_minus_1: Tensor, bias: Tensor, eps: float) -> Tensor:
    """See `reference.layer_norm_1p`."""
    return F.layer_norm(x.float(), bias.shape, 1 + weight_minus_1, bias, eps).to(x.dtype)


def relu2(x: Tensor) -> Tensor:
    """See `reference.relu2`."""
    return reference.relu2(x) if (native := rows.relu2(x)) is None else native


def swiglu(gate_up: Tensor) -> Tensor:
    """See `reference.swiglu`."""
    if (native := rows.swiglu(gate_up)) is not None:
        return native
    gate, up = gate_up.chunk(2, dim=-1)
    return F.silu(gate) * up


def rope(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """See `reference.rope`."""
    native = rows.rope(x, cos, sin)
    return reference.rope(x, cos, sin) if native is None else native


def route(x: Tensor, gate: Tensor, bias: Tensor, *, top_k: int, normalise: bool, scale: float) -> tuple[Tensor, Tensor]:
    """See `reference_moe.route`. Of equal scores either may be chosen."""
    native = rows.route(x, gate, bias, top_k=top_k, normalise=normalise, scale=scale)
    if native is not None:
        return native
    return reference_moe.route(x, gate, bias, top_k=top_k, normalise=normalise, scale=scale)


def attention(q: Tensor, k: Tensor, v: Tensor, texts: Texts | None = None) -> Tensor:
    """See `reference.attention`. Without autograd no mask and no scores are made that grow with seq times total."""
    if texts is not None:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=texts.visible, enable_gqa=True)
    if (native := rows.attention(q, k, v)) is not None:
        return native
    batch, heads, seq, head_dim = q.shape
    kv_heads, total = k.shape[1], k.shape[2]
    if seq == 1:  # one query sees everything: the heads of a group become the rows of one unmasked attention
        grouped = q.reshape(batch, kv_heads, heads // kv_heads, head_dim)
        return F.scaled_dot_product_attention(grouped, k, v).reshape(q.shape)
    if seq == total:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    if batch * heads * seq * total > SCORES and not (torch.is_grad_enabled() and q.requires_grad):
        return blockwise_attention(
            q, lambda start, end: (k[:, :, start:end].float(), v[:, :, start:end].float()), total, kv_heads
        )
    return F.scaled_dot_product_attention(q, k, v, attn_mask=causal_mask(seq, total, q.device), enable_gqa=True)


def attention_of_blocks(q: Tensor, read: ReadBlock, total: int, kv_heads: int) -> Tensor:
    """`reference.attention` on the keys and values that `read` gives, which are not kept as numbers that it could take.

    q is [batch, heads, seq, head_dim], the last `seq` of `total` positions. Memory does not grow with `total`.
    """
    return blockwise_attention(q, read, total, kv_heads)


def attention_both_ways(q: Tensor, k: Tensor, v: Tensor, there: Tensor) -> Tensor:
    """See `reference.attention_both_ways`."""
    return F.scaled_dot_product_attention(q, k, v, attn_mask=there[:, None, None, :], enable_gqa=True)


def causal_conv(
    x: Tensor, weight: Tensor, bias: Tensor, before: Tensor, texts: Texts | None = None
) -> tuple[Tensor, Tensor]:
    """See `reference_mamba2.causal_conv`."""
    kernel = weight.shape[1]
    seen = torch.cat((before.to(x.dtype), x.transpose(1, 2)), dim=-1)
    if texts is not None:
        y = _conv_of_texts(seen.transpose(1, 2).float(), weight, bias, texts)
    elif x.shape[1] == 1:
        y = ((weight * seen).sum(-1) + bias)[:, None]
    else:
        y = F.conv1d(seen.float(), weight[:, None], bias, groups=weight.shape[0]).transpose(1, 2)
    return F.silu(y).to(x.dtype), seen[:, :, seen.shape[-1] - (kernel - 1) :]


def _conv_of_texts(seen: Tensor, weight: Tensor, bias: Tensor, texts: Texts) -> Tensor:
    """The convolution tap by tap, each tap zero where it reaches into another text; seen is [batch, K - 1 + seq, C]."""
    seq, kernel = texts.ids.shape[1], weight.shape[1]
    owners = F.pad(texts.ids, (kernel - 1, 0))  # what came before the row belongs to its first text, number 0
    y = bias.expand(seen.shape[0], seq, -1)
    for tap in range(kernel):
        own = owners[:, tap : tap + seq] == texts.ids
        y = y + weight[:, tap] * seen[:, tap : tap + seq] * own[..., None]
    return y


def ssd(
    x: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor, state: Tensor, texts: Texts | None = None
) -> tuple[Tensor, Tensor]:
    """See `reference_mamba2.ssd`. One token takes the recurrence's step, more are taken in chunks."""
    if x.shape[1] == 1:
        y, state = _ssd_step(x[:, 0], dt[:, 0], a, b[:, 0], c[:, 0], state)
        return y[:, None] + d[:, None] * x, state
    outputs = []
    for start in range(0, x.shape[1], SSD_CHUNK):
        part = slice(start, start + SSD_CHUNK)
        own = None if texts is None else _Own(texts.ids[:, max(start - 1, 0), None], texts.ids[:, part])
        y, state = _ssd_chunk(x[:, part], dt[:, part], a, b[:, part], c[:, part], state, own)
        outputs.append(y)
    return torch.cat(outputs, dim=1) + d[:, None] * x, state


def ssd_each(x: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """As `ssd`, token by token, with the state after each: [seq, batch, H, P, N]."""
    outputs, states = [], []
    for token in range(x.shape[1]):
        y, state = _ssd_step(x[:, token], dt[:, token], a, b[:, token], c[:, token], state)
        outputs.append(y)
        states.append(state)
    return torch.stack(outputs, dim=1) + d[:, None] * x, torch.stack(states)


def _ssd_step(x: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """One token: x [batch, H, P], dt [batch, H], b and c [batch, G, N]."""
    groups = b.shape[1]
    grouped = state.unflatten(1, (groups, -1))  # [batch, G, H / G, P, N]
    decay = torch.exp(dt * a).unflatten(1, (groups, -1))[..., None, None]
    input = (dt[..., None] * x).unflatten(1, (groups, -1))[..., None] * b[:, :, None, None, :]
    grouped = torch.addcmul(input, decay, grouped)
    y = (grouped @ c[:, :, None, :, None]).squeeze(-1)
    return y.flatten(1, 2), grouped.flatten(1, 2)


class _Own:
    """Which of a chunk's tokens have to do with each other where `texts` ids [batch, seq] and `before` [batch, 1] say.

    All are made to stand beside [batch, G, H / G, seq].
    """

    def __init__(self, before: Tensor, texts: Tensor) -> None:
        self.pairs = (texts[:, :, None] == texts[:, None, :])[:, None, None]  # [batch, 1, 1, seq, seq]
        self.from_state = (texts == before)[:, None, None]  # go on with what came in: [batch, 1, 1, seq]
        self.to_state = (texts == texts[:, -1:])[:, None, None]  # belong to what goes out
        self.through = self.from_state[..., -1]  # one text from before to the end: [batch, 1, 1]


def _ssd_chunk(
    x: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, state: Tensor, own: _Own | None
) -> tuple[Tensor, Tensor]:
    """A run of tokens at once, as the masked attention that the recurrence equals (arXiv:2405.21060, section 6).

    With L_ts = exp(Σ_{s<r≤t} dt_r · a): y_t = Σ_{s≤t} L_ts (c_t · b_s) dt_s x_s + L_t,before · S · c_t, and
    S' = L_last,before · S + Σ_s L_last,s · dt_s x_s ⊗ b_s. Every exponent is a sum of non-positive numbers. Between
    tokens of two texts L is zero.
    """
    groups, seq = b.shape[2], x.shape[1]
    log_decay = (dt * a).transpose(1, 2).unflatten(1, (groups, -1)).cumsum(-1)  # [batch, G, H / G, seq]
    inputs = (dt[..., None] * x).permute(0, 2, 1, 3).unflatten(1, (groups, -1))  # [batch, G, H / G, seq, P]
    b, c = b.permute(0, 2, 1, 3)[:, :, None], c.permute(0, 2, 1, 3)[:, :, None]  # [batch, G, 1, seq, N]
    between = log_decay[..., :, None] - log_decay[..., None, :]
    visible = torch.ones(seq, seq, dtype=torch.bool, device=x.device).tril()
    from_state, to_end = log_decay.exp(), (log_decay[..., -1:] - log_decay).exp()
    through = from_state[..., -1]
    if own is not None:
        visible = visible & own.pairs
        from_state, to_end, through = from_state * own.from_state, to_end * own.to_state, through * own.through
    mixing = (c @ b.transpose(-1, -2)) * between.masked_fill(~visible, -torch.inf).exp()
    grouped = state.unflatten(1, (groups, -1))
    y = mixing @ inputs + from_state[..., None] * (c @ grouped.transpose(-1, -2))
    grouped = through[..., None, None] * grouped + (inputs * to_end[..., None]).transpose(-1, -2) @ b
    return y.flatten(1, 2).transpose(1, 2), grouped.flatten(1, 2)


def gated_rms_norm(y: Tensor, gate: Tensor, weight: Tensor, groups: int, eps: float) -> Tensor:
    """See `reference_mamba2.gated_rms_norm`."""
    runs = (y.float() * F.silu(gate.float())).unflatten(-1, (groups, -1))
    return (F.rms_norm(runs, runs.shape[-1:], None, eps).flatten(-2) * weight).to(gate.dtype)


def experts_mlp(x: Tensor, chosen: Tensor, shares: Tensor, up: Sequence[Weight], down: Sequence[Weight]) -> Tensor:
    """See `reference_moe.experts_mlp`. Tokens are grouped by expert, so each expert's weights are read once."""
    if isinstance(up, PackedExperts) and isinstance(down, PackedExperts):
        return packed_weight.experts_mlp(x, chosen, shares, up, down)
    top_k = chosen.shape[1]
    order = chosen.flatten().argsort(stable=True)
    counts = torch.bincount(chosen.flatten(), minlength=len(up)).tolist()
    tokens, shares = order // top_k, shares.flatten()[order, None]
    total = torch.zeros_like(x, dtype=torch.float32)
    start = 0
    for expert, count in enumerate(counts):
        if count:
            group = slice(start, start + count)
            answer = down[expert].matmul(relu2(up[expert].matmul(x[tokens[group]])))
            total.index_add_(0, tokens[group], answer.float() * shares[group])
            start += count
    return total.to(x.dtype)
