"""The forms in which keys and values are kept: a floating type as it is, or eight bits for each number and scales.

A position is rounded once, when it is written, with scales of its own; so nothing has to be calibrated, and a copy of
the stored form is all that was remembered. Eight-bit forms are read back as fp32, a block of positions at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from nemora.ops.fp8 import MAX, decode_fp8, encode_fp8

KVCache = Literal["auto", "float32", "bfloat16", "fp8", "q8"]
"""Names of the forms; "auto" is the type of the activations."""

SCALE = torch.bfloat16
"""Of scales: eight significant bits, and the range of fp32."""

LEAST_EXPONENT = -120
"""Of a scale in FP8: below it SCALE has no full precision."""

Q8_MAX = 127
Q8_GROUP = 32


class KVFormat(Protocol):
    """One form. Numbers are [..., head_dim], their scales [..., `scales(head_dim)`]."""

    @property
    def dtype(self) -> torch.dtype:
        """Of what is stored for each number."""
        ...

    @property
    def as_it_is(self) -> bool:
        """Whether what is stored are the numbers themselves."""
        ...

    def scales(self, head_dim: int) -> int:
        """How many scales a position of a head has."""
        ...

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Numbers to what is stored of them, and their scales, if there are any."""
        ...

    def decode(self, stored: Tensor, scales: Tensor | None) -> Tensor:
        """The way back, in fp32."""
        ...


@dataclass(frozen=True, slots=True)
class PlainKV:
    """Rounded to `dtype`."""

    dtype: torch.dtype
    as_it_is = True

    def scales(self, head_dim: int) -> int:
        return 0

    def encode(self, x: Tensor) -> tuple[Tensor, None]:
        return x.to(self.dtype), None

    def decode(self, stored: Tensor, scales: Tensor | None) -> Tensor:
        return stored.float()


@dataclass(frozen=True, slots=True)
class Fp8KV:
    """E4M3 (see `fp8.py`) with a power of two for each position and head, as small as it can be: 1.02 bytes a number
    for heads of 128.

    Powers of two as in the OCP Microscaling Formats (MX) specification 1.0 (2023): scaling rounds nothing, and what
    was read back is stored again exactly. A number above the head's largest / 2^13 is off by 1 / 16 of itself at most.
    """

    dtype = torch.uint8
    as_it_is = False

    def scales(self, head_dim: int) -> int:
        return 1

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        wide = x.float()
        mantissa, exponent = torch.frexp(wide.abs().amax(-1, keepdim=True) / MAX)
        exponent = (exponent - (mantissa == 0.5).int()).clamp(min=LEAST_EXPONENT)
        scales = torch.exp2(exponent.float()).to(SCALE)
        return encode_fp8(wide / scales.float()), scales

    def decode(self, stored: Tensor, scales: Tensor | None) -> Tensor:
        assert scales is not None
        return decode_fp8(stored).mul_(scales.float())


@dataclass(frozen=True, slots=True)
class Q8KV:
    """Whole numbers to ±127 with a scale for every 32 of a head: 1.06 bytes a number. A number is off by 1 / 254 of the
    largest of its 32 at most, and by the rounding of the scale.

    As llama.cpp's Q8_0, which its cache has too. Symmetric rounding of each token by itself suffices at eight bits;
    outliers of keys, which stay in the same channels (Liu et al. 2024, KIVI, arXiv:2402.02750), spoil 32 numbers only.
    A head whose size is no multiple of 32 has one scale.
    """

    dtype = torch.int8
    as_it_is = False

    def scales(self, head_dim: int) -> int:
        return head_dim // Q8_GROUP if head_dim % Q8_GROUP == 0 else 1

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        groups: Tensor = x.float().unflatten(-1, (self.scales(x.shape[-1]), -1))
        scales = (groups.abs().amax(-1) / Q8_MAX).to(SCALE)
        steps = torch.where(scales == 0, 1.0, scales.float())[..., None]
        return (groups / steps).round().clamp(-Q8_MAX, Q8_MAX).to(torch.int8).flatten(-2), scales

    def decode(self, stored: Tensor, scales: Tensor | None) -> Tensor:
        assert scales is not None
        groups: Tensor = stored.float().unflatten(-1, (scales.shape[-1], -1))
        return groups.mul_(scales.float()[..., None]).flatten(-2)


def kv_format(name: KVCache, activations: torch.dtype) -> KVFormat:
    """The form of that name for a model that computes in `activations`.

    Raises:
        ValueError: there is none of that name.
    """
    match name:
        case "auto":
            return PlainKV(activations)
        case "float32":
            return PlainKV(torch.float32)
        case "bfloat16":
            return PlainKV(torch.bfloat16)
        case "fp8":
            return Fp8KV()
        case "q8":
            return Q8KV()
    raise ValueError(f"keys and values are kept as auto, float32, bfloat16, fp8 or q8, not as {name}")
