"""The weights of an encoder, taken out of the graph that `train/export.py` writes. Any other graph is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from nemora.ops.cpu.encoder import EncoderWeights, LayerNorm, LayerWeights, Linear
from nemora.tagger.onnx_file import Graph, Node

CONTRIB = "com.microsoft"
MEANING = "meaning"


class AnotherGraph(Exception):
    """The model is none that the native encoder computes."""


def encoder_weights(graph: Graph) -> EncoderWeights:
    """What an exported reader is made of. Every node is checked, in order: what it computes is known.

    Raises:
        AnotherGraph: the graph is not that of an exported reader.
    """
    try:
        return _Walk(graph).encoder()
    except (IndexError, KeyError, ValueError) as error:
        raise AnotherGraph(f"the graph is not an exported reader's ({type(error).__name__})") from None


class _Walk:
    """Goes through the nodes; each must be the expected one and read what the ones before gave."""

    def __init__(self, graph: Graph) -> None:
        self._nodes, self._arrays, self._at = graph.nodes, graph.arrays, 0
        self._epsilons: set[float] = set()
        self._heads: set[int] = set()

    def encoder(self) -> EncoderWeights:
        codes, scales, positions, shapes, x = self._embedding()
        norm, x = self._norm(x)
        layers: list[LayerWeights] = []
        meaning = None
        while self._peek() != "ReduceMean":
            layer, x = self._layer(x)
            layers.append(layer)
            if self._peek() == "Identity":
                self._is(self._outputs("Identity", [x]) == (MEANING,) and meaning is None)
                meaning = len(layers)
        head, head_bias, label, label_bias = self._ends(x)
        self._is(self._at == len(self._nodes) and len(self._epsilons) == len(self._heads) == 1)
        (epsilon,), (heads,) = self._epsilons, self._heads
        return EncoderWeights(
            codes, scales, positions, shapes, norm, layers, heads, epsilon, head, head_bias, label, label_bias, meaning
        )

    def _embedding(self) -> tuple[Any, Any, Any, Any, str]:
        table, scales = self._peek_inputs(0)[0], self._peek_inputs(2)[0]
        (codes,) = self._outputs("Gather", [table, "ids"], axis=0)
        (rows,) = self._outputs("Cast", [codes], to=1)
        (by_row,) = self._outputs("Gather", [scales, "ids"], axis=0)
        (words,) = self._outputs("Mul", [rows, by_row])
        (length,) = self._outputs("Shape", [words], start=1, end=2)
        places, start, _, axes = self._peek_inputs(0)
        self._is(self._array(start, np.int64).tolist() == self._array(axes, np.int64).tolist() == [0])
        (sliced,) = self._outputs("Slice", [places, start, length, axes])
        (placed,) = self._outputs("Add", [words, sliced])
        forms = self._peek_inputs(0)[0]
        (formed,) = self._outputs("Gather", [forms, "shapes"], axis=0)
        (x,) = self._outputs("Add", [placed, formed])
        scale = self._array(scales, np.float32)
        self._is(scale.ndim == 2 and scale.shape[1] == 1)
        # A copy, because the file's bytes go when all that is left of them is this table.
        codes_table = self._array(table, np.int8).copy()
        return codes_table, scale[:, 0].copy(), self._floats(places), self._floats(forms), x

    def _layer(self, x: str) -> tuple[LayerWeights, str]:
        qkv, mixed = self._linear(x)
        sizes = self._peek_inputs(0)[1]
        hidden = len(qkv.scale) // 3
        self._is(self._array(sizes, np.int64).tolist() == [hidden] * 3)
        parts = self._outputs("Split", [mixed, sizes], axis=-1)
        self._heads.add(int(self._nodes[self._at].numbers.get("num_heads", 0)))
        (seen,) = self._outputs("MultiHeadAttention", list(parts), CONTRIB, num_heads=max(self._heads))
        output, seen = self._linear(seen)
        attention_norm, x = self._sum_norm(seen, x)
        up, inner = self._linear(x)
        (inner,) = self._outputs("Gelu", [inner], CONTRIB)
        down, inner = self._linear(inner)
        norm, x = self._sum_norm(inner, x)
        return LayerWeights(qkv, output, attention_norm, up, down, norm), x

    def _ends(self, x: str) -> tuple[Any, Any, Any, Any]:
        axes = self._peek_inputs(0)[1]
        self._is(self._array(axes, np.int64).tolist() == [1])
        (mean,) = self._outputs("ReduceMean", [x, axes], keepdims=0)
        (most,) = self._outputs("ReduceMax", [x, axes], keepdims=0)
        (pooled,) = self._outputs("Concat", [mean, most], axis=1)
        _, head, head_bias = self._peek_inputs(0)
        self._is(self._outputs("Gemm", [pooled, head, head_bias], transB=1) == ("logits",))
        label = self._peek_inputs(0)[1]
        (named,) = self._outputs("MatMul", [x, label])
        label_bias = self._peek_inputs(0)[1]
        self._is(self._outputs("Add", [named, label_bias]) == ("labels",))
        return self._floats(head), self._floats(head_bias), self._floats(label), self._floats(label_bias)

    def _sum_norm(self, x: str, skip: str) -> tuple[LayerNorm, str]:
        (summed,) = self._outputs("Sum", [x, skip])
        return self._norm(summed)

    def _norm(self, x: str) -> tuple[LayerNorm, str]:
        _, weight, bias = self._peek_inputs(0)
        epsilon = self._nodes[self._at].numbers.get("epsilon", math.nan)
        self._epsilons.add(epsilon)
        (y,) = self._outputs("LayerNormalization", [x, weight, bias], axis=-1, epsilon=epsilon)
        return LayerNorm(self._floats(weight), self._floats(bias)), y

    def _linear(self, x: str) -> tuple[Linear, str]:
        _, codes, scale, zero, bias = self._peek_inputs(0)
        self._is(zero == "")
        (y,) = self._outputs("DynamicQuantizeMatMul", [x, codes, scale, "", bias], CONTRIB)
        return Linear(self._array(codes, np.int8), self._floats(scale), self._floats(bias)), y

    def _peek(self) -> str:
        return self._nodes[self._at].kind

    def _peek_inputs(self, ahead: int) -> tuple[str, ...]:
        return self._nodes[self._at + ahead].inputs

    def _outputs(self, kind: str, inputs: list[str], domain: str = "", **numbers: float) -> tuple[str, ...]:
        """The next node's, which must be this one."""
        expected = Node(kind, tuple(inputs), self._nodes[self._at].outputs, domain, dict(numbers))
        self._is(self._nodes[self._at] == expected)
        self._at += 1
        return expected.outputs

    def _array(self, name: str, kind: type[np.generic]) -> npt.NDArray[Any]:
        found = self._arrays[name]
        self._is(found.dtype == kind)
        return found

    def _floats(self, name: str) -> npt.NDArray[np.float32]:
        """A copy, so that the file's bytes can go."""
        return self._array(name, np.float32).copy()

    @staticmethod
    def _is(true: bool) -> None:
        if not true:
            raise ValueError("another graph")
