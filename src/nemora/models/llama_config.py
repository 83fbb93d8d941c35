"""The settings of the Llama architecture."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from nemora.errors import CorruptCheckpoint
from nemora.models.attention import AttentionSpec
from nemora.models.config import (
    INERT_KEYS,
    MAX_CONTEXT,
    MAX_LAYERS,
    NEUTRAL_VALUES,
    STORAGE_KEYS,
    GGUFHeader,
    refuse_all_but,
)
from nemora.models.config_reader import ConfigReader
from nemora.models.rope import RopeScaling, check_rope, rope_from_hugging_face


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaConfig:
    """A Llama model's dimensions."""

    vocab_size: int
    context_length: int
    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    norm_eps: float
    rope_theta: float
    rope_scaling: RopeScaling
    tied_head: bool

    def __post_init__(self) -> None:
        check_rope(self.head_dim, self.rope_scaling)
        _ = self.attention  # checks itself

    @property
    def attention(self) -> AttentionSpec:
        """The same in every layer."""
        return AttentionSpec(self.heads, self.kv_heads, self.head_dim)

    @property
    def widest(self) -> int:
        """See `ModelConfig`."""
        return max(self.hidden_size, 2 * self.intermediate_size, self.attention.widest)


# fmt: off
HUGGING_FACE_KEYS = INERT_KEYS | STORAGE_KEYS | {
    "vocab_size", "max_position_embeddings", "hidden_size", "intermediate_size", "num_hidden_layers",
    "num_attention_heads", "num_key_value_heads", "head_dim", "rms_norm_eps", "rope_theta", "rope_scaling",
    "rope_parameters", "tie_word_embeddings",
}
# fmt: on

HUGGING_FACE_NEUTRAL: Mapping[str, Collection[Any]] = {
    **NEUTRAL_VALUES,
    "architectures": [["LlamaForCausalLM"]],
    "model_type": ["llama"],
    "hidden_act": ["silu"],
    "attention_bias": [False],
    "mlp_bias": [False],
    "rope_interleaved": [False],
    "partial_rotary_factor": [1.0, None],
    "is_llama_config": [True],
}


ENCODER_NEUTRAL: Mapping[str, Collection[Any]] = {
    **HUGGING_FACE_NEUTRAL,
    "architectures": [["LlamaBidirectionalModel"]],
    "model_type": ["llama_bidirec"],
    "pooling": ["avg"],
    "is_causal": [False],
}


def llama_encoder_config(config: Mapping[str, Any]) -> LlamaConfig:
    """Read a config.json of `LlamaBidirectionalModel`. Raises: as `llama_config_from_hugging_face`.

    `auto_map` names code, which is not run.
    """
    kept = {key: value for key, value in config.items() if key != "auto_map"}
    return llama_config_from_hugging_face({"tie_word_embeddings": False, **kept}, neutral=ENCODER_NEUTRAL)


def llama_config_from_hugging_face(
    config: Mapping[str, Any], *, neutral: Mapping[str, Collection[Any]] = HUGGING_FACE_NEUTRAL
) -> LlamaConfig:
    """Read a config.json of `LlamaForCausalLM`, or of what `neutral` says.

    Raises:
        CorruptCheckpoint: a key is missing or its value makes no sense.
        UnsupportedCheckpoint: a key is unknown, or its value asks for what is not implemented.
    """
    reader = ConfigReader(config, "config.json")
    refuse_all_but(reader, HUGGING_FACE_KEYS, neutral)
    for key in ("model_type", "hidden_act"):
        reader.require(key)
    if reader.has("rope_parameters") and reader.has("rope_scaling"):
        raise CorruptCheckpoint("config.json has both rope_parameters and rope_scaling; one of them was expected.")
    hidden_size, heads = reader.integer("hidden_size"), reader.integer("num_attention_heads")
    theta, scaling = rope_from_hugging_face(reader)
    return LlamaConfig(
        vocab_size=reader.integer("vocab_size"),
        context_length=reader.integer("max_position_embeddings", most=MAX_CONTEXT),
        hidden_size=hidden_size,
        intermediate_size=reader.integer("intermediate_size"),
        layers=reader.integer("num_hidden_layers", most=MAX_LAYERS),
        heads=heads,
        kv_heads=reader.integer("num_key_value_heads"),
        head_dim=reader.integer("head_dim")
        if reader.has("head_dim")
        else reader.divide("hidden_size", hidden_size, heads),
        norm_eps=reader.number("rms_norm_eps"),
        rope_theta=theta,
        rope_scaling=scaling,
        tied_head=reader.boolean("tie_word_embeddings"),
    )


# Keys below `llama.` in a GGUF file, and the values of those that are not read but must be neutral.
# fmt: off
GGUF_KEYS = frozenset({
    "vocab_size", "context_length", "embedding_length", "feed_forward_length", "block_count",
    "attention.head_count", "attention.head_count_kv", "attention.key_length", "attention.layer_norm_rms_epsilon",
    "rope.freq_base", "attention.value_length", "rope.dimension_count",
})
# fmt: on
GGUF_INERT_KEYS = frozenset({"rope.scaling.finetuned", "rope.scaling.original_context_length"})
GGUF_NEUTRAL_VALUES: Mapping[str, Collection[Any]] = {
    "attention.causal": [True],
    "attention.sliding_window": [0],
    "expert_count": [0],
    "expert_used_count": [0],
    "rope.scaling.attn_factor": [1.0],
    "rope.scaling.factor": [0.0, 1.0],
    "rope.scaling.type": ["none"],
    "tensor_data_layout": ["Meta AI original pth"],
}


def llama_config_from_gguf(header: GGUFHeader) -> LlamaConfig:
    """Read the `llama.` keys of a GGUF file, and what such a file says by its tensors.

    Raises: as `llama_config_from_hugging_face`.
    """
    reader = header.reader("llama")
    refuse_all_but(reader, GGUF_KEYS | GGUF_INERT_KEYS, GGUF_NEUTRAL_VALUES)
    hidden_size, heads = reader.integer("embedding_length"), reader.integer("attention.head_count")
    head_dim = (
        reader.integer("attention.key_length")
        if reader.has("attention.key_length")
        else reader.divide("embedding_length", hidden_size, heads)
    )
    for key in ("attention.value_length", "rope.dimension_count"):
        reader.refuse_unless(key, [head_dim])
    return LlamaConfig(
        vocab_size=header.vocab_size(reader),
        context_length=reader.integer("context_length", most=MAX_CONTEXT),
        hidden_size=hidden_size,
        intermediate_size=reader.integer("feed_forward_length"),
        layers=reader.integer("block_count", most=MAX_LAYERS),
        heads=heads,
        kv_heads=reader.integer("attention.head_count_kv"),
        head_dim=head_dim,
        norm_eps=reader.number("attention.layer_norm_rms_epsilon"),
        rope_theta=reader.number("rope.freq_base"),
        rope_scaling=header.rope_factors,
        tied_head=header.tied_head,
    )
