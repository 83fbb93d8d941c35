"""A token of each of several sequences through all layers of a model, in one native call.

Between two tokens of a small model Python and torch take longer than the products. So what a step does is written down
once, as layers with the addresses of their weights, and `step.cpp` goes through them. Activations and what sequences
remember are float32; matrices are packed (`packed_weight.py`), each in its own format. The slow readable twin is the
model's own `forward`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import POINTER, Structure, c_float, c_int32, c_int64, c_void_p
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nemora.ops.cpu.library import CPacked
from nemora.ops.cpu.packed_weight import PLANES, PackedExperts, PackedWeight

ATTENTION, MAMBA, RELU2_MLP, SWIGLU_MLP, MIXTURE = range(5)
"""What a layer computes; step.h says the same."""


class CMatrices(Structure):
    """step.h: Matrices."""

    _fields_ = (("parts", POINTER(CPacked)), *((name, c_int32) for name in ("count", "rows", "columns")))


class CStepLayer(Structure):
    """step.h: StepLayer."""

    _fields_ = (
        ("mixer", c_int32),
        ("slot", c_int32),
        ("epsilon", c_float),
        ("norm", c_void_p),
        ("into", CMatrices),
        ("out", CMatrices),
        *((name, c_int32) for name in ("heads", "kv_heads", "head_dim", "rotated")),
        *((name, c_int32) for name in ("states", "state_heads_dim", "groups", "state_size", "kernel")),
        ("least_step", c_float),
        ("most_step", c_float),
        *((name, c_void_p) for name in ("conv", "conv_bias", "dt_bias", "a", "d", "gate_norm")),
        *((name, c_int32) for name in ("experts", "top_k", "latent", "normalise")),
        ("scale", c_float),
        ("router", c_void_p),
        ("router_bias", c_void_p),
        ("up", POINTER(CPacked)),
        ("down", POINTER(CPacked)),
        ("to_latent", CMatrices),
        ("from_latent", CMatrices),
    )


class CStep(Structure):
    """step.h: Step."""

    _fields_ = (
        ("layers", POINTER(CStepLayer)),
        *((name, c_int32) for name in ("count", "hidden", "planes")),
        ("epsilon", c_float),
        ("norm", c_void_p),
    )


class CMemories(Structure):
    """step.h: Memories."""

    _fields_ = (
        *((name, POINTER(c_void_p)) for name in ("keys", "values", "conv", "states")),
        ("cosines", c_void_p),
        ("sines", c_void_p),
        ("length", c_int64),
        ("capacity", c_int64),
    )


class CannotStep(Exception):
    """Why a model has no native step."""


@dataclass(frozen=True, slots=True)
class StepLayer:
    """One x + mixer(norm(x)).

    `values` are the numbers, tensors, matrices and experts of step.h's StepLayer, by their names there.
    """

    mixer: int
    values: dict[str, object]


@dataclass(frozen=True, slots=True)
class Memories:
    """What a sequence remembers, as in `models.state.State`: one tensor for each layer, and the positions so far.

    `angles` are `kernels.rope_angles` of the next position, where there are some.
    """

    keys: Sequence[Tensor]
    values: Sequence[Tensor]
    conv: Sequence[Tensor]
    states: Sequence[Tensor]
    length: int
    capacity: int
    angles: tuple[Tensor, Tensor] | None = None


class NativeStep:
    """The layers of a model.

    Args:
        norm: the last one's weight, [hidden].

    Raises:
        CannotStep: something is not a packed matrix, or not in float32.
    """

    def __init__(self, layers: Sequence[StepLayer], norm: Tensor, epsilon: float) -> None:
        self._kept: list[object] = []  # what the addresses point to
        self._like = _first_matrix(layers)
        self._c: Any = self._like.library.c
        made = [self._layer(layer) for layer in layers]
        self._layers = (CStepLayer * len(made))(*made)
        kinds = [layer.mixer for layer in layers]
        self.attentions, self.mambas, self.hidden = kinds.count(ATTENTION), kinds.count(MAMBA), norm.shape[0]
        self._step = CStep(
            self._layers,
            len(made),
            self.hidden,
            PLANES[self._like.activation_bits],
            epsilon,
            self._tensor(norm),
        )

    @property
    def set(self) -> int:
        """The instruction set, by its number in `library.SETS`."""
        return self._like.set

    def run(self, x: Tensor, sequences: Sequence[Memories]) -> Tensor:
        """x [sequences, hidden], the tokens' embeddings, to what the last norm gives, in the same shape.

        What sequences remember is written to in place; their lengths are the caller's to count. Whoever calls has
        made sure that there is room.
        """
        if x.shape != (len(sequences), self.hidden) or x.dtype != torch.float32:
            raise ValueError(f"a float32 tensor [{len(sequences)}, {self.hidden}] was expected, not {list(x.shape)}")
        addresses = [self._addresses(sequence) for sequence in sequences]  # kept until the call is over
        memories = (CMemories * len(sequences))(*map(_memories, addresses, sequences))
        longest = 1 + max(sequence.length for sequence in sequences)
        scratch = torch.empty(
            self._c.nemora_step_scratch(ctypes.byref(self._step), len(sequences), longest), dtype=torch.uint8
        )
        x, out = x.contiguous(), torch.empty_like(x)
        self._c.nemora_step(
            self._like.set,
            torch.get_num_threads(),
            ctypes.byref(self._step),
            len(sequences),
            memories,
            longest,
            x.data_ptr(),
            scratch.data_ptr(),
            out.data_ptr(),
        )
        return out

    def _addresses(self, sequence: Memories) -> list[ctypes.Array[c_void_p]]:
        """Where each kind of what a sequence remembers lies."""
        kinds = (sequence.keys, sequence.values, sequence.conv, sequence.states)
        if [len(tensors) for tensors in kinds] != [self.attentions] * 2 + [self.mambas] * 2:
            raise ValueError("what a sequence remembers is of another model")
        if any(tensor.shape[2] != sequence.capacity for tensor in (*sequence.keys, *sequence.values)):
            raise ValueError("what a sequence remembers has not grown to its end")
        return [(c_void_p * len(tensors))(*[tensor.data_ptr() for tensor in tensors]) for tensors in kinds]

    def _layer(self, layer: StepLayer) -> CStepLayer:
        made = CStepLayer(mixer=layer.mixer)
        for name, value in layer.values.items():
            setattr(made, name, self._field(value))
        return made

    def _field(self, value: object) -> Any:
        match value:
            case PackedWeight():
                self._check(value)
                parts = ctypes.cast(value.c, POINTER(CPacked))
                return CMatrices(parts, len(value.c), *value.shape)
            case PackedExperts():
                for weight in value:
                    self._check(weight)
                return ctypes.cast(value.c, POINTER(CPacked))
            case Tensor():
                return self._tensor(value)
            case int() | float():
                return value
        raise CannotStep(f"{type(value).__name__} is no packed matrix")

    def _check(self, weight: PackedWeight) -> None:
        """All matrices are multiplied alike."""
        self._kept.append(weight)
        if (weight.activation_bits, weight.set) != (self._like.activation_bits, self._like.set):
            raise CannotStep("matrices of different precision")

    def _tensor(self, tensor: Tensor) -> int:
        if tensor.dtype != torch.float32 or tensor.device.type != "cpu" or tensor.requires_grad:
            raise CannotStep("a tensor that is not float32 on the CPU")
        tensor = tensor.contiguous()
        self._kept.append(tensor)
        return tensor.data_ptr()


def _memories(addresses: list[ctypes.Array[c_void_p]], sequence: Memories) -> CMemories:
    arrays = (ctypes.cast(each, POINTER(c_void_p)) for each in addresses)
    angles = [None, None] if sequence.angles is None else [part.data_ptr() for part in sequence.angles]
    return CMemories(*arrays, *angles, sequence.length, sequence.capacity)


def _first_matrix(layers: Sequence[StepLayer]) -> PackedWeight:
    for layer in layers:
        if isinstance(found := layer.values["into"], PackedWeight):
            return found
    raise CannotStep("no packed matrix")
