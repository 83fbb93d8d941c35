"""The Mamba-2 mixer: a layer that reads a sequence into a state of fixed size."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nemora.errors import CorruptCheckpoint
from nemora.models.base import Weights
from nemora.models.state import MambaShape, State
from nemora.ops import kernels
from nemora.ops.cpu.scan import NativeScan, native_scan


@dataclass(frozen=True, slots=True, kw_only=True)
class Mamba2Spec:
    """A Mamba-2 layer's dimensions. Its inner width is heads · head_dim, whatever a config's `expand` says."""

    heads: int
    head_dim: int
    groups: int
    state_size: int
    conv_kernel: int
    step_limits: tuple[float, float]

    def __post_init__(self) -> None:
        if self.heads % self.groups:
            raise CorruptCheckpoint(f"{self.heads} Mamba heads cannot be put into {self.groups} equal groups.")
        if self.conv_kernel < 2:
            raise CorruptCheckpoint("A Mamba layer's convolution needs a kernel of at least 2.")

    @property
    def inner(self) -> int:
        """Channels of the layer's value, x."""
        return self.heads * self.head_dim

    @property
    def channels(self) -> int:
        """Channels of the convolution: x, B and C."""
        return self.inner + 2 * self.groups * self.state_size

    @property
    def widest(self) -> int:
        """Numbers of a token that the layer computes at once at most."""
        return self.inner + self.channels + self.heads

    @property
    def remembered(self) -> MambaShape:
        """What the layer keeps in a `State`."""
        return MambaShape(self.channels, self.conv_kernel - 1, self.heads, self.head_dim, self.state_size)


class Mamba2:
    """out(norm(ssd(conv(in(x))) · silu(gate))): Dao & Gu 2024 (arXiv:2405.21060), section 7.

    in(x) is, side by side, gate [inner], x B C [channels] and one step size dt a head. x, B and C pass a short causal
    convolution and SiLU; the state space takes them with dt = softplus(dt + dt_bias); its output is gated, normalised
    in groups, and projected. `slot` is the layer's number among a state's Mamba layers.
    """

    def __init__(self, spec: Mamba2Spec, hidden: int, weights: Weights, name: str, slot: int, eps: float) -> None:
        self.spec, self.slot, self.eps = spec, slot, eps
        self.input = weights.matrix(f"{name}.input", spec.inner + spec.channels + spec.heads, hidden)
        self.conv = weights.tensor(f"{name}.conv", spec.channels, spec.conv_kernel)
        self.conv_bias = weights.tensor(f"{name}.conv_bias", spec.channels)
        self.dt_bias = weights.tensor(f"{name}.dt_bias", spec.heads)
        self.a = weights.tensor(f"{name}.a", spec.heads)  # -exp(A_log): below zero
        self.d = weights.tensor(f"{name}.d", spec.heads)
        self.norm = weights.tensor(f"{name}.norm", spec.inner)
        self.output = weights.matrix(f"{name}.output", hidden, spec.inner)
        # In other types of activations it could not be used, and would only take memory for a copy.
        self.scan = native_scan(self.sizes(), self.tensors()) if weights.dtype == torch.float32 else None

    def sizes(self) -> dict[str, float]:
        """The layer's numbers, as the native kernels call them (step.h)."""
        spec = self.spec
        return {
            "states": spec.heads,
            "state_heads_dim": spec.head_dim,
            "groups": spec.groups,
            "state_size": spec.state_size,
            "kernel": spec.conv_kernel,
            "least_step": spec.step_limits[0],
            "most_step": spec.step_limits[1],
            "epsilon": self.eps,
        }

    def tensors(self) -> dict[str, Tensor]:
        """Its tensors, likewise; `conv` as [kernel, channels]."""
        own = {"conv_bias": self.conv_bias, "dt_bias": self.dt_bias, "a": self.a, "d": self.d, "gate_norm": self.norm}
        return {"conv": self.conv.T.contiguous(), **own}

    def forward(self, x: Tensor, state: State) -> Tensor:
        """x [batch, seq, hidden] to the same shape."""
        spec = self.spec
        projected = self.input.matmul(x)
        conv_before, ssm = state.recurrent(self.slot)
        if self.scan is not None and self.scan.takes(projected, conv_before) and state.texts is None:
            return self.output.matmul(self._scanned(self.scan, projected, conv_before, ssm, state))
        gate, xbc, dt = projected.split([spec.inner, spec.channels, spec.heads], dim=-1)
        inputs = xbc
        xbc, conv_after = kernels.causal_conv(inputs, self.conv, self.conv_bias, conv_before, state.texts)
        grouped = spec.groups * spec.state_size
        value, b, c = xbc.float().split([spec.inner, grouped, grouped], dim=-1)
        scanned = (
            value.unflatten(-1, (spec.heads, spec.head_dim)),
            kernels.step_sizes(dt, self.dt_bias, spec.step_limits),
            self.a,
            b.unflatten(-1, (spec.groups, spec.state_size)),
            c.unflatten(-1, (spec.groups, spec.state_size)),
            self.d,
            ssm,
        )
        if state.looks_ahead:
            y, each = kernels.ssd_each(*scanned)
            seen = torch.cat((conv_before.to(inputs.dtype), inputs.transpose(1, 2)), dim=-1)
            state.remember_each(self.slot, seen, each)
        else:
            y, ssm = kernels.ssd(*scanned, state.texts)
            state.remember(self.slot, conv_after, ssm)
        return self.output.matmul(kernels.gated_rms_norm(y.flatten(-2), gate, self.norm, spec.groups, self.eps))

    def _scanned(self, scan: NativeScan, projected: Tensor, conv: Tensor, ssm: Tensor, state: State) -> Tensor:
        """What lies between the two matrices, by the native kernels: [batch, seq, inner]."""
        if not state.looks_ahead:
            y, conv, ssm = scan.run(projected, conv, ssm)
            state.remember(self.slot, conv, ssm)
            return y
        inputs = projected[..., self.spec.inner : self.spec.inner + self.spec.channels]
        seen = torch.cat((conv, inputs.transpose(1, 2)), dim=-1)
        outputs, each = [], []
        for token in projected.split(1, dim=1):
            y, conv, ssm = scan.run(token, conv, ssm)
            outputs.append(y)
            each.append(ssm)
        state.remember_each(self.slot, seen, torch.stack(each))
        return torch.cat(outputs, dim=1)
