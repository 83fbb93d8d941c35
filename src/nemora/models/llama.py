"""The Llama architecture: LlamaForCausalLM, as in Llama-3.1-Nemotron-Nano 4B and 8B and SmolLM2.

A stack of layers, each attention and then a feed-forward network; both read the residual stream and add to it.
Sizes in comments: batch, seq (new tokens), hidden, heads, kv_heads, head_dim.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nemora.models.base import Shapes, Weights
from nemora.models.config import Llama3Scaling, LlamaConfig
from nemora.models.state import State
from nemora.ops import kernels, reference


def llama_shapes(config: LlamaConfig) -> Shapes:
    """Every tensor that a Llama model has, by its name here."""
    hidden, inner = config.hidden_size, config.intermediate_size
    q_rows, kv_rows = config.heads * config.head_dim, config.kv_heads * config.head_dim
    layer = {
        "attention_norm": (hidden,),
        "attention.q": (q_rows, hidden),
        "attention.k": (kv_rows, hidden),
        "attention.v": (kv_rows, hidden),
        "attention.output": (hidden, q_rows),
        "mlp_norm": (hidden,),
        "mlp.gate": (inner, hidden),
        "mlp.up": (inner, hidden),
        "mlp.down": (hidden, inner),
    }
    shapes: dict[str, tuple[int, ...]] = {"embedding": (config.vocab_size, hidden), "norm": (hidden,)}
    if not config.tied_head:
        shapes["head"] = (config.vocab_size, hidden)
    for index in range(config.layers):
        shapes |= {f"layers.{index}.{name}": shape for name, shape in layer.items()}
    return shapes


class Llama:
    """The whole model; a `models.base.Model`."""

    def __init__(self, config: LlamaConfig, weights: Weights) -> None:
        self.config = config
        self.embedding = weights.matrix("embedding")
        self.layers = [Layer(config, weights, index) for index in range(config.layers)]
        self.norm = weights.vector("norm")
        self.head = self.embedding if config.tied_head else weights.matrix("head")
        self.frequencies = rope_frequencies(config).to(self.norm.device)

    def forward(self, ids: Tensor, state: State, *, last_only: bool = False) -> Tensor:
        batch, seq = ids.shape
        state.require_room(batch, seq)
        x = self.embedding.rows(ids)  # [batch, seq, hidden]
        angles = kernels.rope_angles(self.frequencies, state.length, seq)
        for layer in self.layers:
            x = layer.forward(x, angles, state)
        if last_only:
            x = x[:, -1:]
        logits = self.head.matmul(kernels.rms_norm(x, self.norm, self.config.norm_eps))
        state.advance(seq)
        return logits

    def new_state(self, capacity: int, *, batch: int = 1) -> State:
        return State(
            layers=self.config.layers,
            batch=batch,
            kv_heads=self.config.kv_heads,
            head_dim=self.config.head_dim,
            capacity=capacity,
            device=self.norm.device,
        )

    @property
    def bytes(self) -> int:
        head = 0 if self.config.tied_head else self.head.bytes
        return self.embedding.bytes + self.norm.nbytes + head + sum(layer.bytes for layer in self.layers)


class Layer:
    """Attention, then the feed-forward network."""

    def __init__(self, config: LlamaConfig, weights: Weights, index: int) -> None:
        name = f"layers.{index}"
        self.eps = config.norm_eps
        self.attention_norm = weights.vector(f"{name}.attention_norm")
        self.attention = Attention(config, weights, index)
        self.mlp_norm = weights.vector(f"{name}.mlp_norm")
        self.mlp = SwiGLU(weights, f"{name}.mlp")

    def forward(self, x: Tensor, angles: tuple[Tensor, Tensor], state: State) -> Tensor:
        x = x + self.attention.forward(kernels.rms_norm(x, self.attention_norm, self.eps), angles, state)
        return x + self.mlp.forward(kernels.rms_norm(x, self.mlp_norm, self.eps))

    @property
    def bytes(self) -> int:
        return self.attention_norm.nbytes + self.attention.bytes + self.mlp_norm.nbytes + self.mlp.bytes


class Attention:
    """Causal self-attention: queries in groups share a key and a value head, positions are rotations (RoPE)."""

    def __init__(self, config: LlamaConfig, weights: Weights, index: int) -> None:
        name = f"layers.{index}.attention"
        self.index = index
        self.heads, self.kv_heads, self.head_dim = config.heads, config.kv_heads, config.head_dim
        self.qkv = weights.matrix(f"{name}.q", f"{name}.k", f"{name}.v")
        self.output = weights.matrix(f"{name}.output")

    def forward(self, x: Tensor, angles: tuple[Tensor, Tensor], state: State) -> Tensor:
        batch, seq, _ = x.shape
        qkv = self.qkv.matmul(x).view(batch, seq, self.heads + 2 * self.kv_heads, self.head_dim)
        qk, v = qkv[:, :, : -self.kv_heads], qkv[:, :, -self.kv_heads :]
        qk = kernels.rope(qk, *angles)
        q, k = qk[:, :, : self.heads], qk[:, :, self.heads :]
        keys, values = state.append(self.index, k.transpose(1, 2), v.transpose(1, 2))
        mixed = kernels.attention(q.transpose(1, 2), keys, values)  # [batch, heads, seq, head_dim]
        return self.output.matmul(mixed.transpose(1, 2).reshape(batch, seq, self.heads * self.head_dim))

    @property
    def bytes(self) -> int:
        return self.qkv.bytes + self.output.bytes


class SwiGLU:
    """The feed-forward network: down(silu(gate(x)) · up(x))."""

    def __init__(self, weights: Weights, name: str) -> None:
        self.gate_up = weights.matrix(f"{name}.gate", f"{name}.up")
        self.down = weights.matrix(f"{name}.down")

    def forward(self, x: Tensor) -> Tensor:
        return self.down.matmul(kernels.swiglu(self.gate_up.matmul(x)))

    @property
    def bytes(self) -> int:
        return self.gate_up.bytes + self.down.bytes


def rope_frequencies(config: LlamaConfig) -> Tensor:
    """Radians per position of each rotated pair, [head_dim / 2], scaled as the config says."""
    frequencies = reference.rope_frequencies(config.head_dim, config.rope_theta)
    match config.rope_scaling:
        case None:
            return frequencies
        case Llama3Scaling() as scaling:
            return reference.llama3_frequencies(
                frequencies,
                factor=scaling.factor,
                low_freq_factor=scaling.low_freq_factor,
                high_freq_factor=scaling.high_freq_factor,
                original_context=scaling.original_context,
            )
        case divisors:
            return frequencies / torch.tensor(divisors)
