"""What a GGUF file says of its model: llama.cpp's keys below the architecture's name, made of a model's config.

The twin of the readers in `models/`: `llama_config_from_gguf` and `nemotron_h_config_from_gguf` read them again.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, TypeVar

from nemora.errors import UnsupportedCheckpoint
from nemora.models.attention import AttentionSpec
from nemora.models.base import ModelConfig
from nemora.models.llama_config import LlamaConfig
from nemora.models.mamba2 import Mamba2Spec
from nemora.models.mlp import MLPSpec
from nemora.models.moe import MoESpec
from nemora.models.nemotron_config import NemotronConfig
from nemora.models.nemotron_h_config import NemotronHConfig
from nemora.models.nemotron_nas_config import NemotronNASConfig

Keys = dict[str, Any]
Value = TypeVar("Value", bound=Hashable)


def gguf_keys(config: ModelConfig, *, draft: bool) -> tuple[str, Keys]:
    """The architecture's name in GGUF files, and its keys without that prefix. `draft`: the MTP head is there too.

    Raises:
        UnsupportedCheckpoint: an architecture, or layers that differ in what GGUF has one number for.
    """
    match config:
        case LlamaConfig():
            return "llama", _llama(config)
        case NemotronHConfig():
            mtp = config.mtp if draft else None
            mixture = mtp is not None or any(isinstance(spec, MoESpec) for spec in config.layers)
            return "nemotron_h_moe" if mixture else "nemotron_h", _nemotron_h(config, mtp)
        case NemotronNASConfig():
            return "deci", _nemotron_nas(config)
        case NemotronConfig():
            return "nemotron", _nemotron(config)
    raise UnsupportedCheckpoint(
        f"The architecture of {type(config).__name__.removesuffix('Config')} cannot be written as GGUF."
    )


def _llama(config: LlamaConfig) -> Keys:
    return {
        "vocab_size": config.vocab_size,
        "context_length": config.context_length,
        "embedding_length": config.hidden_size,
        "block_count": config.layers,
        "feed_forward_length": config.intermediate_size,
        "rope.dimension_count": config.head_dim,
        "rope.freq_base": config.rope_theta,
        "attention.layer_norm_rms_epsilon": config.norm_eps,
        **_attention(config.attention),
    }


def _attention(spec: AttentionSpec) -> Keys:
    return {
        "attention.head_count": spec.heads,
        "attention.head_count_kv": spec.kv_heads,
        "attention.key_length": spec.head_dim,
        "attention.value_length": spec.head_dim,
    }


def _nemotron_nas(config: NemotronNASConfig) -> Keys:
    """Sizes are given for each layer, 0 where it lacks that part."""
    attention = [layer.attention for layer in config.layers]
    return {
        "vocab_size": config.vocab_size,
        "context_length": config.context_length,
        "embedding_length": config.hidden_size,
        "block_count": len(config.layers),
        "feed_forward_length": [layer.mlp_width or 0 for layer in config.layers],
        "rope.dimension_count": config.head_dim,
        "rope.freq_base": config.rope_theta,
        "attention.layer_norm_rms_epsilon": config.norm_eps,
        "attention.head_count": [spec.heads if spec else 0 for spec in attention],
        "attention.head_count_kv": [spec.kv_heads if spec else 0 for spec in attention],
        "attention.key_length": config.head_dim,
        "attention.value_length": config.head_dim,
    }


def _nemotron(config: NemotronConfig) -> Keys:
    return {
        "vocab_size": config.vocab_size,
        "context_length": config.context_length,
        "embedding_length": config.hidden_size,
        "block_count": config.layers,
        "feed_forward_length": config.intermediate_size,
        "rope.dimension_count": config.rotated,
        "rope.freq_base": config.rope_theta,
        "rope.scaling.type": "none",
        "attention.layer_norm_epsilon": config.norm_eps,
        **_attention(config.attention),
    }


def _nemotron_h(config: NemotronHConfig, mtp: tuple[AttentionSpec, MoESpec] | None) -> Keys:
    """The draft head is one block more, with attention and a mixture both. A layer without either is a Mamba layer."""
    attention = [spec if isinstance(spec, AttentionSpec) else None for spec in config.layers]
    networks = [spec if isinstance(spec, MLPSpec | MoESpec) else None for spec in config.layers]
    if mtp is not None:
        attention.append(mtp[0])
        networks.append(mtp[1])
    keys: Keys = {
        "vocab_size": config.vocab_size,
        "context_length": config.context_length,
        "embedding_length": config.hidden_size,
        "block_count": len(attention),
        "feed_forward_length": [spec.width if spec else 0 for spec in networks],
        "attention.layer_norm_rms_epsilon": config.norm_eps,
        "attention.head_count_kv": [spec.kv_heads if spec else 0 for spec in attention],
    }
    keys |= _mamba([spec for spec in config.layers if isinstance(spec, Mamba2Spec)])
    if any(attention):
        head_dim = _one("head_dim", (spec.head_dim for spec in attention if spec))
        keys |= {"attention.key_length": head_dim, "attention.value_length": head_dim}
        keys["attention.head_count"] = _one_or_each([spec.heads if spec else None for spec in attention])
    if any(isinstance(spec, MoESpec) for spec in networks):
        keys |= _mixtures([spec if isinstance(spec, MoESpec) else None for spec in networks])
    return keys | ({"nextn_predict_layers": 1} if mtp is not None else {})


def _mamba(specs: Sequence[Mamba2Spec]) -> Keys:
    if not specs:
        return {}
    if _one("time_step_limit", (spec.step_limits for spec in specs)) != (0.0, math.inf):
        raise UnsupportedCheckpoint("The model has a time_step_limit, for which GGUF has no key.")
    return {
        "ssm.conv_kernel": _one("conv_kernel", (spec.conv_kernel for spec in specs)),
        "ssm.state_size": _one("ssm_state_size", (spec.state_size for spec in specs)),
        "ssm.group_count": _one("n_groups", (spec.groups for spec in specs)),
        "ssm.inner_size": _one("mamba_head_dim", (spec.inner for spec in specs)),
        "ssm.time_step_rank": _one("mamba_num_heads", (spec.heads for spec in specs)),
    }


def _mixtures(specs: Sequence[MoESpec | None]) -> Keys:
    """Llama.cpp reads one number for each of these; where layers differ, our own reader takes one for each layer."""
    there = [spec for spec in specs if spec is not None]
    latent = _one("moe_latent_size", (spec.latent for spec in there))
    return {
        "expert_count": _one("n_routed_experts", (spec.experts for spec in there)),
        "expert_used_count": _one_or_each([spec.top_k if spec else None for spec in specs]),
        "expert_feed_forward_length": _one_or_each([spec.width if spec else None for spec in specs]),
        "expert_shared_feed_forward_length": _one_or_each([spec.shared_width if spec else None for spec in specs]),
        "expert_shared_count": 1,
        "expert_weights_norm": _one("norm_topk_prob", (spec.normalise for spec in there)),
        "expert_weights_scale": _one("routed_scaling_factor", (spec.scale for spec in there)),
        "expert_group_count": 1,
        "expert_group_used_count": 1,
        **({} if latent is None else {"moe_latent_size": latent}),
    }


def _one(name: str, values: Iterable[Value]) -> Value:
    """What all values are."""
    different = set(values)
    if len(different) != 1:
        raise UnsupportedCheckpoint(f"The model's layers differ in {name}, for which GGUF has only one number.")
    return different.pop()


def _one_or_each(values: Sequence[int | None]) -> int | list[int]:
    """What all values are that are there, or, where they differ, all of them, 0 for none."""
    different = {value for value in values if value is not None}
    return different.pop() if len(different) == 1 else [value or 0 for value in values]
