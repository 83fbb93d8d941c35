"""What tensors a model has, found by building it without any: on the meta device."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor

from nemora.errors import CorruptCheckpoint
from nemora.models.base import Weights
from nemora.models.config_reader import MAX_SIZE
from nemora.ops.weight import DenseWeight, Weight

Shape = tuple[int, ...]
AnyModel = TypeVar("AnyModel")
AnyShape = TypeVar("AnyShape", bound=Shape)


@dataclass(slots=True)
class Inventory:
    """Every tensor of a model by its name in the model, with its shape.

    `experts` are (count, rows, columns): that many matrices under one name.
    """

    matrices: dict[str, tuple[int, int]] = field(default_factory=dict)
    experts: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    tensors: dict[str, Shape] = field(default_factory=dict)

    @property
    def parameters(self) -> int:
        """Numbers in all tensors."""
        return self.parameters_of("")

    def parameters_of(self, prefix: str) -> int:
        """Numbers in the tensors whose names begin so."""
        kinds = (self.matrices, self.experts, self.tensors)
        return sum(math.prod(shape) for kind in kinds for name, shape in kind.items() if name.startswith(prefix))


class MetaWeights:
    """Gives a model tensors that have shapes and no numbers, and writes down what it asked for; a `Weights`."""

    device = torch.device("meta")
    dtype = torch.bfloat16
    bytes = 0

    def __init__(self) -> None:
        self.inventory = Inventory()

    def matrix(self, name: str, rows: int, columns: int) -> Weight:
        self._note(self.inventory.matrices, name, (rows, columns))
        return _meta_weight(rows, columns)

    def fused(self, parts: Sequence[tuple[str, int]], columns: int) -> Weight:
        for name, rows in parts:
            self._note(self.inventory.matrices, name, (rows, columns))
        return _meta_weight(sum(rows for _, rows in parts), columns)

    def experts(self, name: str, count: int, rows: int, columns: int) -> Sequence[Weight]:
        self._note(self.inventory.experts, name, (count, rows, columns))
        return [_meta_weight(rows, columns)] * count

    def tensor(self, name: str, *shape: int) -> Tensor:
        self._note(self.inventory.tensors, name, shape)
        return torch.empty(shape, device=self.device)

    def kv_scales(self, name: str) -> tuple[float, float] | None:
        return None

    def _note(self, kind: dict[str, AnyShape], name: str, shape: AnyShape) -> None:
        if name in kind:
            raise ValueError(f"the model asks for {name} twice")
        if max(shape) > MAX_SIZE:
            raise CorruptCheckpoint(
                f"The settings ask for {name} in the shape {list(shape)}; no dimension above {MAX_SIZE} is possible."
            )
        kind[name] = shape


def take_inventory(build: Callable[[Weights], AnyModel]) -> tuple[AnyModel, Inventory]:
    """The model on the meta device, and all that it asked for while it was built."""
    weights = MetaWeights()
    return build(weights), weights.inventory


def _meta_weight(rows: int, columns: int) -> Weight:
    return DenseWeight(torch.empty(rows, columns, dtype=MetaWeights.dtype, device=MetaWeights.device))
