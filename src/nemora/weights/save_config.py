"""config.json of a model that came as a GGUF file: its settings in transformers' words.

The twin of `llama_config_from_hugging_face` and `nemotron_h_config_from_hugging_face`, which read it again.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, TypeVar

from nemora.errors import UnsupportedCheckpoint
from nemora.models.attention import AttentionSpec
from nemora.models.base import ModelConfig
from nemora.models.llama_config import LlamaConfig
from nemora.models.mamba2 import Mamba2Spec
from nemora.models.mlp import MLPSpec
from nemora.models.moe import MoESpec
from nemora.models.nemotron_h_config import NemotronHConfig

Settings = dict[str, Any]
Value = TypeVar("Value", bound=Hashable)
LETTERS = {Mamba2Spec: "M", AttentionSpec: "*", MLPSpec: "-", MoESpec: "E"}


def hugging_face_config(config: ModelConfig, *, draft: bool) -> Settings:
    """The contents of config.json. `draft`: the MTP head is there too.

    Raises:
        UnsupportedCheckpoint: an architecture, or settings that config.json cannot express.
    """
    match config:
        case LlamaConfig():
            return _llama(config)
        case NemotronHConfig():
            return _nemotron_h(config, config.mtp if draft else None)
    raise UnsupportedCheckpoint(
        f"The architecture of {type(config).__name__.removesuffix('Config')} cannot become a folder yet; only Llama "
        "and NemotronH can."
    )


def _llama(config: LlamaConfig) -> Settings:
    if config.rope_scaling is not None:
        raise UnsupportedCheckpoint(
            "The GGUF file has RoPE scaling as worked-out factors, which config.json cannot express; quantise the "
            "published folder instead."
        )
    return {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "head_dim": config.head_dim,
        "hidden_act": "silu",
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "max_position_embeddings": config.context_length,
        "mlp_bias": False,
        "model_type": "llama",
        "num_attention_heads": config.heads,
        "num_hidden_layers": config.layers,
        "num_key_value_heads": config.kv_heads,
        "rms_norm_eps": _short(config.norm_eps),
        "rope_scaling": None,
        "rope_theta": _short(config.rope_theta),
        "tie_word_embeddings": config.tied_head,
        "torch_dtype": "bfloat16",
        "vocab_size": config.vocab_size,
    }


def _nemotron_h(config: NemotronHConfig, mtp: tuple[AttentionSpec, MoESpec] | None) -> Settings:
    specs = [*config.layers, *(mtp or ())]
    settings: Settings = {
        "architectures": ["NemotronHForCausalLM"],
        "attention_bias": False,
        "hidden_size": config.hidden_size,
        "hybrid_override_pattern": "".join(LETTERS[type(spec)] for spec in config.layers),
        "layer_norm_epsilon": _short(config.norm_eps),
        "max_position_embeddings": config.context_length,
        "mlp_bias": False,
        "mlp_hidden_act": "relu2",
        "model_type": "nemotron_h",
        "num_hidden_layers": len(config.layers),
        "residual_in_fp32": False,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "use_bias": False,
        "vocab_size": config.vocab_size,
    }
    if mtp is not None:
        settings |= {"num_nextn_predict_layers": 1, "mtp_hybrid_override_pattern": "*E"}
    settings |= _mamba([spec for spec in specs if isinstance(spec, Mamba2Spec)])
    settings |= _attention([spec for spec in specs if isinstance(spec, AttentionSpec)])
    settings |= _mixtures([spec for spec in specs if isinstance(spec, MoESpec)])
    networks = [spec for spec in specs if isinstance(spec, MLPSpec)]
    return settings | ({"intermediate_size": _one("feed_forward_length", networks).width} if networks else {})


def _mamba(specs: list[Mamba2Spec]) -> Settings:
    if not specs:
        return {}
    spec = _one("ssm", specs)
    return {
        "conv_kernel": spec.conv_kernel,
        "mamba_head_dim": spec.head_dim,
        "mamba_hidden_act": "silu",
        "mamba_num_heads": spec.heads,
        "mamba_proj_bias": False,
        "n_groups": spec.groups,
        "ssm_state_size": spec.state_size,
        "use_conv_bias": True,
    }


def _attention(specs: list[AttentionSpec]) -> Settings:
    if not specs:
        return {}
    spec = _one("attention", specs)
    return {"num_attention_heads": spec.heads, "num_key_value_heads": spec.kv_heads, "head_dim": spec.head_dim}


def _mixtures(specs: list[MoESpec]) -> Settings:
    if not specs:
        return {}
    spec = _one("expert", specs)
    return {
        "moe_intermediate_size": spec.width,
        "moe_shared_expert_intermediate_size": spec.shared_width,
        "n_group": 1,
        "n_routed_experts": spec.experts,
        "n_shared_experts": 1,
        "norm_topk_prob": spec.normalise,
        "num_experts_per_tok": spec.top_k,
        "routed_scaling_factor": _short(spec.scale),
        "topk_group": 1,
        **({} if spec.latent is None else {"moe_latent_size": spec.latent}),
    }


def _one(name: str, specs: Iterable[Value]) -> Value:
    """What all layers of a kind are."""
    different = set(specs)
    if len(different) != 1:
        raise UnsupportedCheckpoint(f"Layers differ in their {name} keys, which config.json has no way to say here.")
    return different.pop()


def _short(number: float) -> float:
    """An fp32 number from a GGUF file as it was written before: 1e-05, not 9.999999747378752e-06."""
    return float(f"{number:.7g}")
