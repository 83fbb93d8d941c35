from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.models.attention import AttentionSpec
from nemora.models.config import GGUFHeader
from nemora.models.inventory import take_inventory
from nemora.models.nemotron import Nemotron
from nemora.models.nemotron_config import (
    NemotronConfig,
    nemotron_config_from_gguf,
    nemotron_config_from_hugging_face,
)
from tiny_nemotron import CONFIG


def test_a_published_config_is_read_completely() -> None:
    assert nemotron_config_from_hugging_face(CONFIG) == NemotronConfig(
        vocab_size=80,
        context_length=512,
        hidden_size=96,
        intermediate_size=160,
        layers=3,
        attention=AttentionSpec(6, 2, 16),
        norm_eps=1e-5,
        rotated=8,
        rope_theta=10000.0,
        tied_head=False,
    )


def test_a_minitron_of_four_billion_has_that_many_parameters() -> None:
    sizes = {"hidden_size": 3072, "intermediate_size": 9216, "num_hidden_layers": 32, "vocab_size": 256000}
    heads = {"head_dim": 128, "num_attention_heads": 24, "num_key_value_heads": 8}
    config = nemotron_config_from_hugging_face(CONFIG | sizes | heads)
    inventory = take_inventory(partial(Nemotron, config))[1]
    a_layer = 2 * 3072 * 3072 + 2 * 1024 * 3072 + 2 * 3072 * 9216 + 4 * 3072
    assert inventory.parameters == 2 * 256000 * 3072 + 32 * a_layer + 2 * 3072


def test_all_spellings_mean_the_same() -> None:
    expected = nemotron_config_from_hugging_face(CONFIG)
    old = {key: value for key, value in CONFIG.items() if key not in ("head_dim", "partial_rotary_factor")}
    for factor in ("partial_rotary_factor", "rope_percent", "rope_percentage"):
        for head_dim in ({"head_dim": 16}, {"kv_channels": 16}, {}):
            assert nemotron_config_from_hugging_face(old | {factor: 0.5} | head_dim) == expected
    new = {key: value for key, value in CONFIG.items() if key not in ("rope_theta", "partial_rotary_factor")}
    rope = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}
    assert nemotron_config_from_hugging_face(new | {"rope_parameters": rope}) == expected
    assert nemotron_config_from_hugging_face(CONFIG | {"rope_parameters": rope, "rope_scaling": None}) == expected


NEEDED = (
    *("model_type", "hidden_act", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers"),
    *("num_attention_heads", "num_key_value_heads", "norm_eps", "rope_theta", "partial_rotary_factor"),
    *("tie_word_embeddings", "max_position_embeddings"),
)


@pytest.mark.parametrize("key", NEEDED)
@pytest.mark.parametrize("gone", ["absent", "null"])
def test_a_missing_key_is_named(key: str, gone: str) -> None:
    config = {name: value for name, value in CONFIG.items() if name != key}
    with pytest.raises((CorruptCheckpoint, UnsupportedCheckpoint), match=key):
        nemotron_config_from_hugging_face(config if gone == "absent" else {**config, key: None})


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("hidden_act", "silu", UnsupportedCheckpoint),
        ("model_type", "llama", UnsupportedCheckpoint),
        ("architectures", ["NemotronForSequenceClassification"], UnsupportedCheckpoint),
        ("attention_bias", True, UnsupportedCheckpoint),
        ("mlp_bias", True, UnsupportedCheckpoint),
        ("rope_scaling", {"type": "linear", "factor": 2.0}, UnsupportedCheckpoint),
        ("rope_parameters", {"rope_type": "linear", "factor": 2.0}, UnsupportedCheckpoint),
        ("rope_parameters", {"rope_type": "default", "factor": 2.0}, UnsupportedCheckpoint),
        ("rms_norm_eps", 1e-5, UnsupportedCheckpoint),
        ("logit_scale", 0.5, UnsupportedCheckpoint),
        ("rope_theta", 0, CorruptCheckpoint),
        ("partial_rotary_factor", 1.5, CorruptCheckpoint),
        ("partial_rotary_factor", -0.5, CorruptCheckpoint),
        ("rope_percent", 0.25, CorruptCheckpoint),
        ("kv_channels", 32, CorruptCheckpoint),
        ("norm_eps", "1e-5", CorruptCheckpoint),
        ("vocab_size", 0, CorruptCheckpoint),
        ("tie_word_embeddings", 0, CorruptCheckpoint),
        ("rope_scaling", [2.0], CorruptCheckpoint),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(key: str, value: Any, error: type) -> None:
    with pytest.raises(error, match=key):
        nemotron_config_from_hugging_face({**CONFIG, key: value})


@pytest.mark.parametrize("key", ["rope_theta", "partial_rotary_factor"])
def test_what_is_told_twice_must_agree(key: str) -> None:
    rope = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}
    with pytest.raises(UnsupportedCheckpoint, match=key):
        nemotron_config_from_hugging_face({**CONFIG, "rope_parameters": rope, key: 0.25})


def test_linear_stretching_is_named() -> None:
    with pytest.raises(UnsupportedCheckpoint, match="linear"):
        nemotron_config_from_hugging_face({**CONFIG, "rope_scaling": {"type": "linear", "factor": 2.0}})


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"partial_rotary_factor": 0.01}, "RoPE"),  # none of 16
        ({"partial_rotary_factor": 0.2}, "even"),  # three of 16
        ({"num_key_value_heads": 4}, "key-value heads"),
    ],
)
def test_heads_that_do_not_fit_together_are_refused(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(CorruptCheckpoint, match=named):
        nemotron_config_from_hugging_face(CONFIG | changes)


GGUF: dict[str, Any] = {
    "general.architecture": "nemotron",
    "nemotron.block_count": 3,
    "nemotron.context_length": 512,
    "nemotron.embedding_length": 96,
    "nemotron.feed_forward_length": 160,
    "nemotron.attention.head_count": 6,
    "nemotron.attention.head_count_kv": 2,
    "nemotron.rope.freq_base": 10000.0,
    "nemotron.attention.layer_norm_epsilon": 1e-5,
    "nemotron.rope.dimension_count": 8,
    "nemotron.rope.scaling.type": "none",
    "nemotron.vocab_size": 80,
}


def from_gguf(metadata: dict[str, Any]) -> NemotronConfig:
    shapes = {"token_embd.weight": (80, 96), "output.weight": (80, 96)}
    return nemotron_config_from_gguf(GGUFHeader(metadata=metadata, shapes=shapes))


def test_gguf_metadata_is_read() -> None:
    assert from_gguf(GGUF) == nemotron_config_from_hugging_face(CONFIG)
    more = {"attention.key_length": 16, "attention.value_length": 16, "attention.layer_norm_rms_epsilon": 1e-5}
    assert from_gguf(GGUF | {f"nemotron.{key}": value for key, value in more.items()}) == from_gguf(GGUF)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rope.scaling.type", "linear"),
        ("rope.scaling.factor", 2.0),
        ("attention.layer_norm_rms_epsilon", 1e-6),
        ("attention.value_length", 32),
        ("attention.head_count", [6, 6, 6]),
        ("expert_count", 8),
        ("logit_scale", 0.5),
        ("vocab_size", 81),
        ("block_count", 0),
    ],
)
def test_gguf_metadata_that_cannot_be_used_is_refused_by_its_full_name(key: str, value: Any) -> None:
    with pytest.raises((UnsupportedCheckpoint, CorruptCheckpoint), match=f"nemotron.{key}"):
        from_gguf({**GGUF, f"nemotron.{key}": value})


@pytest.mark.parametrize("key", [key for key in GGUF if not key.endswith(("architecture", "vocab_size", "type"))])
def test_a_missing_gguf_key_is_named(key: str) -> None:
    with pytest.raises(CorruptCheckpoint, match=key):
        from_gguf({name: value for name, value in GGUF.items() if name != key})


def test_more_cannot_be_turned_than_there_is() -> None:
    with pytest.raises(CorruptCheckpoint, match="RoPE"):
        from_gguf({**GGUF, "nemotron.rope.dimension_count": 18})


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NEEDED), inner, max_size=3),
    max_leaves=5,
)
OPTIONAL = ("rope_scaling", "rope_parameters", "kv_channels", "rope_percent", "rope_percentage", "head_dim")


@settings(max_examples=200, deadline=None)
@given(changes=st.dictionaries(st.sampled_from([*CONFIG, *OPTIONAL]), ANYTHING, min_size=1, max_size=3))
def test_a_damaged_config_is_read_or_refused_and_nothing_else(changes: dict[str, Any]) -> None:
    try:
        config = nemotron_config_from_hugging_face(CONFIG | changes)
    except (CorruptCheckpoint, UnsupportedCheckpoint):
        return
    take_inventory(partial(Nemotron, config))


@settings(max_examples=200, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(list(GGUF)[1:]), ANYTHING, min_size=1, max_size=3))
def test_damaged_gguf_metadata_is_read_or_refused_and_nothing_else(changes: dict[str, Any]) -> None:
    try:
        config = from_gguf(GGUF | changes)
    except (CorruptCheckpoint, UnsupportedCheckpoint):
        return
    take_inventory(partial(Nemotron, config))
