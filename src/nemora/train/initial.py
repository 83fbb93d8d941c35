"""Weights before any training, drawn as the family's papers draw them; a `models.base.Weights`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from nemora.models.inventory import Inventory
from nemora.ops.weight import DenseWeight, Weight

SPREAD = 0.02  # of a matrix's numbers: `initializer_range` of the published settings
DECAYS = (1.0, 16.0)  # of a Mamba-2 head, and below the range of its steps: Dao & Gu 2024 (arXiv:2405.21060)
STEPS = (0.001, 0.1)
LEAST_STEP = 1e-4


class InitialWeights:
    """Draws what a model asks for.

    Matrices are normal with a spread of 0.02; those that write to the residual stream are divided by the root of their
    number, so that its size does not grow with depth (Radford et al. 2019, GPT-2, section 2.3). Mamba-2's decays, steps
    and skips are drawn as in its own code; norms do nothing at first.

    Args:
        inventory: all that the model will ask for.
        seed: equal seeds give equal numbers, which are drawn on the CPU wherever they go.
    """

    dtype = torch.float32

    def __init__(self, inventory: Inventory, *, seed: int = 0, device: torch.device | str = "cpu") -> None:
        self.inventory = inventory
        self.device = torch.device(device)
        self.generator = torch.Generator().manual_seed(seed)
        self.bytes = 0
        trunk = [name for name in inventory.matrices if name.startswith("layers.")]
        self.adds = max(1, sum(name.endswith((".output", ".down")) for name in trunk))

    def matrix(self, name: str, rows: int, columns: int) -> Weight:
        return DenseWeight(self._normal(name, rows, columns))

    def fused(self, parts: Sequence[tuple[str, int]], columns: int) -> Weight:
        return DenseWeight(torch.cat([self._normal(name, rows, columns) for name, rows in parts]))

    def experts(self, name: str, count: int, rows: int, columns: int) -> Sequence[Weight]:
        return [self.matrix(name, rows, columns) for _ in range(count)]

    def tensor(self, name: str, *shape: int) -> Tensor:
        return self._small(name, shape).to(self.device)

    def _small(self, name: str, shape: tuple[int, ...]) -> Tensor:
        numbers = torch.zeros(shape)
        match name.rpartition(".")[2]:
            case "a":
                return numbers.uniform_(*DECAYS, generator=self.generator).neg_()
            case "dt_bias":
                return _inverse_softplus(self._steps(numbers))
            case "conv":
                return numbers.uniform_(-(shape[1] ** -0.5), shape[1] ** -0.5, generator=self.generator)
            case "router":
                return numbers.normal_(0.0, SPREAD, generator=self.generator)
            case last if last.endswith("_bias"):
                return numbers
        minus_1 = f"{name}_bias" in self.inventory.tensors  # a layer norm, whose weight is kept as one less
        return numbers if minus_1 else numbers + 1.0

    def kv_scales(self, name: str) -> tuple[float, float] | None:
        return None

    def _normal(self, name: str, rows: int, columns: int) -> Tensor:
        spread = SPREAD / math.sqrt(self.adds) if _adds_to_residual(name) else SPREAD
        return torch.empty(rows, columns).normal_(0.0, spread, generator=self.generator).to(self.device)

    def _steps(self, numbers: Tensor) -> Tensor:
        low, high = map(math.log, STEPS)
        return numbers.uniform_(low, high, generator=self.generator).exp_().clamp_(min=LEAST_STEP)


def _adds_to_residual(name: str) -> bool:
    """Whether what the matrix gives goes to the residual stream."""
    return name.endswith((".output", ".down", ".from_latent"))


def _inverse_softplus(x: Tensor) -> Tensor:
    return x + torch.log(-torch.expm1(-x))
