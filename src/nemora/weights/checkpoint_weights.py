"""Hands a model its weights out of a checkpoint, in the form in which they stay in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from nemora.errors import CorruptCheckpoint
from nemora.models.inventory import Inventory
from nemora.ops.blocks import StoredMatrix
from nemora.ops.cpu.packed_weight import PackedExperts, PackedWeight
from nemora.ops.quantise import fake_quantise_fp8, fake_quantise_nvfp4
from nemora.ops.weight import BlockWeight, DenseWeight, JoinedRows, RoundedInputs, Weight
from nemora.weights.checkpoint import Checkpoint
from nemora.weights.packed_groups import group_name
from nemora.weights.packing import Packing
from nemora.weights.quantisation import Algorithm
from nemora.weights.read_matrix import read_matrix, read_number
from nemora.weights.stored import Found, Problem, TensorFinder

LoadProgress = Callable[[int, int], None]  # stored bytes read so far, and of all
LET_GO = 512 << 20
"""Bytes of a file after whose copies its pages are let go: else a large model would be there twice while it loads."""


class CheckpointWeights:
    """Hands out a checkpoint's weights by the model's names; a `models.base.Weights`.

    What `packing` takes is multiplied as it is stored. Of the rest, what each token needs is decoded first as far as
    the budget goes; experts, of which a token needs few, last.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        finder: TensorFinder,
        inventory: Inventory,
        *,
        device: str,
        dtype: torch.dtype,
        decode_budget: int,
        simulate: bool,
        progress: LoadProgress | None,
        packing: Packing | None = None,
    ) -> None:
        self.checkpoint, self.finder, self.file = checkpoint, finder, checkpoint.file
        self.device, self.dtype, self.simulate = torch.device(device), dtype, simulate
        self.progress, self.packing = progress, packing
        self.bytes = 0
        self.bytes_read = self._copied = 0
        self.bytes_total = sum(info.stored_bytes for info in self.file.tensors.values())
        dense, experts = _decoded_bytes(inventory if packing is None else packing.rest(inventory), dtype)
        self.decode_dense = dense <= decode_budget
        self.decode_experts = dense + experts <= decode_budget

    def matrix(self, name: str, rows: int, columns: int) -> Weight:
        return self.fused([(name, rows)], columns)

    def fused(self, parts: Sequence[tuple[str, int]], columns: int) -> Weight:
        found = [_sound(self.finder.matrix(name, rows, columns)) for name, rows in parts]
        if (ready := self._ready(group_name(parts), found)) is not None:
            return ready[0]
        return self._kept(found, [name for name, _ in parts], decode=self.decode_dense)

    def experts(self, name: str, count: int, rows: int, columns: int) -> Sequence[Weight]:
        numbered = [_sound(self.finder.expert(name, number, count, rows, columns)) for number in range(count)]
        if (ready := self._ready(name, numbered)) is not None:
            return PackedExperts(ready)
        kept = [self._kept([found], [name], decode=self.decode_experts) for found in numbered]
        packed = [weight for weight in kept if isinstance(weight, PackedWeight)]
        return PackedExperts(packed) if packed and len(packed) == len(kept) else kept

    def tensor(self, name: str, *shape: int) -> Tensor:
        file_name = self.finder.small(name, shape)
        if isinstance(file_name, Problem):
            raise file_name.error()
        tensor = self.file.read(file_name).decode().reshape(shape).clone()
        convert = self.finder.layout.place(name).convert
        if convert is not None:
            tensor = convert(tensor)
        tensor = tensor.to(self.device)
        self._count(self.file.tensors[file_name].stored_bytes, tensor.nbytes)
        return tensor

    def kv_scales(self, name: str) -> tuple[float, float] | None:
        if not (self.simulate and self.checkpoint.quantisation.fp8_cache):
            return None
        modules = [self.finder.layout.file_name(f"{name}.{part}", self.file.tensors) for part in ("k", "v")]
        names = [module.removesuffix("weight") + f"{part}_scale" for module, part in zip(modules, "kv", strict=True)]
        key, value = (self._activation_scale(name) if name in self.file.tensors else 1.0 for name in names)
        return key, value

    def finish(self) -> None:
        """Say that all is read: a draft head that was not asked for counts as done."""
        if self._copied:
            self.file.let_go()
        if self.progress is not None:
            self.progress(self.bytes_total, self.bytes_total)

    def _kept(self, found: Sequence[Found], names: Sequence[str], *, decode: bool) -> Weight:
        """One weight of the matrices that were found, in the form in which it stays in memory."""
        rounded = [self._rounding(part) for part in found] if self.simulate else [None]
        if len(set(rounded)) > 1:  # each part rounds its inputs by itself, or not at all
            return JoinedRows(
                [self._kept([part], [name], decode=decode) for part, name in zip(found, names, strict=True)]
            )
        layout = self.finder.layout
        stored = [
            read_matrix(self.file, part, layout.place(name)).to(self.device)
            for part, name in zip(found, names, strict=True)
        ]
        packed = self._packed(found, stored)
        weight = packed or self._blocks(stored, decode=decode)
        read = sum(self._stored_bytes(part) for part in found)
        self._count(read, weight.bytes)
        if packed is not None:
            self._let_go(read)
        return weight if rounded[0] is None else RoundedInputs(weight, _round_input(*rounded[0]))

    def _ready(self, group: str, found: Sequence[Found]) -> Sequence[PackedWeight] | None:
        """A group's weights from the packed copy; of what is stored nothing is read then."""
        ready = None if self.packing is None else self.packing.ready(group, self.dtype)
        if ready is not None:
            self._count(sum(map(self._stored_bytes, found)), sum(weight.bytes for weight in ready))
        return ready

    def _packed(self, found: Sequence[Found], stored: Sequence[StoredMatrix]) -> Weight | None:
        """The matrices for the native kernels, if they are to take them."""
        if self.packing is None or not self.packing.takes(found, stored[0].shape[1]):
            return None
        return self.packing.pack(stored, self.dtype)

    def _let_go(self, copied: int) -> None:
        self._copied += copied
        if self._copied >= LET_GO:
            self.file.let_go()
            self._copied = 0

    def _blocks(self, stored: Sequence[StoredMatrix], *, decode: bool) -> Weight:
        blocks = BlockWeight(stored, self.dtype)
        weight: Weight = blocks
        if decode or all(part.format.dtype == self.dtype for part in stored):
            weight = blocks.decoded()
            if self.device.type != "cpu":  # there the stored form is no mapped file that costs nothing
                weight = DenseWeight(weight.tensor)
        return weight

    def _rounding(self, found: Found) -> tuple[Algorithm, float] | None:
        """The algorithm and the scale by which a quantised module's inputs are rounded; None if they are not."""
        if found.algorithm not in ("FP8", "NVFP4") or found.input_scale not in self.file.tensors:
            return None
        return found.algorithm, self._activation_scale(found.input_scale)

    def _activation_scale(self, name: str) -> float:
        """A scale by which activations are divided before they are rounded."""
        scale = read_number(self.file, name)
        if scale <= 0:
            raise CorruptCheckpoint(f"Tensor {name} of {self.file.name} is not a number above zero.")
        return scale

    def _stored_bytes(self, found: Found) -> int:
        if found.expert is not None:
            info = self.file.tensors[found.name]
            return sum(self.file.tensors[name].stored_bytes for name in found.parts()) // info.shape[0]
        return sum(self.file.tensors[name].stored_bytes for name in found.parts())

    def _count(self, read: int, kept: int) -> None:
        self.bytes_read += read
        self.bytes += kept
        if self.progress is not None:
            self.progress(self.bytes_read, self.bytes_total)


def _round_input(algorithm: Algorithm, scale: float) -> Callable[[Tensor], Tensor]:
    """How inputs are rounded."""
    if algorithm == "FP8":
        return partial(fake_quantise_fp8, scale=scale)
    return partial(fake_quantise_nvfp4, global_scale=scale)


def _sound(found: Found | Problem) -> Found:
    if isinstance(found, Problem):
        raise found.error()
    return found


def _decoded_bytes(inventory: Inventory, dtype: torch.dtype) -> tuple[int, int]:
    """Bytes of all matrices in `dtype`: those that every token needs, and experts."""
    dense = sum(rows * columns for rows, columns in inventory.matrices.values())
    experts = sum(count * rows * columns for count, rows, columns in inventory.experts.values())
    return dense * dtype.itemsize, experts * dtype.itemsize
