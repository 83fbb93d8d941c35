"""Fits which topic a text that stays is about, on what the exported encoder makes of it.

While the encoder learns, topics only help it along. Then their rows of the last layer are fitted anew: a logistic
regression over texts that stay, on the features of the very file that will run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
import tokenizers
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

from nemora.train.authored import TOPICS, Example
from nemora.train.batches import encoded

RIDGE = 1e-2
STEPS = 300

Numbers = np.ndarray[Any, Any]


def fit_topics(model: bytes, tokenizer: tokenizers.Tokenizer, examples: Sequence[Example]) -> bytes:
    """The exported model with new rows for the topics.

    Args:
        tokenizer: cuts at what the model reads at once.
        examples: those that stay and whose topics are known are learned from.
    """
    chosen = [example for example in examples if example.stays and example.topics]
    features = _features(model, tokenizer, [example.text for example in chosen])
    wanted = np.array([[float(topic in (example.topics or ())) for topic in TOPICS] for example in chosen])
    weight, bias = regression(features, wanted / wanted.sum(1, keepdims=True))
    return _with_rows(model, weight, bias)


def _features(model: bytes, tokenizer: tokenizers.Tokenizer, texts: Sequence[str]) -> Numbers:
    """What the last layer reads: [texts, 2 · hidden]."""
    graph = onnx.load_model_from_string(model)
    name = _last_layer(graph).input[0]
    graph.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    rows = (encoded(tokenizer, text) for text in texts)
    return np.concatenate(
        [
            session.run([name], {"ids": np.array([row.ids], np.int64), "shapes": np.array([row.shapes], np.int64)})[0]
            for row in rows
        ]
    )


def regression(features: Numbers, wanted: Numbers) -> tuple[Numbers, Numbers]:
    """Multinomial logistic regression with a ridge: weight [topics, features] and bias [topics]."""
    mean, spread = features.mean(0), features.std(0) + 1e-6
    x = torch.from_numpy((features - mean) / spread).float()
    target = torch.from_numpy(wanted).float()
    weight = torch.zeros(wanted.shape[1], x.shape[1], requires_grad=True)
    bias = torch.zeros(wanted.shape[1], requires_grad=True)
    optimiser = torch.optim.Adam([weight, bias], lr=0.02)
    for _ in range(STEPS):
        loss = F.cross_entropy(x @ weight.T + bias, target) + RIDGE * weight.pow(2).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    scaled = weight.detach().numpy() / spread
    return scaled, bias.detach().numpy() - scaled @ mean


def _with_rows(model: bytes, weight: Numbers, bias: Numbers) -> bytes:
    graph = onnx.load_model_from_string(model)
    last = _last_layer(graph)
    for name, rows in ((last.input[1], weight), (last.input[2], bias)):
        (kept,) = (tensor for tensor in graph.graph.initializer if tensor.name == name)
        values = numpy_helper.to_array(kept).copy()
        values[1:] = rows
        kept.CopyFrom(numpy_helper.from_array(values.astype(np.float32), name))
    data: bytes = graph.SerializeToString(deterministic=True)
    return data


def _last_layer(graph: Any) -> Any:
    (last,) = (node for node in graph.graph.node if node.op_type == "Gemm")
    return last
