"""Random DeciLM checkpoints, small, with every kind of layer that the map of blocks can name, in both layouts."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from torch import Tensor

from tiny_llama import LLAMA3, gguf_name


def block(group: int | None, mult: float | None) -> dict[str, Any]:
    """An entry of the map as published: query heads per key-value head, and the network's width; None is no-op."""
    return {
        "attention": {
            "n_heads_in_group": group,
            "no_op": group is None,
            "num_sink_tokens": None,
            "replace_with_linear": False,
            "sparsify": None,
            "unshifted_sink": False,
            "use_prefill_window_in_sink_attention": False,
            "window_length": None,
        },
        "ffn": {"ffn_mult": mult, "no_op": mult is None, "replace_with_linear": False, "sparsify": None},
    }


BLOCKS = [block(3, 1.0), block(None, 5.25), block(1, None), block(None, None), block(6, 4.0), block(2, 2.5)]
CONFIG: dict[str, Any] = {
    "_name_or_path": "tiny",
    "architectures": ["DeciLMForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "auto_map": {
        "AutoConfig": "configuration_decilm.DeciLMConfig",
        "AutoModelForCausalLM": "modeling_decilm.DeciLMForCausalLM",
    },
    "block_configs": BLOCKS,
    "bos_token_id": 1,
    "eos_token_id": [2, 3],
    "hidden_act": "silu",
    "hidden_size": 96,
    "initializer_range": 0.02,
    "intermediate_size": None,
    "max_position_embeddings": 512,
    "mlp_bias": False,
    "model_type": "nemotron-nas",
    "num_attention_heads": 6,
    "num_hidden_layers": len(BLOCKS),
    "num_key_value_heads": None,
    "pretraining_tp": 1,
    "rms_norm_eps": 1e-05,
    "rope_scaling": LLAMA3,
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.48.3",
    "use_cache": True,
    "vocab_size": 80,
}


def with_blocks(*blocks: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The config with other layers."""
    return {**CONFIG, "block_configs": list(blocks), "num_hidden_layers": len(blocks), **changes}


def width(config: dict[str, Any], index: int) -> int:
    """The inner width of a layer's network, 0 if it has none."""
    mult = config["block_configs"][index]["ffn"]["ffn_mult"]
    return 0 if mult is None else math.ceil(int(2 * mult * config["hidden_size"] / 3) / 256) * 256


def kv_heads(config: dict[str, Any], index: int) -> int:
    """A layer's key-value heads, 0 if it has no attention."""
    group = config["block_configs"][index]["attention"]["n_heads_in_group"]
    return 0 if group is None else int(config["num_attention_heads"]) // int(group)


def random_tensors(config: dict[str, Any], seed: int = 0) -> dict[str, Tensor]:
    """Weights under their published names, large enough that every part matters."""
    generator = torch.Generator().manual_seed(seed)
    hidden = config["hidden_size"]
    head_dim = hidden // config["num_attention_heads"]

    def matrix(rows: int, columns: int) -> Tensor:
        return torch.randn(rows, columns, generator=generator) * (1.2 / columns**0.5)

    def norm() -> Tensor:
        return 1 + 0.3 * torch.randn(hidden, generator=generator)

    tensors = {"model.embed_tokens.weight": matrix(config["vocab_size"], hidden), "model.norm.weight": norm()}
    if not config["tie_word_embeddings"]:
        tensors["lm_head.weight"] = matrix(config["vocab_size"], hidden)
    for index in range(config["num_hidden_layers"]):
        layer, kv_rows, inner = f"model.layers.{index}", kv_heads(config, index) * head_dim, width(config, index)
        if kv_rows:
            tensors |= {
                f"{layer}.input_layernorm.weight": norm(),
                f"{layer}.self_attn.q_proj.weight": matrix(hidden, hidden),
                f"{layer}.self_attn.k_proj.weight": matrix(kv_rows, hidden),
                f"{layer}.self_attn.v_proj.weight": matrix(kv_rows, hidden),
                f"{layer}.self_attn.o_proj.weight": matrix(hidden, hidden),
            }
        if inner:
            tensors |= {
                f"{layer}.post_attention_layernorm.weight": norm(),
                f"{layer}.mlp.gate_proj.weight": matrix(inner, hidden),
                f"{layer}.mlp.up_proj.weight": matrix(inner, hidden),
                f"{layer}.mlp.down_proj.weight": matrix(hidden, inner),
            }
    return tensors


def rope_factors(config: dict[str, Any]) -> list[float]:
    """Llama 3.1's scaling as GGUF files carry it: by how much each frequency is divided."""
    rope = config["rope_scaling"]
    factor, low, high = rope["factor"], rope["low_freq_factor"], rope["high_freq_factor"]
    head_dim = config["hidden_size"] // config["num_attention_heads"]
    factors = []
    for pair in range(head_dim // 2):
        wavelength = 2 * math.pi * config["rope_theta"] ** (2 * pair / head_dim)
        turns = rope["original_max_position_embeddings"] / wavelength
        kept = min(1.0, max(0.0, (turns - low) / (high - low)))
        factors.append(1 / ((1 - kept) / factor + kept))
    return factors


def write_gguf(path: Path, config: dict[str, Any], tensors: dict[str, Tensor], *, type: str = "F32") -> Path:
    """A file by the gguf package, with q and k interleaved as llama.cpp's converter does it. Norms stay F32."""
    heads, layers = config["num_attention_heads"], range(config["num_hidden_layers"])
    head_dim = config["hidden_size"] // heads
    kv = [kv_heads(config, index) for index in layers]
    writer = gguf.GGUFWriter(path, "deci")
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_head_count_kv(kv)
    writer.add_head_count([heads if count else 0 for count in kv])
    writer.add_feed_forward_length([width(config, index) for index in layers])
    writer.add_block_count(len(layers))
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_rope_dimension_count(head_dim)
    if config["rope_scaling"] is not None:
        writer.add_tensor("rope_freqs.weight", np.array(rope_factors(config), np.float32))
    for name, tensor in tensors.items():
        array = tensor.numpy()
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            array = array.reshape(-1, 2, head_dim // 2, array.shape[1]).swapaxes(1, 2).reshape(array.shape)
        kind = gguf.GGMLQuantizationType[type if tensor.dim() == 2 else "F32"]
        writer.add_tensor(gguf_name(name), gguf.quants.quantize(np.ascontiguousarray(array), kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
