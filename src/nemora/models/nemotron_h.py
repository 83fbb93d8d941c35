"""The Nemotron hybrids: NemotronHForCausalLM and NemotronHPuzzleForCausalLM.

Nemotron-H (arXiv:2504.03624), Nemotron Nano 2, Nemotron 3 Nano, Super and Ultra (arXiv:2512.20856) and 3.5. A stack of
layers of four kinds, in an order that the config gives; each reads the residual stream through one norm and adds to it.
Only Mamba-2 layers know about order: attention has no positions.
"""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor

from nemora.models.attention import Attention, AttentionSpec
from nemora.models.base import Weights
from nemora.models.ids import ids_on
from nemora.models.mamba2 import Mamba2, Mamba2Spec
from nemora.models.mlp import MLP, MLPSpec
from nemora.models.moe import MoE, MoESpec
from nemora.models.mtp import MTPHead
from nemora.models.native_step import token_step
from nemora.models.nemotron_h_config import LayerSpec, NemotronHConfig
from nemora.models.state import State
from nemora.ops import kernels
from nemora.ops.kv_format import KVCache


class NemotronH:
    """The whole model; a `models.base.Model`. `mtp` is None where there is no such head or it was not loaded."""

    def __init__(self, config: NemotronHConfig, weights: Weights, *, mtp: bool = False) -> None:
        self.config = config
        self.embedding = weights.matrix("embedding", config.vocab_size, config.hidden_size)
        slots = _slots(config.layers)
        self.layers = [Layer(config, weights, index, slot) for index, slot in enumerate(slots)]
        self.norm = weights.tensor("norm", config.hidden_size)
        self.head = weights.matrix("head", config.vocab_size, config.hidden_size)
        self.mtp = None
        if mtp and config.mtp is not None:
            self.mtp = MTPHead(*config.mtp, config.hidden_size, weights, config.norm_eps)
        self.device, self.dtype, self.bytes = weights.device, weights.dtype, weights.bytes
        self.step = token_step(((layer.norm, layer.mixer) for layer in self.layers), self.norm, config.norm_eps)

    def forward(self, ids: Tensor, state: State, *, last_only: bool = False) -> Tensor:
        hidden = self.read(ids, state)
        return self.logits(hidden[:, -1:] if last_only else hidden)

    def read(self, ids: Tensor, state: State) -> Tensor:
        """As `forward`, but gives what the output matrix is to read: [batch, seq, hidden], after the last norm."""
        batch, seq = ids.shape
        state.require_room(batch, seq)
        x = self.embedding.rows(ids_on(self.device, ids, self.config.vocab_size))
        if seq == 1 and self.step is not None and self.step.takes(state):
            return self.step.read(x, state)
        for layer in self.layers:
            x = layer.forward(x, state)
        state.advance(seq)
        return kernels.rms_norm(x, self.norm, self.config.norm_eps)

    def logits(self, hidden: Tensor) -> Tensor:
        """[batch, seq, hidden], from `read` or `draft`, to fp32 [batch, seq, vocab]."""
        return self.head.matmul(hidden).float()

    def draft(self, ids: Tensor, hidden: Tensor, state: State) -> Tensor:
        """What the MTP head makes of the tokens `ids` [batch, seq] that follow `hidden` [batch, seq, hidden].

        Returns [batch, seq, hidden] for `logits`, which then tells of the token after `ids`; fed back with that token
        it drafts one further. `state` comes from `new_draft_state`.
        """
        if self.mtp is None:
            raise ValueError("this model has no multi-token prediction head, or it was not loaded")
        state.require_room(*ids.shape)
        embedded = self.embedding.rows(ids_on(self.device, ids, self.config.vocab_size))
        drafted = self.mtp.forward(embedded, hidden, state)
        state.advance(ids.shape[1])
        return drafted

    def new_state(
        self,
        capacity: int,
        *,
        batch: int = 1,
        ssm_dtype: torch.dtype = torch.float32,
        kv_cache: KVCache = "auto",
    ) -> State:
        specs = self.config.layers
        return State(
            kv=[spec.kv for spec in specs if isinstance(spec, AttentionSpec)],
            mamba=[spec.remembered for spec in specs if isinstance(spec, Mamba2Spec)],
            batch=batch,
            capacity=capacity,
            device=self.device,
            dtype=self.dtype,
            ssm_dtype=ssm_dtype,
            kv_cache=kv_cache,
        )

    def new_draft_state(self, capacity: int, *, batch: int = 1) -> State:
        """An empty state for `draft`."""
        if self.mtp is None:
            raise ValueError("this model has no multi-token prediction head, or it was not loaded")
        return State(kv=[self.mtp.kv], batch=batch, capacity=capacity, device=self.device, dtype=self.dtype)


class Layer:
    """x + mixer(norm(x)), the mixer being of the kind that the config says."""

    def __init__(self, config: NemotronHConfig, weights: Weights, index: int, slot: int) -> None:
        self.eps = config.norm_eps
        self.norm = weights.tensor(f"layers.{index}.norm", config.hidden_size)
        self.mixer = _mixer(config, weights, index, slot)

    def forward(self, x: Tensor, state: State) -> Tensor:
        normed = kernels.rms_norm(x, self.norm, self.eps)
        match self.mixer:
            case Mamba2() | Attention():
                return x + self.mixer.forward(normed, state)
            case MLP() | MoE():
                return x + self.mixer.forward(normed)


def _mixer(config: NemotronHConfig, weights: Weights, index: int, slot: int) -> Mamba2 | Attention | MLP | MoE:
    hidden, name = config.hidden_size, f"layers.{index}"
    match config.layers[index]:
        case Mamba2Spec() as spec:
            return Mamba2(spec, hidden, weights, f"{name}.mamba", slot, config.norm_eps)
        case AttentionSpec() as spec:
            return Attention(spec, hidden, weights, f"{name}.attention", slot)
        case MLPSpec() as spec:
            return MLP(spec, hidden, weights, f"{name}.mlp")
        case MoESpec() as spec:
            return MoE(spec, hidden, weights, f"{name}.moe")


def _slots(layers: tuple[LayerSpec, ...]) -> list[int]:
    """For each layer, how many of its kind come before it: its place in a `State`."""
    seen: Counter[type] = Counter()
    slots = []
    for spec in layers:
        slots.append(seen[type(spec)])
        seen[type(spec)] += 1
    return slots
