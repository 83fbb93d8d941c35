"""Random checkpoints of Nemotron-4's kind, small, under their published names and settings, in both layouts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from torch import Tensor

from tiny_llama import gguf_name

CONFIG: dict[str, Any] = {
    "architectures": ["NemotronForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 2,
    "eos_token_id": 3,
    "head_dim": 16,
    "hidden_act": "relu2",
    "hidden_size": 96,
    "initializer_range": 0.0134,
    "intermediate_size": 160,
    "max_position_embeddings": 512,
    "mlp_bias": False,
    "model_type": "nemotron",
    "norm_eps": 1e-05,
    "num_attention_heads": 6,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "partial_rotary_factor": 0.5,
    "rope_theta": 10000,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.32.0.dev0",
    "use_cache": True,
    "vocab_size": 80,
}


def random_tensors(config: dict[str, Any], seed: int = 0) -> dict[str, Tensor]:
    """Weights under their published names, large enough that every part matters."""
    generator = torch.Generator().manual_seed(seed)
    hidden, inner, head_dim = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    q_rows, kv_rows = config["num_attention_heads"] * head_dim, config["num_key_value_heads"] * head_dim

    def matrix(rows: int, columns: int) -> Tensor:
        return torch.randn(rows, columns, generator=generator) * (1.2 / columns**0.5)

    def norm(name: str) -> dict[str, Tensor]:
        return {
            f"{name}.weight": 0.3 * torch.randn(hidden, generator=generator),
            f"{name}.bias": 0.3 * torch.randn(hidden, generator=generator),
        }

    tensors = {"model.embed_tokens.weight": matrix(config["vocab_size"], hidden), **norm("model.norm")}
    if not config["tie_word_embeddings"]:
        tensors["lm_head.weight"] = matrix(config["vocab_size"], hidden)
    for index in range(config["num_hidden_layers"]):
        layer = f"model.layers.{index}"
        tensors |= {
            **norm(f"{layer}.input_layernorm"),
            f"{layer}.self_attn.q_proj.weight": matrix(q_rows, hidden),
            f"{layer}.self_attn.k_proj.weight": matrix(kv_rows, hidden),
            f"{layer}.self_attn.v_proj.weight": matrix(kv_rows, hidden),
            f"{layer}.self_attn.o_proj.weight": matrix(hidden, q_rows),
            **norm(f"{layer}.post_attention_layernorm"),
            f"{layer}.mlp.up_proj.weight": matrix(inner, hidden),
            f"{layer}.mlp.down_proj.weight": matrix(hidden, inner),
        }
    return tensors


def write_gguf(path: Path, config: dict[str, Any], tensors: dict[str, Tensor], *, type: str = "F32") -> Path:
    """A file by the gguf package as llama.cpp's converter writes it: norms hold the factor, nothing is interleaved."""
    writer = gguf.GGUFWriter(path, "nemotron")
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_layer_norm_rms_eps(config["norm_eps"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_layer_norm_eps(config["norm_eps"])
    writer.add_rope_dimension_count(int(config["head_dim"] * config["partial_rotary_factor"]))
    writer.add_rope_scaling_type(gguf.RopeScalingType.NONE)
    for name, tensor in tensors.items():
        array = (tensor + 1 if name.endswith("norm.weight") else tensor).numpy()
        kind = gguf.GGMLQuantizationType[type if tensor.dim() == 2 else "F32"]
        writer.add_tensor(gguf_name(name), gguf.quants.quantize(np.ascontiguousarray(array), kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
