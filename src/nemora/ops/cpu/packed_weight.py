"""Weights in stored formats, multiplied as they are: a `Weight` on the native kernels.

Rows lie in panels of sixteen (packed.h), in as much memory as in the file. The usual kernel, which reads the file's
rows one by one, was measured beside it (Q4_0, AVX2, one core at 2.2 GHz): of weights that a cache holds it takes in
8 GB/s, panels 26, and from memory 7 beside 14, where plain reading reaches 16. So rows are moved once, while loading.

Formats of blocks meet activations that are rounded to 8 or 15 bits with a scale for each 32 of them. The sums of
products are integers, and what is done in floating point with them is the same for every token and instruction set: a
row's result depends neither on how many others are in the call, nor on the machine.

Formats of floats (BF16, F16, FP8 with a scale of the matrix, F32) meet activations as they are. Sums are in float32, of
128 columns and then of those, in one order for every token and instruction set too. Beside torch with decoded copies,
on two cores that others used too (AVX2, 12544 x 3136, bench/cpu_matmul.py), a token takes less than half the time, and
512 tokens as long or less. So floats are packed whenever blocks are.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, overload

import torch
from torch import Tensor

from nemora.ops.blocks import (
    BF16,
    F16,
    F32,
    FP8_E4M3,
    IQ4_NL,
    MODELOPT_NVFP4,
    NVFP4,
    Q4_0,
    Q4_1,
    Q4_K,
    Q5_0,
    Q5_1,
    Q5_K,
    Q6_K,
    Q8_0,
    BlockFormat,
    StoredMatrix,
)
from nemora.ops.cpu.library import SETS, CPacked, Library
from nemora.ops.cpu.memory import large_memory

BLOCK = 32
"""Columns that have a scale of their own as activations; packed.h says the same."""
PANEL = 16
"""Rows of a panel; packed.h says the same."""

ActivationBits = Literal[8, 15]
PLANES: dict[ActivationBits, int] = {8: 1, 15: 2}
"""How many 8-bit numbers an activation is kept as."""

BLOCKS = (Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, IQ4_NL, NVFP4, Q4_K, Q5_K, Q6_K)
FLOATS = (BF16, F16, FP8_E4M3, F32)
_NUMBERS = {format.name: number for number, format in enumerate((*BLOCKS, *FLOATS))}
_NUMBERS[MODELOPT_NVFP4.name] = _NUMBERS[NVFP4.name]
PANEL_FORMATS = {format.name: format for format in (*BLOCKS, *FLOATS)}
"""What panels hold. ModelOpt's NVFP4 becomes that of GGUF."""


class CannotPack(Exception):
    """Why a matrix stays as it is."""


def can_pack(format: BlockFormat, columns: int) -> bool:
    """Whether the kernels know the format, and rows are whole blocks."""
    return format.name in _NUMBERS and columns % max(BLOCK, format.size) == 0


def panel_format(format: BlockFormat) -> str:
    """Which of `PANEL_FORMATS` a matrix of that format is as panels."""
    return NVFP4.name if format.name == MODELOPT_NVFP4.name else format.name


def panel_bytes(library: Library, format: str, rows: int, columns: int) -> int:
    """Memory of a matrix as panels. `format` is one of `PANEL_FORMATS`."""
    return int(library.c.nemora_panel_bytes(_NUMBERS[format], rows, columns))


@dataclass(frozen=True, slots=True, eq=False)
class Panels:
    """A matrix as the kernels read it: `data` are its panels' bytes, uint8. A number is what they say · scale."""

    format: str
    """One of `PANEL_FORMATS`."""
    rows: int
    columns: int
    scale: float
    data: Tensor

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows, self.columns

    @property
    def c(self) -> CPacked:
        """Where it is; the caller keeps `data` alive."""
        number = _NUMBERS[self.format]
        return CPacked(ctypes.c_void_p(self.data.data_ptr()), number, self.rows, self.columns, self.scale)


class PackedWeight:
    """Stored matrices, stacked by rows where a model fuses them, as panels.

    Args:
        parts: of a format that `can_pack` allows; they are not kept. Or what is packed already, which is.
        dtype: of what `rows` gives.
        activation_bits: 8, or 15: as exact as float32, at up to twice the work. Of no meaning to formats of floats.
        instructions: one of `library.sets()`; by default the widest.

    Raises:
        CannotPack: a format that the kernels do not know, or a scale or a number that is none they can use.
    """

    def __init__(
        self,
        parts: Sequence[StoredMatrix] | Sequence[Panels],
        library: Library,
        *,
        dtype: torch.dtype = torch.float32,
        activation_bits: ActivationBits = 15,
        instructions: str | None = None,
    ) -> None:
        self.library, self.dtype, self.activation_bits = library, dtype, activation_bits
        self.set = SETS.index(instructions or library.sets()[-1])
        if self.set > library.best:
            raise ValueError(f"this processor has no {instructions}")
        self.shape = (sum(part.shape[0] for part in parts), parts[0].shape[1])
        self.panels = [run if isinstance(run, Panels) else _pack(run, library) for run in _runs(parts)]
        self.bytes = sum(panels.data.nbytes for panels in self.panels)
        self.c = (CPacked * len(self.panels))(*(panels.c for panels in self.panels))

    def matmul(self, x: Tensor) -> Tensor:
        """See `Weight`. What is not finite in a row makes the row's result NaN, or with floats what IEEE 754 says."""
        rows, columns = self.shape
        if x.shape[-1] != columns:
            raise ValueError(f"the matrix has {columns} columns, the input {x.shape[-1]}")
        _refuse_gradients(x)
        numbers = x.to(torch.float32).contiguous()
        tokens, planes = numbers.numel() // columns, PLANES[self.activation_bits]
        out = torch.empty((*x.shape[:-1], rows), dtype=torch.float32)
        scratch = _scratch(self.library.c.nemora_product_scratch(self.c, len(self.c), tokens, planes))
        self.library.c.nemora_product(
            self.set,
            torch.get_num_threads(),
            self.c,
            len(self.c),
            numbers.data_ptr(),
            tokens,
            planes,
            scratch.data_ptr(),
            out.data_ptr(),
        )
        return out.to(x.dtype)

    def rows(self, ids: Tensor) -> Tensor:
        """See `Weight`: the very numbers that are stored."""
        (matrix,) = self.c  # an embedding is one matrix
        wanted = ids.reshape(-1).to(torch.int64).contiguous()
        out = torch.empty((*ids.shape, self.shape[1]), dtype=torch.float32)
        if self.library.c.nemora_unpack(matrix, wanted.data_ptr(), wanted.numel(), out.data_ptr()):
            raise IndexError(f"a row was asked for that is not one of {self.shape[0]}")
        return out.to(self.dtype)


class PackedExperts(Sequence[PackedWeight]):
    """The experts' matrices of one name, of which the kernels take all that a layer needs in one call."""

    def __init__(self, weights: Sequence[PackedWeight]) -> None:
        self.weights = tuple(weights)
        self.c = (CPacked * len(self.weights))(*(weight.c[0] for weight in self.weights))

    @overload
    def __getitem__(self, index: int) -> PackedWeight: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[PackedWeight]: ...
    def __getitem__(self, index: int | slice) -> PackedWeight | Sequence[PackedWeight]:
        return self.weights[index]

    def __len__(self) -> int:
        return len(self.weights)


def experts_mlp(x: Tensor, chosen: Tensor, shares: Tensor, up: PackedExperts, down: PackedExperts) -> Tensor:
    """See `reference_moe.experts_mlp`. Tokens are grouped by expert, and each expert's panels are read once."""
    first = up[0]
    (tokens, width), top_k, planes = x.shape, chosen.shape[1], PLANES[first.activation_bits]
    if width != first.shape[1]:
        raise ValueError(f"the experts have {first.shape[1]} columns, the input {width}")
    _refuse_gradients(x)
    numbers, parts = x.to(torch.float32).contiguous(), shares.to(torch.float32).contiguous()
    ids = chosen.to(torch.int64).contiguous()
    out = torch.empty((tokens, down[0].shape[0]), dtype=torch.float32)
    c = first.library.c
    scratch = _scratch(c.nemora_experts_scratch(up.c, down.c, len(up), tokens, top_k, planes))
    refused = c.nemora_experts(
        first.set,
        torch.get_num_threads(),
        up.c,
        down.c,
        len(up),
        numbers.data_ptr(),
        ids.data_ptr(),
        parts.data_ptr(),
        tokens,
        top_k,
        planes,
        scratch.data_ptr(),
        out.data_ptr(),
    )
    if refused:
        raise IndexError(f"an expert was chosen that is not one of {len(up)}")
    return out.to(x.dtype)


def _refuse_gradients(x: Tensor) -> None:
    if x.requires_grad and torch.is_grad_enabled():
        raise RuntimeError("packed weights give no gradients; load the model with activations float32 to train it")


def _scratch(size: int) -> Tensor:
    return torch.empty(size, dtype=torch.uint8)


def _runs(parts: Sequence[StoredMatrix | Panels]) -> Iterator[list[StoredMatrix] | Panels]:
    """Parts that can be one matrix: alike, and each beginning with a panel. What is packed is one already."""
    run: list[StoredMatrix] = []
    for part in parts:
        if isinstance(part, Panels):
            yield part
            continue
        if run and (run[0].format, run[0].scale) == (part.format, part.scale) and run[-1].shape[0] % PANEL == 0:
            run.append(part)
            continue
        if run:
            yield run
        run = [part]
    if run:
        yield run


def _pack(parts: Sequence[StoredMatrix], library: Library) -> Panels:
    """The parts' panels one after the other."""
    format, columns = parts[0].format, parts[0].shape[1]
    if not can_pack(format, columns):
        raise CannotPack(f"the kernels do not know {format.name} with {columns} columns")
    number, rows = _NUMBERS[format.name], sum(part.shape[0] for part in parts)
    panels = large_memory(library.c.nemora_panel_bytes(number, rows, columns))
    at = 0
    for part in parts:
        data, scales = part.data.contiguous(), None if part.scales is None else part.scales.contiguous()
        size = library.c.nemora_panel_bytes(number, part.shape[0], columns)
        unsound = library.c.nemora_pack(
            torch.get_num_threads(),
            number,
            data.data_ptr(),
            data.shape[1],
            None if scales is None else scales.data_ptr(),
            0 if scales is None else scales.shape[1],
            *part.shape,
            panels[at : at + size].data_ptr(),
        )
        if unsound:
            raise CannotPack("a number is not finite, or a block's scale below zero")
        at += size
    return Panels(panel_format(format), rows, columns, parts[0].scale, panels)
