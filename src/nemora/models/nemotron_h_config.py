"""The settings of the Nemotron hybrids, in all spellings of config.json."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.models.attention import AttentionSpec
from nemora.models.config import (
    INERT_KEYS,
    MAX_CONTEXT,
    MAX_EXPERTS,
    MAX_LAYERS,
    NEUTRAL_VALUES,
    STORAGE_KEYS,
    refuse_all_but,
    with_one_spelling,
)
from nemora.models.config_reader import ConfigReader, is_finite, shown
from nemora.models.mamba2 import Mamba2Spec
from nemora.models.mlp import MLPSpec
from nemora.models.moe import MoESpec

LayerSpec = Mamba2Spec | AttentionSpec | MLPSpec | MoESpec


@dataclass(frozen=True, slots=True, kw_only=True)
class NemotronHConfig:
    """A hybrid's dimensions, layer by layer. `mtp` are the two layers of its multi-token prediction head, if any."""

    vocab_size: int
    context_length: int
    hidden_size: int
    norm_eps: float
    layers: tuple[LayerSpec, ...]
    mtp: tuple[AttentionSpec, MoESpec] | None

    def __post_init__(self) -> None:
        experts = sum(spec.experts for spec in (*self.layers, *(self.mtp or ())) if isinstance(spec, MoESpec))
        if experts > MAX_EXPERTS:
            raise CorruptCheckpoint(f"The settings ask for {experts} experts; at most {MAX_EXPERTS} are possible.")

    @property
    def widest(self) -> int:
        """See `ModelConfig`."""
        return max(self.hidden_size, *(spec.widest for spec in self.layers))


KINDS = {"M": "mamba", "*": "attention", "-": "mlp", "E": "moe"}
"""Letters of a pattern."""

KIND_NAMES = {
    **{name: name for name in KINDS.values()},
    "linear_attention": "mamba",  # transformers from 5.13 on
    "full_attention": "attention",
}

ALIASES = {
    "attention_head_dim": "head_dim",
    "norm_eps": "layer_norm_epsilon",
    "rms_norm_eps": "layer_norm_epsilon",
    "layer_types": "layers_block_type",
    "mamba_n_groups": "n_groups",
    "mamba_num_groups": "n_groups",
    "mamba_d_conv": "conv_kernel",
    "mamba_conv_bias": "use_conv_bias",
    "mamba_dt_limit": "time_step_limit",
    "num_local_experts": "n_routed_experts",
}
"""Other spellings of keys that are read."""

# fmt: off
KEYS = frozenset({
    "vocab_size", "max_position_embeddings", "hidden_size", "intermediate_size", "num_hidden_layers",
    "layers_block_type", "hybrid_override_pattern", "num_attention_heads", "num_key_value_heads", "head_dim",
    "layer_norm_epsilon", "mamba_num_heads", "mamba_head_dim", "n_groups", "ssm_state_size", "conv_kernel",
    "time_step_limit", "n_routed_experts", "num_experts_per_tok", "moe_intermediate_size", "moe_latent_size",
    "moe_shared_expert_intermediate_size", "n_shared_experts", "routed_scaling_factor", "norm_topk_prob",
    "num_nextn_predict_layers", "mtp_hybrid_override_pattern", "mtp_layers_block_type",
})
PUZZLE_KEYS = frozenset({"block_configs", "mtp_block_configs", "mtp_n_routed_experts"})

# What changes no forward pass: positions that attention does not use, how weights were drawn before training, how
# others block their loops; `expand`, which is wrong in several published configs.
HYBRID_INERT_KEYS = INERT_KEYS | STORAGE_KEYS | {
    "rope_theta", "rope_scaling", "rope_parameters", "partial_rotary_factor", "expand", "mamba_expand",
    "time_step_min", "time_step_max", "time_step_floor", "time_step_rank", "mamba_dt_min", "mamba_dt_max",
    "mamba_dt_init_floor", "rescale_prenorm_residual", "chunk_size", "mamba_chunk_size", "use_mamba_kernels",
    "mamba_ssm_cache_dtype", "num_logits_to_keep", "hidden_dropout", "moe_shared_expert_overlap",
    "output_router_logits", "router_aux_loss_coef", "hidden_act", "max_seq_len",
    "auto_map",  # names code in the folder, which is never run
}
# fmt: on

HYBRID_NEUTRAL_VALUES: Mapping[str, Collection[Any]] = {
    **NEUTRAL_VALUES,
    "architectures": [["NemotronHForCausalLM"], ["NemotronHPuzzleForCausalLM"]],
    "model_type": ["nemotron_h", "nemotron_h_puzzle"],
    "attention_bias": [False],
    "mlp_bias": [False],
    "use_bias": [False],
    "mamba_proj_bias": [False],
    "use_conv_bias": [True],
    "mlp_hidden_act": ["relu2"],
    "mamba_hidden_act": ["silu"],
    "residual_in_fp32": [False],
    "n_group": [1],
    "topk_group": [1],
    "tie_word_embeddings": [False],
}


def nemotron_h_config_from_hugging_face(config: Mapping[str, Any]) -> NemotronHConfig:
    """Read a config.json of `NemotronHForCausalLM` or `NemotronHPuzzleForCausalLM`.

    Raises:
        CorruptCheckpoint: a key is missing or its value makes no sense.
        UnsupportedCheckpoint: a key is unknown, or its value asks for what is not implemented.
    """
    reader = ConfigReader(with_one_spelling(config, ALIASES), "config.json")
    puzzle = reader.text("model_type") == "nemotron_h_puzzle"
    known = KEYS | HYBRID_INERT_KEYS | (PUZZLE_KEYS if puzzle else frozenset())
    refuse_all_but(reader, known, HYBRID_NEUTRAL_VALUES)
    blocks = _blocks(reader, "block_configs") if reader.has("block_configs") else None
    kinds = _kinds(reader, "layers_block_type", "hybrid_override_pattern", blocks)
    return NemotronHConfig(
        vocab_size=reader.integer("vocab_size"),
        context_length=reader.integer("max_position_embeddings", most=MAX_CONTEXT),
        hidden_size=reader.integer("hidden_size"),
        norm_eps=reader.number("layer_norm_epsilon"),
        layers=tuple(_layer(kind, _of_block(reader, blocks, index)) for index, kind in enumerate(kinds)),
        mtp=_mtp(reader),
    )


def _kinds(
    reader: ConfigReader, list_key: str, pattern_key: str, blocks: list[dict[str, Any]] | None = None
) -> list[str]:
    """What each layer is: a list of names, a pattern of letters, or `block_type`s; all that are there must agree."""
    spellings = []
    if reader.has(list_key):
        spellings.append(_names(reader, list_key, reader.require(list_key)))
    if reader.has(pattern_key):
        pattern = reader.text(pattern_key)
        _check_depth(reader, pattern_key, pattern)
        for letter in pattern:
            if letter not in KINDS:
                raise UnsupportedCheckpoint(
                    f"{pattern_key} in {reader.where} has the letter {shown(letter)!r}; only M, *, - and E are known."
                )
        spellings.append([KINDS[letter] for letter in pattern])
    if blocks is not None:
        spellings.append(_names(reader, "block_configs", [block.get("block_type") for block in blocks]))
    if not spellings:
        raise CorruptCheckpoint(
            f"{reader.where} has neither {list_key} nor {pattern_key}, which say what layers it has."
        )
    if any(other != spellings[0] for other in spellings):
        raise CorruptCheckpoint(f"{list_key} and {pattern_key} in {reader.where} contradict each other.")
    return spellings[0]


def _check_depth(reader: ConfigReader, key: str, layers: str | list[Any]) -> None:
    if not 1 <= len(layers) <= MAX_LAYERS:
        raise CorruptCheckpoint(f"{key} in {reader.where} has no layers, or more than {MAX_LAYERS}.")


def _names(reader: ConfigReader, key: str, names: Any) -> list[str]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise CorruptCheckpoint(f"{key} in {reader.where} does not name a kind for each layer.")
    _check_depth(reader, key, names)
    for name in names:
        if name not in KIND_NAMES:
            raise UnsupportedCheckpoint(
                f"{key} in {reader.where} has a layer {shown(name)!r}; only {', '.join(KIND_NAMES)} are known."
            )
    return [KIND_NAMES[name] for name in names]


# Keys of a config that an entry of `block_configs` may give anew for its layer.
# fmt: off
BLOCK_KEYS = frozenset({
    "intermediate_size", "num_attention_heads", "num_key_value_heads", "head_dim", "mamba_num_heads",
    "mamba_head_dim", "n_groups", "ssm_state_size", "n_routed_experts", "num_experts_per_tok",
    "moe_intermediate_size", "moe_latent_size", "moe_shared_expert_intermediate_size", "n_shared_experts",
    "routed_scaling_factor",
})
# fmt: on


def _blocks(reader: ConfigReader, key: str) -> list[dict[str, Any]]:
    """`block_configs`: an object for each layer. Keys that are null there say nothing."""
    blocks = reader.require(key)
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise CorruptCheckpoint(f"{key} in {reader.where} is not a list of objects.")
    _check_depth(reader, key, blocks)
    cleaned = []
    for block in blocks:
        block = with_one_spelling({name: value for name, value in block.items() if value is not None}, ALIASES)
        ConfigReader(block, f"{key} in {reader.where}").refuse_unknown(BLOCK_KEYS | {"block_type"})
        cleaned.append(block)
    return cleaned


def _of_block(reader: ConfigReader, blocks: list[dict[str, Any]] | None, index: int) -> ConfigReader:
    """The config as layer `index` sees it."""
    if blocks is None:
        return reader
    return ConfigReader({**reader.values, **blocks[index]}, reader.where)


def _layer(kind: str, reader: ConfigReader) -> LayerSpec:
    match kind:
        case "mamba":
            return _mamba(reader)
        case "attention":
            return _attention(reader)
        case "mlp":
            return MLPSpec(reader.integer("intermediate_size"))
        case _:
            return _moe(reader)


def _mamba(reader: ConfigReader) -> Mamba2Spec:
    return Mamba2Spec(
        heads=reader.integer("mamba_num_heads"),
        head_dim=reader.integer("mamba_head_dim"),
        groups=reader.integer("n_groups"),
        state_size=reader.integer("ssm_state_size"),
        conv_kernel=reader.integer("conv_kernel"),
        step_limits=_step_limits(reader),
    )


def _step_limits(reader: ConfigReader) -> tuple[float, float]:
    """`time_step_limit`, by default none. Not time_step_min, which only initialised training."""
    if not reader.has("time_step_limit"):
        return 0.0, math.inf
    limits = reader.require("time_step_limit")
    numbers = [_limit(value) for value in limits] if isinstance(limits, list | tuple) else []
    if len(numbers) != 2 or not 0 <= numbers[0] < numbers[1]:
        raise CorruptCheckpoint(f"time_step_limit in {reader.where} is not two numbers from 0 up, the smaller first.")
    return numbers[0], numbers[1]


def _limit(value: Any) -> float:
    """A number, or infinity in the spellings that JSON writers have found for it."""
    if isinstance(value, dict):  # {"__float__": "Infinity"}, as transformers writes it
        value = value.get("__float__")
    if value in ("Infinity", "inf"):
        return math.inf
    return float(value) if is_finite(value) or value == math.inf else math.nan


def _attention(reader: ConfigReader) -> AttentionSpec:
    return AttentionSpec(
        reader.integer("num_attention_heads"), reader.integer("num_key_value_heads"), reader.integer("head_dim")
    )


def _moe(reader: ConfigReader, experts_key: str = "n_routed_experts") -> MoESpec:
    shared = reader.integer("n_shared_experts") if reader.has("n_shared_experts") else 1
    return MoESpec(
        experts=reader.integer(experts_key),
        top_k=reader.integer("num_experts_per_tok"),
        width=reader.integer("moe_intermediate_size"),
        shared_width=reader.integer("moe_shared_expert_intermediate_size") * shared,
        latent=reader.integer("moe_latent_size") if reader.has("moe_latent_size") else None,
        scale=reader.number("routed_scaling_factor"),
        normalise=reader.boolean("norm_topk_prob"),
    )


def _mtp(reader: ConfigReader) -> tuple[AttentionSpec, MoESpec] | None:
    """The multi-token prediction head, if the config has one."""
    if reader.values.get("num_nextn_predict_layers") in (None, 0):
        return None
    reader.refuse_unless("num_nextn_predict_layers", [1])
    blocks = _blocks(reader, "mtp_block_configs") if reader.has("mtp_block_configs") else None
    kinds = _kinds(reader, "mtp_layers_block_type", "mtp_hybrid_override_pattern", blocks)
    if kinds != ["attention", "moe"]:
        raise UnsupportedCheckpoint(
            f"{reader.where} has a multi-token prediction head of the layers {shown(json.dumps(kinds))}; only "
            "an attention layer and a mixture of experts is implemented."
        )
    experts_key = "mtp_n_routed_experts" if reader.has("mtp_n_routed_experts") else "n_routed_experts"
    return _attention(_of_block(reader, blocks, 0)), _moe(_of_block(reader, blocks, 1), experts_key)
