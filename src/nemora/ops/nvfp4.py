"""NVFP4: numbers of four bits (E2M1) in blocks of 16, each block with an E4M3 scale; ModelOpt's and GGUF's layouts.

The four bits are sign, two of exponent, one of mantissa (OCP MX specification, 5.3.3): ±0, ½, 1, 1½, 2, 3, 4 or 6.
A matrix has one more fp32 scale, which `StoredMatrix` applies, so value = E2M1 · E4M3 · fp32. The product of the first
two is exact in fp32.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from nemora.ops.fp8 import decode_fp8
from nemora.ops.packed import nibble_halves, nibble_pairs, part

MAX = 6.0
BLOCK = 16
EXPONENT_BITS = 0x7F800000  # of fp32; with all others zero, what is left of a number is the power of two below it
VALUES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0)


def decode_modelopt(blocks: Tensor, scales: Tensor) -> Tensor:
    """ModelOpt's layout: uint8 [blocks, 8] and E4M3 uint8 [blocks, 1] to fp32 [blocks, 16].

    The low half of a byte is the even column. A scale that is NaN makes its whole block NaN.
    """
    return nibble_pairs(VALUES, blocks).mul_(decode_fp8(scales))


def decode_gguf(blocks: Tensor) -> Tensor:
    """GGUF's layout: uint8 [blocks, 36] to fp32 [blocks, 64].

    Four scales come first, then four times 8 bytes: low halves are the first 8 numbers of 16, high halves the others.
    """
    values = nibble_halves(VALUES, part(blocks, 4, 36, torch.int64).view(-1, 1)).view(-1, BLOCK)
    return values.mul_(_unsigned_e4m3(part(blocks, 0, 4)).view(-1, 1)).view(-1, 64)


def round_e2m1(x: Tensor) -> Tensor:
    """fp32 to the nearest of VALUES, as fp32; ties go to the even code, what lies beyond ±6 becomes ±6, NaN stays NaN.

    Neighbours are ½ apart below 2, 1 apart up to 4 and 2 apart up to 6: half of the power of two below the number.
    """
    step = x.abs().clamp_(1.0, 4.0).view(torch.int32).bitwise_and_(EXPONENT_BITS).view(torch.float32).mul_(0.5)
    return (x / step).round_().mul_(step).clamp_(-MAX, MAX)


def pack_modelopt(values: Tensor, negative: Tensor) -> Tensor:
    """Magnitudes fp32 [blocks, 16] as `round_e2m1` gives them, and their signs as bool, to uint8 [blocks, 8].

    The sign is asked for because a negative number that rounds to zero becomes −0.
    """
    codes = _code_table(values.device).index_select(0, values.abs().mul_(2.0).int().view(-1)).view(values.shape)
    codes.bitwise_or_(negative.to(torch.uint8) << 3)
    words = codes.view(torch.int16)  # an even column in the low byte, its neighbour in the high one
    return (words | (words >> 4)).to(torch.uint8)


@cache
def _code_table(device: torch.device) -> Tensor:
    """uint8 [13]: the code of half of each index, where there is one."""
    codes = [VALUES.index(doubled / 2) if doubled / 2 in VALUES else 0 for doubled in range(13)]
    return torch.tensor(codes, dtype=torch.uint8, device=device)


def _unsigned_e4m3(bytes_: Tensor) -> Tensor:
    """E4M3 as ggml reads scales: the sign bit is ignored, and 0x7F is zero instead of NaN.

    The seven bits are put where fp16 has its exponent and mantissa; the biases, 15 and 7, differ by a factor of 2⁸.
    """
    numbers = ((bytes_ & 0x7F).to(torch.int16) << 7).view(torch.float16).float().mul_(256.0)
    return numbers.masked_fill_(bytes_ == 0x7F, 0.0)
