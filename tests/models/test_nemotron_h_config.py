"""The hybrids' settings: every spelling reads the same, what is published counts up, and the rest is refused by name."""

from __future__ import annotations

import math
from typing import Any

import pytest

from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.models.attention import AttentionSpec
from nemora.models.inventory import take_inventory
from nemora.models.mamba2 import Mamba2Spec
from nemora.models.mlp import MLPSpec
from nemora.models.moe import MoESpec
from nemora.models.nemotron_h import NemotronH
from nemora.models.nemotron_h_config import NemotronHConfig
from nemora.models.nemotron_h_config import nemotron_h_config_from_hugging_face as read
from tiny_nemotron_h import CONFIG, LATENT, MTP

FULL = CONFIG | LATENT | MTP
NAMES = {"M": "mamba", "*": "attention", "-": "mlp", "E": "moe"}
NEW_NAMES = NAMES | {"M": "linear_attention", "*": "full_attention"}


def without(config: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in keys}


def renamed(config: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in config.items()}


def listed(pattern: str, names: dict[str, str] = NAMES) -> list[str]:
    return [names[letter] for letter in pattern]


# One of each: what it is called in one file, and in another.
SPELLINGS: dict[str, dict[str, str]] = {
    "head_dim": {"head_dim": "attention_head_dim"},
    "norm_eps": {"layer_norm_epsilon": "norm_eps"},
    "rms_norm_eps": {"layer_norm_epsilon": "rms_norm_eps"},
    "n_groups": {"n_groups": "mamba_n_groups"},
    "num_groups": {"n_groups": "mamba_num_groups"},
    "conv_kernel": {"conv_kernel": "mamba_d_conv"},
    "use_conv_bias": {"use_conv_bias": "mamba_conv_bias"},
    "num_local_experts": {"n_routed_experts": "num_local_experts"},
    "chunk_size": {"chunk_size": "mamba_chunk_size"},
    "expand": {"expand": "mamba_expand"},
    "time steps": {
        "time_step_min": "mamba_dt_min",
        "time_step_max": "mamba_dt_max",
        "time_step_floor": "mamba_dt_init_floor",
    },
}


@pytest.mark.parametrize("names", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_every_spelling_of_a_key_reads_the_same(names: dict[str, str]) -> None:
    base = without(FULL, "norm_eps")
    assert all(key in base for key in names)
    assert read(renamed(base, names)) == read(FULL)


@pytest.mark.parametrize("key", ["layers_block_type", "layer_types"])
@pytest.mark.parametrize("names", [NAMES, NEW_NAMES], ids=["old", "new"])
def test_layers_may_be_a_pattern_or_a_list_of_names(key: str, names: dict[str, str]) -> None:
    layers = listed(CONFIG["hybrid_override_pattern"], names)
    assert read(without(FULL, "hybrid_override_pattern") | {key: layers}) == read(FULL)
    assert read(FULL | {key: layers}) == read(FULL)


def test_the_draft_head_may_be_a_pattern_or_a_list_of_names() -> None:
    listed_head = without(FULL, "mtp_hybrid_override_pattern") | {"mtp_layers_block_type": ["attention", "moe"]}
    assert read(listed_head) == read(FULL)
    assert read(FULL).mtp is not None
    assert read(FULL | {"num_nextn_predict_layers": 0}).mtp is None


def test_a_puzzle_gives_layers_their_own_widths_and_takes_the_rest_from_above() -> None:
    blocks = [{"block_type": NAMES[letter]} for letter in CONFIG["hybrid_override_pattern"]]
    puzzle = without(FULL, "hybrid_override_pattern") | {
        "architectures": ["NemotronHPuzzleForCausalLM"],
        "model_type": "nemotron_h_puzzle",
    }
    assert read(puzzle | {"block_configs": blocks}) == read(FULL)
    blocks[4] = {"block_type": "moe", "moe_intermediate_size": 16, "num_experts_per_tok": 2, "head_dim": None}
    layers = read(puzzle | {"block_configs": blocks, "mtp_n_routed_experts": 4})
    assert [spec.width for spec in layers.layers if isinstance(spec, MoESpec)] == [16, 48]
    assert [spec.top_k for spec in layers.layers if isinstance(spec, MoESpec)] == [2, 3]
    assert layers.mtp is not None and layers.mtp[1].experts == 4
    with pytest.raises(UnsupportedCheckpoint, match="block_configs"):
        read(FULL | {"block_configs": blocks})  # only a puzzle has them


def test_what_each_layer_is_follows_from_its_letter() -> None:
    config = read(FULL)
    attention = AttentionSpec(heads=6, kv_heads=2, head_dim=16)
    kinds = {"M": Mamba2Spec, "*": AttentionSpec, "-": MLPSpec, "E": MoESpec}
    assert [type(spec) for spec in config.layers] == [kinds[letter] for letter in CONFIG["hybrid_override_pattern"]]
    assert config.layers[3] == attention and config.layers[1] == MLPSpec(96)
    assert config.mtp is not None and config.mtp[0] == attention


@pytest.mark.parametrize(
    "key", ["rope_theta", "partial_rotary_factor", "expand", "chunk_size", "mamba_ssm_cache_dtype"]
)
def test_what_changes_nothing_is_not_read(key: str) -> None:
    assert read(FULL | {key: "anything"}) == read(without(FULL, key)) == read(FULL)


@pytest.mark.parametrize(
    "limits", [None, [0.0, math.inf], [0.0, "Infinity"], [0, "inf"], [0.0, {"__float__": "Infinity"}]]
)
def test_no_limit_of_steps_has_many_spellings(limits: Any) -> None:
    assert read(FULL | {"time_step_limit": limits}) == read(FULL)


@pytest.mark.parametrize("limits", [[0.1], [0.2, 0.1], [-1, 1], [0, math.nan], [0, 10**400], "0,1", [True, 2], {}])
def test_limits_of_steps_that_make_no_sense_are_refused(limits: Any) -> None:
    with pytest.raises(CorruptCheckpoint, match="time_step_limit"):
        read(FULL | {"time_step_limit": limits})


def test_several_shared_experts_are_one_wider_one() -> None:
    (spec, *_) = [spec for spec in read(FULL | {"n_shared_experts": 3}).layers if isinstance(spec, MoESpec)]
    assert spec.shared_width == 3 * CONFIG["moe_shared_expert_intermediate_size"]


NEEDED = [
    "vocab_size",
    "max_position_embeddings",
    "hidden_size",
    "intermediate_size",
    "layer_norm_epsilon",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "mamba_num_heads",
    "mamba_head_dim",
    "n_groups",
    "ssm_state_size",
    "conv_kernel",
    "n_routed_experts",
    "num_experts_per_tok",
    "moe_intermediate_size",
    "moe_shared_expert_intermediate_size",
    "routed_scaling_factor",
    "norm_topk_prob",
    "hybrid_override_pattern",
    "mtp_hybrid_override_pattern",
    "model_type",
]


@pytest.mark.parametrize("key", NEEDED)
def test_a_key_that_is_needed_and_missing_is_named(key: str) -> None:
    with pytest.raises(CorruptCheckpoint, match=key):
        read(without(FULL, key, "norm_eps"))


@pytest.mark.parametrize("key", [key for key in NEEDED if type(FULL[key]) is int])
@pytest.mark.parametrize("value", [0, -1, 1.5, 1.0, True, "1", [], 1 << 40, 10**400, math.nan])
def test_a_size_that_is_no_size_is_named(key: str, value: Any) -> None:
    with pytest.raises(CorruptCheckpoint, match=key):
        read(FULL | {key: value})


@pytest.mark.parametrize("value", [0, -1.0, math.inf, math.nan, True, "1", 10**400])
@pytest.mark.parametrize("key", ["layer_norm_epsilon", "routed_scaling_factor"])
def test_a_number_that_is_none_is_named(key: str, value: Any) -> None:
    with pytest.raises(CorruptCheckpoint, match=key):
        read(without(FULL, "norm_eps") | {key: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("attention_bias", True),
        ("mlp_bias", True),
        ("use_bias", True),
        ("mamba_proj_bias", True),
        ("use_conv_bias", False),
        ("mlp_hidden_act", "silu"),
        ("mamba_hidden_act", "gelu"),
        ("n_group", 2),
        ("topk_group", True),
        ("tie_word_embeddings", True),
        ("residual_in_fp32", True),
        ("sliding_window", 4096),
        ("num_nextn_predict_layers", 2),
        ("mtp_hybrid_override_pattern", "*EE"),
        ("hybrid_override_pattern", "MX"),
        ("layers_block_type", ["mamba", "conv"]),
        ("a_new_switch", 1),
    ],
)
def test_what_is_not_implemented_is_refused_by_name(key: str, value: Any) -> None:
    name = "multi-token" if key.startswith("mtp") else key
    with pytest.raises(UnsupportedCheckpoint, match=name):
        read(FULL | {key: value})


def test_two_spellings_that_contradict_each_other_are_refused() -> None:
    for alias, value in (("mamba_n_groups", 2), ("rms_norm_eps", 1e-6), ("attention_head_dim", 32)):
        with pytest.raises(CorruptCheckpoint, match=alias):
            read(FULL | {alias: value})
    with pytest.raises(CorruptCheckpoint, match="contradict"):
        read(FULL | {"layers_block_type": ["mamba"] * len(CONFIG["hybrid_override_pattern"])})


@pytest.mark.parametrize(
    "changes",
    [
        {"mamba_num_heads": 9},
        {"num_attention_heads": 7},
        {"num_experts_per_tok": 9},
        {"conv_kernel": 1},
        {"hybrid_override_pattern": ""},
        {"hybrid_override_pattern": "M" * 4097},
        {"hybrid_override_pattern": "E" * 4096, "n_routed_experts": 1000},
    ],
)
def test_dimensions_that_do_not_fit_together_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(CorruptCheckpoint):
        read(FULL | changes)


def test_spellings_that_are_nested_too_deeply_to_compare_are_refused() -> None:
    one: list[Any] = []
    other: list[Any] = []
    for _ in range(100_000):
        one, other = [one], [other]
    with pytest.raises(CorruptCheckpoint, match="contradict"):
        read(FULL | {"norm_eps": one, "layer_norm_epsilon": other})


COMMON = {
    "vocab_size": 131072,
    "head_dim": 128,
    "n_groups": 8,
    "ssm_state_size": 128,
    "num_key_value_heads": 8,
    "max_position_embeddings": 262144,
}
SUPER = "MEMEMEM*EMEMEMEM*EMEMEMEM*EMEMEMEMEM*EMEMEMEMEM*EMEMEMEMEM*EMEMEMEMEM*EMEMEMEM*EMEMEMEME"
NANO_30B = "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME"
PUBLISHED: dict[str, tuple[dict[str, Any], float, float]] = {
    # Settings that differ, and billions of parameters: of the model, and of its draft head.
    "Nemotron-H-8B": (
        {
            "hidden_size": 4096,
            "num_attention_heads": 32,
            "mamba_num_heads": 128,
            "mamba_head_dim": 64,
            "intermediate_size": 21504,
            "hybrid_override_pattern": "M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M-",
        },
        8.101,
        0,
    ),
    "Nano-9B-v2": (
        {
            "hidden_size": 4480,
            "num_attention_heads": 40,
            "mamba_num_heads": 128,
            "mamba_head_dim": 80,
            "intermediate_size": 15680,
            "hybrid_override_pattern": "M-M-M-MM-M-M-M*-M-M-M*-M-M-M-M*-M-M-M-M*-M-MM-M-M-M-M-M-",
        },
        8.888,
        0,
    ),
    "3-Nano-4B": (
        {
            "hidden_size": 3136,
            "num_attention_heads": 40,
            "mamba_num_heads": 96,
            "mamba_head_dim": 80,
            "intermediate_size": 12544,
            "hybrid_override_pattern": "M-M-M-MM-M-M*-M-M*-M-M-M*-M-M-MM*-MMM-M-M-",
        },
        3.974,
        0,
    ),
    "3.5-Lightning-30B": (
        MTP
        | {
            "hidden_size": 2688,
            "num_attention_heads": 32,
            "num_key_value_heads": 2,
            "mamba_num_heads": 64,
            "mamba_head_dim": 64,
            "n_routed_experts": 128,
            "num_experts_per_tok": 6,
            "moe_intermediate_size": 1856,
            "moe_shared_expert_intermediate_size": 3712,
            "hybrid_override_pattern": NANO_30B,
        },
        31.578,
        1.335,
    ),
    "3-Super-120B": (
        MTP
        | {
            "hidden_size": 4096,
            "num_attention_heads": 32,
            "num_key_value_heads": 2,
            "mamba_num_heads": 128,
            "mamba_head_dim": 64,
            "n_routed_experts": 512,
            "num_experts_per_tok": 22,
            "moe_intermediate_size": 2688,
            "moe_latent_size": 1024,
            "moe_shared_expert_intermediate_size": 5376,
            "hybrid_override_pattern": SUPER,
        },
        120.67,
        2.94,
    ),
}


@pytest.mark.parametrize(("changes", "billions", "draft"), PUBLISHED.values(), ids=PUBLISHED.keys())
def test_published_models_have_the_parameters_that_they_are_said_to_have(
    changes: dict[str, Any], billions: float, draft: float
) -> None:
    config: NemotronHConfig = read(CONFIG | COMMON | changes)
    _, inventory = take_inventory(lambda weights: NemotronH(config, weights, mtp=True))
    drafting = inventory.parameters_of("mtp.")
    digits = 2 if billions > 100 else 3
    assert round((inventory.parameters - drafting) / 1e9, digits) == billions
    assert round(drafting / 1e9, digits) == draft
