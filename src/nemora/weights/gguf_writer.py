"""Writes GGUF files, version 3: the twin of `gguf.py`, and as strict.

The layout is that of ggml's `docs/gguf.md`. Python's types choose GGUF's: bool, str, float (FLOAT32), int (UINT32, or
INT32 below zero), and lists of one of these, where whole numbers are INT32, as llama.cpp's converter writes them.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nemora.ops.blocks import FORMATS
from nemora.weights.gguf import (
    ARRAY,
    BOOL,
    DEFAULT_ALIGNMENT,
    MAGIC,
    MAX_DIMENSIONS,
    MAX_NAME_BYTES,
    MAX_STRING_BYTES,
    STRING,
    TYPE_NAMES,
)
from nemora.weights.save_tensors import Outgoing, Report, new_file
from nemora.weights.tensors import TensorInfo

VERSION = 3
UINT32, INT32, FLOAT32 = 4, 5, 6
TYPE_NUMBERS = {name: number for number, name in TYPE_NAMES.items()}


class GGUFWriter:
    """A file to be written: its header is made, and so checked, at once; tensors when they are written.

    `bytes` is how large the file will be.

    Raises:
        ValueError: metadata or a tensor that GGUF, or this writer, cannot hold.
    """

    def __init__(self, metadata: Mapping[str, Any], tensors: Sequence[Outgoing]) -> None:
        self.tensors = tensors
        self._header = _header(metadata, [tensor.info for tensor in tensors])
        self.bytes = len(self._header) + sum(_padded(tensor.info.stored_bytes) for tensor in tensors)

    def write(self, path: Path, report: Report) -> None:
        """Write the file, which must not exist."""
        with new_file(path) as sink:
            report(sink.write(self._header))
            for tensor in self.tensors:
                tensor.write(sink, report)
                report(sink.write(bytes(_padded(tensor.info.stored_bytes) - tensor.info.stored_bytes)))


def _header(metadata: Mapping[str, Any], tensors: Sequence[TensorInfo]) -> bytes:
    """All before the tensors' data, padded."""
    if "general.alignment" in metadata:
        raise ValueError("general.alignment is not this writer's to change")
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise ValueError("two tensors have one name")
    parts = [MAGIC, struct.pack("<IQQ", VERSION, len(tensors), len(metadata))]
    for key, value in metadata.items():
        parts += [_string(key, MAX_NAME_BYTES), _value(key, value)]
    offset = 0
    for tensor in tensors:
        parts.append(_description(tensor, offset))
        offset += _padded(tensor.stored_bytes)
    header = b"".join(parts)
    return header + bytes(_padded(len(header)) - len(header))


def _description(tensor: TensorInfo, offset: int) -> bytes:
    if not 1 <= len(tensor.shape) <= MAX_DIMENSIONS or 0 in tensor.shape or tensor.format.name not in FORMATS:
        raise ValueError(f"a tensor of the shape {tensor.shape} and type {tensor.format.name} cannot be in a GGUF file")
    sizes = tensor.shape[::-1]  # GGUF names the inmost first
    place = struct.pack("<IQ", TYPE_NUMBERS[tensor.format.name], offset)
    return _string(tensor.name, MAX_NAME_BYTES) + struct.pack(f"<I{len(sizes)}Q", len(sizes), *sizes) + place


def _value(key: str, value: Any) -> bytes:
    """A value's type and bytes."""
    if isinstance(value, list | tuple):
        if not value or len({type(item) for item in value}) != 1 or isinstance(value[0], list | tuple):
            raise ValueError(f"the list {key} is empty, nested or of several types")
        kind = INT32 if type(value[0]) is int else _kind(key, value[0])
        return struct.pack("<IIQ", ARRAY, kind, len(value)) + b"".join(_item(key, kind, item) for item in value)
    kind = _kind(key, value)
    return struct.pack("<I", kind) + _item(key, kind, value)


def _kind(key: str, value: Any) -> int:
    if type(value) is int:
        return INT32 if value < 0 else UINT32
    kinds: dict[type, int] = {bool: BOOL, str: STRING, float: FLOAT32}
    if type(value) not in kinds:
        raise ValueError(f"{key} is a {type(value).__name__}, which GGUF metadata cannot hold")
    return kinds[type(value)]


def _item(key: str, kind: int, value: Any) -> bytes:
    if kind == STRING:
        return _string(value, MAX_STRING_BYTES)
    if kind == FLOAT32 and not math.isfinite(value):
        raise ValueError(f"{key} is not finite")
    try:
        return struct.pack({BOOL: "<?", UINT32: "<I", INT32: "<i", FLOAT32: "<f"}[kind], value)
    except (struct.error, OverflowError):
        raise ValueError(f"{key} is {value}, which 32 bits cannot hold") from None


def _string(text: str, limit: int) -> bytes:
    data = text.encode("utf-8")
    if len(data) > limit:
        raise ValueError(f"a string of {len(data)} bytes is longer than the {limit} that are read again")
    return struct.pack("<Q", len(data)) + data


def _padded(size: int) -> int:
    return -(-size // DEFAULT_ALIGNMENT) * DEFAULT_ALIGNMENT
