"""Causal self-attention in which queries in groups share a key and a value head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from nemora.errors import CorruptCheckpoint
from nemora.models.base import Weights
from nemora.models.state import KVShape
from nemora.ops import kernels
from nemora.ops.quantise import fake_quantise_fp8


@dataclass(frozen=True, slots=True)
class AttentionSpec:
    """An attention layer's dimensions. heads · head_dim need not be the model's hidden size."""

    heads: int
    kv_heads: int
    head_dim: int

    def __post_init__(self) -> None:
        if self.heads % self.kv_heads:
            raise CorruptCheckpoint(
                f"{self.heads} attention heads cannot share {self.kv_heads} key-value heads evenly."
            )

    @property
    def widest(self) -> int:
        """Numbers of a token that the layer computes at once at most: queries, keys and values."""
        return (self.heads + 2 * self.kv_heads) * self.head_dim

    @property
    def kv(self) -> KVShape:
        """What the layer keeps in a `State`."""
        return KVShape(self.kv_heads, self.head_dim)


class Mixer(Protocol):
    """What lets queries see keys and values: a `State`, or `encoder.BothWays`."""

    def attend(self, slot: int, q: Tensor, k: Tensor, v: Tensor, /) -> Tensor:
        """q [batch, heads, seq, head_dim], k and v [batch, kv_heads, seq, head_dim], to the shape of q."""
        ...


class Attention:
    """softmax(q · kᵀ / √head_dim) · v over all positions so far, then an output projection (arXiv:1706.03762, 3.2).

    Grouped queries: arXiv:2305.13245. `slot` is the layer's number among a state's attention layers.
    """

    def __init__(self, spec: AttentionSpec, hidden: int, weights: Weights, name: str, slot: int) -> None:
        self.spec, self.slot = spec, slot
        q_rows, kv_rows = spec.heads * spec.head_dim, spec.kv_heads * spec.head_dim
        self.qkv = weights.fused([(f"{name}.q", q_rows), (f"{name}.k", kv_rows), (f"{name}.v", kv_rows)], hidden)
        self.output = weights.matrix(f"{name}.output", hidden, q_rows)
        self.kv_scales = weights.kv_scales(name)

    def forward(self, x: Tensor, state: Mixer, angles: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """x [batch, seq, hidden] to the same shape.

        `angles` are those of `State.angles` for the new positions; without them order is told by nothing here,
        as in the hybrids, whose Mamba-2 layers tell it.
        """
        batch, seq, _ = x.shape
        heads, kv_heads = self.spec.heads, self.spec.kv_heads
        qkv = self.qkv.matmul(x).view(batch, seq, heads + 2 * kv_heads, self.spec.head_dim)
        qk, v = qkv[:, :, :-kv_heads], qkv[:, :, -kv_heads:]
        if angles is not None:
            qk = kernels.rope(qk, *angles)
        q, k = qk[:, :, :heads], qk[:, :, heads:]
        if self.kv_scales is not None:
            k, v = fake_quantise_fp8(k, self.kv_scales[0]), fake_quantise_fp8(v, self.kv_scales[1])
        mixed = state.attend(self.slot, q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
        return self.output.matmul(mixed.transpose(1, 2).reshape(batch, seq, heads * self.spec.head_dim))
