"""DeciLMForCausalLM, as in Llama-3.3-Nemotron-Super 49B and Llama-3.1-Nemotron-Ultra 253B.

A Llama after a search for what each of its layers can do without (arXiv:2411.19146, "Puzzle"): a layer may lack its
attention, its feed-forward network or both, each with its norm, and the sizes of both differ from layer to layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nemora.models.attention import Attention, AttentionSpec
from nemora.models.base import Weights
from nemora.models.ids import ids_on
from nemora.models.mlp import SwiGLU
from nemora.models.native_step import token_step
from nemora.models.nemotron_nas_config import NemotronNASConfig
from nemora.models.rope import rope_frequencies
from nemora.models.state import State
from nemora.ops import kernels
from nemora.ops.kv_format import KVCache


class NemotronNAS:
    """The whole model; a `models.base.Model`."""

    def __init__(self, config: NemotronNASConfig, weights: Weights) -> None:
        self.config = config
        self.embedding = weights.matrix("embedding", config.vocab_size, config.hidden_size)
        self.attention = [layer.attention for layer in config.layers if layer.attention is not None]
        self.layers = _layers(config, weights)
        self.norm = weights.tensor("norm", config.hidden_size)
        tied = config.tied_head
        self.head = self.embedding if tied else weights.matrix("head", config.vocab_size, config.hidden_size)
        self.device, self.dtype, self.bytes = weights.device, weights.dtype, weights.bytes
        self.frequencies = rope_frequencies(config.head_dim, config.rope_theta, config.rope_scaling).to(self.device)
        blocks = ((block.norm, block.mixer) for layer in self.layers for block in layer.blocks)
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
        kv = [spec.kv for spec in self.attention]
        return State(kv=kv, batch=batch, capacity=capacity, device=self.device, dtype=self.dtype, kv_cache=kv_cache)


def _layers(config: NemotronNASConfig, weights: Weights) -> list[Layer]:
    layers: list[Layer] = []
    slot = 0
    for index, layer in enumerate(config.layers):
        name = f"layers.{index}"
        blocks: list[AttentionBlock | MLPBlock] = []
        if layer.attention is not None:
            blocks.append(AttentionBlock(config, layer.attention, weights, name, slot))
            slot += 1
        if layer.mlp_width is not None:
            blocks.append(MLPBlock(config, layer.mlp_width, weights, name))
        layers.append(Layer(blocks))
    return layers


class Layer:
    """Attention and a feed-forward network, or one of them, or nothing."""

    def __init__(self, blocks: Sequence[AttentionBlock | MLPBlock]) -> None:
        self.blocks = blocks

    def forward(self, x: Tensor, angles: tuple[Tensor, Tensor], state: State) -> Tensor:
        for block in self.blocks:
            x = block.forward(x, angles, state)
        return x


class AttentionBlock:
    """Attention that reads the residual stream through a norm, and adds to it."""

    def __init__(self, config: NemotronNASConfig, spec: AttentionSpec, weights: Weights, name: str, slot: int) -> None:
        self.eps = config.norm_eps
        self.norm = weights.tensor(f"{name}.attention_norm", config.hidden_size)
        self.mixer = Attention(spec, config.hidden_size, weights, f"{name}.attention", slot)

    def forward(self, x: Tensor, angles: tuple[Tensor, Tensor], state: State) -> Tensor:
        return x + self.mixer.forward(kernels.rms_norm(x, self.norm, self.eps), state, angles)


class MLPBlock:
    """A feed-forward network that does the same."""

    def __init__(self, config: NemotronNASConfig, width: int, weights: Weights, name: str) -> None:
        self.eps = config.norm_eps
        self.norm = weights.tensor(f"{name}.mlp_norm", config.hidden_size)
        self.mixer = SwiGLU(width, config.hidden_size, weights, f"{name}.mlp")

    def forward(self, x: Tensor, angles: tuple[Tensor, Tensor], state: State) -> Tensor:
        return x + self.mixer.forward(kernels.rms_norm(x, self.norm, self.eps))
