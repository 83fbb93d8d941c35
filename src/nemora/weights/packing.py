"""Which matrices of a checkpoint the native kernels take, and how precisely they take activations."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import torch

from nemora.models.inventory import Inventory
from nemora.ops.blocks import FP8_E4M3, MODELOPT_NVFP4, BlockFormat, StoredMatrix
from nemora.ops.cpu.library import Library, NoKernels, NotCompiled, library
from nemora.ops.cpu.packed_weight import ActivationBits, CannotPack, PackedWeight, Panels, can_pack
from nemora.weights.stored import Found, TensorFinder

Activations = Literal["auto", "int8", "int15", "float32"]
LARGE = 1_000_000_000
"""Parameters from which on 8 bits are taken for enough.

On the starter model (135 million, Q4_1; bench/cpu_matmul.py) 8 bits change every twentieth most likely token: KL
divergence 3.5e-3. With 15 bits it is 3e-7, and none. Large models could not be measured here; 8 bits are what other
engines take for every size, and a prompt is read up to twice as fast with them.
"""
logger = logging.getLogger("nemora.weights")


class PackedCopy(Protocol):
    """Matrices that were packed before."""

    def panels(self, name: str) -> list[list[Panels]] | None:
        """The runs of each weight of a group (`packed_groups`); None: the group is not there."""
        ...


FindCopy = Callable[["Packing"], PackedCopy | None]


@dataclass(frozen=True, slots=True)
class Packing:
    """Packs what can be packed."""

    library: Library
    activation_bits: ActivationBits
    finder: TensorFinder
    copy: PackedCopy | None = None
    """What was packed before, and is asked first."""

    def takes(self, found: Sequence[Found], columns: int) -> bool:
        """Whether all the matrices have forms that the kernels know."""
        return all(self._takes(part, columns) for part in found)

    def _takes(self, found: Found, columns: int) -> bool:
        return can_pack(self.format_of(found), columns)

    def format_of(self, found: Found) -> BlockFormat:
        """What a matrix is stored in."""
        match found.form:
            case "plain":
                return self.finder.tensors[found.name].format
            case "NVFP4":
                return MODELOPT_NVFP4
            case "FP8":
                return FP8_E4M3

    def ready(self, name: str, dtype: torch.dtype) -> list[PackedWeight] | None:
        """The weights of a group from the packed copy, if there is one and has them."""
        held = None if self.copy is None else self.copy.panels(name)
        if held is None:
            return None
        return [PackedWeight(runs, self.library, dtype=dtype, activation_bits=self.activation_bits) for runs in held]

    def pack(self, stored: Sequence[StoredMatrix], dtype: torch.dtype) -> PackedWeight | None:
        """One weight of matrices that it takes; None where a scale or a number is none that the kernels can use."""
        try:
            return PackedWeight(stored, self.library, dtype=dtype, activation_bits=self.activation_bits)
        except CannotPack:
            return None

    def rest(self, inventory: Inventory) -> Inventory:
        """What stays as it is of a model's matrices and experts."""
        matrices = {
            name: (rows, columns)
            for name, (rows, columns) in inventory.matrices.items()
            if not self._takes_found(self.finder.matrix(name, rows, columns), columns)
        }
        experts = {
            name: (count, rows, columns)
            for name, (count, rows, columns) in inventory.experts.items()
            if not self._takes_found(self.finder.expert(name, 0, count, rows, columns), columns)
        }
        return Inventory(matrices, experts)

    def _takes_found(self, found: object, columns: int) -> bool:
        return isinstance(found, Found) and self._takes(found, columns)


def activation_bits(activations: Activations, parameters: int) -> ActivationBits | None:
    """What is asked for, of a model with so many parameters; None: as float32."""
    match activations:
        case "float32":
            return None
        case "int8":
            return 8
        case "int15":
            return 15
        case "auto":
            return 8 if parameters >= LARGE else 15


def packing(
    finder: TensorFinder, bits: ActivationBits, available: int, find_copy: FindCopy | None = None
) -> Packing | None:
    """How to pack a checkpoint's matrices; None where there are no kernels, or no memory.

    Packed, a matrix is no longer the mapped file, which the system could drop and read again: so all must fit into
    `available` bytes. A packed copy is mapped too, and needs not.
    """
    native = _kernels()
    if native is None:
        return None
    new = Packing(native, bits, finder)
    copy = find_copy(new) if find_copy is not None else None
    if copy is not None:
        return replace(new, copy=copy)
    stored = sum(info.stored_bytes for info in finder.tensors.values())
    return new if stored <= available else None


@functools.cache
def _kernels() -> Library | None:
    """The kernels, if they are there and vectors make them faster than torch; says once why not."""
    try:
        native = library()
    except NoKernels as reason:
        level = logging.INFO if isinstance(reason, NotCompiled) else logging.WARNING
        logger.log(level, "Nemora's native kernels are not used, and local answers take longer: %s.", reason)
        return None
    return native if native.best else None
