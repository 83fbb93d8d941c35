"""FP8 E4M3 (OCP 8-bit floating point): sign, four bits of exponent with bias 7, three of mantissa; no infinity.

0x7F and 0xFF are NaN; the largest number is 448. A matrix has one fp32 scale, which `StoredMatrix` applies.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from nemora.ops.packed import look_up

MAX = 448.0


def decode_fp8(blocks: Tensor) -> Tensor:
    """uint8 of any shape to the fp32 numbers they are.

    By a table, which on CPUs is several times faster than torch's cast; not all accelerators have that type at all.
    """
    if blocks.device.type == "cuda":
        return blocks.view(torch.float8_e4m3fn).float()
    return look_up(_table(blocks.device), blocks)


def encode_fp8(x: Tensor) -> Tensor:
    """fp32 to the bytes of the nearest E4M3 numbers, ties to even. Beyond ±448 all becomes ±448; NaN stays NaN."""
    return x.clamp(-MAX, MAX).to(torch.float8_e4m3fn).view(torch.uint8)


@cache
def _table(device: torch.device) -> Tensor:
    """fp32 [256], made on the CPU and once for each device."""
    return torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn).float().to(device)
