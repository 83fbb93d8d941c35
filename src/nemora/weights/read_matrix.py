"""Reads a matrix that was found in a checkpoint: with its scales, and with its rows as models want them."""

from __future__ import annotations

import math

from nemora.errors import CorruptCheckpoint
from nemora.ops.blocks import MODELOPT_NVFP4, StoredMatrix
from nemora.weights.names import Place
from nemora.weights.stored import Found
from nemora.weights.tensors import TensorFile


def read_matrix(file: TensorFile, found: Found, place: Place) -> StoredMatrix:
    """The matrix as it is stored, not decoded.

    Raises:
        CorruptCheckpoint: a scale is not a finite number.
    """
    stored = file.read(found.name)
    rows = stored.shape[0]
    if found.expert is not None:
        rows //= file.tensors[found.name].shape[0]
        stored = stored.slice(found.expert * rows, (found.expert + 1) * rows)
    match found.form:
        case "FP8":
            stored = StoredMatrix(stored.format, stored.data, scale=read_number(file, found.parts()[1]))
        case "NVFP4":
            scales = file.read(found.parts()[1]).data
            if found.expert is not None:
                scales = scales[found.expert * rows : (found.expert + 1) * rows]
            stored = StoredMatrix(MODELOPT_NVFP4, stored.data, scales, read_number(file, found.parts()[2]))
        case "plain":
            if found.gguf_scale in file.tensors:
                stored = StoredMatrix(stored.format, stored.data, scale=_gguf_factor(file, found))
    return split_halves(stored, stored.shape[0] // place.interleaved) if place.interleaved else stored


def read_number(file: TensorFile, name: str) -> float:
    """A scale: the one number of a tensor.

    Raises:
        CorruptCheckpoint: it is not finite.
    """
    number = float(file.read(name).decode().flatten()[0])
    if not math.isfinite(number):
        raise CorruptCheckpoint(f"Tensor {name} of {file.name} is not a finite number.")
    return number


def _gguf_factor(file: TensorFile, found: Found) -> float:
    """GGUF's factor of a matrix: one for all experts, or one each."""
    numbers = file.read(found.gguf_scale).decode().flatten().tolist()
    return float(numbers[found.expert or 0 if len(numbers) > 1 else 0])


def split_halves(stored: StoredMatrix, heads: int) -> StoredMatrix:
    """Reorder the rows of each head from (2i, 2i + 1) pairs to halves. Rows move whole, whatever their format."""
    rows, row_bytes = stored.data.shape
    pairs = stored.data.view(heads, rows // heads // 2, 2, row_bytes)
    return StoredMatrix(stored.format, pairs.transpose(1, 2).reshape(rows, row_bytes), scale=stored.scale)
