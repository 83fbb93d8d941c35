"""Random Nemotron hybrids, small, under their published names and settings, in all published layouts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from torch import Tensor

from k_quants import quantize, type_of

CONFIG: dict[str, Any] = {
    "architectures": ["NemotronHForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "auto_map": {"AutoConfig": "configuration_nemotron_h.NemotronHConfig"},
    "bos_token_id": 1,
    "chunk_size": 16,
    "conv_kernel": 4,
    "eos_token_id": 2,
    "expand": 2,
    "head_dim": 16,
    "hidden_dropout": 0.0,
    "hidden_size": 64,
    "hybrid_override_pattern": "M-M*E-ME",
    "initializer_range": 0.02,
    "intermediate_size": 96,
    "layer_norm_epsilon": 1e-05,
    "mamba_head_dim": 12,
    "mamba_hidden_act": "silu",
    "mamba_num_heads": 8,
    "mamba_proj_bias": False,
    "mamba_ssm_cache_dtype": "float32",
    "max_position_embeddings": 512,
    "mlp_bias": False,
    "mlp_hidden_act": "relu2",
    "model_type": "nemotron_h",
    "moe_intermediate_size": 48,
    "moe_shared_expert_intermediate_size": 80,
    "n_group": 1,
    "n_groups": 4,
    "n_routed_experts": 8,
    "n_shared_experts": 1,
    "norm_eps": 1e-05,
    "norm_topk_prob": True,
    "num_attention_heads": 6,
    "num_experts_per_tok": 3,
    "num_hidden_layers": 8,
    "num_key_value_heads": 2,
    "num_logits_to_keep": 1,
    "pad_token_id": 0,
    "partial_rotary_factor": 1.0,
    "rescale_prenorm_residual": True,
    "residual_in_fp32": False,
    "rope_theta": 10000,
    "routed_scaling_factor": 2.5,
    "sliding_window": None,
    "ssm_state_size": 24,
    "tie_word_embeddings": False,
    "time_step_floor": 0.0001,
    "time_step_max": 0.1,
    "time_step_min": 0.001,
    "topk_group": 1,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.53.2",
    "use_bias": False,
    "use_cache": True,
    "use_conv_bias": True,
    "use_mamba_kernels": True,
    "vocab_size": 96,
}
LATENT = {"moe_latent_size": 32}
MTP = {"num_nextn_predict_layers": 1, "mtp_hybrid_override_pattern": "*E"}


class Random:
    """Draws weights large enough that every part of a model matters."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape: int, scale: float = 1.0) -> Tensor:
        return torch.randn(*shape, generator=self.generator) * scale

    def matrix(self, *shape: int) -> Tensor:
        return self.normal(*shape, scale=1.2 / shape[-1] ** 0.5)

    def norm(self, size: int) -> Tensor:
        return 1 + self.normal(size, scale=0.3)


def random_tensors(config: dict[str, Any], seed: int = 0) -> dict[str, Tensor]:
    """Weights under their published names, fp32."""
    random = Random(seed)
    hidden, vocab = config["hidden_size"], config["vocab_size"]
    tensors = {
        "backbone.embeddings.weight": random.normal(vocab, hidden),
        "backbone.norm_f.weight": random.norm(hidden),
        "lm_head.weight": random.matrix(vocab, hidden),
    }
    for index, letter in enumerate(config["hybrid_override_pattern"]):
        layer = f"backbone.layers.{index}"
        tensors[f"{layer}.norm.weight"] = random.norm(hidden)
        tensors |= mixer(letter, config, random, f"{layer}.mixer")
    if config.get("num_nextn_predict_layers"):
        for name in ("0.enorm", "0.hnorm", "0.norm", "1.norm", "1.final_layernorm"):
            tensors[f"mtp.layers.{name}.weight"] = random.norm(hidden)
        tensors["mtp.layers.0.eh_proj.weight"] = random.matrix(hidden, 2 * hidden)
        tensors |= mixer("*", config, random, "mtp.layers.0.mixer")
        tensors |= mixer("E", config, random, "mtp.layers.1.mixer")
    return tensors


def mixer(letter: str, config: dict[str, Any], random: Random, name: str) -> dict[str, Tensor]:
    """One layer's mixer."""
    hidden = config["hidden_size"]
    if letter == "M":
        heads, inner = config["mamba_num_heads"], config["mamba_num_heads"] * config["mamba_head_dim"]
        channels = inner + 2 * config["n_groups"] * config["ssm_state_size"]
        return {
            f"{name}.in_proj.weight": random.matrix(inner + channels + heads, hidden),
            f"{name}.conv1d.weight": random.normal(channels, 1, config["conv_kernel"], scale=0.5),
            f"{name}.conv1d.bias": random.normal(channels, scale=0.2),
            f"{name}.A_log": random.normal(heads, scale=0.5),
            f"{name}.D": random.norm(heads),
            f"{name}.dt_bias": random.normal(heads) - 1,
            f"{name}.norm.weight": random.norm(inner),
            f"{name}.out_proj.weight": random.matrix(hidden, inner),
        }
    if letter == "*":
        q, kv = (config[key] * config["head_dim"] for key in ("num_attention_heads", "num_key_value_heads"))
        return {
            f"{name}.q_proj.weight": random.matrix(q, hidden),
            f"{name}.k_proj.weight": random.matrix(kv, hidden),
            f"{name}.v_proj.weight": random.matrix(kv, hidden),
            f"{name}.o_proj.weight": random.matrix(hidden, q),
        }
    if letter == "-":
        return feed_forward(random, name, hidden, config["intermediate_size"])
    experts, inside = config["n_routed_experts"], config.get("moe_latent_size") or hidden
    tensors = {
        f"{name}.gate.weight": random.matrix(experts, hidden),
        f"{name}.gate.e_score_correction_bias": random.normal(experts, scale=0.3),
    }
    tensors |= feed_forward(random, f"{name}.shared_experts", hidden, config["moe_shared_expert_intermediate_size"])
    for expert in range(experts):
        tensors |= feed_forward(random, f"{name}.experts.{expert}", inside, config["moe_intermediate_size"])
    if inside != hidden:
        tensors[f"{name}.fc1_latent_proj.weight"] = random.matrix(inside, hidden)
        tensors[f"{name}.fc2_latent_proj.weight"] = random.matrix(hidden, inside)
    return tensors


def feed_forward(random: Random, name: str, hidden: int, width: int) -> dict[str, Tensor]:
    return {
        f"{name}.up_proj.weight": random.matrix(width, hidden),
        f"{name}.down_proj.weight": random.matrix(hidden, width),
    }


def saved_again(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """As transformers from version 5 on writes a model that it has loaded: other prefix, experts stacked, no draft."""
    saved: dict[str, Tensor] = {}
    stacks: dict[str, list[Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("mtp."):
            continue
        name = name.replace("backbone.", "model.")
        if ".experts." not in name:
            saved[name] = tensor
            continue
        before, after = name.split(".experts.")
        stacks.setdefault(f"{before}.experts.{after.split('.')[1]}", []).append(tensor)
    return saved | {name: torch.stack(parts) for name, parts in stacks.items()}


_GGUF = {
    "norm.weight": "attn_norm.weight",
    "mixer.q_proj.weight": "attn_q.weight",
    "mixer.k_proj.weight": "attn_k.weight",
    "mixer.v_proj.weight": "attn_v.weight",
    "mixer.o_proj.weight": "attn_output.weight",
    "mixer.up_proj.weight": "ffn_up.weight",
    "mixer.down_proj.weight": "ffn_down.weight",
    "mixer.gate.weight": "ffn_gate_inp.weight",
    "mixer.gate.e_score_correction_bias": "exp_probs_b.bias",
    "mixer.experts.up_proj": "ffn_up_exps.weight",
    "mixer.experts.down_proj": "ffn_down_exps.weight",
    "mixer.shared_experts.up_proj.weight": "ffn_up_shexp.weight",
    "mixer.shared_experts.down_proj.weight": "ffn_down_shexp.weight",
    "mixer.fc1_latent_proj.weight": "ffn_latent_down.weight",
    "mixer.fc2_latent_proj.weight": "ffn_latent_up.weight",
    "mixer.in_proj.weight": "ssm_in.weight",
    "mixer.out_proj.weight": "ssm_out.weight",
    "mixer.conv1d.weight": "ssm_conv1d.weight",
    "mixer.conv1d.bias": "ssm_conv1d.bias",
    "mixer.A_log": "ssm_a",
    "mixer.D": "ssm_d",
    "mixer.dt_bias": "ssm_dt.bias",
    "mixer.norm.weight": "ssm_norm.weight",
}
_GGUF_DRAFT = {
    "0.enorm.weight": "nextn.enorm.weight",
    "0.hnorm.weight": "nextn.hnorm.weight",
    "0.eh_proj.weight": "nextn.eh_proj.weight",
    "0.norm.weight": "attn_norm.weight",
    "1.norm.weight": "post_attention_norm.weight",
    "1.final_layernorm.weight": "nextn.shared_head_norm.weight",
}


def gguf_tensors(config: dict[str, Any], tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors under the names and in the shapes that llama.cpp's converter gives them."""
    draft = len(config["hybrid_override_pattern"])
    renamed = {
        "token_embd.weight": tensors["backbone.embeddings.weight"],
        "output_norm.weight": tensors["backbone.norm_f.weight"],
        "output.weight": tensors["lm_head.weight"],
    }
    stacks: dict[str, list[Tensor]] = {}
    for name, tensor in tensors.items():
        if not name.startswith(("backbone.layers.", "mtp.layers.")):
            continue
        index, rest = name.split(".layers.")[1].split(".", 1)
        block = f"blk.{draft if name.startswith('mtp.') else index}"
        if name.startswith("mtp.") and f"{index}.{rest}" in _GGUF_DRAFT:
            renamed[f"{block}.{_GGUF_DRAFT[f'{index}.{rest}']}"] = tensor
        elif ".experts." in rest:
            key = f"mixer.experts.{rest.split('.')[3]}"
            stacks.setdefault(f"{block}.{_GGUF[key]}", []).append(tensor)
        else:
            renamed[f"{block}.{_GGUF[rest]}"] = _gguf_form(config, rest, tensor)
    return renamed | {name: torch.stack(parts) for name, parts in stacks.items()}


def _gguf_form(config: dict[str, Any], name: str, tensor: Tensor) -> Tensor:
    match name:
        case "mixer.A_log":
            return -torch.exp(tensor)[:, None]
        case "mixer.D":
            return tensor[:, None]
        case "mixer.norm.weight":
            return tensor.reshape(config["n_groups"], -1)
        case "mixer.conv1d.weight":
            return tensor[:, 0]
    return tensor


def write_gguf(
    path: Path,
    config: dict[str, Any],
    tensors: dict[str, Tensor],
    *,
    type: str = "F32",
    keys: dict[str, Any] | None = None,
) -> Path:
    """A file by the gguf package. Matrices are of `type`, which `k_quants` may mix, the rest stays F32."""
    pattern = config["hybrid_override_pattern"] + ("*" if config.get("num_nextn_predict_layers") else "")
    moe = "E" in pattern
    writer = gguf.GGUFWriter(path, "nemotron_h_moe" if moe else "nemotron_h")
    writer.add_block_count(len(pattern))
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv([config["num_key_value_heads"] if letter == "*" else 0 for letter in pattern])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_layer_norm_rms_eps(config["layer_norm_epsilon"])
    writer.add_ssm_conv_kernel(config["conv_kernel"])
    writer.add_ssm_state_size(config["ssm_state_size"])
    writer.add_ssm_group_count(config["n_groups"])
    writer.add_ssm_inner_size(config["mamba_num_heads"] * config["mamba_head_dim"])
    writer.add_ssm_time_step_rank(config["mamba_num_heads"])
    widths = {"E": config["moe_intermediate_size"], "-": config["intermediate_size"]}
    writer.add_feed_forward_length([widths.get(letter, 0) for letter in pattern])
    if moe:
        _add_moe_keys(writer, config)
    for key, value in (keys or {}).items():
        writer.add_uint32(key, value)
    for name, tensor in gguf_tensors(config, tensors).items():
        array = np.ascontiguousarray(tensor.numpy())
        matrix = array.ndim >= 2 and not any(
            part in name for part in ("ssm_conv", "ssm_a", "ssm_d", "ssm_norm", "gate_inp")
        )
        kind = type_of(type if matrix else "F32", name, array.shape[-1])
        writer.add_tensor(name, quantize(array, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_moe_keys(writer: gguf.GGUFWriter, config: dict[str, Any]) -> None:
    writer.add_expert_count(config["n_routed_experts"])
    writer.add_expert_used_count(config["num_experts_per_tok"])
    writer.add_expert_feed_forward_length(config["moe_intermediate_size"])
    writer.add_expert_shared_feed_forward_length(config["moe_shared_expert_intermediate_size"])
    writer.add_expert_shared_count(1)
    writer.add_expert_weights_norm(config["norm_topk_prob"])
    writer.add_expert_weights_scale(config["routed_scaling_factor"])
    writer.add_expert_group_count(1)
    if config.get("moe_latent_size"):
        writer.add_moe_latent_size(config["moe_latent_size"])
    if config.get("num_nextn_predict_layers"):
        writer.add_nextn_predict_layers(1)
