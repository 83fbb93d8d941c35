"""Mixtures of experts: many small networks, of which a router picks a few for each token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from nemora.errors import CorruptCheckpoint
from nemora.models.base import Weights
from nemora.models.mlp import MLP, MLPSpec
from nemora.ops import kernels


@dataclass(frozen=True, slots=True, kw_only=True)
class MoESpec:
    """A mixture's dimensions. With `latent` the experts work in a narrower space: LatentMoE."""

    experts: int
    top_k: int
    width: int
    shared_width: int
    latent: int | None
    scale: float
    normalise: bool

    def __post_init__(self) -> None:
        if self.top_k > self.experts:
            raise CorruptCheckpoint(f"{self.top_k} experts cannot be chosen from {self.experts}.")

    @property
    def widest(self) -> int:
        """Numbers of a token that the layer computes at once at most: those inside all its experts, or the shared."""
        return max(self.top_k * self.width, self.shared_width)


class MoE:
    """Σ share_e · expert_e(x) over the chosen experts, plus a shared expert that reads every token.

    Nemotron 3 white paper (arXiv:2512.20856). Experts are squared-ReLU networks. In a LatentMoE the routed part is
    up(Σ share_e · expert_e(down(x))), with nothing between the projections and the experts; the router and the shared
    expert see x itself.
    """

    def __init__(self, spec: MoESpec, hidden: int, weights: Weights, name: str) -> None:
        self.spec, self.name = spec, name
        self.watch: Callable[[str, Tensor], None] | None = None  # told which experts were chosen, [tokens, top_k]
        inside = spec.latent or hidden
        self.router = weights.tensor(f"{name}.router", spec.experts, hidden)
        self.router_bias = weights.tensor(f"{name}.router_bias", spec.experts)
        self.up = weights.experts(f"{name}.experts.up", spec.experts, spec.width, inside)
        self.down = weights.experts(f"{name}.experts.down", spec.experts, inside, spec.width)
        self.shared = MLP(MLPSpec(spec.shared_width), hidden, weights, f"{name}.shared")
        if spec.latent is not None:
            self.to_latent = weights.matrix(f"{name}.to_latent", spec.latent, hidden)
            self.from_latent = weights.matrix(f"{name}.from_latent", hidden, spec.latent)

    def forward(self, x: Tensor) -> Tensor:
        """x [batch, seq, hidden] to the same shape."""
        spec = self.spec
        tokens = x.flatten(0, 1)
        chosen, shares = kernels.route(
            tokens, self.router, self.router_bias, top_k=spec.top_k, normalise=spec.normalise, scale=spec.scale
        )
        if self.watch is not None:
            self.watch(self.name, chosen)
        if spec.latent is None:
            routed = kernels.experts_mlp(tokens, chosen, shares, self.up, self.down)
        else:
            latent = kernels.experts_mlp(self.to_latent.matmul(tokens), chosen, shares, self.up, self.down)
            routed = self.from_latent.matmul(latent)
        return routed.view(x.shape) + self.shared.forward(x)
