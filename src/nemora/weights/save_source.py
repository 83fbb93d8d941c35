"""A checkpoint that is to be written in another form: its tensors by the model's names, rows in the model's order."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nemora.errors import UnsupportedCheckpoint
from nemora.models.base import ModelConfig
from nemora.ops.blocks import StoredMatrix
from nemora.weights.checkpoint import Checkpoint
from nemora.weights.load import LoadPlan, plan_loading
from nemora.weights.names import split_number
from nemora.weights.quantisation import Quantisation
from nemora.weights.read_matrix import read_matrix
from nemora.weights.stored import Found, Problem
from nemora.weights.tensors import TensorInfo


@dataclass(frozen=True, slots=True)
class Matrix:
    """One matrix of a model: its name there and its shape. An `expert` is one of several under that name."""

    name: str
    rows: int
    columns: int
    expert: int | None = None

    @property
    def kind(self) -> str:
        """Its name without the layer's number, for people: "attention q", "moe experts up"."""
        return split_number(self.name)[0].removeprefix("layers.{n}.").replace(".", " ")


class Source:
    """An open checkpoint whose numbers are plain, or a GGUF file, whose blocks are decoded.

    Raises:
        CorruptCheckpoint, UnsupportedCheckpoint: as `load_model`; the latter also for a folder that is quantised.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        if checkpoint.quantisation != Quantisation():
            raise UnsupportedCheckpoint(
                f"{checkpoint.path.name} is quantised already; a GGUF file or a folder in BF16, F16 or F32 is needed."
            )
        self.checkpoint, self.file = checkpoint, checkpoint.file
        self.plan: LoadPlan = plan_loading(checkpoint)
        for problem in self.plan.problems():
            raise problem.error()
        self.inventory = self.plan.inventory

    @property
    def config(self) -> ModelConfig:
        return self.plan.config

    @property
    def has_draft_head(self) -> bool:
        return "mtp.join" in self.inventory.matrices

    def names(self) -> list[str]:
        """The model's names of all its tensors, layer by layer."""
        inventory = self.inventory
        return sorted([*inventory.matrices, *inventory.experts, *inventory.tensors], key=_layer_of)

    def matrices(self, name: str) -> list[Matrix]:
        """The one matrix of that name, or all experts' matrices; none if it names a small tensor."""
        if name in self.inventory.matrices:
            return [Matrix(name, *self.inventory.matrices[name])]
        count, rows, columns = self.inventory.experts.get(name, (0, 0, 0))
        return [Matrix(name, rows, columns, expert) for expert in range(count)]

    def found(self, matrix: Matrix) -> Found:
        """Where a matrix lies."""
        finder = self.plan.finder
        if matrix.expert is None:
            found = finder.matrix(matrix.name, matrix.rows, matrix.columns)
        else:
            count = self.inventory.experts[matrix.name][0]
            found = finder.expert(matrix.name, matrix.expert, count, matrix.rows, matrix.columns)
        if isinstance(found, Problem):
            raise found.error()
        return found

    def stored(self, matrix: Matrix) -> StoredMatrix:
        """A matrix as it lies in the file, but for the order of its rows, which is the model's."""
        return read_matrix(self.file, self.found(matrix), self.plan.finder.layout.place(matrix.name))

    def numbers(self, matrix: Matrix) -> Tensor:
        """A matrix's numbers [rows, columns], in the file's own type where that is a plain one, and else in fp32."""
        stored = self.stored(matrix)
        return stored.decode(stored.format.dtype or torch.float32)

    def small(self, name: str) -> Tensor:
        """A small tensor in fp32, as the model wants it."""
        info, shape = self.small_info(name), self.inventory.tensors[name]
        tensor = self.file.read(info.name).decode().reshape(shape)
        convert = self.plan.finder.layout.place(name).convert
        return tensor if convert is None else convert(tensor)

    def small_info(self, name: str) -> TensorInfo:
        """A small tensor as the file has it."""
        file_name = self.plan.finder.small(name, self.inventory.tensors[name])
        if isinstance(file_name, Problem):
            raise file_name.error()
        return self.file.tensors[file_name]


def _layer_of(name: str) -> int:
    if name == "embedding":
        return -1
    number = split_number(name)[1]
    return int(number) if number and name.startswith("layers.") else 1 << 30
