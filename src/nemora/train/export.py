"""Writes a trained reader for onnxruntime: 8-bit matrices and embeddings, one window of a text at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from nemora.train.encoder import EncoderLayer, ReaderModel

CONTRIB = "com.microsoft"
MEANING = "meaning"
MEANING_BELOW = 2
"""Layers above the one whose hidden states tell what a sentence says: the last ones are about the heads' labels."""
LARGEST = 63
"""Seven of the eight bits: processors without VNNI add two 8-bit products in 16 bits, which would saturate."""


def to_onnx(model: ReaderModel) -> bytes:
    """A graph from `ids` and `shapes` int64 [1, seq] to `logits` fp32 [1, 1 + topics], `labels` fp32
    [1, seq, labels] and `meaning` fp32 [1, seq, size], which costs nothing where it is not asked for.

    Matrices are 8-bit integers with a scale per output column, inputs are quantised per call (onnxruntime's
    DynamicQuantizeMatMul); embeddings are 8-bit with a scale per row. The heads
    are small and stay fp32. There is no padding and so no mask.
    """
    graph = _Graph()
    encoder = model.encoder
    x = graph.embedding("words", "ids", _array(encoder.words.weight))
    x = graph.add_positions(x, _array(encoder.positions.weight))
    forms = graph.node("Gather", [graph.constant(_array(encoder.shapes.weight)), "shapes"], axis=0)
    x = graph.node("Add", [x, forms])
    x = graph.norm(x, encoder.norm)
    for number, layer in enumerate(encoder.layers, 1):
        assert isinstance(layer, EncoderLayer)
        x = _layer(graph, layer, x)
        if number == max(1, len(encoder.layers) - MEANING_BELOW):
            graph.node("Identity", [x], output=MEANING)
    axes = graph.constant(np.array([1], np.int64))
    mean = graph.node("ReduceMean", [x, axes], keepdims=0)
    largest = graph.node("ReduceMax", [x, axes], keepdims=0)
    pooled = graph.node("Concat", [mean, largest], axis=1)
    weight, bias = graph.constant(_array(model.head.weight)), graph.constant(_array(model.head.bias))
    graph.node("Gemm", [pooled, weight, bias], output="logits", transB=1)
    weight, bias = graph.constant(_array(model.labels.weight).T), graph.constant(_array(model.labels.bias))
    graph.node("Add", [graph.node("MatMul", [x, weight]), bias], output="labels")
    return graph.serialised(len(model.head.bias), len(model.labels.bias), len(model.encoder.norm.weight))


def _layer(graph: _Graph, layer: EncoderLayer, x: str) -> str:
    q, k, v = graph.split(graph.linear(x, layer.qkv), 3, layer.output.in_features)
    mixed = graph.node("MultiHeadAttention", [q, k, v], domain=CONTRIB, num_heads=layer.heads)
    x = graph.skip_norm(graph.linear(mixed, layer.output), x, layer.attention_norm)
    inner = graph.node("Gelu", [graph.linear(x, layer.up)], domain=CONTRIB)
    return graph.skip_norm(graph.linear(inner, layer.down), x, layer.norm)


class _Graph:
    """Nodes and constants of a graph that is being written."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, array: np.ndarray[Any, Any]) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, kind: str, inputs: list[str], *, domain: str = "", output: str = "", **attributes: Any) -> str:
        output = output or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], domain=domain, **attributes))
        return output

    def embedding(self, name: str, ids: str, table: np.ndarray[Any, Any]) -> str:
        scales = np.abs(table).max(axis=1, keepdims=True) / 127
        scales[scales == 0] = 1.0
        codes = self.constant(np.rint(table / scales).astype(np.int8))
        rows = self.node("Cast", [self.node("Gather", [codes, ids], axis=0)], to=TensorProto.FLOAT)
        return self.node("Mul", [rows, self.node("Gather", [self.constant(scales.astype(np.float32)), ids], axis=0)])

    def add_positions(self, x: str, table: np.ndarray[Any, Any]) -> str:
        shape = self.node("Shape", [x], start=1, end=2)
        start, axes = self.constant(np.array([0], np.int64)), self.constant(np.array([0], np.int64))
        positions = self.node("Slice", [self.constant(table), start, shape, axes])
        return self.node("Add", [x, positions])

    def norm(self, x: str, norm: nn.LayerNorm) -> str:
        inputs = [x, self.constant(_array(norm.weight)), self.constant(_array(norm.bias))]
        return self.node("LayerNormalization", inputs, axis=-1, epsilon=norm.eps)

    def skip_norm(self, x: str, skip: str, norm: nn.LayerNorm) -> str:
        """`Sum` and not `Add`: onnxruntime makes SkipLayerNormalization of an Add and a norm, which is scalar code and
        took a fifth of the model's time."""
        return self.norm(self.node("Sum", [x, skip]), norm)

    def linear(self, x: str, linear: nn.Linear) -> str:
        codes, scales = to_columns(np.ascontiguousarray(_array(linear.weight).T))
        inputs = [x, self.constant(codes), self.constant(scales), "", self.constant(_array(linear.bias))]
        return self.node("DynamicQuantizeMatMul", inputs, domain=CONTRIB)

    def split(self, x: str, parts: int, size: int) -> list[str]:
        sizes = self.constant(np.full(parts, size, np.int64))
        outputs = [f"s{len(self.nodes)}_{part}" for part in range(parts)]
        self.nodes.append(helper.make_node("Split", [x, sizes], outputs, axis=-1))
        return outputs

    def serialised(self, outputs: int, labels: int, size: int) -> bytes:
        graph = helper.make_graph(
            self.nodes,
            "reader",
            [helper.make_tensor_value_info(name, TensorProto.INT64, [1, "seq"]) for name in ("ids", "shapes")],
            [
                helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, outputs]),
                helper.make_tensor_value_info("labels", TensorProto.FLOAT, [1, "seq", labels]),
                helper.make_tensor_value_info(MEANING, TensorProto.FLOAT, [1, "seq", size]),
            ],
            self.constants,
        )
        opsets = [helper.make_opsetid("", 18), helper.make_opsetid(CONTRIB, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
        data: bytes = model.SerializeToString(deterministic=True)
        return data


def to_columns(weights: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Symmetric integers [K, N] in ±`LARGEST`, and a float32 scale for each of the N columns."""
    scales = np.abs(weights).max(axis=0) / LARGEST
    scales[scales == 0] = 1.0
    return np.rint(weights / scales).astype(np.int8), scales.astype(np.float32)


def _array(tensor: Tensor) -> np.ndarray[Any, Any]:
    return tensor.detach().float().numpy()
