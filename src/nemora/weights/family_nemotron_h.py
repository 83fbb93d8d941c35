"""The dense hybrids as published: Nemotron-H, Nemotron Nano 2 and the 4B model of Nemotron 3. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from nemora.core import Sampling
from nemora.weights.family_model import (
    MIXERS,
    NEMOTRON_OPEN,
    NVIDIA_OPEN,
    NVIDIA_RESEARCH,
    FamilyModel,
    Launch,
    MinimumVram,
    Parsers,
    Published,
    Repository,
    SamplingModes,
    Storage,
    Stored,
)

# What every nemotron_h checkpoint has. `expand`, `rope_theta` and `partial_rotary_factor` are written and not used.
COMMON: Mapping[str, Any] = {
    "architectures": ["NemotronHForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 1,
    "chunk_size": 128,
    "conv_kernel": 4,
    "eos_token_id": 2,
    "expand": 2,
    "head_dim": 128,
    "hidden_dropout": 0.0,
    "initializer_range": 0.02,
    "layer_norm_epsilon": 1e-05,
    "mamba_hidden_act": "silu",
    "mamba_proj_bias": False,
    "mamba_ssm_cache_dtype": "float32",
    "mlp_bias": False,
    "mlp_hidden_act": "relu2",
    "model_type": "nemotron_h",
    "n_groups": 8,
    "num_logits_to_keep": 1,
    "pad_token_id": 0,
    "partial_rotary_factor": 1.0,
    "rescale_prenorm_residual": True,
    "residual_in_fp32": False,
    "rope_theta": 10000,
    "sliding_window": None,
    "ssm_state_size": 128,
    "tie_word_embeddings": False,
    "time_step_floor": 0.0001,
    "time_step_max": 0.1,
    "time_step_min": 0.001,
    "torch_dtype": "bfloat16",
    "use_bias": False,
    "use_cache": True,
    "use_conv_bias": True,
    "use_mamba_kernels": True,
    "vocab_size": 131072,
}


def hybrid_config(pattern: str, *, as_list: bool = False, **dimensions: Any) -> dict[str, Any]:
    """A nemotron_h config.json: what all have, the layers, and `dimensions`.

    Args:
        pattern: one letter a layer, see `MIXERS`.
        as_list: write the layers as `layers_block_type`, as Nemotron 3 Ultra and 3.5 Lightning do.
    """
    layers: dict[str, Any] = {"num_hidden_layers": len(pattern)}
    if as_list:
        layers["layers_block_type"] = [MIXERS[letter] for letter in pattern]
    else:
        layers["hybrid_override_pattern"] = pattern
    return {**COMMON, **layers, **dimensions}


def _dense(
    pattern: str, hidden: int, heads: int, mamba: tuple[int, int], ffn: int, context: int, **rest: Any
) -> dict[str, Any]:
    """`mamba`: heads and their size. All dense hybrids have 8 key-value heads."""
    return hybrid_config(
        pattern,
        hidden_size=hidden,
        num_attention_heads=heads,
        num_key_value_heads=8,
        mamba_num_heads=mamba[0],
        mamba_head_dim=mamba[1],
        intermediate_size=ffn,
        max_position_embeddings=context,
        **rest,
    )


H_4B_AND_8B = "M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M-"
# The runs `---` and `MM` are what pruning left of the 56B model.
H_47B = "M-M-M-M-M-M-M-M-M*-M-M-M-M-M-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M-M-M---MM---M-M*-M-M-M-M-M-"
H_56B = "M-M-M-M*-" + 9 * "M-M-M-M-M*-" + "M-M-M-M-M-"
NANO_9B_V2 = "M-M-M-MM-M-M-M*-M-M-M*-M-M-M-M*-M-M-M-M*-M-MM-M-M-M-M-M-"
NANO_12B_V2 = "M-M-M-M*-M-M-M-M*-M-M-M-M*-M-M-M-M*-M-M-M-M*-M-M-M-M*-M-M-M-M-"
NANO_3_4B = "M-M-M-MM-M-M*-M-M*-M-M-M*-M-M-MM*-MMM-M-M-"


def layers_of(pattern: str, letter: str) -> frozenset[int]:
    """The layers of one kind."""
    return frozenset(index for index, other in enumerate(pattern) if other == letter)


def quantised_mamba(pattern: str) -> frozenset[int]:
    """The Mamba layers that NVIDIA quantises in most models: all but those just before an attention layer."""
    return layers_of(pattern, "M") - {layer - 1 for layer in layers_of(pattern, "*")}


def _dense_storage(format: Literal["fp8", "nvfp4"], pattern: str) -> Storage:
    mamba = quantised_mamba(pattern)
    return Storage(
        stored=(
            Stored(format=format, part="mlp"),
            Stored(format=format, part="mamba_in", layers=mamba),
            Stored(format=format, part="mamba_out", layers=mamba),
        ),
        rule=f"MLPs and Mamba projections {format.upper()}, but not the Mamba layer before each attention layer; "
        "the rest BF16",
        assumed=True,
    )


NANO_V2_SAMPLING = SamplingModes(thinking=Sampling(temperature=0.6, top_p=0.95))
NANO_3_SAMPLING = SamplingModes(
    thinking=Sampling(temperature=1.0, top_p=1.0),
    plain=Sampling(temperature=0.0),
    tools=Sampling(temperature=0.6, top_p=0.95),
)
NANO_V2_PARSERS = (Parsers(engine="vllm", tools="nemotron_json (a plugin in the repository)"),)
NEMOTRON_3_PARSERS = (
    Parsers(engine="vllm", reasoning="nemotron_v3", tools="qwen3_coder"),
    Parsers(engine="sglang", reasoning="nemotron_3", tools="qwen3_coder"),
    Parsers(engine="tensorrt-llm", reasoning="nano-v3", tools="qwen3_coder"),
    Parsers(engine="ollama", reasoning="nemotron-3-nano", tools="nemotron-3-nano"),
    Parsers(engine="mlx-lm", tools="qwen3_coder"),
)


def _nemotron_h(size: str, config: dict[str, Any], total: str, *notes: str) -> FamilyModel:
    return FamilyModel(
        name=f"nemotron-h-{size.lower()}-base-8k",
        title=f"Nemotron-H {size} Base",
        generation="Nemotron-H",
        architecture="NemotronHForCausalLM",
        model_type="nemotron_h",
        repositories=(Repository(id=f"nvidia/Nemotron-H-{size}-Base-8K", precision="bf16", kind="base"),),
        licences=(NVIDIA_RESEARCH,),
        config=config,
        context=8192,
        published=Published(total=total),
        notes=notes,
    )


_REASONING = "Reasoning variants with 128K positions are published too; their configs were not looked up."

MODELS: tuple[FamilyModel, ...] = (
    _nemotron_h("4B", _dense(H_4B_AND_8B, 3072, 32, (112, 64), 12288, 8192), "4.489B"),
    _nemotron_h("8B", _dense(H_4B_AND_8B, 4096, 32, (128, 64), 21504, 8192), "8.101B", _REASONING),
    _nemotron_h("47B", _dense(H_47B, 8192, 64, (256, 64), 30720, 8192, ssm_state_size=256), "46.79B", _REASONING),
    _nemotron_h("56B", _dense(H_56B, 8192, 64, (256, 64), 32768, 8192, ssm_state_size=256), "56.32B"),
    FamilyModel(
        name="nemotron-nano-9b-v2",
        title="Nemotron Nano 9B v2",
        generation="Nemotron Nano 2",
        architecture="NemotronHForCausalLM",
        model_type="nemotron_h",
        repositories=(
            Repository(id="nvidia/NVIDIA-Nemotron-Nano-9B-v2", precision="bf16"),
            Repository(id="nvidia/NVIDIA-Nemotron-Nano-9B-v2-Base", precision="bf16", kind="base"),
            Repository(id="nvidia/NVIDIA-Nemotron-Nano-9B-v2-Japanese", precision="bf16", note="Japanese"),
            Repository(
                id="nvidia/NVIDIA-Nemotron-Nano-9B-v2-FP8", precision="fp8", storage=_dense_storage("fp8", NANO_9B_V2)
            ),
            Repository(
                id="nvidia/NVIDIA-Nemotron-Nano-9B-v2-NVFP4",
                precision="nvfp4",
                storage=_dense_storage("nvfp4", NANO_9B_V2),
            ),
        ),
        licences=(NVIDIA_OPEN,),
        config=_dense(NANO_9B_V2, 4480, 40, (128, 80), 15680, 131072),
        context=131072,
        sampling=NANO_V2_SAMPLING,
        chat_format="nemotron-nano-v2",
        parsers=NANO_V2_PARSERS,
        launch=(
            Launch(engine="vllm", settings=("vllm >= 0.10.1", "--trust-remote-code", "the nemotron_json plugin")),
            Launch(engine="tensorrt-llm", settings=("enable_block_reuse: false",)),
        ),
        vram=MinimumVram(bf16=22, fp8=11, nvfp4=6),
        published=Published(total="8.888B"),
    ),
    FamilyModel(
        name="nemotron-nano-12b-v2",
        title="Nemotron Nano 12B v2",
        generation="Nemotron Nano 2",
        architecture="NemotronHForCausalLM",
        model_type="nemotron_h",
        repositories=(
            Repository(id="nvidia/NVIDIA-Nemotron-Nano-12B-v2", precision="bf16"),
            Repository(id="nvidia/NVIDIA-Nemotron-Nano-12B-v2-Base", precision="bf16", kind="base"),
        ),
        licences=(NVIDIA_OPEN,),
        config=_dense(NANO_12B_V2, 5120, 40, (128, 80), 20480, 131072),
        context=131072,
        sampling=NANO_V2_SAMPLING,
        chat_format="nemotron-nano-v2",
        parsers=NANO_V2_PARSERS,
        published=Published(total="12.310B"),
    ),
    FamilyModel(
        name="nemotron-3-nano-4b",
        title="Nemotron 3 Nano 4B",
        generation="Nemotron 3",
        architecture="NemotronHForCausalLM",
        model_type="nemotron_h",
        repositories=(
            Repository(id="nvidia/NVIDIA-Nemotron-3-Nano-4B-BF16", precision="bf16"),
            Repository(
                id="nvidia/NVIDIA-Nemotron-3-Nano-4B-FP8", precision="fp8", storage=_dense_storage("fp8", NANO_3_4B)
            ),
            Repository(
                id="nvidia/NVIDIA-Nemotron-3-Nano-4B-GGUF",
                precision="gguf",
                storage=None,
                note="a mixture of formats like Q4_K_M",
            ),
        ),
        licences=(NEMOTRON_OPEN,),
        config=_dense(NANO_3_4B, 3136, 40, (96, 80), 12544, 262144, chunk_size=256),
        context=262144,
        sampling=NANO_3_SAMPLING,
        chat_format="nemotron-3",
        parsers=NEMOTRON_3_PARSERS,
        vram=MinimumVram(bf16=10, fp8=5),
        published=Published(total="3.974B"),
    ),
)
