"""LlamaBidirectionalModel, as in llama-nemotron-embed-1b-v2: Llama's layers, with attention both ways and no output.

The layers are those of `llama.py`; only what a token sees is another.
"""

from __future__ import annotations

from torch import Tensor

from nemora.models.base import Weights
from nemora.models.encoder import BothWays
from nemora.models.ids import ids_on
from nemora.models.llama import Layer
from nemora.models.llama_config import LlamaConfig
from nemora.models.rope import rope_frequencies
from nemora.ops import kernels


class LlamaEncoder:
    """The whole model; an `encoder.Encoder`."""

    def __init__(self, config: LlamaConfig, weights: Weights) -> None:
        self.config = config
        self.embedding = weights.matrix("embedding", config.vocab_size, config.hidden_size)
        self.layers = [Layer(config, weights, index) for index in range(config.layers)]
        self.norm = weights.tensor("norm", config.hidden_size)
        self.device, self.bytes = weights.device, weights.bytes
        self.frequencies = rope_frequencies(config.head_dim, config.rope_theta, config.rope_scaling).to(self.device)

    def encode(self, ids: Tensor, there: Tensor) -> Tensor:
        x = self.embedding.rows(ids_on(self.device, ids, self.config.vocab_size))  # [batch, seq, hidden]
        angles = kernels.rope_angles(self.frequencies, 0, ids.shape[1])
        mixer = BothWays(there.to(self.device))
        for layer in self.layers:
            x = layer.forward(x, angles, mixer)
        return kernels.rms_norm(x, self.norm, self.config.norm_eps)
