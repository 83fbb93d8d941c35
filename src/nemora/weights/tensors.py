"""What every checkpoint format offers: named tensors, described without reading them, and read one by one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from nemora.ops.blocks import BlockFormat, StoredMatrix

U8 = BlockFormat("U8", 1, 1, lambda blocks: blocks.float())
"""Bytes whose meaning another tensor tells, as packed 4-bit numbers in safetensors."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """A tensor in a file. `shape` is in row-major order: the last dimension lies together."""

    name: str
    shape: tuple[int, ...]
    format: BlockFormat

    @property
    def rows(self) -> int:
        """Rows when all dimensions but the last are taken as one."""
        return math.prod(self.shape[:-1])

    @property
    def stored_bytes(self) -> int:
        return self.rows * self.format.row_bytes(self.shape[-1])


@runtime_checkable
class TensorFile(Protocol):
    """One or more files full of tensors, memory-mapped."""

    @property
    def name(self) -> str:
        """The file's or folder's name, for errors."""
        ...

    @property
    def tensors(self) -> Mapping[str, TensorInfo]: ...

    def read(self, name: str) -> StoredMatrix:
        """The named tensor's bytes as they lie in the file, as rows; a vector is one row. Copies nothing."""
        ...

    def let_go(self) -> None:
        """Count what was read so far no longer as this process's memory; it is mapped anew when it is read again."""
        ...
