"""GGUF's K-quants, blocks of 256 numbers with small scales of their own inside: uint8 [blocks, bytes] to fp32.

Layouts and formulas are those of ggml (`ggml-common.h`, `ggml-quants.c`). Sub-blocks have 32 numbers in Q4_K and Q5_K,
whose 6-bit scales and minimums are packed in 12 bytes, and 16 numbers in Q6_K, whose scales are int8.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nemora.ops.packed import bit_fields, half, nibbles, part


def decode_q4_k(blocks: Tensor) -> Tensor:
    """d · scale · q − dmin · minimum; bytes: d, dmin, 12 of scales, 128 of 4-bit numbers."""
    quants = nibbles(part(blocks, 16, 144, torch.int64).view(-1, 4, 4))  # 32 low halves, 32 high halves, four times
    return _scale_and_shift(quants, blocks)


def decode_q5_k(blocks: Tensor) -> Tensor:
    """As Q4_K, with 32 bytes of fifth bits before the numbers: bit i of byte j belongs to number j of sub-block i."""
    fifth = bit_fields(part(blocks, 16, 48, torch.int64), bits=1) << 4
    low = nibbles(part(blocks, 48, 176, torch.int64).view(-1, 4, 4))
    return _scale_and_shift(low.view(-1, 8, 4).bitwise_or_(fifth), blocks)


def decode_q6_k(blocks: Tensor) -> Tensor:
    """d · scale · (q − 32); bytes: 128 of low halves, 64 of the two bits above, 16 int8 scales, d.

    Each half of the block is 64 bytes of low halves, then high halves, beside 32 bytes of four 2-bit fields.
    """
    low = nibbles(part(blocks, 0, 128, torch.int64).view(-1, 2, 8))
    high = bit_fields(part(blocks, 128, 192, torch.int64).view(-1, 2, 4), bits=2) << 4
    quants = low.view(-1, 32).bitwise_or_(high.view(-1, 32)).view(torch.uint8).float().sub_(32.0)
    scales = part(blocks, 192, 208, torch.int8).float().mul_(half(blocks, 208))
    return quants.view(-1, 16).mul_(scales.view(-1, 1)).view(-1, 256)


def _scale_and_shift(quants: Tensor, blocks: Tensor) -> Tensor:
    """The words of 256 one-byte numbers to fp32 [blocks, 256] by the scales and minimums at the blocks' begin."""
    scales, minimums = _six_bits(part(blocks, 4, 16, torch.int32))
    scales = scales.float().mul_(half(blocks, 0)).view(-1, 1)
    minimums = minimums.float().mul_(half(blocks, 2)).view(-1, 1)
    return quants.reshape(-1, 4).view(torch.uint8).float().mul_(scales).sub_(minimums).view(-1, 256)


def _six_bits(words: Tensor) -> tuple[Tensor, Tensor]:
    """12 bytes as int32 [blocks, 3] to scales and minimums, uint8 [blocks, 8] each from 0 to 63.

    The first four of each lie in the low six bits of the first and the second word's bytes. The last four have their
    low halves in the third word (scales in the low nibbles, minimums in the high ones) and their top two bits over the
    first four.
    """
    first, second, third = words.unbind(dim=1)
    six, low, top = 0x3F3F3F3F, 0x0F0F0F0F, 0x30303030
    scales = torch.stack((first & six, (third & low) | ((first >> 2) & top)), dim=1)
    minimums = torch.stack((second & six, ((third >> 4) & low) | ((second >> 2) & top)), dim=1)
    return scales.view(torch.uint8), minimums.view(torch.uint8)
