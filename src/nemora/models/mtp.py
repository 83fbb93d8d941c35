"""The multi-token prediction head: drafts the token after the next one, for speculative decoding."""

from __future__ import annotations

import torch
from torch import Tensor

from nemora.models.attention import Attention, AttentionSpec
from nemora.models.base import Weights
from nemora.models.moe import MoE, MoESpec
from nemora.models.state import State
from nemora.ops import kernels


class MTPHead:
    """One attention layer and one mixture behind a projection that joins what was said with what was meant.

    f = join([norm(embedding of the next token); norm(h)]), h being the trunk's output after its last norm; then
    f += attention(norm(f)), f += moe(norm(f)) and a final norm. The result goes through the trunk's own output matrix,
    and takes h's place when one more token is drafted. Gloeckle et al. 2024 (arXiv:2404.19737) and DeepSeek-V3
    (arXiv:2412.19437, section 2.2) describe the scheme. It has its own key-value cache: `MTPHead.kv`.
    """

    def __init__(self, attention: AttentionSpec, moe: MoESpec, hidden: int, weights: Weights, eps: float) -> None:
        self.eps = eps
        self.kv = attention.kv
        self.embedding_norm = weights.tensor("mtp.embedding_norm", hidden)
        self.hidden_norm = weights.tensor("mtp.hidden_norm", hidden)
        self.join = weights.matrix("mtp.join", hidden, 2 * hidden)
        self.attention_norm = weights.tensor("mtp.attention_norm", hidden)
        self.attention = Attention(attention, hidden, weights, "mtp.attention", slot=0)
        self.moe_norm = weights.tensor("mtp.moe_norm", hidden)
        self.moe = MoE(moe, hidden, weights, "mtp.moe")
        self.norm = weights.tensor("mtp.norm", hidden)

    def forward(self, embedded: Tensor, hidden: Tensor, state: State) -> Tensor:
        """Embeddings of the next tokens and the trunk's outputs before them, both [batch, seq, hidden], to the same."""
        joined = torch.cat(
            (
                kernels.rms_norm(embedded, self.embedding_norm, self.eps),
                kernels.rms_norm(hidden, self.hidden_norm, self.eps),
            ),
            dim=-1,
        )
        x = self.join.matmul(joined)
        x = x + self.attention.forward(kernels.rms_norm(x, self.attention_norm, self.eps), state)
        x = x + self.moe.forward(kernels.rms_norm(x, self.moe_norm, self.eps))
        return kernels.rms_norm(x, self.norm, self.eps)
