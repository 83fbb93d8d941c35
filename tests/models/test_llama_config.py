from __future__ import annotations

from typing import Any

import pytest

from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.models.config import GGUFHeader
from nemora.models.llama_config import LlamaConfig, llama_config_from_gguf, llama_config_from_hugging_face
from nemora.models.rope import Llama3Scaling
from tiny_llama import CONFIG, LLAMA3

# config.json of a published Llama-3.1-Nemotron-Nano-8B: the keys and values of its kind.
NANO_8B: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 128000,
    "eos_token_id": [128001, 128008, 128009],
    "head_dim": 128,
    "hidden_act": "silu",
    "hidden_size": 4096,
    "initializer_range": 0.02,
    "intermediate_size": 14336,
    "max_position_embeddings": 131072,
    "mlp_bias": False,
    "model_type": "llama",
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
    "pretraining_tp": 1,
    "rms_norm_eps": 1e-05,
    "rope_scaling": {**LLAMA3, "original_max_position_embeddings": 8192},
    "rope_theta": 500000.0,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.47.1",
    "use_cache": True,
    "vocab_size": 128256,
}


def test_the_published_config_of_nemotron_nano_is_read_completely() -> None:
    assert llama_config_from_hugging_face(NANO_8B) == LlamaConfig(
        vocab_size=128256,
        context_length=131072,
        hidden_size=4096,
        intermediate_size=14336,
        layers=32,
        heads=32,
        kv_heads=8,
        head_dim=128,
        norm_eps=1e-5,
        rope_theta=500000.0,
        rope_scaling=Llama3Scaling(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_context=8192),
        tied_head=False,
    )


def test_both_spellings_of_rope_mean_the_same() -> None:
    old = llama_config_from_hugging_face({**CONFIG, "rope_scaling": LLAMA3, "rope_theta": 5e5})
    new = {key: value for key, value in CONFIG.items() if key not in ("rope_scaling", "rope_theta")}
    assert llama_config_from_hugging_face({**new, "rope_parameters": {**LLAMA3, "rope_theta": 5e5}}) == old
    plain = llama_config_from_hugging_face({**new, "rope_parameters": {"rope_type": "default", "rope_theta": 5e5}})
    assert plain == llama_config_from_hugging_face({**CONFIG, "rope_theta": 5e5})


def test_a_missing_head_size_is_the_hidden_size_shared_among_the_heads() -> None:
    without = {key: value for key, value in CONFIG.items() if key != "head_dim"}
    assert llama_config_from_hugging_face(without).head_dim == 96 // 6
    with pytest.raises(CorruptCheckpoint, match="hidden_size"):
        llama_config_from_hugging_face({**without, "num_attention_heads": 10})


@pytest.mark.parametrize(
    "key",
    [
        *("model_type", "hidden_act", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers"),
        *("num_attention_heads", "num_key_value_heads", "rms_norm_eps", "rope_theta", "tie_word_embeddings"),
        "max_position_embeddings",
    ],
)
@pytest.mark.parametrize("gone", ["absent", "null"])
def test_a_missing_key_is_named(key: str, gone: str) -> None:
    config = {name: value for name, value in CONFIG.items() if name != key}
    with pytest.raises((CorruptCheckpoint, UnsupportedCheckpoint), match=key):
        llama_config_from_hugging_face(config if gone == "absent" else {**config, key: None})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("attention_bias", True),
        ("mlp_bias", True),
        ("sliding_window", 4096),
        ("hidden_act", "gelu"),
        ("model_type", "mistral"),
        ("architectures", ["LlamaBidirectionalModel"]),
        ("rope_interleaved", True),
        ("pruned_heads", {"0": [1]}),
        ("auto_map", {"AutoModel": "modeling.Other"}),
        ("attention_multiplier", 0.5),
        ("tie_encoder_decoder", 0),
    ],
)
def test_what_is_not_implemented_is_refused_by_name(key: str, value: Any) -> None:
    with pytest.raises(UnsupportedCheckpoint, match=key):
        llama_config_from_hugging_face({**CONFIG, key: value})


@pytest.mark.parametrize(
    ("rope", "error", "named"),
    [
        ({"type": "linear", "factor": 2.0}, UnsupportedCheckpoint, "linear"),
        ({"rope_type": "yarn", "factor": 2.0}, UnsupportedCheckpoint, "yarn"),
        ({**LLAMA3, "attention_factor": 2.0}, UnsupportedCheckpoint, "attention_factor"),
        ({**LLAMA3, "partial_rotary_factor": 0.5}, UnsupportedCheckpoint, "partial_rotary_factor"),
        ({**LLAMA3, "type": "yarn"}, UnsupportedCheckpoint, "type"),
        ({**LLAMA3, "rope_theta": 7.0}, UnsupportedCheckpoint, "rope_theta"),
        ({"rope_type": "default", "factor": 2.0}, UnsupportedCheckpoint, "factor"),
        ({key: value for key, value in LLAMA3.items() if key != "factor"}, CorruptCheckpoint, "factor"),
        ({**LLAMA3, "factor": "8"}, CorruptCheckpoint, "factor"),
        ({**LLAMA3, "high_freq_factor": 1.0}, CorruptCheckpoint, "high_freq_factor"),
        ({}, CorruptCheckpoint, "type"),
        ([1], CorruptCheckpoint, "rope_scaling"),
    ],
)
def test_a_rope_scaling_that_is_not_understood_is_refused_by_name(rope: Any, error: type, named: str) -> None:
    with pytest.raises(error, match=named):
        llama_config_from_hugging_face({**CONFIG, "rope_scaling": rope})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("vocab_size", 0),
        ("vocab_size", 1 << 40),
        ("hidden_size", 64.0),
        ("hidden_size", True),
        ("num_hidden_layers", 10**9),
        ("rms_norm_eps", float("nan")),
        ("rms_norm_eps", -1e-5),
        ("rope_theta", float("inf")),
        ("rope_theta", "10000"),
        ("head_dim", -1),
        ("tie_word_embeddings", "false"),
        ("max_position_embeddings", [4096]),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(key: str, value: Any) -> None:
    with pytest.raises(CorruptCheckpoint, match=key):
        llama_config_from_hugging_face({**CONFIG, key: value})


def test_heads_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(CorruptCheckpoint, match="key-value heads"):
        llama_config_from_hugging_face({**CONFIG, "num_key_value_heads": 4})
    with pytest.raises(CorruptCheckpoint, match="even"):
        llama_config_from_hugging_face({**CONFIG, "head_dim": 15})


GGUF = {
    "general.architecture": "llama",
    "general.name": "x",
    "tokenizer.ggml.model": "gpt2",
    "llama.block_count": 2,
    "llama.context_length": 512,
    "llama.embedding_length": 64,
    "llama.feed_forward_length": 96,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "llama.attention.layer_norm_rms_epsilon": 1e-5,
    "llama.rope.freq_base": 10000.0,
    "llama.rope.dimension_count": 16,
    "llama.vocab_size": 80,
}


def from_gguf(metadata: dict[str, Any], factors: tuple[float, ...] | None = None) -> LlamaConfig:
    header = GGUFHeader(metadata=metadata, shapes={"token_embd.weight": (80, 64)}, rope_factors=factors)
    return llama_config_from_gguf(header)


def test_gguf_metadata_is_read() -> None:
    config = from_gguf(GGUF)
    assert (config.head_dim, config.kv_heads, config.layers, config.rope_scaling) == (16, 2, 2, None)
    assert from_gguf(GGUF, (1.0,) * 8).rope_scaling == (1.0,) * 8


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("llama.rope.scaling.type", "linear"),
        ("llama.rope.scaling.factor", 4.0),
        ("llama.expert_count", 8),
        ("llama.attention.sliding_window", 4096),
        ("llama.rope.dimension_count", 8),
        ("llama.attention.value_length", 32),
        ("llama.vocab_size", 81),
        ("llama.logit_scale", 0.5),
        ("llama.attention.head_count", [4, 4]),
        ("llama.block_count", 0),
    ],
)
def test_gguf_metadata_that_is_not_implemented_is_refused_by_its_full_name(key: str, value: Any) -> None:
    with pytest.raises((UnsupportedCheckpoint, CorruptCheckpoint), match=key):
        from_gguf({**GGUF, key: value})


@pytest.mark.parametrize("key", [key for key in GGUF if key.startswith("llama.")][:-2])
def test_a_missing_gguf_key_is_named(key: str) -> None:
    with pytest.raises(CorruptCheckpoint, match=key):
        from_gguf({name: value for name, value in GGUF.items() if name != key})


@pytest.mark.parametrize("factors", [(1.0,) * 7, (0.0,) * 8, (float("nan"),) * 8])
def test_frequency_factors_that_do_not_fit_are_refused(factors: tuple[float, ...]) -> None:
    with pytest.raises(CorruptCheckpoint, match="frequency factor"):
        from_gguf(GGUF, factors)


def test_a_key_full_of_control_characters_is_shown_harmlessly() -> None:
    with pytest.raises(UnsupportedCheckpoint) as caught:
        llama_config_from_hugging_face({**CONFIG, "\x1b[2J\n" + "x" * 500: 1})
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 250
