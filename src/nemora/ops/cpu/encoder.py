"""An encoder as BERT's on the native kernels: 8-bit matrices, one window of tokens at a time."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nemora.ops.cpu.library import SETS, CEncoder, CLayer, CNorm, Library
from nemora.ops.cpu.matrix import PANEL, Codes, Floats, PackedMatrix, address, padded

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Linear:
    """y = x @ (codes · scale) + bias: codes int8 [k, n], scale and bias [n]."""

    codes: Codes
    scale: Floats
    bias: Floats


@dataclass(frozen=True, slots=True)
class LayerNorm:
    """[hidden] each."""

    weight: Floats
    bias: Floats


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One layer: attention, LayerNorm of the sum, GELU between two matrices, LayerNorm of the sum."""

    qkv: Linear
    output: Linear
    attention_norm: LayerNorm
    up: Linear
    down: Linear
    norm: LayerNorm


@dataclass(frozen=True, slots=True)
class EncoderWeights:
    """Everything an encoder is made of, as it is stored."""

    word_codes: Codes
    """[words, hidden]"""
    word_scale: Floats
    """[words]"""
    positions: Floats
    """[positions, hidden]"""
    shapes: Floats
    """[shapes, hidden]"""
    norm: LayerNorm
    layers: Sequence[LayerWeights]
    heads: int
    epsilon: float
    head: Floats
    """[outputs, 2 · hidden]: reads the mean and the largest over all tokens."""
    head_bias: Floats
    """[outputs]"""
    label: Floats
    """[hidden, labels]"""
    label_bias: Floats
    """[labels]"""
    meaning: int | None
    """The hidden states after so many layers are what a text means."""


class NativeEncoder:
    """Thread-safe. Windows run one at a time, and rows are quantised one by one: no text changes another's answer.

    Args:
        instructions: one of `library.sets()`; by default the widest.

    Raises:
        ValueError: a weight's codes are larger than `matrix.LARGEST`, shapes do not fit each other, or widths are not
            whole panels.
    """

    def __init__(self, weights: EncoderWeights, library: Library, instructions: str | None = None) -> None:
        self._library, self._set = library, SETS.index(instructions or library.sets()[-1])
        if self._set > library.best:
            raise ValueError(f"this processor has no {instructions}")
        self.outputs, self.labels = len(weights.head_bias), len(weights.label_bias)
        self.hidden, self.has_meaning = weights.word_codes.shape[1], weights.meaning is not None
        self._kept: list[object] = []  # what the addresses below belong to
        self._encoder = self._structure(weights)
        self._scratch = threading.local()

    def encode(self, ids: Ints, shapes: Ints, *, meaning: bool = False) -> tuple[Floats, Floats, Floats | None]:
        """Of one window, [tokens]: [outputs], [tokens, labels], and with `meaning` [tokens, hidden].

        Raises:
            ValueError: too many tokens, or none, or an id or shape that the encoder has not.
        """
        tokens = len(ids)
        ids, shapes = np.ascontiguousarray(ids, np.int64), np.ascontiguousarray(shapes, np.int64)
        if tokens != len(shapes):
            raise ValueError("every token has a shape")
        logits, labels = np.empty(self.outputs, np.float32), np.empty((tokens, self.labels), np.float32)
        hidden = np.empty((tokens, self.hidden), np.float32) if meaning and self.has_meaning else None
        refused = self._library.c.nemora_encode(
            self._set,
            self._encoder,
            address(ids),
            address(shapes),
            tokens,
            address(self._memory(tokens)),
            address(logits),
            address(labels),
            None if hidden is None else address(hidden),
        )
        if refused:
            raise ValueError("the window is empty or too long, or has an id that the encoder does not know")
        return logits, labels, hidden

    def _memory(self, tokens: int) -> Floats:
        """This thread's working memory, which begins on a cache line."""
        needed = int(self._library.c.nemora_encode_scratch(self._encoder, tokens)) + 16
        memory: Floats | None = getattr(self._scratch, "memory", None)
        if memory is None or len(memory) < needed:
            memory = self._scratch.memory = np.empty(needed, np.float32)
        return memory[-(memory.ctypes.data // 4) % 16 :]

    def _structure(self, w: EncoderWeights) -> CEncoder:
        hidden = self.hidden
        _check(w)
        layers = (CLayer * len(w.layers))(*(self._layer(layer) for layer in w.layers))
        self._kept.append(layers)
        numbers = (len(w.word_codes), len(w.positions), len(w.shapes), self.outputs, self.labels, w.meaning or 0)
        tables = (w.word_codes, w.word_scale, w.positions, w.shapes)
        heads = (w.head, w.head_bias, padded(w.label, axis=1), w.label_bias)
        return CEncoder(
            *(hidden, w.heads, len(w.layers[0].up.bias), len(w.layers)),
            *numbers,
            w.epsilon,
            *(self._keep(table) for table in tables),
            self._norm(w.norm),
            layers,
            *(self._keep(table) for table in heads),
        )

    def _layer(self, layer: LayerWeights) -> CLayer:
        made = []
        for linear in (layer.qkv, layer.output, layer.up, layer.down):
            packed = PackedMatrix(linear.codes, linear.scale, linear.bias)
            self._kept.append(packed)
            made.append(packed.c)
        return CLayer(*made, self._norm(layer.attention_norm), self._norm(layer.norm))

    def _norm(self, norm: LayerNorm) -> CNorm:
        return CNorm(self._keep(norm.weight), self._keep(norm.bias))

    def _keep(self, array: npt.NDArray[Any]) -> ctypes.c_void_p:
        kept = np.ascontiguousarray(array)
        self._kept.append(kept)
        return address(kept)


def _check(w: EncoderWeights) -> None:
    """The kernels read and write as far as these shapes say."""
    words, hidden = w.word_codes.shape
    outputs, labels = len(w.head_bias), len(w.label_bias)
    if not w.layers or w.heads < 1 or hidden % w.heads:
        raise ValueError("an encoder has layers, and heads that its width can be divided by")
    inner = len(w.layers[0].up.bias)
    if hidden % PANEL or inner % PANEL:
        raise ValueError(f"an encoder's widths must be multiples of {PANEL}")
    found: list[npt.NDArray[Any]] = [
        w.word_scale,
        w.positions[:0],
        w.shapes[:0],
        w.head,
        w.head_bias,
        w.label,
        w.label_bias,
    ]
    wanted = [(words,), (0, hidden), (0, hidden), (outputs, 2 * hidden), (outputs,), (hidden, labels), (labels,)]
    for layer in w.layers:
        found += [linear.codes for linear in (layer.qkv, layer.output, layer.up, layer.down)]
        wanted += [(hidden, 3 * hidden), (hidden, hidden), (hidden, inner), (inner, hidden)]
    for norm in (w.norm, *(norm for layer in w.layers for norm in (layer.attention_norm, layer.norm))):
        found += [norm.weight, norm.bias]
        wanted += [(hidden,), (hidden,)]
    if [array.shape for array in found] != wanted:
        raise ValueError("the shapes of the encoder's arrays do not fit each other")
