"""A model that keeps what it was asked and what it answered, and the small random models that engine tests run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import tiny_llama
import tiny_nemotron_h
from nemora.models.base import Model
from nemora.models.state import State
from nemora.ops.kv_format import KVCache
from nemora.weights.checkpoint import open_checkpoint
from nemora.weights.load import load_model

HYBRID = tiny_nemotron_h.CONFIG | tiny_nemotron_h.LATENT
VOCABULARY = 80
"""Ids below this are in every small model's vocabulary."""


class WatchedModel:
    """`passes` are the ids of each forward pass, `logits` those after its last one."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.config, self.device, self.bytes = model.config, model.device, model.bytes
        self.passes: list[tuple[int, ...]] = []
        self.logits: list[Tensor] = []

    def new_state(
        self,
        capacity: int,
        *,
        batch: int = 1,
        ssm_dtype: torch.dtype = torch.float32,
        kv_cache: KVCache = "auto",
    ) -> State:
        return self._model.new_state(capacity, batch=batch, ssm_dtype=ssm_dtype, kv_cache=kv_cache)

    def forward(self, ids: Tensor, state: State, *, last_only: bool = False) -> Tensor:
        logits = self._model.forward(ids, state, last_only=last_only)
        self.passes.append(tuple(ids[0].tolist()))
        self.logits.append(logits[0, -1].clone())
        return logits


def small_model(kind: str, folder: Path) -> Model:
    """A random hybrid, or a random Llama."""
    config: dict[str, Any] = HYBRID if kind == "hybrid" else tiny_llama.CONFIG
    tensors = tiny_nemotron_h.random_tensors(config) if kind == "hybrid" else tiny_llama.random_tensors(config)
    return load_model(open_checkpoint(tiny_llama.write_folder(folder, config, tensors)))
