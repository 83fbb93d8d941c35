"""A folder like Rampart's, with a tiny random model: one 4-bit matrix product over a word embedding."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import tokenizers
from onnx import TensorProto, helper, numpy_helper
from tokenizers import models, normalizers, pre_tokenizers

LABELS = ["O", "B-GIVEN_NAME", "I-GIVEN_NAME", "B-CITY", "I-CITY"]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "anna", "paris", "the", "s", "##e", "##p", *"abcdefgh[].,"]
HIDDEN = 32


def write_tiny_rampart(folder: Path, *, bits: int = 4) -> Path:
    """Write the three files; returns the ONNX file. "anna" is a given name, "paris" a city."""
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"id2label": {str(i): name for i, name in enumerate(LABELS)}}))
    vocabulary = {word: i for i, word in enumerate(WORDS)}
    tokenizer = tokenizers.Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(WORDS[:4])
    tokenizer.save(str(folder / "tokenizer.json"))
    path = folder / "onnx/model_q4.onnx"
    path.write_bytes(tiny_model(bits=bits))
    return path


def tiny_model(*, bits: int = 4, rows: int = HIDDEN) -> bytes:
    """Gather an embedding, multiply with a packed matrix, reach `logits`."""
    embedding = np.zeros((len(WORDS), rows), dtype=np.float32)
    embedding[:, 0] = 1.0
    embedding[WORDS.index("anna"), 1] = 1.0
    embedding[WORDS.index("paris"), 2] = 1.0
    codes = np.full((len(LABELS), rows), 8, dtype=np.uint8)
    codes[0, 0], codes[1, 1], codes[3, 2] = 12, 15, 15
    packed = (codes[:, 0::2] | codes[:, 1::2] << 4).reshape(len(LABELS), rows // 32, 16)
    scales = np.full((len(LABELS), rows // 32), 1.0, dtype=np.float32)
    ids = [
        helper.make_tensor_value_info(n, TensorProto.INT64, ["b", "s"])
        for n in ("input_ids", "attention_mask", "token_type_ids")
    ]
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["b", "s", len(LABELS)])
    nodes = [
        helper.make_node("Gather", ["embedding", "input_ids"], ["hidden"]),
        helper.make_node(
            "MatMulNBits", ["hidden", "packed", "scales"], ["logits"],
            domain="com.microsoft", K=rows, N=len(LABELS), bits=bits, block_size=32,
        ),
    ]  # fmt: skip
    weights = [
        numpy_helper.from_array(a, n) for a, n in ((embedding, "embedding"), (packed, "packed"), (scales, "scales"))
    ]
    graph = helper.make_graph(nodes, "tiny", ids, [logits], weights)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    data: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    assert onnx.load_model_from_string(data).graph.name == "tiny"
    return data
