"""An 8-bit matrix as the kernels read it."""

from __future__ import annotations

from ctypes import c_void_p
from typing import Any

import numpy as np
import numpy.typing as npt

from nemora.ops.cpu.library import CMatrix

PANEL = 32
"""Columns of a panel; api.h says the same."""
LINE = 64
"""Bytes of a cache line."""
LARGEST = 63
"""Codes of weights are in ±63: processors without VNNI add two products in 16 bits."""

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int8]


class PackedMatrix:
    """x @ (codes · scale) + bias, with the codes in panels.

    Args:
        codes: [k, n], in ±`LARGEST`.
        scale, bias: [n], of its columns.

    Raises:
        ValueError: a code is larger, or the shapes do not fit.
    """

    def __init__(self, codes: Codes, scale: Floats, bias: Floats) -> None:
        k, n = codes.shape
        if scale.shape != (n,) or bias.shape != (n,):
            raise ValueError(f"a matrix of {n} columns needs as many scales and biases")
        if codes.size and max(int(codes.max()), -int(codes.min())) > LARGEST:
            raise ValueError(f"codes of weights must be in ±{LARGEST}")
        self.codes = _panels(codes)
        self.scale = padded(scale)
        self.sums = padded(codes.sum(axis=0, dtype=np.int32).astype(np.float32) * scale)
        self.bias = padded(bias)
        self.c = CMatrix(address(self.codes), *(address(a) for a in (self.scale, self.sums, self.bias)), k, n)


def _panels(codes: Codes) -> Codes:
    """[n / PANEL, k / 4, PANEL, 4], padded with zeros."""
    k, n = codes.shape
    rows, columns = -(-k // 4), -(-n // PANEL)
    whole = codes
    if (k, n) != (rows * 4, columns * PANEL):
        whole = np.zeros((rows * 4, columns * PANEL), np.int8)
        whole[:k, :n] = codes
    made = _on_cache_lines(rows * columns * PANEL * 4).reshape(columns, rows, PANEL, 4)
    made[:] = whole.reshape(rows, 4, columns, PANEL).transpose(2, 0, 3, 1)
    return made


def _on_cache_lines(size: int) -> Codes:
    """Memory that begins on a cache line, so that no vector of a panel lies across two."""
    memory = np.empty(size + LINE, np.int8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + size]


def padded(values: Floats, axis: int = 0) -> Floats:
    """float32 with zeros up to a whole number of panels along `axis`."""
    room = [(0, 0)] * values.ndim
    room[axis] = (0, -values.shape[axis] % PANEL)
    return np.ascontiguousarray(np.pad(values, room), np.float32)


def address(array: npt.NDArray[Any]) -> c_void_p:
    """Where an array lies. The caller keeps it alive."""
    return c_void_p(array.ctypes.data)
