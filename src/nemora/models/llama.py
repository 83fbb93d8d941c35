"""The Llama architecture: LlamaForCausalLM, as in Llama-3.1-Nemotron-Nano 4B and 8B and SmolLM2.

A stack of layers, each attention and then a feed-forward network; both read the residual stream and add to it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nemora.models.attention import Attention, Mixer
from nemora.models.base import Weights
from nemora.models.ids import ids_on
from nemora.models.llama_config import LlamaConfig
from nemora.models.mlp import SwiGLU
from nemora.models.native_step import Block, token_step
from nemora.models.rope import rope_frequencies
from nemora.models.state import State
from nemora.ops import kernels
from nemora.ops.kv_format import KVCache


class Llama:
    """The whole model; a `models.base.Model`."""

    def __init__(self, config: LlamaConfig, weights: Weights) -> None:
        self.config = config
        self.embedding = weights.matrix("embedding", config.vocab_size, config.hidden_size)
        self.layers = [Layer(config, weights, index) for index in range(config.layers)]
        self.norm = weights.tensor("norm", config.hidden_size)
        tied = config.tied_head
        self.head = self.embedding if tied else weights.matrix("head", config.vocab_size, config.hidden_size)
        self.device, self.dtype, self.bytes = weights.device, weights.dtype, weights.bytes
        self.frequencies = rope_frequencies(config.head_dim, config.rope_theta, config.rope_scaling).to(self.device)
        blocks = (block for layer in self.layers for block in layer.blocks())
        self.step = token_step(blocks, self.norm, config.norm_eps, self.frequencies)

    def forward(self, ids: Tensor, state: State, *, last_only: bool = False) -> Tensor:
        hidden = self.read(ids, state)
        return self.logits(hidden[:, -1:] if last_only else hidden)

    def read(self, ids: Tensor, state: State) -> Tensor:
        batch, seq = ids.shape
        state.require_room(batch, seq)
        x = self.embedding.rows(ids_on(self.device, ids, self.config.vocab_size))  # [batch, seq, hidden]
        if seq == 1 and self.step is not None and self.step.takes(state):
            return self.step.read(x, state)
        angles = state.angles(self.frequencies, seq)
        for layer in self.layers:
            x = layer.forward(x, angles, state)
        state.advance(seq)
        return kernels.rms_norm(x, self.norm, self.config.norm_eps)

    def logits(self, hidden: Tensor) -> Tensor:
        return self.head.matmul(hidden).float()

    def new_state(
        self,
        capacity: int,
        *,
        batch: int = 1,
        ssm_dtype: torch.dtype = torch.float32,
        kv_cache: KVCache = "auto",
    ) -> State:
        kv = [self.config.attention.kv] * self.config.layers
        return State(kv=kv, batch=batch, capacity=capacity, device=self.device, dtype=self.dtype, kv_cache=kv_cache)


class Layer:
    """Attention, then the feed-forward network."""

    def __init__(self, config: LlamaConfig, weights: Weights, index: int) -> None:
        name, hidden = f"layers.{index}", config.hidden_size
        self.eps = config.norm_eps
        self.attention_norm = weights.tensor(f"{name}.attention_norm", hidden)
        self.attention = Attention(config.attention, hidden, weights, f"{name}.attention", slot=index)
        self.mlp_norm = weights.tensor(f"{name}.mlp_norm", hidden)
        self.mlp = SwiGLU(config.intermediate_size, hidden, weights, f"{name}.mlp")

    def blocks(self) -> tuple[Block, Block]:
        """What reads the residual stream, in order."""
        return (self.attention_norm, self.attention), (self.mlp_norm, self.mlp)

    def forward(self, x: Tensor, angles: tuple[Tensor, Tensor], state: Mixer) -> Tensor:
        x = x + self.attention.forward(kernels.rms_norm(x, self.attention_norm, self.eps), state, angles)
        return x + self.mlp.forward(kernels.rms_norm(x, self.mlp_norm, self.eps))
