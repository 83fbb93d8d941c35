"""The models that also see or hear. Listed so that they are known; they cannot be run here yet. Data only."""

from __future__ import annotations

from nemora.core import Sampling
from nemora.weights.family_model import (
    NVIDIA_AGREEMENT,
    FamilyModel,
    Launch,
    MinimumVram,
    Parsers,
    Repository,
    SamplingModes,
)

_WHY = "its image, video and sound encoders are not implemented"

MODELS: tuple[FamilyModel, ...] = (
    FamilyModel(
        name="llama-3.1-nemotron-nano-vl-8b-v1",
        title="Llama 3.1 Nemotron Nano VL 8B v1",
        generation="Omni",
        architecture="Llama_Nemotron_Nano_VL",
        model_type="Llama_Nemotron_Nano_VL",
        repositories=(Repository(id="nvidia/Llama-3.1-Nemotron-Nano-VL-8B-V1", precision="bf16"),),
        context=16384,
        not_runnable=_WHY,
    ),
    FamilyModel(
        name="nemotron-nano-12b-v2-vl",
        title="Nemotron Nano 12B v2 VL",
        generation="Omni",
        architecture="NemotronH_Nano_VL_V2",
        model_type="NemotronH_Nano_VL_V2",
        repositories=(
            Repository(id="nvidia/NVIDIA-Nemotron-Nano-12B-v2-VL-BF16", precision="bf16"),
            Repository(id="nvidia/NVIDIA-Nemotron-Nano-12B-v2-VL-FP8", precision="fp8", storage=None),
            Repository(id="nvidia/NVIDIA-Nemotron-Nano-12B-v2-VL-NVFP4-QAD", precision="nvfp4", storage=None),
        ),
        context=131072,
        chat_format="nemotron-nano-v2",
        launch=(
            Launch(
                engine="vllm",
                settings=("--video-pruning-rate 0.75", "VLLM_VIDEO_LOADER_BACKEND=opencv"),
            ),
        ),
        vram=MinimumVram(bf16=29, fp8=14, nvfp4=8),
        not_runnable=_WHY,
    ),
    FamilyModel(
        name="nemotron-3-nano-omni-30b-a3b",
        title="Nemotron 3 Nano Omni 30B-A3B Reasoning",
        generation="Omni",
        architecture="NemotronH_Nano_Omni_Reasoning_V3",
        model_type="NemotronH_Nano_Omni_Reasoning_V3",
        repositories=(
            Repository(id="nvidia/Nemotron-3-Nano-Omni-30B-A3B-Reasoning-BF16", precision="bf16"),
            Repository(id="nvidia/Nemotron-3-Nano-Omni-30B-A3B-Reasoning-FP8", precision="fp8", storage=None),
            Repository(id="nvidia/Nemotron-3-Nano-Omni-30B-A3B-Reasoning-NVFP4", precision="nvfp4", storage=None),
        ),
        licences=(NVIDIA_AGREEMENT,),
        context=262144,
        sampling=SamplingModes(
            thinking=Sampling(temperature=0.6, top_p=0.95), plain=Sampling(temperature=0.2, top_k=1)
        ),
        chat_format="nemotron-3-omni",
        parsers=(
            Parsers(engine="vllm", reasoning="nemotron_v3", tools="qwen3_coder"),
            Parsers(engine="sglang", reasoning="deepseek-r1", tools="qwen3_coder"),
        ),
        launch=(
            Launch(
                engine="vllm",
                settings=(
                    "vllm[audio] >= 0.20",
                    "--max-model-len 131072",
                    '--media-io-kwargs {"video": {"num_frames": 512, "fps": 1}}',
                    "--video-pruning-rate 0.5",
                ),
            ),
            Launch(engine="tensorrt-llm", settings=("no chunked prefill with video",)),
        ),
        vram=MinimumVram(bf16=75, fp8=38, nvfp4=28),
        not_runnable=_WHY,
    ),
    FamilyModel(
        name="nemotron-3.5-super-vl-120b-a12b",
        title="Nemotron 3.5 Super VL 120B-A12B",
        generation="Omni",
        architecture="NemotronH_Omni_Reasoning_V3",
        model_type="nemotron_h_omni",
        repositories=(
            Repository(id="nvidia/NVIDIA-Nemotron-3.5-Super-VL-120B-A12B-BF16", precision="bf16"),
            Repository(id="nvidia/NVIDIA-Nemotron-3.5-Super-VL-120B-A12B-NVFP4", precision="nvfp4", storage=None),
        ),
        launch=(Launch(engine="vllm", settings=("vllm >= 0.31",)),),
        vram=MinimumVram(nvfp4=91),
        not_runnable=_WHY,
    ),
)
