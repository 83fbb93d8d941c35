"""Which of a model's matrices become one packed weight: known by building the model without weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nemora.models.inventory import MetaWeights
from nemora.ops.weight import Weight
from nemora.weights.stored import Found, Problem, TensorFinder


@dataclass(frozen=True, slots=True)
class Group:
    """Matrices that a model asks for together: fused by rows, or the experts of a layer.

    `parts` are the model's names with their rows; of experts it is one. `experts` is their number, else None.
    """

    parts: tuple[tuple[str, int], ...]
    columns: int
    experts: int | None = None

    @property
    def name(self) -> str:
        """No other group of the model has it."""
        return group_name(self.parts)

    @property
    def count(self) -> int:
        """Weights that it becomes."""
        return 1 if self.experts is None else self.experts

    def found(self, finder: TensorFinder) -> Iterator[list[Found]]:
        """Where the matrices of each weight lie.

        Raises:
            ModelError: they are not there as the model wants them.
        """
        if self.experts is None:
            yield [_sound(finder.matrix(name, rows, self.columns)) for name, rows in self.parts]
            return
        ((name, rows),) = self.parts
        for number in range(self.experts):
            yield [_sound(finder.expert(name, number, self.experts, rows, self.columns))]


def group_name(parts: Sequence[tuple[str, int]]) -> str:
    """The name of matrices that are fused, or of one."""
    return "+".join(name for name, _ in parts)


def take_groups(build: Callable[[Any], object]) -> list[Group]:
    """All groups of a model, in the order in which it asks."""
    weights = _GroupedWeights()
    build(weights)
    return weights.groups


class _GroupedWeights(MetaWeights):
    def __init__(self) -> None:
        super().__init__()
        self.groups: list[Group] = []

    def matrix(self, name: str, rows: int, columns: int) -> Weight:
        return self.fused([(name, rows)], columns)

    def fused(self, parts: Sequence[tuple[str, int]], columns: int) -> Weight:
        self.groups.append(Group(tuple(parts), columns))
        return super().fused(parts, columns)

    def experts(self, name: str, count: int, rows: int, columns: int) -> Sequence[Weight]:
        self.groups.append(Group(((name, rows),), columns, count))
        return super().experts(name, count, rows, columns)


def _sound(found: Found | Problem) -> Found:
    if isinstance(found, Problem):
        raise found.error()
    return found
