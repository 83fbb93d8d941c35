"""A random BertModel in the published layout, small, with a tokenizer of single letters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tokenizers
import torch
from safetensors.torch import save_file
from torch import Tensor

CONFIG: dict[str, Any] = {
    "architectures": ["BertModel"],
    "attention_probs_dropout_prob": 0.1,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 24,
    "intermediate_size": 40,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 64,
    "model_type": "bert",
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "position_embedding_type": "absolute",
    "type_vocab_size": 2,
    "vocab_size": 40,
}


def write_bert(folder: Path) -> Path:
    """config.json, tokenizer.json and model.safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    words = {chr(97 + n): n + 4 for n in range(26)} | {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3}
    made = tokenizers.Tokenizer(tokenizers.models.WordPiece(words, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    made.post_processor = tokenizers.processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    made.enable_truncation(8)  # as the published file has it; a reader must not heed it
    made.save(str(folder / "tokenizer.json"))
    save_file(random_tensors(), folder / "model.safetensors")
    return folder


def random_tensors(seed: int = 0) -> dict[str, Tensor]:
    """Weights under their Hugging Face names."""
    generator = torch.Generator().manual_seed(seed)
    hidden, inner = CONFIG["hidden_size"], CONFIG["intermediate_size"]

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator) * (0.5 if len(shape) == 1 else 1.5 / shape[-1] ** 0.5)

    tensors = {
        "embeddings.word_embeddings.weight": normal(CONFIG["vocab_size"], hidden),
        "embeddings.position_embeddings.weight": normal(CONFIG["max_position_embeddings"], hidden),
        "embeddings.token_type_embeddings.weight": normal(2, hidden),
        "embeddings.position_ids": torch.arange(CONFIG["max_position_embeddings"])[None],
        "pooler.dense.weight": normal(hidden, hidden),
        "pooler.dense.bias": normal(hidden),
    }
    linears = {
        "attention.self.query": (hidden, hidden),
        "attention.self.key": (hidden, hidden),
        "attention.self.value": (hidden, hidden),
        "attention.output.dense": (hidden, hidden),
        "intermediate.dense": (inner, hidden),
        "output.dense": (hidden, inner),
    }
    layers = [f"encoder.layer.{index}" for index in range(CONFIG["num_hidden_layers"])]
    for layer in layers:
        for name, shape in linears.items():
            tensors |= {f"{layer}.{name}.weight": normal(*shape), f"{layer}.{name}.bias": normal(shape[0])}
    norms = [f"{layer}.{part}.LayerNorm" for layer in layers for part in ("attention.output", "output")]
    for name in ("embeddings.LayerNorm", *norms):
        tensors |= {f"{name}.weight": 1 + normal(hidden) * 0.3, f"{name}.bias": normal(hidden)}
    return tensors
