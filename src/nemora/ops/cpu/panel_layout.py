"""How panels lie in memory, as a fingerprint: what was packed by other kernels is known by it."""

from __future__ import annotations

import functools
import hashlib

import torch

from nemora.ops.blocks import StoredMatrix
from nemora.ops.cpu.library import Library
from nemora.ops.cpu.packed_weight import PANEL_FORMATS, PackedWeight

ROWS = 17
"""A panel, and one with a single row."""
COLUMNS = 512
"""Whole blocks of every format."""
LARGEST = 61
"""Bytes of the pattern are below: then every number and scale is one that kernels can use, whatever the format."""


@functools.cache
def layout_fingerprint(library: Library, format: str) -> str:
    """A sha256, in hexadecimal, of the panels of one fixed matrix. `format` is one of `PANEL_FORMATS`.

    No number in the sources has to be raised when kernels change: panels that lie otherwise have another fingerprint.
    """
    stored = PANEL_FORMATS[format]
    size = ROWS * stored.row_bytes(COLUMNS)
    pattern = bytes(byte % LARGEST for byte in hashlib.shake_256(format.encode()).digest(size))
    data = torch.frombuffer(bytearray(pattern), dtype=torch.uint8).view(ROWS, -1)
    (panels,) = PackedWeight([StoredMatrix(stored, data)], library).panels
    return hashlib.sha256(panels.data.numpy().tobytes()).hexdigest()
