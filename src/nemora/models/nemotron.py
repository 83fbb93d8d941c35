"""NemotronForCausalLM, as in Minitron 4B and 8B, Nemotron-Mini 4B and Nemotron-4 (arXiv:2402.16819, 2407.14679).

A stack of layers, each attention and then a feed-forward network of two matrices; both read the residual stream
through a layer norm with a bias, and add to it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nemora.models.attention import Attention
from nemora.models.base import Weights
from nemora.models.ids import ids_on
from nemora.models.mlp import MLP, MLPSpec
from nemora.models.nemotron_config import NemotronConfig
from nemora.models.rope import rope_frequencies
from nemora.models.state import State
from nemora.ops import kernels
from nemora.ops.kv_format import KVCache


class Nemotron:
    """The whole model; a `models.base.Model`."""

    def __init__(self, config: NemotronConfig, weights: Weights) -> None:
        self.config = config
        self.embedding = weights.matrix("embedding", config.vocab_size, config.hidden_size)
        self.layers = [Layer(config, weights, index) for index in range(config.layers)]
        self.norm = Norm(config, weights, "norm")
        tied = config.tied_head
        self.head = self.embedding if tied else weights.matrix("head", config.vocab_size, config.hidden_size)
        self.device, self.dtype, self.bytes = weights.device, weights.dtype, weights.bytes
        self.frequencies = rope_frequencies(config.rotated, config.rope_theta, None).to(self.device)

    def forward(self, ids: Tensor, state: State, *, last_only: bool = False) -> Tensor:
        hidden = self.read(ids, state)
        return self.logits(hidden[:, -1:] if last_only else hidden)

    def read(self, ids: Tensor, state: State) -> Tensor:
        batch, seq = ids.shape
        state.require_room(batch, seq)
        x = self.embedding.rows(ids_on(self.device, ids, self.config.vocab_size))  # [batch, seq, hidden]
        angles = state.angles(self.frequencies, seq)
        for layer in self.layers:
            x = layer.forward(x, angles, state)
        state.advance(seq)
        return self.norm.forward(x)

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

    def __init__(self, config: NemotronConfig, weights: Weights, index: int) -> None:
        name, hidden = f"layers.{index}", config.hidden_size
        self.attention_norm = Norm(config, weights, f"{name}.attention_norm")
        self.attention = Attention(config.attention, hidden, weights, f"{name}.attention", slot=index)
        self.mlp_norm = Norm(config, weights, f"{name}.mlp_norm")
        self.mlp = MLP(MLPSpec(config.intermediate_size), hidden, weights, f"{name}.mlp")

    def forward(self, x: Tensor, angles: tuple[Tensor, Tensor], state: State) -> Tensor:
        x = x + self.attention.forward(self.attention_norm.forward(x), state, angles)
        return x + self.mlp.forward(self.mlp_norm.forward(x))


class Norm:
    """A layer norm whose weight is kept as one less than the factor."""

    def __init__(self, config: NemotronConfig, weights: Weights, name: str) -> None:
        self.eps = config.norm_eps
        self.weight_minus_1 = weights.tensor(name, config.hidden_size)
        self.bias = weights.tensor(f"{name}_bias", config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        return kernels.layer_norm_1p(x, self.weight_minus_1, self.bias, self.eps)
