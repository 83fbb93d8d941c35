"""Measures how large the inputs of a model's matrices become while it reads a text."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from nemora.models.base import Model, Weights
from nemora.ops.weight import Weight
from nemora.weights.checkpoint import Checkpoint
from nemora.weights.checkpoint_weights import LoadProgress
from nemora.weights.load import load_model

Largest = dict[tuple[str, int | None], float]


def load_watched(
    checkpoint: Checkpoint, *, device: str = "cpu", progress: LoadProgress | None = None
) -> tuple[Model, Largest]:
    """As `load_model`, and what grows while the model runs: max|x| by matrix and expert.

    A draft head is not loaded, so its matrices are not there.

    Raises: as `load_model`.
    """
    watched: list[_WatchedWeights] = []

    def watch(weights: Weights) -> Weights:
        watched.append(_WatchedWeights(weights))
        return watched[0]

    model = load_model(checkpoint, device=device, progress=progress, through=watch)
    return model, watched[0].largest


class _Watched:
    """A weight that writes down how large its inputs are, under each name that it stands for."""

    def __init__(self, weight: Weight, largest: Largest, keys: Sequence[tuple[str, int | None]]) -> None:
        self.weight, self.largest, self.keys = weight, largest, keys

    @property
    def shape(self) -> tuple[int, int]:
        return self.weight.shape

    @property
    def bytes(self) -> int:
        return self.weight.bytes

    def matmul(self, x: Tensor) -> Tensor:
        size = float(x.abs().amax())
        for key in self.keys:
            self.largest[key] = max(self.largest.get(key, 0.0), size if math.isfinite(size) else math.inf)
        return self.weight.matmul(x)

    def rows(self, ids: Tensor) -> Tensor:
        return self.weight.rows(ids)


class _WatchedWeights:
    """Another `Weights`'s, watched."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.largest: Largest = {}

    @property
    def device(self) -> torch.device:
        return self.weights.device

    @property
    def dtype(self) -> torch.dtype:
        return self.weights.dtype

    @property
    def bytes(self) -> int:
        return self.weights.bytes

    def matrix(self, name: str, rows: int, columns: int) -> Weight:
        return _Watched(self.weights.matrix(name, rows, columns), self.largest, [(name, None)])

    def fused(self, parts: Sequence[tuple[str, int]], columns: int) -> Weight:
        return _Watched(self.weights.fused(parts, columns), self.largest, [(name, None) for name, _ in parts])

    def experts(self, name: str, count: int, rows: int, columns: int) -> Sequence[Weight]:
        experts = self.weights.experts(name, count, rows, columns)
        return [_Watched(expert, self.largest, [(name, number)]) for number, expert in enumerate(experts)]

    def tensor(self, name: str, *shape: int) -> Tensor:
        return self.weights.tensor(name, *shape)

    def kv_scales(self, name: str) -> tuple[float, float] | None:
        return self.weights.kv_scales(name)
