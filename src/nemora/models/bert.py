"""The BERT architecture (Devlin et al. 2019, arXiv:1810.04805): BertModel, as in all-MiniLM-L6-v2.

Each part reads the residual stream, adds to it, and then the sum is normalised.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from nemora.models.base import Weights
from nemora.models.bert_config import BertConfig
from nemora.models.encoder import BothWays
from nemora.models.ids import ids_on
from nemora.ops import kernels


class Bert:
    """The whole model, without its pooler; an `encoder.Encoder`. Every token belongs to the first segment."""

    def __init__(self, config: BertConfig, weights: Weights) -> None:
        self.config = config
        hidden = config.hidden_size
        self.words = weights.matrix("words", config.vocab_size, hidden)
        self.positions = weights.matrix("positions", config.context_length, hidden)
        self.segments = weights.matrix("segments", config.segments, hidden)
        self.norm = Norm(config, weights, "norm")
        self.layers = [BertLayer(config, weights, f"layers.{index}") for index in range(config.layers)]
        self.device, self.bytes = weights.device, weights.bytes

    def encode(self, ids: Tensor, there: Tensor) -> Tensor:
        ids = ids_on(self.device, ids, self.config.vocab_size)
        places = torch.arange(ids.shape[1], device=self.device)
        x = self.words.rows(ids) + self.positions.rows(places) + self.segments.rows(torch.zeros_like(places))
        x = self.norm.forward(x)
        mixer = BothWays(there.to(self.device))
        for layer in self.layers:
            x = layer.forward(x, mixer)
        return x


class BertLayer:
    """Attention, then the feed-forward network."""

    def __init__(self, config: BertConfig, weights: Weights, name: str) -> None:
        hidden = config.hidden_size
        self.heads = config.heads
        parts = [f"{name}.attention.{part}" for part in ("q", "k", "v")]
        self.qkv = weights.fused([(part, hidden) for part in parts], hidden)
        self.qkv_bias = torch.cat([weights.tensor(f"{part}_bias", hidden) for part in parts])
        self.output = Linear(weights, f"{name}.attention.output", hidden, hidden)
        self.attention_norm = Norm(config, weights, f"{name}.attention_norm")
        self.up = Linear(weights, f"{name}.mlp.up", config.intermediate_size, hidden)
        self.down = Linear(weights, f"{name}.mlp.down", hidden, config.intermediate_size)
        self.mlp_norm = Norm(config, weights, f"{name}.mlp_norm")

    def forward(self, x: Tensor, mixer: BothWays) -> Tensor:
        """x [batch, seq, hidden] to the same shape."""
        qkv = self.qkv.matmul(x) + self.qkv_bias.to(x.dtype)
        q, k, v = qkv.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # [batch, heads, seq, head_dim] each
        mixed = mixer.attend(0, q, k, v).transpose(1, 2).flatten(2)
        x = self.attention_norm.forward(x + self.output.forward(mixed))
        return self.mlp_norm.forward(x + self.down.forward(F.gelu(self.up.forward(x))))


class Linear:
    """W x + b."""

    def __init__(self, weights: Weights, name: str, rows: int, columns: int) -> None:
        self.weight = weights.matrix(name, rows, columns)
        self.bias = weights.tensor(f"{name}_bias", rows)

    def forward(self, x: Tensor) -> Tensor:
        return self.weight.matmul(x) + self.bias.to(x.dtype)


class Norm:
    """Layer normalisation."""

    def __init__(self, config: BertConfig, weights: Weights, name: str) -> None:
        self.weight = weights.tensor(name, config.hidden_size)
        self.bias = weights.tensor(f"{name}_bias", config.hidden_size)
        self.eps = config.norm_eps

    def forward(self, x: Tensor) -> Tensor:
        return kernels.layer_norm(x, self.weight, self.bias, self.eps)
