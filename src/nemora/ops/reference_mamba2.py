"""The maths of a Mamba-2 layer, slow and readable: one token after the other. `kernels.py` has the same, fast.

Dao & Gu 2024, "Transformers are SSMs" (arXiv:2405.21060). Sizes: heads H, head_dim P, groups G, state_size N,
channels C of the convolution, kernel K.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from nemora.ops.reference import silu
from nemora.ops.texts import Texts


def causal_conv(
    x: Tensor, weight: Tensor, bias: Tensor, before: Tensor, texts: Texts | None = None
) -> tuple[Tensor, Tensor]:
    """SiLU of a convolution over time, each channel by itself and seeing only the past.

    y[t] = silu(bias + Σ_j weight[:, j] · x[t − (K − 1) + j]). x is [batch, seq, C], weight [C, K], bias [C]; `before`
    [batch, C, K − 1] are the inputs that came before x, oldest first. Returns y and the new `before`, which is in x's
    dtype like the old one. With `texts` inputs of another text count as zero; `before` belongs to each row's first.
    """
    kernel = weight.shape[1]
    seen = torch.cat((before.to(x.dtype), x.transpose(1, 2)), dim=-1)  # [batch, C, K - 1 + seq]
    owners = torch.zeros_like(seen[:, 0], dtype=torch.long)  # [batch, K - 1 + seq]
    if texts is not None:
        owners[:, kernel - 1 :] = texts.ids
    outputs = []
    for t in range(x.shape[1]):
        window = slice(t, t + kernel)
        own = owners[:, None, window] == owners[:, None, t + kernel - 1, None]
        outputs.append(bias + (weight * seen[:, :, window] * own).sum(-1))
    y = torch.stack(outputs, dim=1)
    return silu(y).to(x.dtype), seen[:, :, seen.shape[-1] - (kernel - 1) :]


def ssd(
    x: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor, state: Tensor, texts: Texts | None = None
) -> tuple[Tensor, Tensor]:
    """The selective state space, as the recurrence that defines it (section 3.1, with the skip d · x).

    S_t = exp(dt_t · a) · S_{t−1} + dt_t · x_t ⊗ b_t;  y_t = S_t · c_t + d · x_t. x is [batch, seq, H, P], dt
    [batch, seq, H] (positive), a (negative) and d [H], b and c [batch, seq, G, N] where head h reads group
    h // (H / G), and `state` S [batch, H, P, N]. All in fp32. Returns y [batch, seq, H, P] and the last S. With `texts`
    S is zero before each text but a row's first, which goes on from `state`.
    """
    per_group = x.shape[2] // b.shape[2]
    b, c = b.repeat_interleave(per_group, dim=2), c.repeat_interleave(per_group, dim=2)
    outputs = []
    for t in range(x.shape[1]):
        decay = torch.exp(dt[:, t] * a)[..., None, None]
        if texts is not None and t > 0:
            decay = decay * (texts.ids[:, t] == texts.ids[:, t - 1])[:, None, None, None]
        input = (dt[:, t, :, None] * x[:, t])[..., None] * b[:, t, :, None, :]
        state = decay * state + input
        outputs.append((state * c[:, t, :, None, :]).sum(-1) + d[:, None] * x[:, t])
    return torch.stack(outputs, dim=1), state


def step_sizes(dt: Tensor, bias: Tensor, limits: tuple[float, float]) -> Tensor:
    """softplus(dt + bias) in fp32, within `limits`: (0, ∞) in every published model.

    `time_step_min`, `_max` and `_floor` of a config are how dt_bias was drawn before training, and no limits.
    """
    return F.softplus(dt.float() + bias).clamp(*limits)


def gated_rms_norm(y: Tensor, gate: Tensor, weight: Tensor, groups: int, eps: float) -> Tensor:
    """y · silu(gate), then RMS normalisation within each of `groups` equal runs of channels, times `weight`.

    The gate comes before the norm (`norm_before_gate=False` in mamba-ssm). y, gate: [..., d]; weight [d].
    """
    gated = y.float() * silu(gate.float())
    runs = gated.unflatten(-1, (groups, -1))
    normed = runs * torch.rsqrt(runs.pow(2).mean(-1, keepdim=True) + eps)
    rounded: Tensor = (normed.flatten(-2) * weight).to(gate.dtype)
    return rounded


def round_stochastically(x: Tensor, random: Tensor) -> Tensor:
    """fp32 x to fp16, up or down with the chance that keeps its mean: so small updates are not lost step by step.

    `random` holds whole numbers from 0 to 2¹³ − 1 in x's shape, int32. What fp16 cannot hold becomes its largest
    number. A state that is rounded to nearest at every token drifts (Nemotron 3 Ultra report, cache precision).
    """
    # fp32 has 13 more bits of fraction than fp16: add a random tail, then cut the tail off.
    normal = ((x.view(torch.int32) + random) & ~0x1FFF).view(torch.float32)
    # Below 2^-14 fp16 is a grid of 2^-24.
    grid = 2.0**-24
    small = torch.floor(x / grid + random * 2.0**-13) * grid
    rounded = torch.where(x.abs() < 2.0**-14, small, normal)
    return rounded.clamp(-65504.0, 65504.0).to(torch.float16)
