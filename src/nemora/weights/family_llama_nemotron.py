"""Llama-Nemotron as published: two plain Llamas, and three models whose layers were chosen one by one. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nemora.core import Sampling
from nemora.weights.family_model import (
    NVIDIA_OPEN,
    FamilyModel,
    Launch,
    Parsers,
    Part,
    Published,
    Repository,
    SamplingModes,
    Storage,
    Stored,
    Terms,
)

LLAMA_3_1 = Terms(name="Llama 3.1 Community License", url="https://www.llama.com/llama3_1/license/", permissive=False)
LLAMA_3_3 = Terms(name="Llama 3.3 Community License", url="https://www.llama.com/llama3_3/license/", permissive=False)


def _common(rope_factor: float) -> dict[str, Any]:
    return {
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": 128000,
        "hidden_act": "silu",
        "initializer_range": 0.02,
        "max_position_embeddings": 131072,
        "mlp_bias": False,
        "pretraining_tp": 1,
        "rms_norm_eps": 1e-05,
        "rope_scaling": {
            "factor": rope_factor,
            "high_freq_factor": 4.0,
            "low_freq_factor": 1.0,
            "original_max_position_embeddings": 8192,
            "rope_type": "llama3",
        },
        "rope_theta": 500000.0,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "vocab_size": 128256,
    }


def _llama(hidden: int, ffn: int) -> dict[str, Any]:
    return {
        **_common(8.0),
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "eos_token_id": 128001,
        "head_dim": 128,
        "hidden_size": hidden,
        "intermediate_size": ffn,
        "num_attention_heads": 32,
        "num_hidden_layers": 32,
        "num_key_value_heads": 8,
    }


def _chosen(blocks: str, hidden: int, heads: int, group: int, rope_factor: float) -> dict[str, Any]:
    """A nemotron-nas config.json; `group`: attention heads that share a key-value head."""
    expanded = expand_blocks(blocks, group)
    return {
        **_common(rope_factor),
        "architectures": ["DeciLMForCausalLM"],
        "model_type": "nemotron-nas",
        "eos_token_id": [128001, 128008, 128009],
        "block_configs": expanded,
        "hidden_size": hidden,
        "intermediate_size": None,
        "num_attention_heads": heads,
        "num_hidden_layers": len(expanded),
        "num_key_value_heads": None,
    }


def expand_blocks(text: str, group: int) -> list[dict[str, Mapping[str, Any]]]:
    """`block_configs` from a compact map: "0-2 A/1.5, 3 -/1.5, 4 x" says the layers, attention, and FFN multiplier.

    `A` is attention with `group` heads to a key-value head, `-` is no attention, `x` is a layer without anything.
    """
    blocks: list[dict[str, Mapping[str, Any]]] = []
    for entry in text.replace("\n", " ").split(","):
        layers, what = entry.split()
        first, _, last = layers.partition("-")
        attention, _, multiplier = what.partition("/")
        count = int(last or first) - int(first) + 1
        if int(first) != len(blocks):
            raise ValueError(f"layer {first} follows layer {len(blocks) - 1}")
        blocks += count * [_block(group if attention == "A" else None, float(multiplier) if multiplier else None)]
    return blocks


def _block(group: int | None, multiplier: float | None) -> dict[str, Mapping[str, Any]]:
    return {
        "attention": {
            "n_heads_in_group": group,
            "no_op": group is None,
            "num_sink_tokens": None,
            "replace_with_linear": False,
            "sparsify": None,
            "unshifted_sink": False,
            "use_prefill_window_in_sink_attention": False,
            "window_length": None,
        },
        "ffn": {
            "ffn_mult": multiplier,
            "no_op": multiplier is None,
            "replace_with_linear": False,
            "sparsify": None,
        },
    }


SUPER_BLOCKS = """0 A/2.625, 1-5 A/5.25, 6-7 -/2.625, 8-10 A/5.25, 11 -/3.28125, 12-41 A/5.25, 42 -/1.3125,
43-44 -/2.625, 45 -/1.3125, 46 -/5.25, 47 -/1.3125, 48 -/2.625, 49-51 -/1.3125, 52 A/5.25, 53 -/1.3125, 54-55 -/1.0,
56 -/1.3125, 57-59 -/1.0, 60-61 -/1.3125, 62-63 -/0.5, 64-65 -/1.0, 66-67 -/0.5, 68 -/1.0, 69-70 -/0.5, 71-79 A/5.25"""

ULTRA_BLOCKS = """0 A/0.4875, 1 A/0.975, 2-7 A/1.4625, 8 A/1.95, 9-12 x, 13-15 A/1.95, 16-17 A/4.875, 18-23 x,
24-26 A/4.875, 27-31 x, 32-34 A/4.875, 35 A/2.4375, 36-38 x, 39-41 A/1.95, 42 -/1.95, 43 A/4.875, 44 -/4.875, 45-49 x,
50-53 A/4.875, 54-58 x, 59-62 A/4.875, 63-67 x, 68-71 A/4.875, 72-76 x, 77-80 A/4.875, 81-85 x, 86 A/4.875,
87-89 A/3.4125, 90-91 x, 92 A/2.925, 93-95 A/2.4375, 96-97 -/2.4375, 98 A/2.4375, 99 x, 100-106 -/2.4375, 107 A/2.4375,
108-112 x, 113 A/2.925, 114 A/4.875, 115 -/4.875, 116 A/4.875, 117-124 x, 125 -/36.5625, 126-133 x, 134 -/39.0,
135-142 x, 143 -/31.40625, 144-148 x, 149 -/27.5625, 150 -/1.95, 151 A/1.95, 152 A/2.4375, 153 x, 154-155 A/2.4375,
156 A/3.4125, 157-160 A/4.875, 161 A/2.4375"""

_PARTS: tuple[Part, ...] = ("qkv", "output", "mlp")
LLAMA_FP8 = Storage(
    stored=tuple(Stored(format="fp8", part=part) for part in _PARTS),
    rule="every matrix of the layers FP8; embeddings and head BF16",
    assumed=True,
)
LLAMA_NVFP4 = Storage(
    stored=tuple(Stored(format="nvfp4", part=part) for part in _PARTS),
    rule="every matrix of the layers NVFP4; embeddings and head BF16",
    assumed=True,
)

_SAMPLING = SamplingModes(thinking=Sampling(temperature=0.6, top_p=0.95), plain=Sampling(temperature=0.0))
_SUPER_CONFIG = _chosen(SUPER_BLOCKS, 8192, 64, 8, 8.0)

MODELS: tuple[FamilyModel, ...] = (
    FamilyModel(
        name="llama-3.1-nemotron-nano-4b-v1.1",
        title="Llama 3.1 Nemotron Nano 4B v1.1",
        generation="Llama-Nemotron",
        architecture="LlamaForCausalLM",
        model_type="llama",
        repositories=(Repository(id="nvidia/Llama-3.1-Nemotron-Nano-4B-v1.1", precision="bf16"),),
        licences=(NVIDIA_OPEN, LLAMA_3_1),
        config=_llama(3072, 9216),
        context=131072,
        sampling=_SAMPLING,
        chat_format="llama-nemotron-v1",
        published=Published(total="4.5B"),
        notes=("The RoPE scaling factor 8 is its family's; the model's own config was not seen.",),
    ),
    FamilyModel(
        name="llama-3.1-nemotron-nano-8b-v1",
        title="Llama 3.1 Nemotron Nano 8B v1",
        generation="Llama-Nemotron",
        architecture="LlamaForCausalLM",
        model_type="llama",
        repositories=(Repository(id="nvidia/Llama-3.1-Nemotron-Nano-8B-v1", precision="bf16"),),
        licences=(NVIDIA_OPEN, LLAMA_3_1),
        config=_llama(4096, 14336),
        context=131072,
        sampling=_SAMPLING,
        chat_format="llama-nemotron-v1",
        published=Published(total="8.03B"),
    ),
    FamilyModel(
        name="llama-3.3-nemotron-super-49b-v1",
        title="Llama 3.3 Nemotron Super 49B v1",
        generation="Llama-Nemotron",
        architecture="DeciLMForCausalLM",
        model_type="nemotron-nas",
        repositories=(
            Repository(id="nvidia/Llama-3_3-Nemotron-Super-49B-v1", precision="bf16"),
            Repository(id="nvidia/Llama-3_3-Nemotron-Super-49B-v1-FP8", precision="fp8", storage=LLAMA_FP8),
        ),
        licences=(NVIDIA_OPEN, LLAMA_3_3),
        config=_SUPER_CONFIG,
        context=131072,
        sampling=_SAMPLING,
        chat_format="llama-nemotron-v1",
        published=Published(total="49.867B"),
    ),
    FamilyModel(
        name="llama-3.3-nemotron-super-49b-v1.5",
        title="Llama 3.3 Nemotron Super 49B v1.5",
        generation="Llama-Nemotron",
        architecture="DeciLMForCausalLM",
        model_type="nemotron-nas",
        repositories=(
            Repository(id="nvidia/Llama-3_3-Nemotron-Super-49B-v1_5", precision="bf16"),
            Repository(id="nvidia/Llama-3_3-Nemotron-Super-49B-v1_5-FP8", precision="fp8", storage=LLAMA_FP8),
            Repository(id="nvidia/Llama-3_3-Nemotron-Super-49B-v1_5-NVFP4", precision="nvfp4", storage=LLAMA_NVFP4),
        ),
        licences=(NVIDIA_OPEN, LLAMA_3_3),
        config=_SUPER_CONFIG,
        context=131072,
        sampling=_SAMPLING,
        chat_format="llama-nemotron-v1.5",
        parsers=(Parsers(engine="vllm", tools="llama_nemotron_json (a plugin in the repository)"),),
        launch=(
            Launch(engine="vllm", settings=("tensor parallelism by memory", "--trust-remote-code")),
            Launch(engine="sglang", settings=("no special settings",)),
        ),
        published=Published(total="49.867B"),
    ),
    FamilyModel(
        name="llama-3.1-nemotron-ultra-253b-v1",
        title="Llama 3.1 Nemotron Ultra 253B v1",
        generation="Llama-Nemotron",
        architecture="DeciLMForCausalLM",
        model_type="nemotron-nas",
        repositories=(
            Repository(id="nvidia/Llama-3_1-Nemotron-Ultra-253B-v1", precision="bf16"),
            Repository(id="nvidia/Llama-3_1-Nemotron-Ultra-253B-v1-FP8", precision="fp8", storage=LLAMA_FP8),
        ),
        licences=(NVIDIA_OPEN, LLAMA_3_1),
        config=_chosen(ULTRA_BLOCKS, 16384, 128, 16, 16.0),
        context=131072,
        sampling=_SAMPLING,
        chat_format="llama-nemotron-v1",
        published=Published(total="253.401B"),
        notes=("Four of its MLPs are up to 425,984 wide, and half of its layers hold no weights.",),
    ),
)
