"""The settings of the Nemotron hybrids, as GGUF files tell them: by metadata and by which tensors there are."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.models.attention import AttentionSpec
from nemora.models.config import MAX_CONTEXT, MAX_LAYERS, GGUFHeader, refuse_all_but
from nemora.models.config_reader import ConfigReader
from nemora.models.mamba2 import Mamba2Spec
from nemora.models.mlp import MLPSpec
from nemora.models.moe import MoESpec
from nemora.models.nemotron_h_config import LayerSpec, NemotronHConfig

# fmt: off
KEYS = frozenset({
    "vocab_size", "context_length", "embedding_length", "feed_forward_length", "block_count", "nextn_predict_layers",
    "attention.head_count", "attention.head_count_kv", "attention.key_length", "attention.value_length",
    "attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon", "ssm.conv_kernel", "ssm.state_size",
    "ssm.group_count", "ssm.inner_size", "ssm.time_step_rank", "expert_count", "expert_used_count",
    "expert_feed_forward_length", "expert_shared_feed_forward_length", "expert_shared_count",
    "expert_weights_norm", "expert_weights_scale", "moe_latent_size",
})
# Attention has no positions here, whatever a file says of RoPE.
INERT_KEYS = frozenset({
    "rope.dimension_count", "rope.freq_base", "rope.scaling.finetuned", "rope.scaling.type",
    "rope.scaling.original_context_length", "rope.scaling.factor", "attention.group_norm_groups",
})
# fmt: on
NEUTRAL_VALUES: Mapping[str, Collection[Any]] = {
    "attention.causal": [True],
    "attention.sliding_window": [0],
    "expert_group_count": [0, 1],
    "expert_group_used_count": [0, 1],
    "expert_gating_func": [2],  # sigmoid
    "attention.scale": [0.0],
    "embedding_scale": [1.0],
    "residual_scale": [1.0],
    "logit_scale": [1.0],
}


def nemotron_h_config_from_gguf(header: GGUFHeader) -> NemotronHConfig:
    """Read the `nemotron_h.` or `nemotron_h_moe.` keys. A layer is what its tensors are.

    Raises:
        CorruptCheckpoint: a key is missing or its value makes no sense.
        UnsupportedCheckpoint: a key is unknown, or its value asks for what is not implemented.
    """
    architecture = str(header.metadata.get("general.architecture"))
    reader = header.reader(architecture)
    refuse_all_but(reader, KEYS | INERT_KEYS, NEUTRAL_VALUES)
    blocks = reader.integer("block_count", most=MAX_LAYERS)
    drafting = reader.values.get("nextn_predict_layers", 0)
    if type(drafting) is not int or drafting not in (0, 1) or blocks <= drafting:
        raise UnsupportedCheckpoint(
            f"{reader.where} has a {reader.prefix}nextn_predict_layers that is not implemented; only 0 or 1 is."
        )
    if header.tied_head:
        raise CorruptCheckpoint("The GGUF file lacks the tensor output.weight.")
    trunk = blocks - drafting
    return NemotronHConfig(
        vocab_size=header.vocab_size(reader),
        context_length=reader.integer("context_length", most=MAX_CONTEXT),
        hidden_size=reader.integer("embedding_length"),
        norm_eps=reader.number("attention.layer_norm_rms_epsilon"),
        layers=tuple(_layer(header, reader, index) for index in range(trunk)),
        mtp=(_attention(reader, trunk), _moe(reader, trunk)) if drafting else None,
    )


def _layer(header: GGUFHeader, reader: ConfigReader, index: int) -> LayerSpec:
    def has(tensor: str) -> bool:
        return f"blk.{index}.{tensor}.weight" in header.shapes

    if has("ssm_in"):
        return _mamba(reader)
    if has("attn_q"):
        return _attention(reader, index)
    if has("ffn_gate_inp"):
        return _moe(reader, index)
    if has("ffn_up"):
        return MLPSpec(_at(reader, "feed_forward_length", index))
    raise CorruptCheckpoint(f"Layer {index} of the GGUF file is of no kind: it has neither ssm_in, attn_q nor ffn_up.")


def _at(reader: ConfigReader, key: str, index: int) -> int:
    """A key's value for layer `index`: it is one number, or one for each layer."""
    value = reader.require(key)
    if not isinstance(value, list):
        return reader.integer(key)
    if index >= len(value):
        raise CorruptCheckpoint(f"{reader.prefix}{key} in {reader.where} has no value for layer {index}.")
    return ConfigReader({key: value[index]}, reader.where, prefix=reader.prefix).integer(key)


def _mamba(reader: ConfigReader) -> Mamba2Spec:
    inner, heads = reader.integer("ssm.inner_size"), reader.integer("ssm.time_step_rank")
    if inner % heads:
        raise CorruptCheckpoint(f"An ssm.inner_size of {inner} cannot be put into {heads} equal heads.")
    return Mamba2Spec(
        heads=heads,
        head_dim=inner // heads,
        groups=reader.integer("ssm.group_count"),
        state_size=reader.integer("ssm.state_size"),
        conv_kernel=reader.integer("ssm.conv_kernel"),
        step_limits=(0.0, math.inf),
    )


def _attention(reader: ConfigReader, index: int) -> AttentionSpec:
    head_dim = reader.integer("attention.key_length")
    reader.refuse_unless("attention.value_length", [head_dim])
    heads = _at(reader, "attention.head_count", index)
    return AttentionSpec(heads, _at(reader, "attention.head_count_kv", index), head_dim)


def _moe(reader: ConfigReader, index: int) -> MoESpec:
    return MoESpec(
        experts=reader.integer("expert_count"),
        top_k=_at(reader, "expert_used_count", index),
        width=_at(reader, "expert_feed_forward_length", index),
        shared_width=_at(reader, "expert_shared_feed_forward_length", index),
        latent=reader.integer("moe_latent_size") if reader.has("moe_latent_size") else None,
        scale=reader.number("expert_weights_scale"),
        normalise=reader.boolean("expert_weights_norm"),
    )
