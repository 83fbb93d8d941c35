"""Numbers of a few bits, packed in bytes: taken apart eight bytes at a time, or by tables of what a byte holds.

Every function works on the device of its input, and copies only what it unpacks. Words are int64: their shifts drag
copies of the sign along, which the masks remove.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

ONES = 0x0101010101010101  # times a byte: the same byte eight times
LOW_NIBBLES = 0x0F * ONES


def part(blocks: Tensor, start: int, stop: int, dtype: torch.dtype = torch.uint8) -> Tensor:
    """A copy of bytes `start` to `stop` of each block, read as numbers of `dtype`: [blocks, numbers]."""
    return blocks[:, start:stop].clone(memory_format=torch.contiguous_format).view(dtype)


def half(blocks: Tensor, at: int) -> Tensor:
    """The fp16 number at byte `at` of each block, as fp32 [blocks, 1]."""
    return part(blocks, at, at + 2, torch.float16).float()


def nibbles(words: Tensor) -> Tensor:
    """int64 [..., words] to int64 [..., 2, words] whose bytes are all low halves, then all high halves."""
    return torch.stack((words & LOW_NIBBLES, (words >> 4) & LOW_NIBBLES), dim=-2)


def bit_fields(words: Tensor, bits: int) -> Tensor:
    """int64 [..., words] to int64 [..., 8 / bits, words]: fields of `bits` bits of each byte, the lowest ones first."""
    mask = ((1 << bits) - 1) * ONES
    return torch.stack([(words >> shift) & mask for shift in range(0, 8, bits)], dim=-2)


def bits_as_bytes(packed: Tensor, place: int) -> Tensor:
    """uint8 [...] to int64 [...]: bit i of a byte becomes byte i of a word, moved to bit `place` there."""
    return look_up(_bit_spread(packed.device), packed) << place


def look_up(table: Tensor, bytes_: Tensor) -> Tensor:
    """table [256, or as many as there are values] at each byte of uint8 [...]."""
    return table.index_select(0, bytes_.reshape(-1).int()).view(bytes_.shape)


def nibble_halves(values: tuple[float, ...], words: Tensor) -> Tensor:
    """values [16] at each nibble of int64 [..., words]: fp32 [..., 2, 8 · words], low halves first."""
    return look_up(_nibble_table(values, words.device), nibbles(words).view(torch.uint8))


def nibble_pairs(values: tuple[float, ...], packed: Tensor) -> Tensor:
    """values [16] at each nibble of uint8 [rows, bytes]: fp32 [rows, 2 · bytes], a byte's low half before its high."""
    return look_up(_pair_table(values, packed.device), packed).view(torch.float32)


# Tables are made once for each device. On CPUs an element of eight bytes is looked up as fast as one.


@cache
def _bit_spread(device: torch.device) -> Tensor:
    words = [sum(1 << 8 * bit for bit in range(8) if byte >> bit & 1) for byte in range(256)]
    return torch.tensor(words, dtype=torch.int64, device=device)


@cache
def _nibble_table(values: tuple[float, ...], device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, device=device)


@cache
def _pair_table(values: tuple[float, ...], device: torch.device) -> Tensor:
    """int64 [256], each the two fp32 numbers that a byte's halves stand for."""
    pairs = [(values[byte & 0x0F], values[byte >> 4]) for byte in range(256)]
    return torch.tensor(pairs, dtype=torch.float32, device=device).view(torch.int64).view(256)
