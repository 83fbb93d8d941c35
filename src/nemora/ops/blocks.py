"""Stored number formats: how rows of a matrix lie in a file, and how they become fp32.

A row is a run of blocks. A block holds `size` numbers in `bytes` bytes; the plain formats are blocks of one number.
Layouts and formulas of the quantised ones are those of GGUF (ggml's `ggml-common.h` and `ggml-quants.c`): a block of 32
numbers begins with its fp16 scale `d` (and minimum `m`); a 4-bit block keeps numbers 0 to 15 in the low halves of its
16 bytes and 16 to 31 in the high halves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class BlockFormat:
    """One format. `decode_blocks` takes uint8 [blocks, bytes] and gives fp32 [blocks, size]."""

    name: str
    size: int
    bytes: int
    decode_blocks: Callable[[Tensor], Tensor]

    def row_bytes(self, columns: int) -> int:
        """Bytes of a row of `columns` numbers, which must be whole blocks."""
        blocks, rest = divmod(columns, self.size)
        if rest:
            raise ValueError(f"a {self.name} row holds whole blocks of {self.size}, not {columns} numbers")
        return blocks * self.bytes

    def decode(self, stored: Tensor) -> Tensor:
        """uint8 [rows, row_bytes] to fp32 [rows, columns]."""
        return self.decode_blocks(stored.reshape(-1, self.bytes)).reshape(stored.shape[0], -1)


def _decode_f32(blocks: Tensor) -> Tensor:
    return blocks.view(torch.float32)


def _decode_f16(blocks: Tensor) -> Tensor:
    return blocks.view(torch.float16).float()


def _decode_bf16(blocks: Tensor) -> Tensor:
    return blocks.view(torch.bfloat16).float()


def _decode_q4_0(blocks: Tensor) -> Tensor:
    """d · (q − 8)"""
    return _half(blocks, 0) * (_nibbles(blocks[:, 2:]) - 8.0)


def _decode_q4_1(blocks: Tensor) -> Tensor:
    """d · q + m"""
    return _half(blocks, 0) * _nibbles(blocks[:, 4:]) + _half(blocks, 2)


def _decode_q8_0(blocks: Tensor) -> Tensor:
    """d · q"""
    return _half(blocks, 0) * blocks[:, 2:].view(torch.int8).float()


def _half(blocks: Tensor, at: int) -> Tensor:
    """The fp16 number at byte `at` of each block, as fp32 [blocks, 1]."""
    return blocks[:, at : at + 2].contiguous().view(torch.float16).float()


def _nibbles(packed: Tensor) -> Tensor:
    """uint8 [blocks, 16] to fp32 [blocks, 32]: all low halves, then all high halves."""
    return torch.cat((packed & 0x0F, packed >> 4), dim=1).float()


F32 = BlockFormat("F32", 1, 4, _decode_f32)
F16 = BlockFormat("F16", 1, 2, _decode_f16)
BF16 = BlockFormat("BF16", 1, 2, _decode_bf16)
Q4_0 = BlockFormat("Q4_0", 32, 18, _decode_q4_0)
Q4_1 = BlockFormat("Q4_1", 32, 20, _decode_q4_1)
Q8_0 = BlockFormat("Q8_0", 32, 34, _decode_q8_0)

FORMATS = {format.name: format for format in (F32, F16, BF16, Q4_0, Q4_1, Q8_0)}


@dataclass(frozen=True, slots=True, eq=False)
class StoredMatrix:
    """Rows as they lie in a file: `data` is uint8 [rows, row_bytes], usually memory-mapped and never written to."""

    format: BlockFormat
    data: Tensor

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the matrix that is stored."""
        return self.data.shape[0], self.data.shape[1] // self.format.bytes * self.format.size

    def decode(self) -> Tensor:
        """The whole matrix as fp32 [rows, columns]. An F32 matrix is a view of `data`."""
        return self.format.decode(self.data)
