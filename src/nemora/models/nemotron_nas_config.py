"""The settings of DeciLM models, whose layers differ: `config.json`'s map of blocks, and GGUF's lists of sizes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.models.attention import AttentionSpec
from nemora.models.config import MAX_CONTEXT, MAX_LAYERS, GGUFHeader, refuse_all_but
from nemora.models.config_reader import MAX_SIZE, ConfigReader
from nemora.models.llama_config import GGUF_INERT_KEYS, GGUF_KEYS, GGUF_NEUTRAL_VALUES, HUGGING_FACE_KEYS
from nemora.models.llama_config import HUGGING_FACE_NEUTRAL as LLAMA_NEUTRAL
from nemora.models.rope import RopeScaling, check_rope, rope_from_hugging_face

WIDTH_UNIT = 256
"""Widths of feed-forward networks are rounded up to a multiple of this."""


@dataclass(frozen=True, slots=True)
class LayerSpec:
    """One layer: its attention and the inner width of its feed-forward network, None where it has none."""

    attention: AttentionSpec | None
    mlp_width: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NemotronNASConfig:
    """A DeciLM model's dimensions, layer by layer."""

    vocab_size: int
    context_length: int
    hidden_size: int
    head_dim: int
    norm_eps: float
    rope_theta: float
    rope_scaling: RopeScaling
    tied_head: bool
    layers: tuple[LayerSpec, ...]

    def __post_init__(self) -> None:
        check_rope(self.head_dim, self.rope_scaling)

    @property
    def widest(self) -> int:
        """See `ModelConfig`."""
        attentions = (spec.attention.widest for spec in self.layers if spec.attention is not None)
        return max(self.hidden_size, *(2 * (spec.mlp_width or 0) for spec in self.layers), *attentions)


MAPS = ("block_configs", "heterogeneous_layers_config")
"""Where the map of blocks may be."""

HUGGING_FACE_NEUTRAL: Mapping[str, Collection[Any]] = {
    **LLAMA_NEUTRAL,
    "architectures": [["DeciLMForCausalLM"]],
    "model_type": ["nemotron-nas"],
    "num_key_value_heads": [None],  # the map has both of these
    "intermediate_size": [None],
}

# Keys of a block's two parts that are not read but must be neutral.
_SHARED_NEUTRAL: Mapping[str, Collection[Any]] = {"replace_with_linear": [False, None], "sparsify": [None, []]}
ATTENTION_NEUTRAL: Mapping[str, Collection[Any]] = {
    **_SHARED_NEUTRAL,
    "window_length": [None],
    "num_sink_tokens": [None],
    "unshifted_sink": [False, None],
    "use_prefill_window_in_sink_attention": [False, None],
    "mamba": [None],
    "llama4": [None],
}
FFN_NEUTRAL: Mapping[str, Collection[Any]] = {
    **_SHARED_NEUTRAL,
    "hidden_act": ["silu", None],
    "gated": [True, None],
    "moe": [None],
}
# What the search for the blocks took each part to cost.
PART_INERT_KEYS = frozenset({"weights_precision"})


def nemotron_nas_config_from_hugging_face(config: Mapping[str, Any]) -> NemotronNASConfig:
    """Read a config.json of `DeciLMForCausalLM`.

    Raises:
        CorruptCheckpoint: a key is missing or its value makes no sense.
        UnsupportedCheckpoint: a key is unknown, or its value asks for what is not implemented.
    """
    reader = ConfigReader(config, "config.json")
    # `auto_map` names code in the folder, which is never run.
    refuse_all_but(reader, HUGGING_FACE_KEYS | {*MAPS, "auto_map"}, HUGGING_FACE_NEUTRAL)
    for key in ("model_type", "hidden_act"):
        reader.require(key)
    if reader.has("rope_parameters") and reader.has("rope_scaling"):
        raise CorruptCheckpoint("config.json has both rope_parameters and rope_scaling; one of them was expected.")
    hidden_size, heads = reader.integer("hidden_size"), reader.integer("num_attention_heads")
    head_dim = (
        reader.integer("head_dim") if reader.has("head_dim") else reader.divide("hidden_size", hidden_size, heads)
    )
    theta, scaling = rope_from_hugging_face(reader)
    return NemotronNASConfig(
        vocab_size=reader.integer("vocab_size"),
        context_length=reader.integer("max_position_embeddings", most=MAX_CONTEXT),
        hidden_size=hidden_size,
        head_dim=head_dim,
        norm_eps=reader.number("rms_norm_eps"),
        rope_theta=theta,
        rope_scaling=scaling,
        tied_head=reader.boolean("tie_word_embeddings"),
        layers=tuple(
            LayerSpec(
                _attention(block.inner("attention"), heads, head_dim), _mlp_width(block.inner("ffn"), hidden_size)
            )
            for block in _blocks(reader)
        ),
    )


def _blocks(reader: ConfigReader) -> list[ConfigReader]:
    """The map of blocks, one for each layer."""
    there = [key for key in MAPS if reader.has(key)]
    if not there:
        raise CorruptCheckpoint(f"{reader.where} has neither {' nor '.join(MAPS)}, which say what each layer is.")
    key, blocks = there[0], _map(reader, there[0])
    if any(_map(reader, other) != blocks for other in there):
        raise CorruptCheckpoint(f"{' and '.join(MAPS)} in {reader.where} contradict each other.")
    layers = reader.integer("num_hidden_layers", most=MAX_LAYERS)
    if len(blocks) != layers:
        raise CorruptCheckpoint(
            f"{key} in {reader.where} has {len(blocks)} blocks; num_hidden_layers says {layers}, and both must agree."
        )
    readers = [ConfigReader(block, f"{key}[{index}] in {reader.where}") for index, block in enumerate(blocks)]
    for block in readers:
        refuse_all_but(block, {"attention", "ffn"}, {"parallel_blocks": [None]})
    return readers


def _map(reader: ConfigReader, key: str) -> list[dict[str, Any]]:
    """A list of objects, or an object that holds it as `block_configs`."""
    value = reader.require(key)
    if isinstance(value, dict) and key != MAPS[0]:
        inner = reader.inner(key)
        inner.refuse_unknown({MAPS[0]})
        value = inner.require(MAPS[0])
    if not isinstance(value, list) or not all(isinstance(block, dict) for block in value):
        raise CorruptCheckpoint(f"{key} in {reader.where} is not a list of objects.")
    return value


def _is_no_op(part: ConfigReader) -> bool:
    return part.has("no_op") and part.boolean("no_op")


def _attention(part: ConfigReader, heads: int, head_dim: int) -> AttentionSpec | None:
    """`n_heads_in_group` query heads share a key-value head."""
    refuse_all_but(part, {"no_op", "n_heads_in_group"} | PART_INERT_KEYS, ATTENTION_NEUTRAL)
    if _is_no_op(part):
        return None
    group = part.integer("n_heads_in_group")
    if heads % group:
        raise CorruptCheckpoint(f"n_heads_in_group in {part.where} does not divide the {heads} attention heads.")
    return AttentionSpec(heads, heads // group, head_dim)


def _mlp_width(part: ConfigReader, hidden_size: int) -> int | None:
    """`intermediate_size`, or what follows from `ffn_mult`; both must agree, where there are both."""
    refuse_all_but(part, {"no_op", "ffn_mult", "intermediate_size"} | PART_INERT_KEYS, FFN_NEUTRAL)
    if _is_no_op(part):
        return None
    if not part.has("ffn_mult"):
        return part.integer("intermediate_size")
    width = _width_of(part, hidden_size)
    if part.has("intermediate_size") and part.integer("intermediate_size") != width:
        raise CorruptCheckpoint(f"ffn_mult and intermediate_size in {part.where} contradict each other.")
    return width


def _width_of(part: ConfigReader, hidden_size: int) -> int:
    """⅔ · 2 · ffn_mult · hidden, rounded up to whole units: ⅔ because a gated network has three matrices, not two."""
    exact = 2 * part.number("ffn_mult") * hidden_size / 3
    if not 1 <= exact <= MAX_SIZE:
        raise CorruptCheckpoint(f"ffn_mult in {part.where} makes no width from 1 to {MAX_SIZE}.")
    return -(-int(exact) // WIDTH_UNIT) * WIDTH_UNIT


def nemotron_nas_config_from_gguf(header: GGUFHeader) -> NemotronNASConfig:
    """Read the `deci.` keys of a GGUF file. Sizes are given for each layer, 0 where it lacks that part.

    Raises: as `nemotron_nas_config_from_hugging_face`.
    """
    reader = header.reader("deci")
    refuse_all_but(reader, GGUF_KEYS | GGUF_INERT_KEYS, GGUF_NEUTRAL_VALUES)
    count = reader.integer("block_count", most=MAX_LAYERS)
    # The head size is always that of RoPE; early files have only the latter.
    head_dim = reader.integer("attention.key_length" if reader.has("attention.key_length") else "rope.dimension_count")
    for key in ("attention.value_length", "rope.dimension_count"):
        reader.refuse_unless(key, [head_dim])
    heads = _sizes(reader, "attention.head_count", count)
    kv_heads = _sizes(reader, "attention.head_count_kv", count)
    widths = _sizes(reader, "feed_forward_length", count)
    return NemotronNASConfig(
        vocab_size=header.vocab_size(reader),
        context_length=reader.integer("context_length", most=MAX_CONTEXT),
        hidden_size=reader.integer("embedding_length"),
        head_dim=head_dim,
        norm_eps=reader.number("attention.layer_norm_rms_epsilon"),
        rope_theta=reader.number("rope.freq_base"),
        rope_scaling=header.rope_factors,
        tied_head=header.tied_head,
        layers=tuple(
            LayerSpec(_gguf_attention(reader, heads[index], kv_heads[index], head_dim, index), widths[index] or None)
            for index in range(count)
        ),
    )


def _sizes(reader: ConfigReader, key: str, count: int) -> list[int]:
    """A key's value for each layer: it is one number for all, or a list. 0 stands for none."""
    value = reader.require(key)
    sizes = value if isinstance(value, list) else [value] * count
    if len(sizes) != count or not all(type(size) is int and 0 <= size <= MAX_SIZE for size in sizes):
        raise CorruptCheckpoint(
            f"{reader.prefix}{key} in {reader.where} is not a whole number from 0 to {MAX_SIZE} for each of the "
            f"{count} layers."
        )
    return sizes


def _gguf_attention(reader: ConfigReader, heads: int, kv_heads: int, head_dim: int, index: int) -> AttentionSpec | None:
    if heads and kv_heads:
        return AttentionSpec(heads, kv_heads, head_dim)
    if heads:
        raise UnsupportedCheckpoint(
            f"{reader.prefix}attention.head_count_kv in {reader.where} is 0 for layer {index}, which has attention "
            "heads: so a matrix in attention's place is written, which is not implemented."
        )
    if kv_heads:
        raise CorruptCheckpoint(
            f"{reader.prefix}attention.head_count in {reader.where} is 0 for layer {index}, which has key-value heads."
        )
    return None
