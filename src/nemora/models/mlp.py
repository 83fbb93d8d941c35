"""Feed-forward networks, which read each position by itself."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from nemora.models.base import Weights
from nemora.ops import kernels


class SwiGLU:
    """down(silu(gate(x)) · up(x)). Shazeer 2020 (arXiv:2002.05202)."""

    def __init__(self, width: int, hidden: int, weights: Weights, name: str) -> None:
        self.gate_up = weights.fused([(f"{name}.gate", width), (f"{name}.up", width)], hidden)
        self.down = weights.matrix(f"{name}.down", hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """x [..., hidden] to the same shape."""
        return self.down.matmul(kernels.swiglu(self.gate_up.matmul(x)))


@dataclass(frozen=True, slots=True)
class MLPSpec:
    """A squared-ReLU network's inner width."""

    width: int

    @property
    def widest(self) -> int:
        """Numbers of a token that the layer computes at once at most."""
        return self.width


class MLP:
    """down(relu(up(x))²): two matrices, no gate. So et al. 2021 (arXiv:2109.08668)."""

    def __init__(self, spec: MLPSpec, hidden: int, weights: Weights, name: str) -> None:
        self.up = weights.matrix(f"{name}.up", spec.width, hidden)
        self.down = weights.matrix(f"{name}.down", hidden, spec.width)

    def forward(self, x: Tensor) -> Tensor:
        """x [..., hidden] to the same shape."""
        return self.down.matmul(kernels.relu2(self.up.matmul(x)))
