"""Rampart as published holds 4-bit weights, which a CPU must expand before it multiplies. Once after download they
become 8-bit integers with a scale per output column, for integer matrix products: about 2.5 times as fast.

Spans of which the published file is sure (0.8 and more) stay; about 1 in 25 of all spans, near the threshold, changes.
Seven of the eight bits are used: processors without VNNI add two 8-bit products in 16 bits, which would saturate.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nemora.errors import CorruptCheckpoint

RECIPE = "int8-column-7bit-1"
"""Changes whenever the conversion does, so that files of an older one are made again."""
LARGEST = 63
_PACKED = "MatMulNBits"


def requantise(model: bytes) -> bytes:
    """An ONNX model with its 4-bit matrix products replaced by dynamic 8-bit ones.

    Raises:
        CorruptCheckpoint: not an ONNX model, or with packed weights of another layout.
    """
    import onnx
    from onnx import numpy_helper

    try:
        graph_model = onnx.load_model_from_string(model)
        graph = graph_model.graph
        arrays = {tensor.name: tensor for tensor in graph.initializer}
        packed = [node for node in graph.node if node.op_type == _PACKED]
        replaced: set[str] = set()
        for node in packed:
            shape = {attribute.name: attribute.i for attribute in node.attribute}
            codes, scales = (numpy_helper.to_array(arrays[name]) for name in node.input[1:3])
            integers, columns = to_columns(unpack(codes, scales, shape, inputs=len(node.input)))
            replaced.update(node.input[1:3])
            names = [f"{node.input[1]}_int8", f"{node.input[1]}_scale"]
            graph.initializer.extend(
                numpy_helper.from_array(a, n) for a, n in zip((integers, columns), names, strict=True)
            )
            _become_integer_product(node, names)
        kept = [tensor for tensor in graph.initializer if tensor.name not in replaced]
    except CorruptCheckpoint:
        raise
    except Exception as error:  # noqa: BLE001 - a hostile file can fail in any of its parts
        raise CorruptCheckpoint(
            f"The tagger's ONNX file cannot be converted ({type(error).__name__}); remove the model and pull it again."
        ) from None
    if not packed:
        raise CorruptCheckpoint("The tagger's ONNX file has no 4-bit weights; remove the model and pull it again.")
    del graph.initializer[:]
    graph.initializer.extend(kept)
    data: bytes = graph_model.SerializeToString(deterministic=True)
    return data


def unpack(codes: npt.NDArray[Any], scales: npt.NDArray[Any], shape: dict[str, int], inputs: int) -> npt.NDArray[Any]:
    """The matrix [K, N] in float32 that a MatMulNBits node holds.

    `codes` is [N, K/block, block/2] bytes, the low half first; a code c stands for (c - 8) x scale of its block.
    Source: the contrib operator MatMulNBits of onnxruntime.
    """
    rows, columns, block = shape["K"], shape["N"], shape["block_size"]
    if shape["bits"] != 4 or inputs != 3 or rows % block or codes.shape != (columns, rows // block, block // 2):
        raise CorruptCheckpoint("The tagger's packed weights have a layout that is not known; pull the model again.")
    values = np.stack((codes & 15, codes >> 4), axis=-1).reshape(columns, rows // block, block)
    weights = (values.astype(np.float32) - 8) * scales.reshape(columns, rows // block, 1)
    return np.ascontiguousarray(weights.reshape(columns, rows).T)


def to_columns(weights: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Symmetric integers [K, N] in ±`LARGEST`, and a float32 scale for each of the N columns."""
    scales = np.abs(weights).max(axis=0) / LARGEST
    scales[scales == 0] = 1.0
    return np.rint(weights / scales).astype(np.int8), scales.astype(np.float32)


def _become_integer_product(node: Any, names: list[str]) -> None:
    """x @ W with x quantised on the fly, per tensor: onnxruntime's DynamicQuantizeMatMul."""
    activations = node.input[0]
    del node.input[:]
    node.input.extend([activations, *names])
    node.op_type = "DynamicQuantizeMatMul"
    node.domain = "com.microsoft"
    del node.attribute[:]
