"""The header of a safetensors file, read strictly and without the data that follows it.

The layout is that of the format's own description: eight bytes give the header's length as a little-endian number,
the header is JSON that gives for each tensor its type, shape and place, and the rest of the file is the tensors' bytes,
with no gap between them. A file that the safetensors library would refuse is refused here as well, and some others too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.models.config_reader import shown
from nemora.weights.strict_json import parse_object

LENGTH_BYTES = 8
MAX_HEADER_BYTES = 100_000_000
MAX_TENSORS = 1 << 18
MAX_DIMENSIONS = 16
MAX_DIMENSION = 1 << 53
METADATA = "__metadata__"

# fmt: off
BITS = {
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "U16": 16, "I16": 16, "F16": 16, "BF16": 16,
    "U32": 32, "I32": 32, "F32": 32,
    "U64": 64, "I64": 64, "F64": 64, "C64": 64,
}
# fmt: on
"""Bits of one number, for each type that the format knows."""


@dataclass(frozen=True, slots=True)
class HeaderTensor:
    """A tensor as a header describes it: its bytes are `start` to `stop` of the file, its type is a name of BITS."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


def header_bytes(beginning: bytes, file_bytes: int, where: str) -> int:
    """The length of the header, from the first eight bytes of a file of `file_bytes`. `where` names it in errors.

    Raises:
        CorruptCheckpoint: the file cannot hold such a header.
    """
    if file_bytes < LENGTH_BYTES or len(beginning) < LENGTH_BYTES:
        raise CorruptCheckpoint(f"{where} is damaged: {min(file_bytes, len(beginning))} bytes are no safetensors file.")
    length = int.from_bytes(beginning[:LENGTH_BYTES], "little")
    if length > MAX_HEADER_BYTES:
        raise CorruptCheckpoint(
            f"{where} is damaged: it claims a header of {length} bytes; at most {MAX_HEADER_BYTES} are possible."
        )
    if length > file_bytes - LENGTH_BYTES:
        raise CorruptCheckpoint(f"{where} is damaged: it claims a header of {length} bytes in a file of {file_bytes}.")
    return length


def parse_header(header: bytes, file_bytes: int, where: str) -> Mapping[str, HeaderTensor]:
    """The tensors of a file of `file_bytes`, by name, from its whole `header` (without the eight bytes before it).

    Raises:
        CorruptCheckpoint: it is not a header, contradicts itself or the file's length.
        UnsupportedCheckpoint: a tensor has a type that the format does not know.
    """
    if header[:1] != b"{":
        raise CorruptCheckpoint(f"{where} is damaged: its header does not begin with an object.")
    table = parse_object(header, f"The header of {where}")
    _check_metadata(table.pop(METADATA, {}), where)
    if len(table) > MAX_TENSORS:
        raise CorruptCheckpoint(f"{where} is damaged: it claims {len(table)} tensors; {MAX_TENSORS} are possible.")
    data = LENGTH_BYTES + len(header)
    tensors = {name: _tensor(name, entry, data, where) for name, entry in table.items()}
    _check_places(list(tensors.values()), data, file_bytes, where)
    return tensors


def _check_metadata(metadata: Any, where: str) -> None:
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise CorruptCheckpoint(f"{where} is damaged: {METADATA} in its header is not a table of texts.")


def _tensor(name: str, entry: Any, data: int, where: str) -> HeaderTensor:
    def corrupt(what: str) -> NoReturn:
        raise CorruptCheckpoint(f"{where} is damaged: tensor {shown(name)!r} {what}.")

    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        corrupt("is not described by dtype, shape and data_offsets alone")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str):
        corrupt("has a dtype that is no text")
    if dtype not in BITS:
        raise UnsupportedCheckpoint(
            f"Tensor {shown(name)} of {where} has the type {shown(dtype)}; the format's are {', '.join(BITS)}."
        )
    if not isinstance(shape, list) or len(shape) > MAX_DIMENSIONS or not all(_is_size(size) for size in shape):
        corrupt(f"has a shape that is not at most {MAX_DIMENSIONS} whole numbers from 0 up")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(_is_size(offset) for offset in offsets):
        corrupt("has data_offsets that are not two whole numbers from 0 up")
    start, stop = offsets
    bits = math.prod(shape) * BITS[dtype]
    if stop < start or bits != 8 * (stop - start):
        corrupt(f"has the shape {shape} of {dtype} and data_offsets {offsets}, which do not fit")
    return HeaderTensor(name, dtype, tuple(shape), data + start, data + stop)


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_DIMENSION


def _check_places(tensors: list[HeaderTensor], data: int, file_bytes: int, where: str) -> None:
    """Every byte after the header belongs to exactly one tensor."""
    end = data
    for tensor in sorted(tensors, key=lambda tensor: (tensor.start, tensor.stop)):
        if tensor.start != end:
            fault = "overlaps another" if tensor.start < end else "begins after a gap"
            raise CorruptCheckpoint(f"{where} is damaged: tensor {shown(tensor.name)!r} {fault}.")
        end = tensor.stop
    if end != file_bytes:
        raise CorruptCheckpoint(f"{where} is damaged: its tensors end at byte {end} of a file of {file_bytes}.")
