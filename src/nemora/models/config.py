"""The settings of an architecture, read strictly: a missing, unknown or unimplemented key is an error that names it.

Two spellings are read: `config.json` as transformers writes it, and the metadata of a GGUF file.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.models.config_reader import ConfigReader, shown

# Bounds that no real model comes near; they keep a damaged file from asking for the impossible.
MAX_LAYERS = 4096
MAX_CONTEXT = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Llama3Scaling:
    """Llama 3.1's stretching of RoPE; `ops.reference.llama3_frequencies` says what the numbers mean."""

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_context: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaConfig:
    """A Llama model's dimensions.

    `rope_scaling` may also be divisors of the RoPE frequencies, one per rotated pair: so GGUF files carry it.
    """

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
    rope_scaling: Llama3Scaling | tuple[float, ...] | None
    tied_head: bool

    def __post_init__(self) -> None:
        if self.heads % self.kv_heads:
            raise CorruptCheckpoint(
                f"{self.heads} attention heads cannot share {self.kv_heads} key-value heads evenly."
            )
        if self.head_dim % 2:
            raise CorruptCheckpoint(f"RoPE needs an even head size, not {self.head_dim}.")
        if isinstance(self.rope_scaling, tuple):
            self._check_frequency_factors(self.rope_scaling)

    def _check_frequency_factors(self, factors: tuple[float, ...]) -> None:
        if len(factors) != self.head_dim // 2:
            raise CorruptCheckpoint(f"{len(factors)} RoPE frequency factors do not fit a head size of {self.head_dim}.")
        if not all(0 < factor < math.inf for factor in factors):
            raise CorruptCheckpoint("A RoPE frequency factor is not a number above zero.")


# Keys of config.json that change nothing in a forward pass: ids for the tokenizer and generation, settings of training,
# and what transformers' base class writes beside every model.
# fmt: off
INERT_KEYS = frozenset({
    "_attn_implementation", "_attn_implementation_autoset", "_name_or_path", "attention_dropout", "bos_token_id",
    "dtype", "eos_token_id", "initializer_range", "pad_token_id", "pretraining_tp", "torch_dtype",
    "transformers_version", "transformers.js_config", "unsloth_fixed", "unsloth_version", "use_cache",
    "bad_words_ids", "begin_suppress_tokens", "chunk_size_feed_forward", "decoder_start_token_id",
    "diversity_penalty", "do_sample", "early_stopping", "encoder_no_repeat_ngram_size",
    "exponential_decay_length_penalty", "finetuning_task", "forced_bos_token_id", "forced_eos_token_id", "id2label",
    "label2id", "length_penalty", "max_length", "min_length", "no_repeat_ngram_size", "num_beam_groups",
    "num_beams", "num_return_sequences", "output_attentions", "output_hidden_states", "output_scores", "prefix",
    "is_decoder", "problem_type", "remove_invalid_values", "repetition_penalty", "return_dict",
    "return_dict_in_generate", "sep_token_id", "suppress_tokens", "task_specific_params", "temperature",
    "tf_legacy_loss", "tokenizer_class", "top_k", "top_p", "torchscript", "typical_p", "use_bfloat16",
})
# fmt: on

# Keys that would change the maths, each with the values that do not.
NEUTRAL_VALUES: Mapping[str, Collection[Any]] = {
    "architectures": [["LlamaForCausalLM"]],
    "model_type": ["llama"],
    "hidden_act": ["silu"],
    "attention_bias": [False],
    "mlp_bias": [False],
    "sliding_window": [None],
    "use_sliding_window": [False],
    "rope_interleaved": [False],
    "partial_rotary_factor": [1.0, None],
    "is_llama_config": [True],
    "is_encoder_decoder": [False],
    "add_cross_attention": [False],
    "cross_attention_hidden_size": [None],
    "tie_encoder_decoder": [False],
    "pruned_heads": [{}, None],
    "quantization_config": [None],
}

# fmt: off
HUGGING_FACE_KEYS = frozenset({
    "vocab_size", "max_position_embeddings", "hidden_size", "intermediate_size", "num_hidden_layers",
    "num_attention_heads", "num_key_value_heads", "head_dim", "rms_norm_eps", "rope_theta", "rope_scaling",
    "rope_parameters", "tie_word_embeddings",
})
# fmt: on

LLAMA3_KEYS = frozenset({"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"})


def llama_config_from_hugging_face(config: Mapping[str, Any]) -> LlamaConfig:
    """Read a config.json of `LlamaForCausalLM`.

    Raises:
        CorruptCheckpoint: a key is missing or its value makes no sense.
        UnsupportedCheckpoint: a key is unknown, or its value asks for what is not implemented.
    """
    reader = ConfigReader(config, "config.json")
    reader.refuse_unknown(HUGGING_FACE_KEYS | INERT_KEYS | NEUTRAL_VALUES.keys())
    for key in ("model_type", "hidden_act"):
        reader.require(key)
    for key, values in NEUTRAL_VALUES.items():
        reader.refuse_unless(key, values)
    if reader.has("rope_parameters") and reader.has("rope_scaling"):
        raise CorruptCheckpoint("config.json has both rope_parameters and rope_scaling; one of them was expected.")
    hidden_size, heads = reader.integer("hidden_size"), reader.integer("num_attention_heads")
    theta, scaling = _rope_from_hugging_face(reader)
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


def _rope_from_hugging_face(reader: ConfigReader) -> tuple[float, Llama3Scaling | None]:
    """Both spellings: `rope_theta` beside `rope_scaling` (transformers 4), or all in `rope_parameters` (5)."""
    spelling = "rope_parameters" if reader.has("rope_parameters") else "rope_scaling"
    if not reader.has(spelling):
        return reader.number("rope_theta"), None
    rope = reader.inner(spelling)
    theta = (rope if rope.has("rope_theta") else reader).number("rope_theta")
    reader.refuse_unless("rope_theta", [theta, None])
    kind = rope.text("rope_type" if rope.has("rope_type") else "type")
    rope.refuse_unless("type", [kind])
    rope.refuse_unless("partial_rotary_factor", [1.0, None])
    plain = {"rope_type", "type", "rope_theta", "partial_rotary_factor"}
    if kind == "default":
        rope.refuse_unknown(plain)
        return theta, None
    if kind != "llama3":
        raise UnsupportedCheckpoint(
            f"{rope.where} asks for the RoPE scaling {shown(kind)}; only llama3 is implemented."
        )
    rope.refuse_unknown(plain | LLAMA3_KEYS)
    scaling = Llama3Scaling(
        factor=rope.number("factor"),
        low_freq_factor=rope.number("low_freq_factor"),
        high_freq_factor=rope.number("high_freq_factor"),
        original_context=rope.integer("original_max_position_embeddings", most=MAX_CONTEXT),
    )
    if scaling.high_freq_factor <= scaling.low_freq_factor:
        raise CorruptCheckpoint(f"{rope.where} has a high_freq_factor that is not above its low_freq_factor.")
    return theta, scaling


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


def llama_config_from_gguf(
    metadata: Mapping[str, Any], *, vocab_size: int, tied_head: bool, frequency_factors: tuple[float, ...] | None
) -> LlamaConfig:
    """Read the `llama.` keys of a GGUF file, and what such a file says by its tensors.

    Args:
        vocab_size: rows of the embedding.
        tied_head: whether there is no output matrix.
        frequency_factors: the tensor `rope_freqs.weight`, if there is one: llama3 scaling, already worked out.

    Raises: as `llama_config_from_hugging_face`.
    """
    keys = {key.removeprefix("llama."): value for key, value in metadata.items() if key.startswith("llama.")}
    reader = ConfigReader(keys, "GGUF metadata", prefix="llama.")
    reader.refuse_unknown(GGUF_KEYS | GGUF_INERT_KEYS | GGUF_NEUTRAL_VALUES.keys())
    for key, values in GGUF_NEUTRAL_VALUES.items():
        reader.refuse_unless(key, values)
    hidden_size, heads = reader.integer("embedding_length"), reader.integer("attention.head_count")
    head_dim = (
        reader.integer("attention.key_length")
        if reader.has("attention.key_length")
        else reader.divide("embedding_length", hidden_size, heads)
    )
    for key in ("attention.value_length", "rope.dimension_count"):
        reader.refuse_unless(key, [head_dim])
    reader.refuse_unless("vocab_size", [vocab_size])
    return LlamaConfig(
        vocab_size=vocab_size,
        context_length=reader.integer("context_length", most=MAX_CONTEXT),
        hidden_size=hidden_size,
        intermediate_size=reader.integer("feed_forward_length"),
        layers=reader.integer("block_count", most=MAX_LAYERS),
        heads=heads,
        kv_heads=reader.integer("attention.head_count_kv"),
        head_dim=head_dim,
        norm_eps=reader.number("attention.layer_norm_rms_epsilon"),
        rope_theta=reader.number("rope.freq_base"),
        rope_scaling=frequency_factors,
        tied_head=tied_head,
    )
