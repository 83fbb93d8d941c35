"""How large a model of the family is, and whether it fits into this machine's memory: a sum that a person can check.

Nothing here is a typed-in size. A model is built on the meta device, where tensors have shapes and no numbers; what it
asks for while it is built are its parameters, and what its `State` takes is its cache.

The rule for weights: a matrix takes what its format takes (BF16 2 bytes a number; FP8 1 byte, and 4 bytes for the
matrix; NVFP4 half a byte, 1 byte for each 16 numbers of a row, and 4 bytes for the matrix). Which matrix has which
format is the repository's `Storage`; the predictor of further tokens (MTP) is BF16 in all of them. All that is no
matrix (norms, convolutions, routers) is BF16 in the checkpoint and fp32 in memory. Matrices stay in memory as they are
stored, and the predictor is not loaded. Copies that loading decodes beside them, where there is room, are not counted:
they take only what is left.

The cache is kept in the dtype of activations, fp32 on a CPU and BF16 elsewhere, and SSM states in fp32.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from nemora.models.base import Model
from nemora.models.inventory import Inventory, MetaWeights
from nemora.models.moe import MoESpec
from nemora.models.state import State
from nemora.models.workspace import pass_workspace
from nemora.ops.weight import SLAB_NUMBERS
from nemora.weights.architectures import HUGGING_FACE
from nemora.weights.family import FAMILY
from nemora.weights.family_model import FamilyModel, Part, Precision, Repository, Storage
from nemora.weights.memory import available_memory

CHUNK = 128
"""Tokens of a prompt that the engine reads in one pass."""

MARGIN = 0.1
"""Part of weights and cache that is left over for all that is not counted: the process, tokenizer, allocator."""

PREDICTOR = "mtp."

PARTS: tuple[tuple[str, Part], ...] = (
    (r"embedding", "embedding"),
    (r"head", "head"),
    (r".*\.mamba\.input", "mamba_in"),
    (r".*\.mamba\.output", "mamba_out"),
    (r".*\.attention\.[qkv]", "qkv"),
    (r".*\.attention\.output", "output"),
    (r".*\.mlp\.(gate|up|down)", "mlp"),
    (r".*\.moe\.experts\.(up|down)", "experts"),
    (r".*\.moe\.shared\.up", "shared_up"),
    (r".*\.moe\.shared\.down", "shared_down"),
    (r".*\.moe\.to_latent", "latent_down"),
    (r".*\.moe\.from_latent", "latent_up"),
)
"""Which part of a model the matrices of these names are."""

LABELS: dict[Part, str] = {
    "embedding": "embedding and head",
    "head": "embedding and head",
    "experts": "experts",
    "shared_up": "shared experts",
    "shared_down": "shared experts",
    "latent_down": "latent projections",
    "latent_up": "latent projections",
    "mamba_in": "Mamba projections",
    "mamba_out": "Mamba projections",
    "qkv": "attention",
    "output": "attention",
    "mlp": "MLPs",
}

FORMATS = {
    "bf16": "BF16: 2 bytes each",
    "fp8": "FP8: 1 byte each, 4 a matrix",
    "nvfp4": "NVFP4: 9 bytes for 16, 4 a matrix",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Numbers of parameters."""

    total: int
    """Of the trunk: without the predictor."""
    predictor: int
    """Of the predictor of further tokens (MTP)."""
    active: int
    """Of the trunk, read for one token: of a layer's experts only those that a token takes."""
    active_without_embedding: int
    """The same without the input embedding, of which a token reads one row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One summand."""

    label: str
    how: str
    """How its bytes come about."""
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What a model needs at a precision and context, and whether there is that much memory."""

    model: FamilyModel
    repository: Repository
    context: int
    """Positions of a sequence, at most what the model was made for."""
    sequences: int
    weights: tuple[Line, ...]
    cache: tuple[Line, ...]
    workspace: tuple[Line, ...]
    margin: Line
    available: int

    @property
    def lines(self) -> tuple[Line, ...]:
        """All summands."""
        return (*self.weights, *self.cache, *self.workspace, self.margin)

    @property
    def needed(self) -> int:
        """Bytes in all."""
        return sum(line.bytes for line in self.lines)

    @property
    def fits(self) -> bool:
        """Whether that much memory is available."""
        return self.needed <= self.available


@dataclass(frozen=True, slots=True)
class Matrix:
    """A recorded matrix, or a layer's experts as one."""

    name: str
    part: Part
    layer: int | None
    count: int
    rows: int
    columns: int

    @property
    def numbers(self) -> int:
        return self.count * self.rows * self.columns


def why_not_runnable(model: FamilyModel) -> str:
    """Why a model cannot be run here; empty if it can."""
    if not model.not_runnable and model.model_type not in HUGGING_FACE:
        return f"the architecture {model.model_type} is not implemented"
    return model.not_runnable


def parameters(model: FamilyModel) -> Parameters | None:
    """The model's parameters, counted; None where its config is not known or its architecture not implemented."""
    if not is_sized(model):
        return None
    built, inventory = _built(model.name)
    predictor = _predictor_numbers(inventory)
    total = inventory.parameters - predictor
    active = total - _idle_numbers(built, inventory)
    embedding = math.prod(inventory.matrices["embedding"])
    return Parameters(total=total, predictor=predictor, active=active, active_without_embedding=active - embedding)


def is_sized(model: FamilyModel) -> bool:
    """Whether the model can be built without weights, and so be counted."""
    return model.config is not None and model.model_type in HUGGING_FACE


def checkpoint_bytes(model: FamilyModel, repository: Repository) -> int | None:
    """What the repository's tensors take on disk, predictor included; None where that is not known."""
    if not is_sized(model) or repository.storage is None:
        return None
    _, inventory = _built(model.name)
    matrices = sum(line.bytes for line in _matrix_lines(inventory, repository.storage))
    vectors = sum(math.prod(shape) for name, shape in inventory.tensors.items() if not name.startswith(PREDICTOR))
    return matrices + 2 * (vectors + _predictor_numbers(inventory))


def cache_per_token(model: FamilyModel, *, device: str = "cpu") -> int | None:
    """Bytes that each position of a sequence adds; None where they cannot be counted."""
    return _empty_state(model, device).bytes_per_position if is_sized(model) else None


def cache_per_sequence(model: FamilyModel, *, device: str = "cpu") -> int | None:
    """Bytes that a sequence takes however long it is; None where they cannot be counted."""
    return _empty_state(model, device).bytes_per_sequence if is_sized(model) else None


def fit(
    model: FamilyModel,
    repository: Repository,
    *,
    context: int,
    sequences: int = 1,
    device: str = "cpu",
    available: int | None = None,
) -> Fit | None:
    """The sum for a model as that repository stores it; None where its sizes are not known.

    Args:
        context: positions that each of `sequences` may have.
        device: where it is to run.
        available: bytes that may be taken; by default what is free on the device.
    """
    if not is_sized(model) or repository.storage is None:
        return None
    built, inventory = _built(model.name, _activations(device))
    context = min(context, built.config.context_length)
    weights = (*_matrix_lines(inventory, repository.storage), _vector_line(inventory))
    cache = tuple(_cache_lines(built, context, sequences))
    counted = sum(line.bytes for line in (*weights, *cache))
    return Fit(
        model=model,
        repository=repository,
        context=context,
        sequences=sequences,
        weights=weights,
        cache=cache,
        workspace=tuple(_workspace_lines(built, context)),
        margin=Line(label="margin", how=f"{MARGIN:.0%} of weights and cache", bytes=int(MARGIN * counted)),
        available=available_memory(device) if available is None else available,
    )


def best_fit(
    model: FamilyModel, *, context: int, sequences: int = 1, device: str = "cpu", available: int | None = None
) -> Fit | None:
    """The sum at the most exact precision that fits; None if none does or it cannot be run here."""
    if why_not_runnable(model):
        return None
    for precision in model.precisions:
        found = at_precision(model, precision, context=context, sequences=sequences, device=device, available=available)
        if found is not None and found.fits:
            return found
    return None


def at_precision(
    model: FamilyModel,
    precision: Precision,
    *,
    context: int,
    sequences: int = 1,
    device: str = "cpu",
    available: int | None = None,
) -> Fit | None:
    """The sum for the main repository at a precision; None where there is none or its sizes are not known."""
    repository = model.repository(precision)
    if repository is None:
        return None
    return fit(model, repository, context=context, sequences=sequences, device=device, available=available)


def largest_that_fits(
    *, context: int, sequences: int = 1, device: str = "cpu", available: int | None = None
) -> Fit | None:
    """The conversing model with the most parameters that fits, at the most exact precision that does."""
    room = available_memory(device) if available is None else available
    candidates = [model for model in FAMILY.values() if model.converses and not why_not_runnable(model)]
    for model in sorted(candidates, key=_published_numbers, reverse=True):
        if _published_numbers(model) / 2 > room:  # no format here has fewer than four bits: spares building it
            continue
        found = best_fit(model, context=context, sequences=sequences, device=device, available=room)
        if found is not None:
            return found
    return None


def matrix_bytes(format: str, rows: int, columns: int) -> int:
    """What a matrix takes in "bf16", "fp8" or "nvfp4", scales included."""
    numbers = rows * columns
    if format == "bf16":
        return 2 * numbers
    if format == "fp8":
        return numbers + 4
    return numbers // 2 + rows * math.ceil(columns / 16) + 4


@functools.cache
def _built(name: str, dtype: torch.dtype = torch.float32) -> tuple[Model, Inventory]:
    """The model on the meta device with its predictor, computing in `dtype`, and what it asked for."""
    model = FAMILY[name]
    architecture, weights = HUGGING_FACE[model.model_type], MetaWeights()
    weights.dtype = dtype
    return architecture.build(architecture.read_config(model.config), weights, True), weights.inventory


def _activations(device: str) -> torch.dtype:
    """The dtype in which a model computes by default, and keeps keys, values and convolution inputs."""
    return torch.float32 if device == "cpu" else torch.bfloat16


def _empty_state(model: FamilyModel, device: str) -> State:
    return _built(model.name, _activations(device))[0].new_state(1)


def _matrices(inventory: Inventory) -> Iterator[Matrix]:
    """All matrices but the predictor's."""
    recorded = [(name, 1, *shape) for name, shape in inventory.matrices.items()]
    recorded += [(name, *shape) for name, shape in inventory.experts.items()]
    for name, count, rows, columns in recorded:
        if not name.startswith(PREDICTOR):
            yield Matrix(name, _part(name), _layer(name), count, rows, columns)


def _part(name: str) -> Part:
    for pattern, part in PARTS:
        if re.fullmatch(pattern, name):
            return part
    raise ValueError(f"no part of a model has a matrix of the name {name}")


def _layer(name: str) -> int | None:
    number = re.match(r"layers\.(\d+)\.", name)
    return int(number[1]) if number else None


def _matrix_lines(inventory: Inventory, storage: Storage) -> list[Line]:
    """A line for each part of the model and format."""
    groups: dict[tuple[str, str], list[Matrix]] = {}
    for matrix in _matrices(inventory):
        groups.setdefault((LABELS[matrix.part], storage.format_of(matrix.part, matrix.layer)), []).append(matrix)
    return [_matrix_line(label, format, groups[label, format]) for label, format in sorted(groups)]


def _matrix_line(label: str, format: str, matrices: list[Matrix]) -> Line:
    numbers, count = sum(matrix.numbers for matrix in matrices), sum(matrix.count for matrix in matrices)
    return Line(
        label=label,
        how=f"{numbers:,} numbers in {count:,} {'matrix' if count == 1 else 'matrices'}, {FORMATS[format]}",
        bytes=sum(matrix.count * matrix_bytes(format, matrix.rows, matrix.columns) for matrix in matrices),
    )


def _vector_line(inventory: Inventory) -> Line:
    count = sum(math.prod(shape) for name, shape in inventory.tensors.items() if not name.startswith(PREDICTOR))
    return Line(label="norms, convolutions, routers", how=f"{count:,} numbers, fp32: 4 bytes each", bytes=4 * count)


def _cache_lines(built: Model, context: int, sequences: int) -> Iterator[Line]:
    state = built.new_state(context, batch=sequences)
    each = f"{sequences} × " if sequences > 1 else ""
    if state.bytes_per_position:
        yield Line(
            label="keys and values",
            how=f"{each}{context:,} positions × {state.bytes_per_position:,} bytes",
            bytes=sequences * context * state.bytes_per_position,
        )
    if state.bytes_per_sequence:
        yield Line(
            label="Mamba states",
            how=f"{sequences} × {state.bytes_per_sequence:,} bytes, however long the text",
            bytes=sequences * state.bytes_per_sequence,
        )


def _workspace_lines(built: Model, context: int) -> Iterator[Line]:
    """What one forward pass takes; the engine runs one at a time."""
    for part in pass_workspace(built.config, built.new_state(1), chunk=CHUNK, context=context):
        yield Line(label=part.label, how=part.how, bytes=part.bytes)
    yield Line(label="decoded weights", how=f"2 × {SLAB_NUMBERS:,} numbers × 4 bytes", bytes=8 * SLAB_NUMBERS)


def _predictor_numbers(inventory: Inventory) -> int:
    kinds: list[Any] = [inventory.matrices, inventory.experts, inventory.tensors]
    return sum(math.prod(kind[name]) for kind in kinds for name in kind if name.startswith(PREDICTOR))


def _idle_numbers(built: Model, inventory: Inventory) -> int:
    """Numbers of the trunk's experts that one token does not take."""
    layers = getattr(built.config, "layers", ())
    idle = 0
    for name, (count, rows, columns) in inventory.experts.items():
        layer = _layer(name)
        if layer is not None:
            spec = layers[layer]
            assert isinstance(spec, MoESpec)
            idle += (count - spec.top_k) * rows * columns
    return idle


def _published_numbers(model: FamilyModel) -> float:
    """Parameters as published, predictor included: near enough to sort by."""
    total, predictor = model.published.total, model.published.mtp
    return sum(1e9 * float(text.removesuffix("B")) for text in (total, predictor) if text is not None)
