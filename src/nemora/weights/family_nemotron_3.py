"""The mixtures of experts of Nemotron 3 and 3.5 as published. Data only."""

from __future__ import annotations

from typing import Any

from nemora.core import Sampling
from nemora.weights.family_model import (
    NEMOTRON_OPEN,
    OPENMDW,
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
from nemora.weights.family_nemotron_h import (
    NANO_3_SAMPLING,
    NEMOTRON_3_PARSERS,
    hybrid_config,
    layers_of,
    quantised_mamba,
)

NANO = "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME"
SUPER = "MEMEMEM*EMEMEMEM*EMEMEMEM*EMEMEMEMEM*EMEMEMEMEM*EMEMEMEMEM*EMEMEMEMEM*EMEMEMEM*EMEMEMEME"
ULTRA = "MEMEMEM*EMEMEM*EMEMEMEM*EMEMEMEM*EMEMEM*EMEMEMEM*EMEMEMEM*EMEMEM*EMEMEMEM*EMEMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME"

MILLION = 1 << 20


def _mixture(
    pattern: str,
    hidden: int,
    *,
    heads: int,
    mamba_heads: int,
    experts: tuple[int, int],
    expert_width: int,
    scaling: float,
    as_list: bool = False,
    **rest: Any,
) -> dict[str, Any]:
    """`experts`: how many there are, and how many a token takes. The shared expert has double width in all of them."""
    return hybrid_config(
        pattern,
        as_list=as_list,
        hidden_size=hidden,
        num_attention_heads=heads,
        num_key_value_heads=2,
        mamba_num_heads=mamba_heads,
        mamba_head_dim=64,
        intermediate_size=expert_width,
        moe_intermediate_size=expert_width,
        moe_shared_expert_intermediate_size=2 * expert_width,
        n_routed_experts=experts[0],
        num_experts_per_tok=experts[1],
        n_shared_experts=1,
        n_group=1,
        topk_group=1,
        norm_topk_prob=True,
        norm_eps=1e-05,
        routed_scaling_factor=scaling,
        max_position_embeddings=262144,
        **rest,
    )


NANO_CONFIG = _mixture(NANO, 2688, heads=32, mamba_heads=64, experts=(128, 6), expert_width=1856, scaling=2.5)
LIGHTNING_CONFIG = _mixture(
    NANO,
    2688,
    heads=32,
    mamba_heads=64,
    experts=(128, 6),
    expert_width=1856,
    scaling=2.5,
    as_list=True,
    num_nextn_predict_layers=1,
    mtp_layers_block_type=["attention", "moe"],
)
SUPER_CONFIG = _mixture(
    SUPER,
    4096,
    heads=32,
    mamba_heads=128,
    experts=(512, 22),
    expert_width=2688,
    scaling=5.0,
    moe_latent_size=1024,
    moe_shared_expert_overlap=False,
    num_nextn_predict_layers=1,
    mtp_hybrid_override_pattern="*E",
)
ULTRA_CONFIG = _mixture(
    ULTRA,
    8192,
    heads=64,
    mamba_heads=256,
    experts=(512, 22),
    expert_width=5120,
    scaling=5.0,
    as_list=True,
    moe_latent_size=2048,
    num_nextn_predict_layers=1,
    mtp_layers_block_type=["attention", "moe"],
)


def _all(format: Any, *parts: Any) -> tuple[Stored, ...]:
    return tuple(Stored(format=format, part=part) for part in parts)


SUPER_FP8 = Storage(
    stored=_all("fp8", "experts", "shared_up", "shared_down", "mamba_in", "mamba_out"),
    rule="experts, shared experts and Mamba projections FP8; the rest BF16",
)
_NANO_MAMBA = quantised_mamba(NANO)
NANO_FP8 = Storage(
    stored=(
        *_all("fp8", "experts", "shared_up", "shared_down"),
        Stored(format="fp8", part="mamba_in", layers=_NANO_MAMBA),
        Stored(format="fp8", part="mamba_out", layers=_NANO_MAMBA),
    ),
    rule="experts, shared experts and Mamba projections FP8, but not the Mamba layer before each attention layer "
    "(its listed size says so); the rest BF16",
)
NANO_NVFP4 = Storage(
    stored=(
        *_all("nvfp4", "experts", "shared_up", "shared_down"),
        Stored(format="nvfp4", part="mamba_in", layers=_NANO_MAMBA),
        Stored(format="nvfp4", part="mamba_out", layers=_NANO_MAMBA),
    ),
    rule="experts, shared experts and Mamba projections NVFP4, but not the Mamba layer before each attention layer; "
    "the rest BF16",
)
# fmt: off
_SUPER_MAMBA_IN = frozenset({
    0, 2, 4, 6, 9, 11, 13, 15, 18, 20, 27, 29, 31, 40, 49, 51, 53, 55, 57, 60, 62, 66, 68, 71, 73, 82, 84, 86,
})
_SUPER_MAMBA_OUT = frozenset({
    0, 2, 4, 9, 11, 13, 18, 38, 40, 42, 44, 49, 51, 53, 55, 57, 60, 62, 64, 66, 68, 71, 73, 75, 77, 80, 82, 84, 86,
})
# fmt: on
SUPER_NVFP4 = Storage(
    stored=(
        Stored(format="nvfp4", part="experts"),
        Stored(format="nvfp4", part="shared_down", layers=frozenset({1})),
        Stored(format="fp8", part="shared_up", layers=layers_of(SUPER, "E") - {41}),
        Stored(format="fp8", part="shared_down", layers=layers_of(SUPER, "E") - {1, 8, 76}),
        Stored(format="fp8", part="mamba_in", layers=_SUPER_MAMBA_IN),
        Stored(format="fp8", part="mamba_out", layers=_SUPER_MAMBA_OUT),
        Stored(format="fp8", part="latent_down", layers=frozenset({1, 3, 5})),
        Stored(format="fp8", part="latent_up", layers=frozenset({3})),
        Stored(format="fp8", part="output", layers=frozenset({69, 78})),
    ),
    rule="experts NVFP4; most shared experts, about two thirds of the Mamba projections and six other matrices FP8, "
    "layer by layer as its config lists them; the rest BF16",
)
ULTRA_NVFP4 = Storage(
    stored=(*_all("nvfp4", "experts"), *_all("fp8", "shared_up", "shared_down", "mamba_in", "mamba_out")),
    rule="experts NVFP4; shared experts and Mamba projections FP8; attention, latent projections, predictor, "
    "embeddings and head BF16",
)
LIGHTNING_NVFP4 = Storage(
    stored=(
        *_all("nvfp4", "experts", "shared_up", "shared_down", "head"),
        *_all("fp8", "mamba_in", "mamba_out"),
    ),
    rule="experts, shared experts and head NVFP4; Mamba projections FP8 (NVIDIA's sources disagree); attention, "
    "predictor and embeddings BF16",
    assumed=True,
)

_WARM = SamplingModes(thinking=Sampling(temperature=1.0, top_p=0.95), tools=Sampling(temperature=1.0, top_p=0.95))
_VLLM_TOOLS = ("--enable-auto-tool-choice", "--tool-call-parser qwen3_coder")
_MILLION = "for 1M positions: --max-model-len 1048576 and VLLM_ALLOW_LONG_MAX_MODEL_LEN=1"
_LIGHTNING_PARSERS = (
    Parsers(engine="vllm", reasoning="nemotron_v3", tools="qwen3_coder"),
    Parsers(engine="sglang", reasoning="nemotron_3", tools="qwen3_coder"),
    Parsers(engine="tensorrt-llm", reasoning="nemotron-v3", tools="qwen3_coder"),
    Parsers(engine="ollama", reasoning="nemotron-3.5-nano", tools="nemotron-3.5-nano"),
    Parsers(engine="mlx-lm", tools="qwen3_coder"),
)

_NANO = FamilyModel(
    name="nemotron-3-nano-30b-a3b",
    title="Nemotron 3 Nano 30B-A3B",
    generation="Nemotron 3",
    architecture="NemotronHForCausalLM",
    model_type="nemotron_h",
    repositories=(
        Repository(id="nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", precision="bf16"),
        Repository(id="nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-Base-BF16", precision="bf16", kind="base"),
        Repository(
            id="nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-FP8",
            precision="fp8",
            storage=NANO_FP8,
            listed_bytes=32_682_163_544,
        ),
        Repository(
            id="nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-NVFP4",
            precision="nvfp4",
            storage=NANO_NVFP4,
            listed_bytes=19_342_796_520,
        ),
    ),
    licences=(NEMOTRON_OPEN,),
    config=NANO_CONFIG,
    context=262144,
    claimed_context=MILLION,
    sampling=NANO_3_SAMPLING,
    chat_format="nemotron-3",
    parsers=NEMOTRON_3_PARSERS,
    launch=(
        Launch(
            engine="vllm",
            settings=(
                "vllm >= 0.17",
                "--async-scheduling",
                *_VLLM_TOOLS,
                "FP8: --kv-cache-dtype fp8 --moe-backend flashinfer_cutlass",
                _MILLION,
            ),
        ),
        Launch(engine="sglang", settings=("NVFP4: --attention-backend flashinfer",)),
        Launch(engine="tensorrt-llm", settings=("backend _autodeploy", "enable_block_reuse: false")),
    ),
    vram=MinimumVram(bf16=72, fp8=35),
    published=Published(total="31.578B", active="3.58B", active_without_embedding="3.23B"),
)

_LIGHTNING = FamilyModel(
    name="nemotron-3.5-lightning-30b-a3b",
    title="Nemotron 3.5 Lightning 30B-A3B",
    generation="Nemotron 3.5",
    architecture="NemotronHForCausalLM",
    model_type="nemotron_h",
    repositories=(
        Repository(id="nvidia/NVIDIA-Nemotron-3.5-Lightning-30B-A3B-BF16", precision="bf16"),
        Repository(id="nvidia/NVIDIA-Nemotron-3.5-Lightning-30B-A3B-Base-BF16", precision="bf16", kind="base"),
        Repository(id="nvidia/NVIDIA-Nemotron-3.5-Lightning-30B-A3B-NVFP4", precision="nvfp4", storage=LIGHTNING_NVFP4),
        Repository(
            id="nvidia/NVIDIA-Nemotron-3.5-Lightning-30B-A3B-NVFP4-DSpark",
            precision="nvfp4",
            kind="draft",
            storage=None,
        ),
        Repository(
            id="nvidia/NVIDIA-Nemotron-3.5-Lightning-30B-A3B-NVFP4-DFlash",
            precision="nvfp4",
            kind="draft",
            storage=None,
        ),
    ),
    licences=(OPENMDW,),
    config=LIGHTNING_CONFIG,
    context=262144,
    claimed_context=MILLION,
    sampling=_WARM,
    chat_format="nemotron-3-ultra",
    parsers=_LIGHTNING_PARSERS,
    launch=(
        Launch(
            engine="vllm",
            settings=(
                "vllm >= 0.27.1",
                *_VLLM_TOOLS,
                "--mamba-backend flashinfer",
                "--enable-prefix-caching",
                "--mamba-cache-mode align",
                "NVFP4: --moe-backend marlin",
                "speculative decoding: DSpark or MTP with 3 tokens, or DFlash",
            ),
        ),
        Launch(
            engine="sglang",
            settings=(
                "--speculative-algorithm DSPARK",
                "--speculative-dspark-block-size 3",
                "--mamba-ssm-dtype float16",
                "--context-length 1048576",
            ),
        ),
    ),
    vram=MinimumVram(bf16=72, nvfp4=18),
    published=Published(total="31.578B", mtp="1.335B", active="3.58B", active_without_embedding="3.23B"),
)

_SUPER = FamilyModel(
    name="nemotron-3-super-120b-a12b",
    title="Nemotron 3 Super 120B-A12B",
    generation="Nemotron 3",
    architecture="NemotronHForCausalLM",
    model_type="nemotron_h",
    repositories=(
        Repository(id="nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-BF16", precision="bf16"),
        Repository(id="nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-Base-BF16", precision="bf16", kind="base"),
        Repository(
            id="nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8",
            precision="fp8",
            storage=SUPER_FP8,
            listed_bytes=128_350_001_680,
        ),
        Repository(
            id="nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-NVFP4",
            precision="nvfp4",
            storage=SUPER_NVFP4,
            listed_bytes=80_317_948_856,
        ),
    ),
    licences=(NEMOTRON_OPEN,),
    config=SUPER_CONFIG,
    context=262144,
    claimed_context=MILLION,
    sampling=_WARM,
    chat_format="nemotron-3-super",
    parsers=NEMOTRON_3_PARSERS,
    launch=(
        Launch(
            engine="vllm",
            settings=(
                "vllm >= 0.17.1",
                "--tensor-parallel-size 4 (BF16), 2 (FP8), 1 (NVFP4)",
                *_VLLM_TOOLS,
                "--kv-cache-dtype fp8",
                '--speculative-config {"method": "mtp", "num_speculative_tokens": 3}',
                "--enable-prefix-caching --mamba-cache-mode align --mamba-ssm-cache-dtype float32",
                _MILLION,
            ),
        ),
        Launch(engine="sglang", settings=("tensor parallelism as with vllm",)),
        Launch(
            engine="tensorrt-llm", settings=("MoE backend TRTLLM", "enable_block_reuse: false", "MTP with 3 tokens")
        ),
    ),
    vram=MinimumVram(bf16=298, fp8=149, nvfp4=75),
    published=Published(total="120.67B", mtp="2.94B", active="12.77B", active_without_embedding="12.23B"),
)

_ULTRA = FamilyModel(
    name="nemotron-3-ultra-550b-a55b",
    title="Nemotron 3 Ultra 550B-A55B",
    generation="Nemotron 3",
    architecture="NemotronHForCausalLM",
    model_type="nemotron_h",
    repositories=(
        Repository(id="nvidia/NVIDIA-Nemotron-3-Ultra-550B-A55B-BF16", precision="bf16"),
        Repository(id="nvidia/NVIDIA-Nemotron-3-Ultra-550B-A55B-Base-BF16", precision="bf16", kind="base"),
        Repository(id="nvidia/NVIDIA-Nemotron-3-Ultra-550B-A55B-NVFP4", precision="nvfp4", storage=ULTRA_NVFP4),
        Repository(id="nvidia/NVIDIA-Nemotron-3-Ultra-550B-A55B-GenRM", precision="bf16", kind="reward"),
    ),
    licences=(OPENMDW,),
    config=ULTRA_CONFIG,
    context=262144,
    claimed_context=MILLION,
    sampling=SamplingModes(
        thinking=Sampling(temperature=1.0, top_p=0.95),
        plain=Sampling(temperature=0.2),
        tools=Sampling(temperature=1.0, top_p=0.95),
    ),
    chat_format="nemotron-3-ultra",
    parsers=NEMOTRON_3_PARSERS,
    launch=(
        Launch(
            engine="vllm",
            settings=(
                "vllm >= 0.22",
                "--tensor-parallel-size 8",
                *_VLLM_TOOLS,
                "--mamba-backend triton --mamba-ssm-cache-dtype float32",
                "--max-num-seqs 16 --max-num-batched-tokens 32768",
                "--kv-cache-dtype fp8",
                '--speculative-config {"method": "mtp", "num_speculative_tokens": 5}',
                "NVFP4 on 8 H100: --tensor-parallel-size 1 --data-parallel-size 8, fp16 SSM cache, "
                "--enable-mamba-cache-stochastic-rounding --mamba-cache-philox-rounds 5",
            ),
        ),
        Launch(engine="sglang", settings=("tp 8, ep 8", "--disable-piecewise-cuda-graph")),
    ),
    vram=MinimumVram(bf16=1320, nvfp4=330),
    published=Published(total="549.3B", mtp="11.2B", active="56.1B", active_without_embedding="55.0B"),
)

_PUZZLE = FamilyModel(
    name="nemotron-labs-3-puzzle-75b-a9b",
    title="Nemotron Labs 3 Puzzle 75B-A9B",
    generation="Nemotron 3",
    architecture="NemotronHPuzzleForCausalLM",
    model_type="nemotron_h_puzzle",
    repositories=(
        Repository(id="nvidia/NVIDIA-Nemotron-Labs-3-Puzzle-75B-A9B-BF16", precision="bf16"),
        Repository(id="nvidia/NVIDIA-Nemotron-Labs-3-Puzzle-75B-A9B-FP8", precision="fp8", storage=None),
        Repository(id="nvidia/NVIDIA-Nemotron-Labs-3-Puzzle-75B-A9B-NVFP4", precision="nvfp4", storage=None),
    ),
    context=262144,
    sampling=_WARM,
    chat_format="nemotron-3",
    parsers=NEMOTRON_3_PARSERS,
    published=Published(total="75B", active="8.8B"),
    not_runnable="the widths and expert counts of its layers are not known here",
    notes=("Its totals are the publisher's and unchecked: each layer has its own expert width and count.",),
)

MODELS: tuple[FamilyModel, ...] = (_NANO, _LIGHTNING, _PUZZLE, _SUPER, _ULTRA)
