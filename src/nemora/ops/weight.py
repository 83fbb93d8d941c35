"""A weight matrix in whatever form it is kept. Models multiply by it and never ask which form that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from nemora.ops.blocks import StoredMatrix

# Bytes of fp32 that one step of a matmul on stored blocks decodes at a time: about what a core's caches hold.
SLAB_BYTES = 4 * 1024 * 1024


class Weight(Protocol):
    """A matrix of shape (rows, columns): rows are outputs, columns are inputs."""

    @property
    def shape(self) -> tuple[int, int]: ...

    @property
    def bytes(self) -> int:
        """Memory that the weight keeps, memory-mapped file pages included."""
        ...

    def matmul(self, x: Tensor) -> Tensor:
        """x [..., columns] times the transposed matrix: [..., rows], fp32."""
        ...

    def rows(self, ids: Tensor) -> Tensor:
        """The rows that `ids` [...] name, as fp32 [..., columns]: an embedding lookup."""
        ...


class DenseWeight:
    """A floating-point tensor [rows, columns], ready to multiply."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    @property
    def shape(self) -> tuple[int, int]:
        return self.tensor.shape[0], self.tensor.shape[1]

    @property
    def bytes(self) -> int:
        return self.tensor.nbytes

    def matmul(self, x: Tensor) -> Tensor:
        return F.linear(x, self.tensor)

    def rows(self, ids: Tensor) -> Tensor:
        return F.embedding(ids, self.tensor)


class BlockWeight:
    """Stored blocks, several matrices stacked by rows where a model fuses them; decoded anew in each call."""

    def __init__(self, parts: Sequence[StoredMatrix]) -> None:
        self.parts = tuple(parts)

    @property
    def shape(self) -> tuple[int, int]:
        return sum(part.shape[0] for part in self.parts), self.parts[0].shape[1]

    @property
    def bytes(self) -> int:
        return sum(part.data.nbytes for part in self.parts)

    def matmul(self, x: Tensor) -> Tensor:
        return torch.cat([F.linear(x, slab) for part in self.parts for slab in _decoded_slabs(part)], dim=-1)

    def rows(self, ids: Tensor) -> Tensor:
        (part,) = self.parts  # an embedding is one matrix
        decoded = part.format.decode(part.data.index_select(0, ids.reshape(-1)))
        return decoded.reshape(*ids.shape, -1)

    def decoded(self) -> DecodedWeight:
        """The same weight with an fp32 copy beside the blocks, for speed."""
        return DecodedWeight(self)


class DecodedWeight(DenseWeight):
    """Stored blocks with an fp32 copy that does the work. The blocks stay for kernels that read stored formats."""

    def __init__(self, blocks: BlockWeight) -> None:
        decoded = [part.decode() for part in blocks.parts]
        super().__init__(decoded[0] if len(decoded) == 1 else torch.cat(decoded))
        self.blocks = blocks

    @property
    def bytes(self) -> int:
        shared = self.tensor.data_ptr() == self.blocks.parts[0].data.data_ptr()  # an F32 matrix decodes to itself
        return self.tensor.nbytes if shared else self.tensor.nbytes + self.blocks.bytes


def _decoded_slabs(part: StoredMatrix) -> Iterator[Tensor]:
    """The matrix as fp32 in runs of rows, each of about SLAB_BYTES, so that a big matrix is never decoded whole."""
    rows = max(1, SLAB_BYTES // (4 * part.shape[1]))
    for start in range(0, part.shape[0], rows):
        yield part.format.decode(part.data[start : start + rows])
