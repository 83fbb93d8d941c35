"""GGUF's blocks of 32 numbers: uint8 [blocks, bytes] to fp32 [blocks, 32].

Layouts and formulas are those of ggml (`ggml-common.h`, `ggml-quants.c`). A block begins with its fp16 scale `d` (and
minimum `m`). A 4-bit block keeps numbers 0 to 15 in the low halves of its 16 bytes and 16 to 31 in the high halves; a
5-bit block puts the fifth bits of all its numbers before them, number 0 in the lowest bit of the first byte.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nemora.ops.packed import bits_as_bytes, half, nibble_halves, nibbles, part

IQ4_NL_VALUES = (
    -127.0,
    -104.0,
    -83.0,
    -65.0,
    -49.0,
    -35.0,
    -22.0,
    -10.0,
    1.0,
    13.0,
    25.0,
    38.0,
    53.0,
    69.0,
    89.0,
    113.0,
)  # closer together near zero


def decode_q4_0(blocks: Tensor) -> Tensor:
    """d · (q − 8)"""
    return _four_bits(blocks, 2).sub_(8.0).mul_(half(blocks, 0))


def decode_q4_1(blocks: Tensor) -> Tensor:
    """d · q + m"""
    return _four_bits(blocks, 4).mul_(half(blocks, 0)).add_(half(blocks, 2))


def decode_q5_0(blocks: Tensor) -> Tensor:
    """d · (q − 16)"""
    return _five_bits(blocks, 2).sub_(16.0).mul_(half(blocks, 0))


def decode_q5_1(blocks: Tensor) -> Tensor:
    """d · q + m"""
    return _five_bits(blocks, 4).mul_(half(blocks, 0)).add_(half(blocks, 2))


def decode_q8_0(blocks: Tensor) -> Tensor:
    """d · q"""
    return part(blocks, 2, 34, torch.int8).float().mul_(half(blocks, 0))


def decode_iq4_nl(blocks: Tensor) -> Tensor:
    """d · IQ4_NL_VALUES[q]"""
    return nibble_halves(IQ4_NL_VALUES, part(blocks, 2, 18, torch.int64)).view(-1, 32).mul_(half(blocks, 0))


def _four_bits(blocks: Tensor, at: int) -> Tensor:
    """The numbers in the 16 bytes from `at` on, as fp32 [blocks, 32] from 0 to 15."""
    return nibbles(part(blocks, at, at + 16, torch.int64)).view(torch.uint8).view(-1, 32).float()


def _five_bits(blocks: Tensor, at: int) -> Tensor:
    """The numbers in the 20 bytes from `at` on, as fp32 [blocks, 32] from 0 to 31."""
    fifth = bits_as_bytes(part(blocks, at, at + 4), place=4)
    low = nibbles(part(blocks, at + 4, at + 20, torch.int64)).view(-1, 4)
    return low.bitwise_or_(fifth).view(torch.uint8).float()
