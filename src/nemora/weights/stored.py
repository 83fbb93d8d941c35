"""Finds a model's tensors in a checkpoint, in whatever form they are stored, and says what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from nemora.errors import CorruptCheckpoint, ModelError, UnsupportedCheckpoint
from nemora.models.config_reader import shown
from nemora.models.inventory import Inventory
from nemora.ops.blocks import FP8_E4M3
from nemora.weights.names import Layout
from nemora.weights.quantisation import NVFP4_GROUP, Algorithm, Quantisation
from nemora.weights.tensors import U8, TensorInfo

Form = Literal["plain", "FP8", "NVFP4"]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one tensor: `kind` and a sentence that says all.

    With the kinds `settings` and `running` it is the whole checkpoint that cannot be used, and `tensor` is empty.
    """

    kind: Literal["missing", "unknown", "shape", "storage", "settings", "running"]
    tensor: str
    message: str

    def error(self) -> ModelError:
        """The problem as an error to raise."""
        wrong = UnsupportedCheckpoint if self.kind == "unknown" else CorruptCheckpoint
        return wrong(self.message)


@dataclass(frozen=True, slots=True)
class Found:
    """Where a matrix lies: its tensor `name`, in which form, and the tensors beside it that belong to it.

    `expert` is its number in a tensor that holds all experts' matrices.
    """

    name: str
    form: Form
    algorithm: Algorithm | None = None
    expert: int | None = None

    @property
    def module(self) -> str:
        return self.name.removesuffix(".weight")

    def parts(self) -> tuple[str, ...]:
        """Every tensor that must be there for it."""
        match self.form:
            case "plain":
                return (self.name,)
            case "FP8":
                return self.name, f"{self.module}.weight_scale"
            case "NVFP4":
                return self.name, f"{self.module}.weight_scale", f"{self.module}.weight_scale_2"

    @property
    def input_scale(self) -> str:
        """The scale of its inputs, which may be there."""
        return f"{self.module}.input_scale"

    @property
    def gguf_scale(self) -> str:
        """A factor for the whole matrix, which GGUF files with NVFP4 may have."""
        return f"{self.module}.scale"


class Described(Protocol):
    """What is looked through: tensors that are described, not read."""

    @property
    def name(self) -> str:
        """What errors call the checkpoint."""
        ...

    @property
    def tensors(self) -> Mapping[str, TensorInfo]: ...


class TensorFinder:
    """Looks up a model's tensors by the model's names and shapes."""

    def __init__(self, file: Described, layout: Layout, quantisation: Quantisation) -> None:
        self.file, self.layout, self.quantisation = file, layout, quantisation
        self.tensors = file.tensors

    def matrix(self, name: str, rows: int, columns: int) -> Found | Problem:
        """A matrix of that shape."""
        return self._matrix(self.layout.file_name(name, self.tensors), (rows, columns))

    def expert(self, name: str, number: int, count: int, rows: int, columns: int) -> Found | Problem:
        """One of `count` experts' matrices, which lie one by one or all in one tensor."""
        file_name = self.layout.file_name(name, self.tensors, number)
        if file_name != self.layout.file_name(name, self.tensors, number + 1):
            return self._matrix(file_name, (rows, columns))
        found = self._matrix(file_name, (count, rows, columns))
        return Found(found.name, found.form, found.algorithm, number) if isinstance(found, Found) else found

    def small(self, name: str, shape: tuple[int, ...]) -> str | Problem:
        """The file's name for a small tensor."""
        file_name = self.layout.file_name(name, self.tensors)
        if file_name not in self.tensors:
            return self._missing(file_name)
        info = self.tensors[file_name]
        if not self.layout.place(name).fits(info.shape, shape):
            return self._wrong_shape(info, shape)
        if info.format in (U8, FP8_E4M3):
            return self._storage(file_name, f"has the type {info.format.name}; plain numbers were expected")
        return file_name

    def problems(self, inventory: Inventory) -> Iterator[Problem]:
        """Everything that is wrong: tensors that are missing, have another shape or form, or have no place."""
        known: set[str] = set()
        for found in self.look_up(inventory):
            match found:
                case Problem() if found.tensor not in known:  # experts may share one tensor
                    known.update(name for name in _family(found.tensor) if name in self.tensors)
                    yield found
                case Found():
                    known.update((*found.parts(), found.input_scale, found.gguf_scale))
                case str():
                    known.add(found)
        for name in self._cache_scales(known):
            known.add(name)
            if problem := self._wrong_scale(name):
                yield problem
        for name in self.tensors:
            if name not in known and not self.layout.is_ignored(name):
                message = f"{self.file.name} has the tensor {shown(name)}, for which this architecture has no place."
                yield Problem("unknown", name, message)

    def look_up(self, inventory: Inventory) -> Iterator[Found | Problem | str]:
        """All that a model asks for: matrices, each expert's for itself, then the names of small tensors."""
        for name, (rows, columns) in inventory.matrices.items():
            yield self.matrix(name, rows, columns)
        for name, (count, rows, columns) in inventory.experts.items():
            for number in range(count):
                yield self.expert(name, number, count, rows, columns)
        for name, shape in inventory.tensors.items():
            yield self.small(name, shape)

    def _cache_scales(self, known: set[str]) -> Iterator[str]:
        """Scales of FP8 key-value caches, beside the projections that they belong to."""
        for name in list(known):
            for projection in ("k", "v"):
                if name.endswith(f".{projection}_proj.weight"):
                    yield f"{name.removesuffix('.weight')}.{projection}_scale"

    def _matrix(self, name: str, shape: tuple[int, ...]) -> Found | Problem:
        if name not in self.tensors:
            return self._missing(name)
        info = self.tensors[name]
        found = self._form(name, info)
        if isinstance(found, Problem):
            return found
        for part, expected in zip(found.parts(), _part_shapes(found.form, shape), strict=True):
            if part not in self.tensors:
                return self._missing(part)
            if self.tensors[part].shape not in expected:
                return self._wrong_shape(self.tensors[part], expected[0])
        if found.form == "NVFP4" and shape[-1] % NVFP4_GROUP:
            return self._storage(name, f"is NVFP4, but {shape[-1]} columns are no whole groups of {NVFP4_GROUP}")
        if found.form == "NVFP4" and (scales := self.tensors[found.parts()[1]]).format is not FP8_E4M3:
            return self._storage(scales.name, f"has the type {scales.format.name}; F8_E4M3 was expected")
        count = shape[0] if len(shape) == 3 else 1
        numbers = found.parts()[2:] if found.form == "NVFP4" else found.parts()[1:]
        wrong = (self._wrong_scale(part) for part in (*numbers, found.input_scale))
        return next(filter(None, (*wrong, self._wrong_scale(found.gguf_scale, count))), found)

    def _wrong_scale(self, name: str, count: int = 1) -> Problem | None:
        """What is wrong with a number beside a matrix, if it is there: one for all of `count` experts, or one each."""
        if name not in self.tensors:
            return None
        info = self.tensors[name]
        if info.shape not in (*_SCALAR, (count,)):
            return self._wrong_shape(info, (count,))
        if info.format.dtype is None:
            return self._storage(name, f"has the type {info.format.name}; a plain number was expected")
        return None

    def _form(self, name: str, info: TensorInfo) -> Found | Problem:
        """The form of a matrix, by its type and what the settings declare; the two must agree."""
        module = name.removesuffix(".weight")
        algorithm = self.quantisation.algorithm(module)
        expects: dict[Algorithm | None, Form] = {None: "plain", "FP8": "FP8", "NVFP4": "NVFP4", "W4A16_NVFP4": "NVFP4"}
        form: Form = "FP8" if info.format is FP8_E4M3 else "NVFP4" if info.format is U8 else "plain"
        scaled = f"{module}.weight_scale" in self.tensors
        if form == "plain" and not scaled and module not in self.quantisation.listed:
            return Found(name, form)  # a default says nothing of embeddings and of what no one quantises
        if form != expects[algorithm] or (form == "plain" and scaled):
            return self._storage(
                name,
                f"is stored as {info.format.name}, but its declared quantisation is {algorithm or 'none'}",
            )
        return Found(name, form, algorithm)

    def _missing(self, name: str) -> Problem:
        return Problem("missing", name, f"{self.file.name} lacks the tensor {name}.")

    def _wrong_shape(self, info: TensorInfo, expected: tuple[int, ...]) -> Problem:
        message = (
            f"Tensor {info.name} of {self.file.name} has the shape {list(info.shape)}; its settings ask for "
            f"{list(expected)}."
        )
        return Problem("shape", info.name, message)

    def _storage(self, name: str, what: str) -> Problem:
        return Problem("storage", name, f"Tensor {name} of {self.file.name} {what}.")


def _family(name: str) -> Iterator[str]:
    """A matrix or one of its scales, and all that may lie beside it: what is wrong with one is said once."""
    module = re.sub(r"\.(weight|weight_scale|weight_scale_2|input_scale|scale)$", "", name)
    yield from (name, module)
    for part in ("weight", "weight_scale", "weight_scale_2", "input_scale", "scale"):
        yield f"{module}.{part}"


Shapes = tuple[tuple[int, ...], ...]
_SCALAR: Shapes = ((1,), (1, 1))


def _part_shapes(form: Form, shape: tuple[int, ...]) -> tuple[Shapes, ...]:
    """For each of `Found.parts`, the shapes that it may have."""
    *leading, columns = shape
    match form:
        case "plain":
            return ((shape,),)
        case "FP8":
            return (shape,), _SCALAR
        case "NVFP4":
            packed, groups = (*leading, columns // 2), (*leading, columns // NVFP4_GROUP)
            return (packed,), (groups,), _SCALAR
