from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.models.attention import AttentionSpec
from nemora.models.config import GGUFHeader
from nemora.models.inventory import take_inventory
from nemora.models.nemotron_nas import NemotronNAS
from nemora.models.nemotron_nas_config import (
    LayerSpec,
    NemotronNASConfig,
    nemotron_nas_config_from_gguf,
    nemotron_nas_config_from_hugging_face,
)
from nemora.models.rope import Llama3Scaling
from tiny_nemotron_nas import CONFIG, block, with_blocks

# The maps of blocks of the two published models: layers, then heads per key-value head (- for no attention), then the
# multiple that the network's width follows from; x is a layer without either.
SUPER = """
0 8/2.625; 1-5 8/5.25; 6-7 -/2.625; 8-10 8/5.25; 11 -/3.28125; 12-41 8/5.25; 42 -/1.3125; 43-44 -/2.625; 45 -/1.3125;
46 -/5.25; 47 -/1.3125; 48 -/2.625; 49-51 -/1.3125; 52 8/5.25; 53 -/1.3125; 54-55 -/1.0; 56 -/1.3125; 57-59 -/1.0;
60-61 -/1.3125; 62-63 -/0.5; 64-65 -/1.0; 66-67 -/0.5; 68 -/1.0; 69-70 -/0.5; 71-79 8/5.25
"""
ULTRA = """
0 16/0.4875; 1 16/0.975; 2-7 16/1.4625; 8 16/1.95; 9-12 x; 13-15 16/1.95; 16-17 16/4.875; 18-23 x; 24-26 16/4.875;
27-31 x; 32-34 16/4.875; 35 16/2.4375; 36-38 x; 39-41 16/1.95; 42 -/1.95; 43 16/4.875; 44 -/4.875; 45-49 x;
50-53 16/4.875; 54-58 x; 59-62 16/4.875; 63-67 x; 68-71 16/4.875; 72-76 x; 77-80 16/4.875; 81-85 x; 86 16/4.875;
87-89 16/3.4125; 90-91 x; 92 16/2.925; 93-95 16/2.4375; 96-97 -/2.4375; 98 16/2.4375; 99 x; 100-106 -/2.4375;
107 16/2.4375; 108-112 x; 113 16/2.925; 114 16/4.875; 115 -/4.875; 116 16/4.875; 117-124 x; 125 -/36.5625; 126-133 x;
134 -/39.0; 135-142 x; 143 -/31.40625; 144-148 x; 149 -/27.5625; 150 -/1.95; 151 16/1.95; 152 16/2.4375; 153 x;
154-155 16/2.4375; 156 16/3.4125; 157-160 16/4.875; 161 16/2.4375
"""


def blocks_of(published: str) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    for run in published.split(";"):
        layers, what = run.split()
        first, _, last = layers.partition("-")
        assert int(first) == len(blocks)
        group, mult = ("-", None) if what == "x" else what.split("/")
        entry = block(None if group == "-" else int(group), None if mult is None else float(mult))
        blocks += [entry] * (int(last or first) - int(first) + 1)
    return blocks


def published(blocks: str, **changes: Any) -> dict[str, Any]:
    rope = {**CONFIG["rope_scaling"], "original_max_position_embeddings": 8192}
    shared = {"max_position_embeddings": 131072, "rope_theta": 500000.0, "vocab_size": 128256, "rope_scaling": rope}
    return with_blocks(*blocks_of(blocks), **shared | changes)


SUPER_CONFIG = published(SUPER, hidden_size=8192, num_attention_heads=64)
ULTRA_CONFIG = published(ULTRA, hidden_size=16384, num_attention_heads=128)


@pytest.mark.parametrize(
    ("config", "layers", "attention", "networks", "parameters"),
    [(SUPER_CONFIG, 80, 49, 80, 49.867), (ULTRA_CONFIG, 162, 64, 81, 253.401)],
    ids=["super", "ultra"],
)
def test_the_published_maps_make_models_of_the_published_sizes(
    config: dict[str, Any], layers: int, attention: int, networks: int, parameters: float
) -> None:
    read = nemotron_nas_config_from_hugging_face(config)
    model, inventory = take_inventory(partial(NemotronNAS, read))
    assert len(read.layers) == layers
    assert round(inventory.parameters / 1e9, 3) == parameters
    assert len(model.new_state(1).keys) == attention
    assert sum(name.endswith(".mlp.down") for name in inventory.matrices) == networks
    assert read.layers[0].attention == AttentionSpec(config["num_attention_heads"], 8, 128)


def test_widths_are_those_of_the_published_tensors() -> None:
    widths = {
        entry["ffn"]["ffn_mult"]: layer.mlp_width
        for config in (SUPER_CONFIG, ULTRA_CONFIG)
        for entry, layer in zip(
            config["block_configs"], nemotron_nas_config_from_hugging_face(config).layers, strict=True
        )
    }
    super_widths = {0.5: 2816, 1.0: 5632, 1.3125: 7168, 2.625: 14336, 3.28125: 17920, 5.25: 28672}
    fused_widths = {36.5625: 399360, 39.0: 425984, 31.40625: 343040, 27.5625: 301056}
    assert super_widths.items() | fused_widths.items() <= widths.items()
    assert widths[None] is None


def test_a_published_config_is_read_completely() -> None:
    tiny = nemotron_nas_config_from_hugging_face(with_blocks(block(3, 1.0), block(None, None)))
    assert tiny == NemotronNASConfig(
        vocab_size=80,
        context_length=512,
        hidden_size=96,
        head_dim=16,
        norm_eps=1e-5,
        rope_theta=10000.0,
        rope_scaling=Llama3Scaling(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_context=64),
        tied_head=False,
        layers=(LayerSpec(AttentionSpec(6, 2, 16), 256), LayerSpec(None, None)),
    )


def test_the_map_may_be_in_either_key_and_both_must_agree() -> None:
    expected = nemotron_nas_config_from_hugging_face(CONFIG)
    blocks = CONFIG["block_configs"]
    without = {key: value for key, value in CONFIG.items() if key != "block_configs"}
    for value in (blocks, {"block_configs": blocks}):
        assert nemotron_nas_config_from_hugging_face(without | {"heterogeneous_layers_config": value}) == expected
        assert nemotron_nas_config_from_hugging_face(CONFIG | {"heterogeneous_layers_config": value}) == expected
    with pytest.raises(CorruptCheckpoint, match="heterogeneous_layers_config"):
        nemotron_nas_config_from_hugging_face(CONFIG | {"heterogeneous_layers_config": blocks[::-1]})
    with pytest.raises(CorruptCheckpoint, match="block_configs"):
        nemotron_nas_config_from_hugging_face(without)


def test_a_block_of_newer_exports_is_read() -> None:
    attention = {"n_heads_in_group": 2, "mamba": None, "llama4": None, "weights_precision": "bf16"}
    ffn = {"intermediate_size": 160, "gated": True, "hidden_act": "silu", "moe": None, "weights_precision": "bf16"}
    entry = {"attention": attention, "ffn": ffn, "parallel_blocks": None}
    (layer,) = nemotron_nas_config_from_hugging_face(with_blocks(entry)).layers
    assert layer == LayerSpec(AttentionSpec(6, 3, 16), 160)


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("attention", "replace_with_linear", True),
        ("attention", "window_length", 8192),
        ("attention", "num_sink_tokens", 64),
        ("attention", "unshifted_sink", True),
        ("attention", "use_prefill_window_in_sink_attention", True),
        ("attention", "sparsify", ["2:4"]),
        ("attention", "mamba", {"state_dim": 128}),
        ("attention", "llama4", {"use_rope": False}),
        ("attention", "head_dim", 64),
        ("ffn", "replace_with_linear", True),
        ("ffn", "sparsify", ["2:4"]),
        ("ffn", "hidden_act", "relu2"),
        ("ffn", "gated", False),
        ("ffn", "moe", {"num_local_experts": 8}),
        ("ffn", "bias", True),
    ],
)
@pytest.mark.parametrize("at", [0, 3], ids=["layer with both", "layer with neither"])
def test_a_block_that_is_not_implemented_is_refused_by_name(part: str, key: str, value: Any, at: int) -> None:
    config = copy.deepcopy(CONFIG)
    config["block_configs"][at][part][key] = value
    with pytest.raises(UnsupportedCheckpoint, match=rf"{part} in block_configs\[{at}\].* {key}"):
        nemotron_nas_config_from_hugging_face(config)


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("attention", "n_heads_in_group", None),
        ("attention", "n_heads_in_group", 4),  # six heads
        ("attention", "n_heads_in_group", 0),
        ("attention", "n_heads_in_group", 2.0),
        ("attention", "no_op", "false"),
        ("ffn", "no_op", 1),
        ("ffn", "ffn_mult", 0),
        ("ffn", "ffn_mult", 1e-9),
        ("ffn", "ffn_mult", 1e300),
        ("ffn", "ffn_mult", "1.0"),
        ("ffn", "intermediate_size", 999),
    ],
)
def test_a_block_that_makes_no_sense_is_refused_by_name(part: str, key: str, value: Any) -> None:
    config = copy.deepcopy(CONFIG)
    config["block_configs"][0][part][key] = value
    with pytest.raises(CorruptCheckpoint, match=rf"{part} in block_configs\[0\]") as caught:
        nemotron_nas_config_from_hugging_face(config)
    assert key in caught.value.message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hidden_act", "gelu"),
        ("num_key_value_heads", 8),
        ("intermediate_size", 256),
        ("attention_bias", True),
        ("mlp_bias", True),
        ("sliding_window", 4096),
        ("architectures", ["LlamaForCausalLM"]),
        ("logit_scale", 0.5),
        ("block_configs", [{"attention": {}, "ffn": {}, "parallel_blocks": [{}]}] * 6),
        ("block_configs", [{"attention": {}, "ffn": {}, "mixer": {}}] * 6),
    ],
)
def test_what_is_not_implemented_is_refused_by_name(key: str, value: Any) -> None:
    with pytest.raises(UnsupportedCheckpoint, match=key):
        nemotron_nas_config_from_hugging_face({**CONFIG, key: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("num_hidden_layers", 7),  # of six blocks
        ("num_hidden_layers", 5),
        ("block_configs", CONFIG["block_configs"][:-1]),
        ("block_configs", {"0": CONFIG["block_configs"][0]}),
        ("block_configs", ["attention"] * 6),
        ("attention", [{"ffn": {}}] * 6),
        ("ffn", [{"attention": {"no_op": True}}] * 6),
        ("hidden_size", 100),
        ("rope_scaling", [1]),
        ("rope_parameters", {"rope_type": "default"}),
    ],
)
def test_a_config_that_makes_no_sense_is_refused_by_name(key: str, value: Any) -> None:
    changed = "block_configs" if key in ("attention", "ffn") else key
    with pytest.raises(CorruptCheckpoint, match=key):
        nemotron_nas_config_from_hugging_face({**CONFIG, changed: value})


NEEDED = (
    *("model_type", "hidden_act", "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads"),
    *("rms_norm_eps", "rope_theta", "tie_word_embeddings", "max_position_embeddings", "block_configs"),
)


@pytest.mark.parametrize("key", NEEDED)
@pytest.mark.parametrize("gone", ["absent", "null"])
def test_a_missing_key_is_named(key: str, gone: str) -> None:
    config = {name: value for name, value in CONFIG.items() if name != key}
    with pytest.raises((CorruptCheckpoint, UnsupportedCheckpoint), match=key):
        nemotron_nas_config_from_hugging_face(config if gone == "absent" else {**config, key: None})


GGUF: dict[str, Any] = {
    "general.architecture": "deci",
    "deci.rope.freq_base": 500000.0,
    "deci.attention.head_count_kv": [2, 0, 0, 3],
    "deci.attention.head_count": [6, 0, 0, 6],
    "deci.feed_forward_length": [256, 512, 0, 0],
    "deci.block_count": 4,
    "deci.context_length": 512,
    "deci.embedding_length": 96,
    "deci.attention.layer_norm_rms_epsilon": 1e-5,
    "deci.attention.key_length": 16,
    "deci.attention.value_length": 16,
    "deci.vocab_size": 80,
    "deci.rope.dimension_count": 16,
}


def from_gguf(metadata: dict[str, Any]) -> NemotronNASConfig:
    return nemotron_nas_config_from_gguf(GGUFHeader(metadata=metadata, shapes={"token_embd.weight": (80, 96)}))


def test_gguf_metadata_is_read() -> None:
    config = from_gguf(GGUF)
    assert config.layers == (
        LayerSpec(AttentionSpec(6, 2, 16), 256),
        LayerSpec(None, 512),
        LayerSpec(None, None),
        LayerSpec(AttentionSpec(6, 3, 16), None),
    )
    one_size = {"deci.attention.head_count": 6, "deci.attention.head_count_kv": 2, "deci.feed_forward_length": 256}
    assert from_gguf(GGUF | one_size).layers == (LayerSpec(AttentionSpec(6, 2, 16), 256),) * 4


def test_early_gguf_files_tell_the_head_size_by_rope_alone() -> None:
    early = {key: value for key, value in GGUF.items() if "_length" not in key or "feed" in key or "context" in key}
    assert from_gguf(early | {"deci.embedding_length": 96}) == from_gguf(GGUF)


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("attention.head_count_kv", [2, 0, 0, 0], UnsupportedCheckpoint),  # a matrix in attention's place
        ("attention.head_count", [6, 0, 0, 0], CorruptCheckpoint),
        ("attention.head_count_kv", [2, 0, 0], CorruptCheckpoint),
        ("attention.head_count", [6, 0, 0, -6], CorruptCheckpoint),
        ("feed_forward_length", [256, 512, 0, True], CorruptCheckpoint),
        ("feed_forward_length", [256.0, 512, 0, 0], CorruptCheckpoint),
        ("feed_forward_length", "256", CorruptCheckpoint),
        ("rope.scaling.type", "linear", UnsupportedCheckpoint),
        ("expert_count", 8, UnsupportedCheckpoint),
        ("rope.dimension_count", 8, UnsupportedCheckpoint),
        ("attention.value_length", 32, UnsupportedCheckpoint),
        ("logit_scale", 0.5, UnsupportedCheckpoint),
        ("block_count", 0, CorruptCheckpoint),
    ],
)
def test_gguf_metadata_that_cannot_be_used_is_refused_by_its_full_name(key: str, value: Any, error: type) -> None:
    with pytest.raises(error, match=f"deci.{key}"):
        from_gguf({**GGUF, f"deci.{key}": value})


@pytest.mark.parametrize("key", [key for key in GGUF if not key.endswith(("architecture", "vocab_size"))])
def test_a_missing_gguf_key_is_named(key: str) -> None:
    metadata = {name: value for name, value in GGUF.items() if name != key}
    if key in ("deci.attention.key_length", "deci.attention.value_length", "deci.rope.dimension_count"):
        from_gguf(metadata)  # each follows from the others
        return
    with pytest.raises(CorruptCheckpoint, match=key):
        from_gguf(metadata)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from paths(inner, (*path, key))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(NEEDED)), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("kind", ["config.json", "gguf"])
def test_a_damaged_config_is_read_or_refused_and_nothing_else(kind: str, data: st.DataObject) -> None:
    whole = copy.deepcopy(CONFIG if kind == "config.json" else GGUF)
    for *way, last in data.draw(st.lists(st.sampled_from(list(paths(whole))), min_size=1, max_size=3)):
        inside: Any = whole
        for key in way:
            inside = inside[key] if isinstance(inside, dict | list) and _has(inside, key) else None
        if not isinstance(inside, dict | list) or not _has(inside, last):
            continue
        if data.draw(st.booleans()):
            inside[last] = data.draw(ANYTHING)
        else:
            del inside[last]
    try:
        config = nemotron_nas_config_from_hugging_face(whole) if kind == "config.json" else from_gguf(whole)
    except (CorruptCheckpoint, UnsupportedCheckpoint):
        return
    take_inventory(partial(NemotronNAS, config))


def _has(inside: Any, key: Any) -> bool:
    return key in inside if isinstance(inside, dict) else isinstance(key, int) and key < len(inside)
