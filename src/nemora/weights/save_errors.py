"""What quantising did to a model's matrices, by their kinds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from nemora.errors import CorruptCheckpoint
from nemora.ops.blocks import StoredMatrix
from nemora.weights.save_source import Matrix

SLAB_NUMBERS = 1 << 22


@dataclass(slots=True)
class KindError:
    """Of all matrices of one kind: squared errors and squares summed, and the worst relative error of one of them."""

    kind: str
    format: str
    matrices: int = 0
    squared_error: float = 0.0
    squares: float = 0.0
    largest: float = 0.0
    largest_name: str = ""

    @property
    def relative(self) -> float:
        """‖W − Q‖² / ‖W‖², 0 for zeros."""
        return self.squared_error / self.squares if self.squares else 0.0


@dataclass(slots=True)
class QuantisationErrors:
    """Collects the errors of matrices while they are quantised; each counts once, however often it is made."""

    kinds: dict[tuple[str, str], KindError] = field(default_factory=dict)
    seen: set[Matrix] = field(default_factory=set)

    def add(self, matrix: Matrix, before: Tensor, after: StoredMatrix) -> None:
        """Compare [rows, columns] with what was made of it."""
        if matrix in self.seen:
            return
        self.seen.add(matrix)
        error, squares = _squares(before, after)
        key = (matrix.kind, after.format.name)
        kind = self.kinds.setdefault(key, KindError(*key))
        kind.matrices += 1
        kind.squared_error += error
        kind.squares += squares
        relative = error / squares if squares else 0.0
        if relative >= kind.largest:
            kind.largest, kind.largest_name = relative, _shown(matrix)


def quantised(matrix: Matrix, numbers: Tensor, quantise: Callable[[Tensor], StoredMatrix]) -> StoredMatrix:
    """`quantise(numbers)`.

    Raises:
        CorruptCheckpoint: the numbers are not finite, or out of the format's range.
    """
    try:
        return quantise(numbers)
    except ValueError as error:
        raise CorruptCheckpoint(f"{_shown(matrix)} cannot be quantised: {error}.") from None


def _squares(before: Tensor, after: StoredMatrix) -> tuple[float, float]:
    """‖before − after‖² and ‖before‖², some rows at a time, summed in fp64."""
    error = squares = 0.0
    step = max(1, SLAB_NUMBERS // max(1, before.shape[1]))
    for start in range(0, before.shape[0], step):
        numbers = before[start : start + step].float()
        difference = after.slice(start, start + step).decode() - numbers
        error += float(difference.square().sum(dim=1).double().sum())
        squares += float(numbers.square().sum(dim=1).double().sum())
    return error, squares


def _shown(matrix: Matrix) -> str:
    return matrix.name if matrix.expert is None else f"{matrix.name}.{matrix.expert}"
