"""The settings of Nemotron models of the fourth generation and before: Nemotron-4 and Minitron."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.models.attention import AttentionSpec
from nemora.models.config import MAX_CONTEXT, MAX_LAYERS, GGUFHeader, refuse_all_but, with_one_spelling
from nemora.models.config_reader import ConfigReader, shown
from nemora.models.llama_config import GGUF_INERT_KEYS, GGUF_KEYS, GGUF_NEUTRAL_VALUES, HUGGING_FACE_KEYS
from nemora.models.llama_config import HUGGING_FACE_NEUTRAL as LLAMA_NEUTRAL
from nemora.models.rope import check_rope


@dataclass(frozen=True, slots=True, kw_only=True)
class NemotronConfig:
    """A Nemotron model's dimensions. RoPE turns the first `rotated` numbers of each head."""

    vocab_size: int
    context_length: int
    hidden_size: int
    intermediate_size: int
    layers: int
    attention: AttentionSpec
    norm_eps: float
    rotated: int
    rope_theta: float
    tied_head: bool

    def __post_init__(self) -> None:
        check_rope(self.rotated, None)
        if not 2 <= self.rotated <= self.attention.head_dim:
            raise CorruptCheckpoint(
                f"RoPE cannot turn {self.rotated} numbers of a head of {self.attention.head_dim}: at least two and at "
                "most all were expected."
            )

    @property
    def widest(self) -> int:
        """See `ModelConfig`."""
        return max(self.hidden_size, self.intermediate_size, self.attention.widest)


ALIASES = {
    "kv_channels": "head_dim",
    "rope_percent": "partial_rotary_factor",
    "rope_percentage": "partial_rotary_factor",
}
"""Spellings of NeMo and Megatron, which early exports have."""

HUGGING_FACE_NEUTRAL: Mapping[str, Collection[Any]] = {
    **{key: values for key, values in LLAMA_NEUTRAL.items() if key not in ("is_llama_config", "partial_rotary_factor")},
    "architectures": [["NemotronForCausalLM"]],
    "model_type": ["nemotron"],
    "hidden_act": ["relu2"],
}


def nemotron_config_from_hugging_face(config: Mapping[str, Any]) -> NemotronConfig:
    """Read a config.json of `NemotronForCausalLM`.

    Raises:
        CorruptCheckpoint: a key is missing or its value makes no sense.
        UnsupportedCheckpoint: a key is unknown, or its value asks for what is not implemented.
    """
    reader = ConfigReader(with_one_spelling(config, ALIASES), "config.json")
    known = (HUGGING_FACE_KEYS - {"rms_norm_eps"}) | {"norm_eps", "partial_rotary_factor"}
    refuse_all_but(reader, known, HUGGING_FACE_NEUTRAL)
    for key in ("model_type", "hidden_act"):
        reader.require(key)
    hidden_size, heads = reader.integer("hidden_size"), reader.integer("num_attention_heads")
    head_dim = (
        reader.integer("head_dim") if reader.has("head_dim") else reader.divide("hidden_size", hidden_size, heads)
    )
    theta, factor = _rope(reader)
    return NemotronConfig(
        vocab_size=reader.integer("vocab_size"),
        context_length=reader.integer("max_position_embeddings", most=MAX_CONTEXT),
        hidden_size=hidden_size,
        intermediate_size=reader.integer("intermediate_size"),
        layers=reader.integer("num_hidden_layers", most=MAX_LAYERS),
        attention=AttentionSpec(heads, reader.integer("num_key_value_heads"), head_dim),
        norm_eps=reader.number("norm_eps"),
        rotated=int(head_dim * factor),
        rope_theta=theta,
        tied_head=reader.boolean("tie_word_embeddings"),
    )


def _rope(reader: ConfigReader) -> tuple[float, float]:
    """The base, and the share of each head that is turned.

    Both lie beside each other (transformers 4) or in `rope_parameters` (5). No Nemotron was made with a scaling.
    """
    if reader.has("rope_scaling"):
        scaling = reader.inner("rope_scaling")
        kind = scaling.values.get("rope_type", scaling.values.get("type"))
        raise UnsupportedCheckpoint(
            f"{scaling.where} asks for the RoPE scaling {shown(str(kind))}; none is implemented for this architecture."
        )
    rope = reader
    if reader.has("rope_parameters"):
        rope = reader.inner("rope_parameters")
        rope.refuse_unless("rope_type", ["default"])
        rope.refuse_unknown({"rope_type", "rope_theta", "partial_rotary_factor"})
    theta, factor = ((rope if rope.has(key) else reader).number(key) for key in ("rope_theta", "partial_rotary_factor"))
    reader.refuse_unless("rope_theta", [theta, None])
    reader.refuse_unless("partial_rotary_factor", [factor, None])
    if factor > 1:
        raise CorruptCheckpoint(f"partial_rotary_factor in {rope.where} is above 1; a share of a head was expected.")
    return theta, factor


def nemotron_config_from_gguf(header: GGUFHeader) -> NemotronConfig:
    """Read the `nemotron.` keys of a GGUF file, and what such a file says by its tensors.

    Raises: as `nemotron_config_from_hugging_face`.
    """
    reader = header.reader("nemotron")
    refuse_all_but(reader, GGUF_KEYS | GGUF_INERT_KEYS | {"attention.layer_norm_epsilon"}, GGUF_NEUTRAL_VALUES)
    hidden_size, heads = reader.integer("embedding_length"), reader.integer("attention.head_count")
    head_dim = (
        reader.integer("attention.key_length")
        if reader.has("attention.key_length")
        else reader.divide("embedding_length", hidden_size, heads)
    )
    reader.refuse_unless("attention.value_length", [head_dim])
    norm_eps = reader.number("attention.layer_norm_epsilon")
    reader.refuse_unless("attention.layer_norm_rms_epsilon", [norm_eps])  # converters write both
    return NemotronConfig(
        vocab_size=header.vocab_size(reader),
        context_length=reader.integer("context_length", most=MAX_CONTEXT),
        hidden_size=hidden_size,
        intermediate_size=reader.integer("feed_forward_length"),
        layers=reader.integer("block_count", most=MAX_LAYERS),
        attention=AttentionSpec(heads, reader.integer("attention.head_count_kv"), head_dim),
        norm_eps=norm_eps,
        rotated=reader.integer("rope.dimension_count"),
        rope_theta=reader.number("rope.freq_base"),
        tied_head=header.tied_head,
    )
