"""What products with packed weights compute, in torch: slow, readable, and what the kernels are compared with."""

from __future__ import annotations

import torch
from torch import Tensor

from nemora.ops.blocks import StoredMatrix
from nemora.ops.cpu.packed_weight import BLOCK, FLOATS, ActivationBits

MOST: dict[ActivationBits, int] = {8: 127, 15: 127 * 128}
"""The largest code of an activation. With 15 bits a code is 128 times one number of 8 bits plus another."""
SMALLEST = 1e-30
"""Blocks whose largest number is not above it become zeros."""


def rounded(x: Tensor, bits: ActivationBits) -> Tensor:
    """fp32 [..., columns] to what the kernels multiply by, float64: each block of 32 in steps of its largest / MOST.

    A block with a number that is not finite becomes NaN.
    """
    blocks = x.float().unflatten(-1, (-1, BLOCK))
    largest = blocks.abs().amax(-1, keepdim=True)
    some = largest > SMALLEST
    scale = torch.where(some, largest / MOST[bits], 0.0)
    inverse = torch.full_like(largest, MOST[bits]) / largest  # a number over a tensor would be rounded twice
    codes = torch.where(some, blocks * inverse, 0.0).round()
    steps = torch.where(blocks.isfinite().all(-1, keepdim=True), codes.double() * scale.double(), torch.nan)
    return steps.flatten(-2)


def met(x: Tensor, weight: StoredMatrix, bits: ActivationBits) -> Tensor:
    """fp32 [..., columns] as the matrix meets it, float64: matrices of floats meet the very numbers."""
    return x.double() if weight.format in FLOATS else rounded(x, bits)


def matmul(x: Tensor, weight: StoredMatrix, bits: ActivationBits) -> Tensor:
    """x [..., columns] times the transposed matrix, in float64: [..., rows]."""
    return met(x, weight, bits) @ weight.decode().double().T
