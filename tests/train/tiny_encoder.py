"""A random encoder in the published layout, small, with a tokenizer of single letters and a few words."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor

HIDDEN, LAYERS, WIDTH, POSITIONS, HEADS = 24, 3, 40, 256, 4
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "my", "salary", "weather", "is", "the", "fired", "cake"]
LETTERS = [chr(code) for code in range(ord("a"), ord("z") + 1)]


def write_encoder(folder: Path, seed: int = 0) -> Path:
    """config.json, tokenizer.json and model.safetensors of a BertModel."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = [*WORDS, *LETTERS, *(f"##{letter}" for letter in LETTERS), ".", ",", "#", "東"]
    config = {
        "architectures": ["BertModel"],
        "hidden_act": "gelu",
        "hidden_size": HIDDEN,
        "intermediate_size": WIDTH,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": POSITIONS,
        "model_type": "bert",
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "type_vocab_size": 2,
        "vocab_size": len(vocabulary),
    }
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer = Tokenizer(models.WordPiece({word: id for id, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))
    save_file(_tensors(len(vocabulary), seed), folder / "model.safetensors")
    return folder


def _tensors(vocabulary: int, seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator) * (0.5 if len(shape) == 1 else 1.0 / shape[-1] ** 0.5)

    tensors = {
        "embeddings.word_embeddings.weight": normal(vocabulary, HIDDEN) * 3,
        "embeddings.position_embeddings.weight": normal(POSITIONS, HIDDEN),
        "embeddings.token_type_embeddings.weight": normal(2, HIDDEN),
        "pooler.dense.weight": normal(HIDDEN, HIDDEN),
        "pooler.dense.bias": normal(HIDDEN),
    }
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        sizes = {
            "attention.self.query": (HIDDEN, HIDDEN),
            "attention.self.key": (HIDDEN, HIDDEN),
            "attention.self.value": (HIDDEN, HIDDEN),
            "attention.output.dense": (HIDDEN, HIDDEN),
            "intermediate.dense": (WIDTH, HIDDEN),
            "output.dense": (HIDDEN, WIDTH),
        }
        for part, (rows, columns) in sizes.items():
            tensors |= {f"{name}.{part}.weight": normal(rows, columns), f"{name}.{part}.bias": normal(rows)}
        for part in ("attention.output.LayerNorm", "output.LayerNorm"):
            tensors |= {f"{name}.{part}.weight": 1 + normal(HIDDEN) * 0.3, f"{name}.{part}.bias": normal(HIDDEN)}
    norm = {"embeddings.LayerNorm.weight": 1 + normal(HIDDEN) * 0.3, "embeddings.LayerNorm.bias": normal(HIDDEN)}
    return tensors | norm
