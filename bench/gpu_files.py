"""A checkpoint in files, of a Llama of any shape: for loading, which random weights do not go through."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor


def write_llama(folder: Path, config: Mapping[str, Any]) -> None:
    """config.json and model.safetensors, in bf16."""
    (folder / "config.json").write_text(json.dumps(config))
    save_file(_tensors(config), folder / "model.safetensors")


def _tensors(config: Mapping[str, Any]) -> dict[str, Tensor]:
    """Under their published names, in bf16."""
    generator = torch.Generator().manual_seed(4)
    hidden, inner, head_dim = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    q_rows, kv_rows = (config[key] * head_dim for key in ("num_attention_heads", "num_key_value_heads"))
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (config["vocab_size"], hidden),
        "model.norm.weight": (hidden,),
        "lm_head.weight": (config["vocab_size"], hidden),
    }
    for index in range(config["num_hidden_layers"]):
        layer = f"model.layers.{index}"
        shapes |= {
            f"{layer}.input_layernorm.weight": (hidden,),
            f"{layer}.post_attention_layernorm.weight": (hidden,),
            f"{layer}.self_attn.q_proj.weight": (q_rows, hidden),
            f"{layer}.self_attn.k_proj.weight": (kv_rows, hidden),
            f"{layer}.self_attn.v_proj.weight": (kv_rows, hidden),
            f"{layer}.self_attn.o_proj.weight": (hidden, q_rows),
            f"{layer}.mlp.gate_proj.weight": (inner, hidden),
            f"{layer}.mlp.up_proj.weight": (inner, hidden),
            f"{layer}.mlp.down_proj.weight": (hidden, inner),
        }
    return {
        name: (torch.randn(shape, generator=generator) * shape[-1] ** -0.5 + (len(shape) == 1)).bfloat16()
        for name, shape in shapes.items()
    }
