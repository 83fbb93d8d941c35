"""A reader as it was shipped, back in PyTorch, to be trained further: the inverse of `export.to_onnx`.

Only the 8-bit weights are shipped. Their values times their scales are taken as they are; exported again they give the
same integers, since the largest of each column is a whole step, so training starts from the very model that runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from nemora.errors import CorruptCheckpoint
from nemora.train.encoder import Encoder, EncoderConfig, EncoderLayer, ReaderModel


def from_onnx(data: bytes) -> ReaderModel:
    """The model of a file that `export.to_onnx` wrote.

    Raises:
        CorruptCheckpoint: the file is damaged, or is another kind of model.
    """
    try:
        graph = onnx.load_model_from_string(data).graph
        return _Weights(graph).model()
    except Exception as error:  # noqa: BLE001 - protobuf, onnx and torch have a class for each of their failures
        raise CorruptCheckpoint(
            f"The model's ONNX file cannot be trained further ({type(error).__name__}); one that `nemora train"
            " sensitivity` wrote was expected."
        ) from None


class _Weights:
    """The constants of a graph, in the order in which its nodes use them."""

    def __init__(self, graph: Any) -> None:
        self.constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self.nodes: dict[str, list[Any]] = {}
        for node in graph.node:
            self.nodes.setdefault(node.op_type, []).append(node)

    def model(self) -> ReaderModel:
        words = self._table(0) * self._table(1)
        positions = self.constants[self.nodes["Slice"][0].input[0]]
        shapes = self._table(2)
        head, labels = self.nodes["Gemm"][0], self.nodes["MatMul"][0]
        matrices = list(self._matrices())
        config = EncoderConfig(
            vocabulary=words.shape[0],
            hidden=words.shape[1],
            layers=len(self.nodes["MultiHeadAttention"]),
            heads=next(int(a.i) for a in self.nodes["MultiHeadAttention"][0].attribute if a.name == "num_heads"),
            width=matrices[2][0].shape[0],
            positions=positions.shape[0],
            eps=next(float(a.f) for a in self.nodes["LayerNormalization"][0].attribute if a.name == "epsilon"),
        )
        bias = self.constants[self.nodes["Add"][-1].input[1]]
        model = ReaderModel(Encoder(config), len(self.constants[head.input[2]]) - 1, len(bias))
        with torch.no_grad():
            for parameter, values in ((model.encoder.words, words), (model.encoder.positions, positions)):
                parameter.weight.copy_(_tensor(values))
            model.encoder.shapes.weight.copy_(_tensor(shapes))
            _fill(model.head, self.constants[head.input[1]], self.constants[head.input[2]])
            _fill(model.labels, self.constants[labels.input[1]].T, bias)
            self._fill_layers(model.encoder, matrices)
        return model

    def _fill_layers(self, encoder: Encoder, matrices: list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]) -> None:
        first, *others = self.nodes["LayerNormalization"]
        _fill(encoder.norm, self.constants[first.input[1]], self.constants[first.input[2]])
        others += self.nodes.get("SkipLayerNormalization", [])  # as earlier versions wrote it
        norms = [[self.constants[name] for name in node.input[-2:]] for node in others]
        for index, layer in enumerate(encoder.layers):
            assert isinstance(layer, EncoderLayer)
            for linear, (weight, bias) in zip(
                (layer.qkv, layer.output, layer.up, layer.down), matrices[4 * index : 4 * index + 4], strict=True
            ):
                _fill(linear, weight, bias)
            _fill(layer.attention_norm, *norms[2 * index])
            _fill(layer.norm, *norms[2 * index + 1])

    def _table(self, index: int) -> np.ndarray[Any, Any]:
        """What the nth look-up looks up: words as integers, their scales, shapes."""
        return np.asarray(self.constants[self.nodes["Gather"][index].input[0]], np.float32)

    def _matrices(self) -> Iterator[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
        """Weight [out, in] and bias of each quantised product."""
        for node in self.nodes["DynamicQuantizeMatMul"]:
            codes, scales, bias = (self.constants[node.input[place]] for place in (1, 2, 4))
            yield (codes.astype(np.float32) * scales).T, bias


def _fill(module: nn.Linear | nn.LayerNorm, weight: np.ndarray[Any, Any], bias: np.ndarray[Any, Any]) -> None:
    module.weight.copy_(_tensor(weight))
    module.bias.copy_(_tensor(bias))


def _tensor(values: np.ndarray[Any, Any]) -> Tensor:
    return torch.from_numpy(np.array(values, np.float32))
