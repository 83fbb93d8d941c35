"""GGUF files, version 2 and 3, read strictly and memory-mapped.

The layout is that of ggml's `docs/gguf.md`: a header, key-value metadata, descriptions of the tensors, padding, and the
tensors' data. Every count, length, offset and size is checked against the real length of the file before it is
used, so a damaged or hostile file costs neither memory nor time.
"""

from __future__ import annotations

import mmap
import os
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import torch

from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.models.config_reader import shown
from nemora.ops.blocks import FORMATS, StoredMatrix
from nemora.weights.tensors import TensorInfo

MAGIC = b"GGUF"
VERSIONS = (2, 3)
DEFAULT_ALIGNMENT = 32

# Bounds far above any real model: the largest vocabularies have 256 thousand tokens and a million merges.
MAX_KEYS = 1 << 16
MAX_TENSORS = 1 << 17
MAX_DIMENSIONS = 4
MAX_NAME_BYTES = 256
MAX_STRING_BYTES = 1 << 24
MAX_ARRAY_ITEMS = 1 << 22  # in all arrays of a file together
MAX_ALIGNMENT = 1 << 20
MAX_HEADER_BYTES = 1 << 27  # metadata and tensor descriptions

BOOL, STRING, ARRAY = 7, 8, 9
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 10: "Q", 11: "q", 12: "d"}

# ggml's numbers for its tensor types. Those that `ops.blocks` decodes are read; the others are refused by name.
# fmt: off
TYPE_NAMES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K",
    12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S",
    20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64",
    29: "IQ1_M", 30: "BF16", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4", 40: "NVFP4", 41: "Q1_0",
}
# fmt: on


class GGUFFile:
    """An open GGUF file: `metadata` as Python values, `tensors` described, their bytes mapped.

    Raises:
        CorruptCheckpoint: the file is not GGUF, is cut short or contradicts itself.
        UnsupportedCheckpoint: a sound file of a version or with a tensor type that is not implemented.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name
        with path.open("rb") as file:
            length = os.fstat(file.fileno()).st_size
            if length < 24:
                raise CorruptCheckpoint(f"{path.name} is not a GGUF file: it has only {length} bytes.")
            mapped = mmap.mmap(file.fileno(), length, access=mmap.ACCESS_READ)
        self._mapped = mapped
        header = GGUFHeader(mapped, path.name)
        self.metadata: Mapping[str, Any] = header.metadata
        self.tensors: Mapping[str, TensorInfo] = header.tensors
        self._offsets = header.offsets
        with warnings.catch_warnings():
            # torch warns that the memory is read-only. It is, and nobody writes: a private writable mapping would count
            # against memory for files larger than it.
            warnings.simplefilter("ignore", UserWarning)
            self._bytes = torch.frombuffer(mapped, dtype=torch.uint8)

    def read(self, name: str) -> StoredMatrix:
        """The named tensor's bytes in place, as rows; a vector is one row."""
        info, offset = self.tensors[name], self._offsets[name]
        data = self._bytes[offset : offset + info.stored_bytes]
        return StoredMatrix(info.format, data.view(info.rows, -1))

    def let_go(self) -> None:
        """See `TensorFile`. The pages stay in the system's cache, and tensors that are in use stay what they are."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._mapped.madvise(mmap.MADV_DONTNEED)


class HeaderCut(Exception):
    """The buffer ends within the header, the file does not."""


class GGUFHeader:
    """Parses everything before the data. `offsets` are absolute.

    The buffer may be only the beginning of a file of `length` bytes.

    Raises:
        HeaderCut: the header goes on after the buffer.
    """

    def __init__(self, buffer: mmap.mmap | bytes, name: str, length: int | None = None) -> None:
        self.buffer = buffer
        self.length = len(buffer) if length is None else length
        self.name = name
        self.position = 0
        self.array_items = 0
        tensor_count, key_count = self._preamble()
        self.metadata = self._metadata(key_count)
        self.tensors: dict[str, TensorInfo] = {}
        self.offsets: dict[str, int] = {}
        for _ in range(tensor_count):
            self._tensor_info()
        self._place_tensors()

    def corrupt(self, what: str) -> NoReturn:
        raise CorruptCheckpoint(f"{self.name} is damaged: {what}.")

    def _preamble(self) -> tuple[int, int]:
        if self.buffer[:4] != MAGIC:
            raise CorruptCheckpoint(f"{self.name} is not a GGUF file: it does not begin with the letters GGUF.")
        self.position = 4
        version = self._scalar("I", "its version")
        if version not in VERSIONS:
            big_endian = int.from_bytes(version.to_bytes(4, "little"), "big") in VERSIONS
            kind = "big-endian GGUF" if big_endian else f"GGUF version {version}"
            raise UnsupportedCheckpoint(f"{self.name} is {kind}; little-endian versions 2 and 3 are implemented.")
        tensor_count = self._scalar("Q", "its number of tensors")
        key_count = self._scalar("Q", "its number of keys")
        # The smallest tensor description has 8 + 1 + 4 + 8 + 4 + 8 bytes, the smallest key 8 + 1 + 4 + 1.
        if tensor_count > min(MAX_TENSORS, self._left() // 33) or key_count > min(MAX_KEYS, self._left() // 14):
            self.corrupt(f"it claims {tensor_count} tensors and {key_count} keys in {self.length} bytes")
        return tensor_count, key_count

    def _metadata(self, count: int) -> dict[str, Any]:
        metadata: dict[str, Any] = {}
        for index in range(count):
            key = self._string(f"the name of key number {index}", MAX_NAME_BYTES)
            if not key or key in metadata:
                self.corrupt(f"the key {shown(key)!r} comes twice" if key else f"key number {index} has an empty name")
            metadata[key] = self._value(key)
        return metadata

    def _value(self, key: str) -> Any:
        what = f"the value of {shown(key)}"
        kind = self._scalar("I", what)
        if kind == ARRAY:
            return self._array(what)
        return self._item(kind, what)

    def _item(self, kind: int, what: str) -> Any:
        if kind == STRING:
            return self._string(what, MAX_STRING_BYTES)
        if kind == BOOL:
            return self._bool(self._scalar("B", what), what)
        if kind not in SCALARS:
            self.corrupt(f"{what} has the unknown type {kind}")
        return self._scalar(SCALARS[kind], what)

    def _array(self, what: str) -> list[Any]:
        kind, count = self._scalar("I", what), self._scalar("Q", what)
        if kind == ARRAY:
            raise UnsupportedCheckpoint(f"In {self.name}, {what} is an array of arrays, which is not implemented.")
        if kind not in (BOOL, STRING) and kind not in SCALARS:
            self.corrupt(f"{what} is an array of the unknown type {kind}")
        size = 8 if kind == STRING else struct.calcsize(SCALARS.get(kind, "B"))
        self.array_items += count
        if count * size > self._left() or self.array_items > MAX_ARRAY_ITEMS:
            self.corrupt(f"{what} claims {count} items, more than the file can hold")
        if kind == STRING:
            return [self._string(what, MAX_STRING_BYTES) for _ in range(count)]
        numbers = struct.unpack_from(f"<{count}{SCALARS.get(kind, 'B')}", self.buffer, self._take(count * size, what))
        return [self._bool(number, what) for number in numbers] if kind == BOOL else list(numbers)

    def _bool(self, number: int, what: str) -> bool:
        if number > 1:
            self.corrupt(f"{what} is neither true nor false")
        return bool(number)

    def _tensor_info(self) -> None:
        name = self._string(f"the name of tensor number {len(self.tensors)}", MAX_NAME_BYTES)
        what = f"the description of tensor {shown(name)!r}"
        if not name or name in self.tensors:
            self.corrupt(f"the tensor {shown(name)!r} comes twice" if name else "a tensor has an empty name")
        dimensions = self._scalar("I", what)
        if not 1 <= dimensions <= MAX_DIMENSIONS:
            self.corrupt(f"{what} claims {dimensions} dimensions; 1 to {MAX_DIMENSIONS} are possible")
        shape = tuple(self._scalar("Q", what) for _ in range(dimensions))[::-1]  # GGUF names the inmost first
        number, offset = self._scalar("I", what), self._scalar("Q", what)
        type_name = TYPE_NAMES.get(number, f"number {number}")
        if type_name not in FORMATS:
            raise UnsupportedCheckpoint(
                f"Tensor {shown(name)} of {self.name} has the type {type_name}; "
                f"only {', '.join(FORMATS)} are implemented."
            )
        format = FORMATS[type_name]
        if 0 in shape or shape[-1] % format.size:
            self.corrupt(f"tensor {shown(name)!r} has a shape that {type_name} blocks of {format.size} cannot fill")
        self.tensors[name] = TensorInfo(name, shape, format)
        self.offsets[name] = offset

    def _place_tensors(self) -> None:
        """Turn offsets into absolute ones, and check that every tensor lies within the file and on no other."""
        alignment = self.metadata.get("general.alignment", DEFAULT_ALIGNMENT)
        if type(alignment) is not int or not 8 <= alignment <= MAX_ALIGNMENT or alignment & (alignment - 1):
            self.corrupt("general.alignment is not a power of two from 8 up")
        start = -(-self.position // alignment) * alignment
        end = start
        for name in sorted(self.tensors, key=self.offsets.__getitem__):
            offset, size = self.offsets[name], self.tensors[name].stored_bytes
            if offset % alignment:
                self.corrupt(f"tensor {shown(name)!r} is not aligned to {alignment} bytes")
            if start + offset < end:
                self.corrupt(f"tensor {shown(name)!r} overlaps another")
            end = start + offset + size
            if end > self.length:
                self.corrupt(f"tensor {shown(name)!r} ends at byte {end} of a file of {self.length}")
            self.offsets[name] = start + offset

    def _left(self) -> int:
        """Bytes that the header can still have."""
        return min(self.length, MAX_HEADER_BYTES) - self.position

    def _take(self, size: int, what: str) -> int:
        """Step over `size` bytes and return where they begin."""
        if size > self._left():
            limit = "the file ends" if self.length < MAX_HEADER_BYTES else f"{MAX_HEADER_BYTES} bytes of header end"
            self.corrupt(f"{limit} within {what}")
        start = self.position
        self.position += size
        if self.position > len(self.buffer):
            raise HeaderCut
        return start

    def _scalar(self, code: str, what: str) -> Any:
        (value,) = struct.unpack_from(f"<{code}", self.buffer, self._take(struct.calcsize(f"<{code}"), what))
        return value

    def _string(self, what: str, limit: int) -> str:
        size = self._scalar("Q", what)
        if size > limit:
            self.corrupt(f"{what} claims {size} bytes; at most {limit} are possible")
        start = self._take(size, what)
        try:
            return self.buffer[start : start + size].decode("utf-8")
        except UnicodeDecodeError:
            self.corrupt(f"{what} is not UTF-8")
