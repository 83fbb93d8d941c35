"""A folder like the shipped model's, with a tiny one: "anna" is a name, "paris" a city, a text with "layoff" stays."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import tokenizers
from onnx import TensorProto, helper, numpy_helper
from tokenizers import models, normalizers, pre_tokenizers

LABELS = ["O", "B-GIVEN_NAME", "I-GIVEN_NAME", "B-CITY", "I-CITY"]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "anna", "paris", "layoff", "the", "s", "##e", "##p", *"abcdefgh[].,"]
WINDOW = 64


def write_tiny_reader(folder: Path) -> Path:
    """Write the three files; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {word: i for i, word in enumerate(WORDS)}
    tokenizer = tokenizers.Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(WORDS[:4])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "model.onnx").write_bytes(_model())
    write_settings(folder)
    return folder


def write_settings(folder: Path, **changes: object) -> None:
    """reader.json, with the hashes of what lies there."""
    names = ("model.onnx", "tokenizer.json")
    settings = {
        "topics": ["employment"],
        "labels": LABELS,
        "window": WINDOW,
        "scale": 1.0,
        "shift": 0.0,
        "sha256": {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names},
    }
    (folder / "reader.json").write_text(json.dumps(settings | changes))


def _model() -> bytes:
    """Each token's row of a table is its labels; the largest of another is whether the text stays."""
    labels = np.zeros((len(WORDS), len(LABELS)), np.float32)
    labels[:, 0] = 4
    labels[WORDS.index("anna"), 1] = labels[WORDS.index("paris"), 3] = 8
    stays = np.full((len(WORDS), 2), -3, np.float32)
    stays[WORDS.index("layoff")] = 3
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, [1, "s"]) for n in ("ids", "shapes")]
    outputs = [
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 2]),
        helper.make_tensor_value_info("labels", TensorProto.FLOAT, [1, "s", len(LABELS)]),
    ]
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["named"]),
        helper.make_node("Cast", ["shapes"], ["forms"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["forms", "nothing"], ["none"]),
        helper.make_node("Unsqueeze", ["none", "last"], ["unused"]),
        helper.make_node("Add", ["named", "unused"], ["labels"]),
        helper.make_node("Gather", ["matters", "ids"], ["told"]),
        helper.make_node("ReduceMax", ["told", "middle"], ["logits"], keepdims=0),
    ]
    constants = {
        "table": labels, "matters": stays, "nothing": np.zeros(1, np.float32), "last": np.array([2]),
        "middle": np.array([1]),
    }  # fmt: skip
    weights = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    data: bytes = model.SerializeToString()
    return data
