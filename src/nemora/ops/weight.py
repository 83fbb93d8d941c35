"""A weight matrix in whatever form it is kept. Models multiply by it and never ask which form that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from nemora.ops.blocks import StoredMatrix

# Numbers that one step of a matmul on stored blocks decodes at a time: on a CPU about what a core's caches hold.
SLAB_NUMBERS = 1 << 20
ACCELERATOR_SLAB_NUMBERS = 1 << 27


class Weight(Protocol):
    """A matrix of shape (rows, columns): rows are outputs, columns are inputs."""

    @property
    def shape(self) -> tuple[int, int]: ...

    @property
    def bytes(self) -> int:
        """Memory that the weight keeps, memory-mapped file pages included."""
        ...

    def matmul(self, x: Tensor) -> Tensor:
        """x [..., columns] times the transposed matrix: [..., rows], of x's dtype."""
        ...

    def rows(self, ids: Tensor) -> Tensor:
        """The rows that `ids` [...] name, as [..., columns] of the dtype of activations: an embedding lookup."""
        ...


class DenseWeight:
    """A floating-point tensor [rows, columns] in the dtype of activations, ready to multiply."""

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
    """Stored blocks, several matrices stacked by rows where a model fuses them; decoded anew in each call.

    `dtype` is that of activations.
    """

    def __init__(self, parts: Sequence[StoredMatrix], dtype: torch.dtype = torch.float32) -> None:
        self.parts = tuple(parts)
        self.dtype = dtype

    @property
    def shape(self) -> tuple[int, int]:
        return sum(part.shape[0] for part in self.parts), self.parts[0].shape[1]

    @property
    def bytes(self) -> int:
        return sum(part.bytes for part in self.parts)

    def matmul(self, x: Tensor) -> Tensor:
        products = [F.linear(x, slab.decode(self.dtype)) for part in self.parts for slab in _slabs(part)]
        return products[0] if len(products) == 1 else torch.cat(products, dim=-1)

    def transposed_matmul(self, y: Tensor) -> Tensor:
        """y [..., rows] times the matrix: [..., columns], of y's dtype. What carries gradients back to an input."""
        total, start = torch.zeros((*y.shape[:-1], self.shape[1]), dtype=torch.float32, device=y.device), 0
        for part in self.parts:
            for slab in _slabs(part):
                end = start + slab.shape[0]
                total += y[..., start:end] @ slab.decode(y.dtype)
                start = end
        return total.to(y.dtype)

    def rows(self, ids: Tensor) -> Tensor:
        (part,) = self.parts  # an embedding is one matrix
        return part.take(ids.reshape(-1)).decode(self.dtype).view(*ids.shape, -1)

    def decoded(self) -> DecodedWeight:
        """The same weight with a decoded copy beside the blocks, for speed."""
        return DecodedWeight(self)


class DecodedWeight(DenseWeight):
    """Stored blocks with a decoded copy that does the work. The blocks stay for kernels that read stored formats."""

    def __init__(self, blocks: BlockWeight) -> None:
        decoded = [part.decode(blocks.dtype) for part in blocks.parts]
        super().__init__(decoded[0] if len(decoded) == 1 else torch.cat(decoded))
        self.blocks = blocks

    @property
    def bytes(self) -> int:
        shared = self.tensor.data_ptr() == self.blocks.parts[0].data.data_ptr()  # a plain matrix may decode to itself
        return self.tensor.nbytes if shared else self.tensor.nbytes + self.blocks.bytes


class RoundedInputs:
    """A weight whose inputs are rounded first, as the hardware does that a quantised checkpoint was made for."""

    def __init__(self, weight: Weight, round_input: Callable[[Tensor], Tensor]) -> None:
        self.weight, self.round_input = weight, round_input

    @property
    def shape(self) -> tuple[int, int]:
        return self.weight.shape

    @property
    def bytes(self) -> int:
        return self.weight.bytes

    def matmul(self, x: Tensor) -> Tensor:
        return self.weight.matmul(self.round_input(x))

    def rows(self, ids: Tensor) -> Tensor:
        return self.weight.rows(ids)


class JoinedRows:
    """Weights stacked by rows that cannot be one, because their inputs are rounded differently."""

    def __init__(self, parts: Sequence[Weight]) -> None:
        self.parts = tuple(parts)

    @property
    def shape(self) -> tuple[int, int]:
        return sum(part.shape[0] for part in self.parts), self.parts[0].shape[1]

    @property
    def bytes(self) -> int:
        return sum(part.bytes for part in self.parts)

    def matmul(self, x: Tensor) -> Tensor:
        return torch.cat([part.matmul(x) for part in self.parts], dim=-1)

    def rows(self, ids: Tensor) -> Tensor:
        raise TypeError("joined rows are no embedding")


def _slabs(part: StoredMatrix) -> Iterator[StoredMatrix]:
    """The matrix in runs of rows, so that a big one is never decoded whole."""
    rows, columns = part.shape
    numbers = SLAB_NUMBERS if part.data.device.type == "cpu" else ACCELERATOR_SLAB_NUMBERS
    step = max(1, numbers // columns)
    if step >= rows:
        yield part
        return
    for start in range(0, rows, step):
        yield part.slice(start, start + step)
