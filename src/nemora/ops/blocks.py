"""Stored number formats: how rows of a matrix lie in a file, and how they become numbers.

A row is a run of blocks. A block holds `size` numbers in `bytes` bytes; the plain formats are blocks of one number.
Some formats keep the scales of a row's blocks in a second tensor. What a block's bytes mean is told by the file that
decodes them: `blocks_32`, `blocks_k`, `fp8`, `nvfp4`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from nemora.ops import blocks_32, blocks_k, nvfp4
from nemora.ops.fp8 import decode_fp8

# Numbers that are decoded at a time: on a CPU so many that all steps find them in a core's cache, on an accelerator so
# many that it is kept busy.
CPU_CHUNK = 1 << 18
ACCELERATOR_CHUNK = 1 << 25


@dataclass(frozen=True, slots=True)
class BlockFormat:
    """One format.

    `decode_blocks` takes uint8 [blocks, bytes] and gives fp32 [blocks, size]; where `scale_bytes` is not 0 it also
    takes the blocks' scales, uint8 [blocks, scale_bytes]. `dtype` is the torch type of a plain format.
    """

    name: str
    size: int
    bytes: int
    decode_blocks: Callable[..., Tensor]
    scale_bytes: int = 0
    dtype: torch.dtype | None = None

    def blocks(self, columns: int) -> int:
        """Blocks of a row of `columns` numbers, which must be whole ones."""
        blocks, rest = divmod(columns, self.size)
        if rest:
            raise ValueError(f"a {self.name} row holds whole blocks of {self.size}, not {columns} numbers")
        return blocks

    def row_bytes(self, columns: int) -> int:
        """Bytes of a row of `columns` numbers, without those of scales that lie elsewhere."""
        return self.blocks(columns) * self.bytes

    def decode(self, stored: Tensor, scales: Tensor | None = None) -> Tensor:
        """uint8 [rows, row_bytes], and uint8 [rows, blocks · scale_bytes] of scales, to fp32 [rows, columns]."""
        rows, row_bytes = stored.shape
        blocks = stored.reshape(-1, self.bytes)
        side = () if scales is None else (scales.reshape(-1, self.scale_bytes),)
        return self.decode_blocks(blocks, *side).view(rows, row_bytes // self.bytes * self.size)


def _plain(name: str, dtype: torch.dtype) -> BlockFormat:
    return BlockFormat(name, 1, dtype.itemsize, lambda blocks: blocks.view(dtype).float(), dtype=dtype)


F32 = _plain("F32", torch.float32)
F16 = _plain("F16", torch.float16)
BF16 = _plain("BF16", torch.bfloat16)
Q4_0 = BlockFormat("Q4_0", 32, 18, blocks_32.decode_q4_0)
Q4_1 = BlockFormat("Q4_1", 32, 20, blocks_32.decode_q4_1)
Q5_0 = BlockFormat("Q5_0", 32, 22, blocks_32.decode_q5_0)
Q5_1 = BlockFormat("Q5_1", 32, 24, blocks_32.decode_q5_1)
Q8_0 = BlockFormat("Q8_0", 32, 34, blocks_32.decode_q8_0)
Q4_K = BlockFormat("Q4_K", 256, 144, blocks_k.decode_q4_k)
Q5_K = BlockFormat("Q5_K", 256, 176, blocks_k.decode_q5_k)
Q6_K = BlockFormat("Q6_K", 256, 210, blocks_k.decode_q6_k)
IQ4_NL = BlockFormat("IQ4_NL", 32, 18, blocks_32.decode_iq4_nl)
NVFP4 = BlockFormat("NVFP4", 64, 36, nvfp4.decode_gguf)
FP8_E4M3 = BlockFormat("FP8_E4M3", 1, 1, decode_fp8)
MODELOPT_NVFP4 = BlockFormat("MODELOPT_NVFP4", nvfp4.BLOCK, 8, nvfp4.decode_modelopt, scale_bytes=1)

# Those of GGUF, by the names that ggml gives its types.
FORMATS = {
    format.name: format for format in (F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K, IQ4_NL, NVFP4)
}


@dataclass(frozen=True, slots=True, eq=False)
class StoredMatrix:
    """Rows as they lie in a file, usually memory-mapped and never written to. A number is what its block says · scale.

    `data` is uint8 [rows, row_bytes]; `scales` is uint8 [rows, blocks · scale_bytes] where the format keeps the scales
    of blocks apart, and else None.

    Raises:
        ValueError: `scales` are missing, not wanted, or not those of as many blocks as `data` holds.
    """

    format: BlockFormat
    data: Tensor
    scales: Tensor | None = None
    scale: float = 1.0

    def __post_init__(self) -> None:
        rows, columns = self.shape
        wanted = (rows, columns // self.format.size * self.format.scale_bytes) if self.format.scale_bytes else None
        found = None if self.scales is None else tuple(self.scales.shape)
        if found != wanted:
            raise ValueError(f"{self.format.name} of {rows} x {columns} has block scales of {wanted}, not {found}")

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the matrix that is stored."""
        return self.data.shape[0], self.data.shape[1] // self.format.bytes * self.format.size

    @property
    def bytes(self) -> int:
        """Memory of the data and the blocks' scales."""
        return self.data.nbytes + (0 if self.scales is None else self.scales.nbytes)

    def slice(self, start: int, stop: int) -> StoredMatrix:
        """Rows `start` to `stop`, as a view."""
        return self._with(lambda tensor: tensor[start:stop])

    def take(self, ids: Tensor) -> StoredMatrix:
        """The rows that `ids` [n] name, in their order. An id that names no row is an IndexError."""
        return self._with(lambda tensor: tensor.index_select(0, ids))

    def to(self, device: torch.device | str) -> StoredMatrix:
        return self._with(lambda tensor: tensor.to(device))

    def _with(self, change: Callable[[Tensor], Tensor]) -> StoredMatrix:
        scales = None if self.scales is None else change(self.scales)
        return StoredMatrix(self.format, change(self.data), scales, self.scale)

    def decode(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """The whole matrix [rows, columns]; computed in fp32 and rounded to `dtype`, some rows at a time.

        A plain matrix with scale 1 that is in `dtype` already is a view of `data`.
        """
        if self.format.dtype is not None and self.scale == 1.0:
            return self.data.view(self.format.dtype).to(dtype)
        rows, columns = self.shape
        chunk = CPU_CHUNK if self.data.device.type == "cpu" else ACCELERATOR_CHUNK
        step = max(1, chunk // max(1, columns))
        out = torch.empty(self.shape, dtype=dtype, device=self.data.device)
        for start in range(0, rows, step):
            out[start : start + step] = self.slice(start, start + step)._decode_at_once()
        return out

    def _decode_at_once(self) -> Tensor:
        decoded = self.format.decode(self.data, self.scales)
        return decoded if self.scale == 1.0 else decoded * self.scale
