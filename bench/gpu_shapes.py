"""Shapes of models that are checked: published ones for memory and speed, small ones of every kind for parity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from nemora.models.base import Weights
from nemora.models.llama import Llama
from nemora.models.llama_config import LlamaConfig, llama_config_from_hugging_face
from nemora.models.nemotron_h import NemotronH
from nemora.models.nemotron_h_config import NemotronHConfig, nemotron_h_config_from_hugging_face

Build = Callable[[Weights], NemotronH | Llama]

HYBRID: dict[str, Any] = {
    "model_type": "nemotron_h",
    "attention_bias": False,
    "conv_kernel": 4,
    "head_dim": 128,
    "layer_norm_epsilon": 1e-5,
    "mamba_hidden_act": "silu",
    "max_position_embeddings": 131072,
    "mlp_hidden_act": "relu2",
    "n_groups": 8,
    "num_key_value_heads": 8,
    "ssm_state_size": 128,
    "tie_word_embeddings": False,
    "use_conv_bias": True,
    "vocab_size": 131072,
}
NANO_4B = HYBRID | {
    "hybrid_override_pattern": "M-M-M-MM-M-M*-M-M*-M-M-M*-M-M-MM*-MMM-M-M-",
    "hidden_size": 3136,
    "intermediate_size": 12544,
    "mamba_head_dim": 80,
    "mamba_num_heads": 96,
    "num_attention_heads": 40,
}
NANO_9B = HYBRID | {
    "hybrid_override_pattern": "M-M-M-MM-M-M-M*-M-M-M*-M-M-M-M*-M-M-M-M*-M-MM-M-M-M-M-M-",
    "hidden_size": 4480,
    "intermediate_size": 15680,
    "mamba_head_dim": 80,
    "mamba_num_heads": 128,
    "num_attention_heads": 40,
}
MIXTURE = {
    "n_group": 1,
    "n_shared_experts": 1,
    "norm_topk_prob": True,
    "routed_scaling_factor": 2.5,
    "topk_group": 1,
}
NANO_30B = (
    HYBRID
    | MIXTURE
    | {
        "hybrid_override_pattern": "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME",
        "hidden_size": 2688,
        "mamba_head_dim": 64,
        "mamba_num_heads": 64,
        "moe_intermediate_size": 1856,
        "moe_shared_expert_intermediate_size": 3712,
        "n_routed_experts": 128,
        "num_attention_heads": 32,
        "num_experts_per_tok": 6,
        "num_key_value_heads": 2,
    }
)
# Real sizes of heads, states and groups in few, narrow layers.
SMALL = (
    HYBRID
    | MIXTURE
    | {
        "hybrid_override_pattern": "M-M*E-ME",
        "hidden_size": 512,
        "intermediate_size": 768,
        "mamba_head_dim": 80,
        "mamba_num_heads": 16,
        "moe_intermediate_size": 256,
        "moe_shared_expert_intermediate_size": 512,
        "n_routed_experts": 16,
        "num_attention_heads": 10,
        "num_experts_per_tok": 4,
        "num_key_value_heads": 2,
        "vocab_size": 2048,
    }
)
TINY = SMALL | {
    "head_dim": 16,
    "hidden_size": 64,
    "intermediate_size": 96,
    "mamba_head_dim": 12,
    "mamba_num_heads": 8,
    "moe_intermediate_size": 64,
    "moe_shared_expert_intermediate_size": 96,
    "n_groups": 4,
    "n_routed_experts": 8,
    "num_attention_heads": 6,
    "num_experts_per_tok": 3,
    "ssm_state_size": 24,
    "vocab_size": 96,
}
DRAFT = {"num_nextn_predict_layers": 1, "mtp_hybrid_override_pattern": "*E"}
SMALL_LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "head_dim": 128,
    "hidden_act": "silu",
    "hidden_size": 512,
    "intermediate_size": 768,
    "max_position_embeddings": 131072,
    "num_attention_heads": 8,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-5,
    "rope_scaling": {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    },
    "rope_theta": 500000.0,
    "tie_word_embeddings": False,
    "vocab_size": 2048,
}
TINY_LLAMA = SMALL_LLAMA | {
    "head_dim": 16,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_attention_heads": 4,
    "vocab_size": 96,
}


# A few hundred megabytes in files.
LOADED = SMALL_LLAMA | {
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_attention_heads": 16,
    "num_hidden_layers": 2,
    "num_key_value_heads": 8,
    "vocab_size": 16384,
}


@dataclass(frozen=True, slots=True)
class Shapes:
    """What is checked. `memory` and `speed` are names in `configs`, each with a format of weights."""

    parity: Mapping[str, dict[str, Any]]
    configs: Mapping[str, dict[str, Any]]
    loaded: dict[str, Any]
    memory: tuple[tuple[str, str], ...]
    speed: tuple[tuple[str, str], ...]
    prompts: tuple[int, ...]
    batches: tuple[int, ...]
    contexts: tuple[int, ...]
    steps: int
    copy_megabytes: int
    matrix_size: int


def _parity(hybrid: dict[str, Any], llama: dict[str, Any], latent: int) -> dict[str, dict[str, Any]]:
    return {"hybrid": hybrid, "latent+draft": hybrid | DRAFT | {"moe_latent_size": latent}, "llama": llama}


REAL = Shapes(
    parity=_parity(SMALL, SMALL_LLAMA, latent=128),
    configs={"3-nano-4b": NANO_4B, "nano-9b-v2": NANO_9B, "3-nano-30b-a3b": NANO_30B},
    loaded=LOADED,
    memory=(("3-nano-4b", "BF16"), ("3-nano-4b", "NVFP4"), ("3-nano-30b-a3b", "NVFP4")),
    speed=(
        ("3-nano-4b", "BF16"),
        ("3-nano-30b-a3b", "BF16"),
        ("3-nano-4b", "NVFP4"),
        ("3-nano-4b", "FP8"),
        ("3-nano-4b", "Q4_0"),
        ("3-nano-4b", "Q8_0"),
        ("nano-9b-v2", "BF16"),
        ("3-nano-30b-a3b", "NVFP4"),
    ),
    prompts=(512, 4096),
    batches=(1, 8),
    contexts=(512, 8192),
    steps=16,
    copy_megabytes=1024,
    matrix_size=8192,
)
SMALLEST = Shapes(
    parity=_parity(TINY, TINY_LLAMA, latent=32),
    configs={"tiny": TINY, "tiny-llama": TINY_LLAMA},
    loaded=TINY_LLAMA,
    memory=(("tiny", "BF16"), ("tiny", "NVFP4")),
    speed=(("tiny", "BF16"), ("tiny", "Q4_0"), ("tiny-llama", "NVFP4")),
    prompts=(8, 40),
    batches=(1, 2),
    contexts=(8, 32),
    steps=2,
    copy_megabytes=4,
    matrix_size=64,
)
SHAPES = {"real": REAL, "tiny": SMALLEST}


def read_config(config: Mapping[str, Any]) -> NemotronHConfig | LlamaConfig:
    """A config as the model reads it."""
    if config["model_type"] == "llama":
        return llama_config_from_hugging_face(config)
    return nemotron_h_config_from_hugging_face(config)


def builder(config: Mapping[str, Any]) -> Build:
    """What makes the model of weights, with its draft head if it has one."""
    read = read_config(config)
    return partial(Llama, read) if isinstance(read, LlamaConfig) else partial(NemotronH, read, mtp=True)
